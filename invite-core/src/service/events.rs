//! What happened, for the host.

use super::error::Error;
use super::invites::Invites;
use crate::model::event::{Event, EventCursor};

impl Invites {
    /// Events after the cursor, in order, of all organisations: for the host itself, not for its users. Keep the last
    /// one's cursor when they are dealt with; what comes after it is then given again, and nothing is missed.
    pub async fn events(&self, after: EventCursor, limit: usize) -> Result<Vec<Event>, Error> {
        Ok(self.inner.store.events(after, limit).await?)
    }
}
