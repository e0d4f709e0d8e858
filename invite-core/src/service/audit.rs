//! Who did what.

use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use crate::model::actor::Actor;
use crate::port::records::AuditEntry;

impl Invites {
    /// What people and the system did in the actor's organisation, the newest first, before the cursor.
    pub async fn audit(
        &self,
        actor: &Actor,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<AuditEntry, u64>, Error> {
        self.authorise(actor).await?;
        let rows = self.inner.store.audit(actor.organisation(), before, limit).await?;
        Ok(Page::new(rows, limit, |entry| entry.number))
    }
}
