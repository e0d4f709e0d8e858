//! The work that schedules make.

use std::time::Duration;

use async_trait::async_trait;
use invite_core::decision::schedule::{due_on_import, notice_at};
use invite_core::model::actor::Actor;
use invite_core::model::event::Happening;
use invite_core::model::id::{ClaimToken, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::InvitationState;
use invite_core::model::schedule::{Due, DueKind};
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::schedules::{ClaimedDue, Schedules, SettleDue};
use uuid::Uuid;

use crate::PgStore;
use crate::error::Step;
use crate::invitations::Invitation;
use crate::organisations::{lasting_settings, maybe_settings};
use crate::rows::{At, Columns, Key, delta, limit};
use crate::write::Write;

#[async_trait]
impl Schedules for PgStore {
    async fn add_due(&self, organisation: OrganisationId, due: Vec<Due>) -> PortResult<()> {
        let asked = (organisation, due);
        self.writing("add due work", &Policy::default(), &asked, |write, (organisation, due)| {
            Box::pin(write.add_due(*organisation, due))
        })
        .await
    }

    async fn claim_due(&self, most: usize, lease: Duration) -> PortResult<Option<ClaimedDue>> {
        self.writing("claim due work", &Policy::default(), &(most, lease), |write, (most, lease)| {
            Box::pin(write.claim_due(*most, *lease))
        })
        .await
    }

    async fn settle_due(&self, settle: SettleDue) -> PortResult<()> {
        self.writing("settle due work", &Policy::default(), &settle, |write, settle| {
            Box::pin(write.settle_due(settle))
        })
        .await
    }
}

impl Write {
    /// Adds work; what is there is due at the earlier of both times, and nobody has it.
    pub(crate) async fn add_due(&mut self, organisation: OrganisationId, due: &[Due]) -> Step<()> {
        if due.is_empty() {
            return Ok(());
        }
        // In the order of the key: of two who add the same, one waits for the other.
        let mut due = due.to_vec();
        due.sort_unstable_by_key(|due| (due.kind.as_str(), due.subject));
        self.query(
            "INSERT INTO invite.due AS d (organisation, kind, subject, due_at)
             SELECT $1, w.kind, w.subject, w.due_at
             FROM unnest($2::text[], $3::uuid[], $4::timestamptz[]) AS w (kind, subject, due_at)
             ON CONFLICT (organisation, kind, subject) DO UPDATE
             SET due_at = least(d.due_at, excluded.due_at), token = NULL",
        )
        .bind(organisation.uuid())
        .bind(due.iter().map(|due| due.kind.as_str().to_owned()).collect::<Vec<_>>())
        .bind(due.iter().map(|due| due.subject).collect::<Vec<_>>())
        .bind(due.iter().map(|due| due.at).collect::<Vec<_>>())
        .execute(self.db().connection())
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
        let row = self
            .query(
                "SELECT organisation, kind FROM invite.due WHERE kind <> 'expiry_notice' AND due_at <= $1
                 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
            )
            .bind(now)
            .fetch_optional(self.db().connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (organisation, kind): (OrganisationId, DueKind) = (row.id("organisation")?, row.word("kind")?);
        let token = ClaimToken::new();
        let rows = self
            .query(
                "WITH found AS MATERIALIZED (
                     SELECT subject FROM invite.due WHERE organisation = $1 AND kind = $2 AND due_at <= $3
                     ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
                 )
                 UPDATE invite.due AS d SET token = $5, due_at = $6
                 WHERE d.organisation = $1 AND d.kind = $2 AND d.subject = ANY (ARRAY(SELECT subject FROM found))
                 RETURNING d.subject",
            )
            .bind(organisation.uuid())
            .bind(kind.as_str())
            .bind(now)
            .bind(limit(most))
            .bind(token.uuid())
            .bind(now + delta(lease))
            .fetch_all(self.db().connection())
            .await?;
        let subject = |row| Columns::plain::<Uuid>(row, "subject");
        let mut subjects = rows.iter().map(subject).collect::<Step<Vec<_>>>()?;
        subjects.sort_unstable();
        Ok(Some(ClaimedDue { organisation, kind, token, subjects }))
    }

    async fn settle_due(&mut self, settle: &SettleDue) -> Step<()> {
        self.query(
            "DELETE FROM invite.due WHERE organisation = $1 AND kind = $2 AND subject = ANY ($3) AND token = $4",
        )
        .bind(settle.organisation.uuid())
        .bind(settle.kind.as_str())
        .bind(settle.done.clone())
        .bind(settle.token.uuid())
        .execute(self.db().connection())
        .await?;
        self.add_due(settle.organisation, &settle.next).await
    }

    /// Tells of invitations that expire soon.
    pub(crate) async fn sweep_notices(&mut self, most: i64) -> Step<u64> {
        let rows = self
            .query(
                "SELECT organisation, subject FROM invite.due WHERE kind = 'expiry_notice' AND due_at <= $1
                 ORDER BY due_at LIMIT $2",
            )
            .bind(self.now)
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        for row in &rows {
            let (organisation, invitation): (OrganisationId, InvitationId) =
                (row.id("organisation")?, row.id("subject")?);
            self.notice(organisation, invitation).await?;
        }
        Ok(rows.len() as u64)
    }

    /// Tells of an invitation that expires soon, and removes the row, or moves it on where the invitation expires later.
    /// Its person is held first, as by whoever begins their messages.
    async fn notice(&mut self, organisation: OrganisationId, id: InvitationId) -> Step<()> {
        let user = self
            .query("SELECT user_id FROM invite.invitation WHERE organisation = $1 AND id = $2")
            .bind(organisation.uuid())
            .bind(id.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        let settings = lasting_settings(self.db(), organisation).await?;
        if let Some(user) = user {
            self.hold(organisation, [user.id::<UserId>("user_id")?]).await?;
        }
        let gone = self
            .query(
                "DELETE FROM invite.due WHERE organisation = $1 AND kind = 'expiry_notice' AND subject = $2",
            )
            .bind(organisation.uuid())
            .bind(id.uuid())
            .execute(self.db().connection())
            .await?;
        let wanted = settings
            .filter(|settings| settings.schedule.as_ref().is_some_and(|schedule| schedule.expiry_notice));
        let (Some(settings), true) = (wanted, gone.rows_affected() > 0) else { return Ok(()) };
        let row = self
            .query(
                "SELECT v.*, b.state AS batch_state, b.planned_by FROM invite.invitation AS v
                 JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
                 WHERE v.organisation = $1 AND v.id = $2",
            )
            .bind(organisation.uuid())
            .bind(id.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        let Some(row) = row else { return Ok(()) };
        let found = Invitation::read(&row)?;
        let open = found.state == InvitationState::Pending;
        let Some(expires_at) = found.expires_at.filter(|at: &At| open && *at > self.now) else {
            return Ok(());
        };
        let at = notice_at(&settings, expires_at);
        if at > self.now {
            let later = Due { kind: DueKind::ExpiryNotice, subject: id.uuid(), at };
            return self.add_due(organisation, &[later]).await;
        }
        let inviter = row.json::<Actor>("planned_by")?.user();
        let (user, batch) = (found.user, found.batch);
        self.event(organisation, Happening::ExpiresSoon { user, invitation: id, batch, inviter, expires_at });
        Ok(())
    }
}
