//! What happened, for the host.

use super::error::Error;
use super::invites::Invites;
use crate::model::event::{Event, EventCursor};

impl Invites {
    /// Events after the cursor, in order, of all organisations: for the host itself, not for its users. Keep the last
    /// one's cursor when they are dealt with; what comes after it is then given again, and nothing is missed.
    ///
    /// They are kept for [`Policy::events_kept`](crate::policy::Policy::events_kept), 90 days. Whoever comes later, with a
    /// cursor behind which some are gone, is answered [`Error::EventsForgotten`] with the cursor to go on from; a reader that
    /// begins, with [`EventCursor::default`], begins with the oldest that is kept.
    pub async fn events(&self, after: EventCursor, limit: usize) -> Result<Vec<Event>, Error> {
        Ok(self.inner.store.events(after, limit).await??)
    }
}
