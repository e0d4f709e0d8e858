//! The work that schedules make.

use std::time::Duration;

use async_trait::async_trait;
use invite_core::decision::schedule::{due_on_import, notice_at};
use invite_core::model::actor::Actor;
use invite_core::model::event::Happening;
use invite_core::model::id::{ClaimToken, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::InvitationState;
use invite_core::model::schedule::{Due, DueKind};
use invite_core::port::error::PortResult;
use invite_core::port::schedules::{ClaimedDue, Schedules, SettleDue};
use serde_json::json;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::Step;
use crate::invitations::Invitation;
use crate::organisations::maybe_settings;
use crate::rows::{At, Columns, Key, delta, json, limit, micros};
use crate::write::Write;

#[async_trait]
impl Schedules for SqliteStore {
    async fn add_due(&self, organisation: OrganisationId, due: Vec<Due>) -> PortResult<()> {
        let mut write = self.write("add due work").await?;
        let added = write.add_due(organisation, &due).await;
        write.end(added).await
    }

    async fn claim_due(&self, most: usize, lease: Duration) -> PortResult<Option<ClaimedDue>> {
        // Most of the time there is none, and then nobody waits for a writer.
        let any = async { oldest_due(&mut *self.read().await?, self.instant()).await }.await;
        if any.map_err(|fault| fault.doing("look for due work"))?.is_none() {
            return Ok(None);
        }
        let mut write = self.write("claim due work").await?;
        let claimed = write.claim_due(most, lease).await;
        write.end(claimed).await
    }

    async fn settle_due(&self, settle: SettleDue) -> PortResult<()> {
        let mut write = self.write("settle due work").await?;
        let settled = write.settle_due(&settle).await;
        write.end(settled).await
    }
}

/// Whose work has been due for longest, and of which kind.
async fn oldest_due(db: &mut sqlx::SqliteConnection, now: At) -> Step<Option<(OrganisationId, DueKind)>> {
    let row = sqlx::query(
        "SELECT organisation, kind FROM invite_due INDEXED BY invite_due_work
         WHERE kind <> 'expiry_notice' AND due_at <= ? ORDER BY due_at LIMIT 1",
    )
    .bind(micros(now))
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((row.id("organisation")?, row.word("kind")?))).transpose()
}

impl Write {
    /// Adds work; what is there is due at the earlier of both times, and nobody has it.
    pub(crate) async fn add_due(&mut self, organisation: OrganisationId, due: &[Due]) -> Step<()> {
        if due.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = due
            .iter()
            .map(|due| json!([due.kind.as_str(), due.subject.simple().to_string(), micros(due.at)]))
            .collect();
        sqlx::query(
            "INSERT INTO invite_due (organisation, kind, subject, due_at)
             SELECT ?1, value ->> 0, unhex(value ->> 1), value ->> 2 FROM json_each(?2)
             WHERE true ON CONFLICT (organisation, kind, subject) DO UPDATE
             SET due_at = min(due_at, excluded.due_at), token = NULL",
        )
        .bind(organisation.blob())
        .bind(json(&list))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// What an import makes due that has added these people.
    pub(crate) async fn add_due_of_import(
        &mut self,
        organisation: OrganisationId,
        added: Vec<UserId>,
    ) -> Step<()> {
        if added.is_empty() {
            return Ok(());
        }
        let Some(settings) = maybe_settings(self.db(), organisation).await? else { return Ok(()) };
        let due = due_on_import(&settings, &added, self.now);
        self.add_due(organisation, &due).await
    }

    async fn claim_due(&mut self, most: usize, lease: Duration) -> Step<Option<ClaimedDue>> {
        let now = self.now;
        let Some((organisation, kind)) = oldest_due(self.db(), now).await? else { return Ok(None) };
        let token = ClaimToken::new();
        let rows = sqlx::query(
            "UPDATE invite_due SET token = ?1, due_at = ?2
             WHERE organisation = ?3 AND kind = ?4 AND subject IN (
                 SELECT subject FROM invite_due INDEXED BY invite_due_of_kind
                 WHERE organisation = ?3 AND kind = ?4 AND due_at <= ?5 ORDER BY due_at LIMIT ?6)
             RETURNING subject",
        )
        .bind(token.blob())
        .bind(micros(now + delta(lease)))
        .bind(organisation.blob())
        .bind(kind.as_str())
        .bind(micros(now))
        .bind(limit(most))
        .fetch_all(self.db())
        .await?;
        let mut subjects = rows.iter().map(subject).collect::<Step<Vec<_>>>()?;
        subjects.sort_unstable();
        Ok(Some(ClaimedDue { organisation, kind, token, subjects }))
    }

    async fn settle_due(&mut self, settle: &SettleDue) -> Step<()> {
        let done: Vec<_> = settle.done.iter().map(|subject| subject.simple().to_string()).collect();
        sqlx::query(
            "DELETE FROM invite_due WHERE organisation = ?1 AND kind = ?2 AND token = ?3
                 AND subject IN (SELECT unhex(value) FROM json_each(?4))",
        )
        .bind(settle.organisation.blob())
        .bind(settle.kind.as_str())
        .bind(settle.token.blob())
        .bind(json(&done))
        .execute(self.db())
        .await?;
        self.add_due(settle.organisation, &settle.next).await
    }

    /// Tells of invitations that expire soon.
    pub(crate) async fn sweep_notices(&mut self, most: i64) -> Step<u64> {
        let rows = sqlx::query(
            "SELECT organisation, subject FROM invite_due INDEXED BY invite_due_notice
             WHERE kind = 'expiry_notice' AND due_at <= ? ORDER BY due_at LIMIT ?",
        )
        .bind(micros(self.now))
        .bind(most)
        .fetch_all(self.db())
        .await?;
        for row in &rows {
            let (organisation, invitation): (OrganisationId, InvitationId) =
                (row.id("organisation")?, row.id("subject")?);
            sqlx::query(
                "DELETE FROM invite_due WHERE organisation = ? AND kind = 'expiry_notice' AND subject = ?",
            )
            .bind(organisation.blob())
            .bind(invitation.blob())
            .execute(self.db())
            .await?;
            if let Some(at) = self.notice(organisation, invitation).await? {
                let later = Due { kind: DueKind::ExpiryNotice, subject: invitation.uuid(), at };
                self.add_due(organisation, &[later]).await?;
            }
        }
        Ok(rows.len() as u64)
    }

    /// Tells of an invitation that expires soon; gives when to look again, where it expires later.
    async fn notice(&mut self, organisation: OrganisationId, id: InvitationId) -> Step<Option<At>> {
        let Some(settings) = maybe_settings(self.db(), organisation).await? else { return Ok(None) };
        let wanted = settings.schedule.as_ref().is_some_and(|schedule| schedule.expiry_notice);
        let row = sqlx::query(
            "SELECT v.*, b.state AS batch_state, b.planned_by FROM invite_invitation AS v
             JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE v.organisation = ? AND v.id = ?",
        )
        .bind(organisation.blob())
        .bind(id.blob())
        .fetch_optional(self.db())
        .await?;
        let Some(row) = row.filter(|_| wanted) else { return Ok(None) };
        let found = Invitation::read(&row)?;
        let open = found.state == InvitationState::Pending;
        let Some(expires_at) = found.expires_at.filter(|at| open && *at > self.now) else {
            return Ok(None);
        };
        let at = notice_at(&settings, expires_at);
        if at > self.now {
            return Ok(Some(at));
        }
        let inviter = row.json::<Actor>("planned_by")?.user();
        let what = Happening::ExpiresSoon {
            user: found.user,
            invitation: id,
            batch: found.batch,
            inviter,
            expires_at,
        };
        self.event(organisation, what);
        Ok(None)
    }
}

fn subject(row: &sqlx::sqlite::SqliteRow) -> Step<Uuid> {
    // Whose id it is depends on the kind.
    Ok(row.id::<InvitationId>("subject")?.as_uuid())
}
