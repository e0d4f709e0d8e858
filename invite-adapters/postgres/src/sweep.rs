//! The work that nobody waits for, in chunks.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use invite_core::machine::delivery::DeliveryEvent;
use invite_core::machine::invitation::InvitationEvent;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::RevokeReason;
use invite_core::model::item::Action;
use invite_core::model::sign_in::SignInMethod;
use invite_core::policy::{FRESH_WITHIN, Policy};
use invite_core::port::error::PortResult;
use sqlx::postgres::PgRow;

use crate::PgStore;
use crate::accounts::read_user;
use crate::error::Step;
use crate::invitations::Invitation;
use crate::organisations::lasting_settings;
use crate::rows::{Columns, Key, delta, limit, uuids};
use crate::write::Write;

/// Guesses are forgotten after so long.
const GUESSES_KEPT: TimeDelta = TimeDelta::days(1);

/// What a sweep does, in this order: what recalls revoke comes before what expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chore {
    Lapsed,
    Stopped,
    Expired,
    UnderSso,
    UnusedPlans,
    Guesses,
    Imports,
    FreshRequests,
    TextMessages,
    Contacts,
    Events,
    Audit,
    Notices,
}

impl Chore {
    const ALL: [Self; 13] = [
        Self::Lapsed,
        Self::Stopped,
        Self::Notices,
        Self::Expired,
        Self::UnderSso,
        Self::UnusedPlans,
        Self::Guesses,
        Self::Imports,
        Self::FreshRequests,
        Self::TextMessages,
        Self::Contacts,
        Self::Events,
        Self::Audit,
    ];
}

impl PgStore {
    /// Changes at most about `most` rows; gives how many. Each chunk of a chore is a transaction of its own, so that none
    /// holds locks for long or takes them in another order than everybody else.
    pub(crate) async fn sweep_in_chunks(&self, most: usize, policy: &Policy) -> PortResult<u64> {
        let mut left = Left { rows: most as u64, changed: 0 };
        for chore in Chore::ALL {
            while left.any() {
                let chunk = (chore, left.limit());
                let done = self.writing("sweep", policy, &chunk, |write, (chore, most)| {
                    Box::pin(write.chunk(*chore, *most))
                });
                let Some(changed) = done.await? else { break };
                left.took(changed);
            }
        }
        Ok(left.changed)
    }
}

impl Write {
    /// A chunk of a chore; none where nothing of it is left, or another worker is at it.
    async fn chunk(&mut self, chore: Chore, most: i64) -> Step<Option<u64>> {
        // What a dead worker had is never left to another who may have died over it.
        if chore != Chore::Lapsed && !self.take_chore(chore).await? {
            return Ok(None);
        }
        let some = |changed: u64| (changed > 0).then_some(changed);
        Ok(match chore {
            Chore::Lapsed => some(self.take_back_lapsed(most).await? as u64),
            Chore::Stopped => self.sweep_stopped(most).await?,
            Chore::Notices => some(self.sweep_notices(most).await?),
            Chore::Expired => some(self.sweep_expired(most).await?),
            Chore::UnderSso => self.sweep_under_sso(most).await?,
            Chore::UnusedPlans => some(self.sweep_plan(most).await?),
            Chore::Guesses => some(self.sweep_guesses(most).await?),
            Chore::Imports => some(self.sweep_imports(most).await?),
            Chore::FreshRequests => some(self.sweep_fresh_requests(most).await?),
            Chore::TextMessages => some(self.sweep_text_messages(most).await?),
            Chore::Contacts => self.sweep_contacts(most).await?,
            Chore::Events => some(self.sweep_events(most).await?),
            Chore::Audit => some(self.sweep_audit(most).await?),
        })
    }

    /// Whether no other worker is at this chore; none will be until the transaction ends.
    async fn take_chore(&mut self, chore: Chore) -> Step<bool> {
        // The name is that of our schema, so that two stores in one database are not in each other's way.
        let row = self
            .query("SELECT pg_try_advisory_xact_lock(hashtextextended('invite.sweep', $1)) AS taken")
            .bind(chore as i64)
            .fetch_one(self.db().connection())
            .await?;
        row.flag("taken")
    }

    /// Messages of a cancelled batch; then invitations of a recalled one, and the retirements by them.
    async fn sweep_stopped(&mut self, most: i64) -> Step<Option<u64>> {
        let row = self
            .query("SELECT organisation, id, state, action FROM invite.batch WHERE to_sweep LIMIT 1")
            .fetch_optional(self.db().connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (organisation, batch) = (row.id("organisation")?, row.id("id")?);
        let (state, action): (BatchState, Action) = (row.word("state")?, row.word("action")?);
        let mut changed = self.sweep_messages(organisation, batch, state, most).await?;
        if changed == 0 && state == BatchState::Recalled && action.begins_invitation() {
            changed = self.sweep_recalled(organisation, batch, most).await?;
            if changed == 0 {
                changed = self.sweep_retirements(organisation, batch, most).await?;
            }
        }
        if changed == 0 {
            // One that was cancelled may have been recalled meanwhile.
            self.query(
                "UPDATE invite.batch SET to_sweep = false WHERE organisation = $1 AND id = $2 AND state = $3",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(state.as_str())
            .execute(self.db().connection())
            .await?;
            self.may_finish(organisation, batch);
        }
        Ok(Some(changed))
    }

    /// Cancels messages of a batch that was stopped. How many there were to be looked at.
    async fn sweep_messages(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        state: BatchState,
        most: i64,
    ) -> Step<u64> {
        let reason = match state {
            BatchState::Recalled => EndReason::BatchRecalled,
            _ => EndReason::BatchCancelled,
        };
        let rows = self
            .query(
                "SELECT id FROM invite.delivery
                 WHERE organisation = $1 AND batch = $2 AND state IN ('queued', 'claimed', 'handing_over')
                     AND state <> 'handing_over'
                 LIMIT $3",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<DeliveryId>>>()?;
        let mut deliveries = self.hold_deliveries(ids).await?;
        deliveries.retain(|one| matches!(one.standing.state, DeliveryState::Queued | DeliveryState::Claimed));
        for delivery in &mut deliveries {
            self.step(delivery, DeliveryEvent::Cancel(reason));
        }
        self.save_deliveries(&deliveries).await?;
        Ok(rows.len() as u64)
    }

    /// Revokes invitations of a recalled batch. How many there were to be looked at.
    async fn sweep_recalled(&mut self, organisation: OrganisationId, batch: BatchId, most: i64) -> Step<u64> {
        let rows = self
            .query(
                "SELECT id, user_id FROM invite.invitation
                 WHERE organisation = $1 AND batch = $2 AND state IN ('pending', 'expired') LIMIT $3",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        for invitation in self.hold_invitations(&rows, organisation).await? {
            self.revoke(&invitation, RevokeReason::Recalled).await?;
        }
        Ok(rows.len() as u64)
    }

    /// Lifts retirements by invitations of a recalled batch that were closed before. How many.
    async fn sweep_retirements(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        most: i64,
    ) -> Step<u64> {
        let rows = self
            .query(
                "SELECT p.user_id, p.retired_by FROM invite.person AS p
                 JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
                 WHERE p.organisation = $1 AND p.retired_by IS NOT NULL AND v.batch = $2
                     AND v.state NOT IN ('pending', 'expired')
                 LIMIT $3",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        let retired = rows
            .iter()
            .map(|row| Ok((row.id("user_id")?, row.id("retired_by")?)))
            .collect::<Step<Vec<(UserId, InvitationId)>>>()?;
        self.hold(organisation, retired.iter().map(|(user, _)| *user)).await?;
        for (user, invitation) in &retired {
            self.may_lift(organisation, *user, *invitation);
        }
        Ok(rows.len() as u64)
    }

    async fn sweep_expired(&mut self, most: i64) -> Step<u64> {
        let now = self.now;
        let rows = self
            .query(
                "SELECT v.organisation, v.id, v.user_id FROM invite.invitation AS v
                 JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
                 WHERE v.state = 'pending' AND v.expires_at <= $1 AND b.state <> 'recalled'
                 ORDER BY v.expires_at LIMIT $2",
            )
            .bind(now)
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        let mut found: BTreeMap<OrganisationId, Vec<PgRow>> = BTreeMap::new();
        for row in rows {
            found.entry(row.id("organisation")?).or_default().push(row);
        }
        let mut expired = 0;
        for (organisation, rows) in found {
            let invitations = self.hold_invitations(&rows, organisation).await?;
            // Whoever was waited for may have reminded the person, and so put it off.
            for invitation in invitations.iter().filter(|one| one.expires_at.is_some_and(|at| at <= now)) {
                if self.close_invitation(invitation, InvitationEvent::Expire).await? {
                    let (user, id) = (invitation.user, invitation.id);
                    self.event(organisation, Happening::Expired { user, invitation: id });
                    expired += 1;
                }
            }
        }
        Ok(expired)
    }

    /// Takes the people of these rows, and their invitations as they are now.
    async fn hold_invitations(
        &mut self,
        rows: &[PgRow],
        organisation: OrganisationId,
    ) -> Step<Vec<Invitation>> {
        let people = rows.iter().map(|row| row.id("user_id")).collect::<Step<Vec<UserId>>>()?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<InvitationId>>>()?;
        self.hold(organisation, people).await?;
        let rows = self
            .query(
                "SELECT v.*, b.state AS batch_state FROM invite.invitation AS v
                 JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
                 WHERE v.organisation = $1 AND v.id = ANY ($2)
                 ORDER BY v.id FOR UPDATE OF v",
            )
            .bind(organisation.uuid())
            .bind(uuids(ids))
            .fetch_all(self.db().connection())
            .await?;
        rows.iter().map(Invitation::read).collect()
    }

    /// Our own people who came under SSO with their organisation, and still have something open.
    async fn sweep_under_sso(&mut self, most: i64) -> Step<Option<u64>> {
        let row = self
            .query("SELECT id FROM invite.organisation WHERE to_sweep LIMIT 1")
            .fetch_optional(self.db().connection())
            .await?;
        let Some(organisation) = row.map(|row| row.id("id")).transpose()? else { return Ok(None) };
        let settings = lasting_settings(self.db(), organisation).await?;
        let mut changed = 0;
        if settings.is_some_and(|settings| settings.sign_in == SignInMethod::Sso) {
            let rows = self
                .query(include_str!("sql/under_sso.sql"))
                .bind(organisation.uuid())
                .bind(most)
                .fetch_all(self.db().connection())
                .await?;
            let people = rows
                .iter()
                .map(|row| read_user(row).map(|user| (user.id, Some(user))))
                .collect::<Step<Vec<_>>>()?;
            changed = self.leave(organisation, &people).await?;
            if limit(people.len()) == most && changed > 0 {
                return Ok(Some(changed));
            }
        }
        self.query("UPDATE invite.organisation SET to_sweep = false WHERE id = $1")
            .bind(organisation.uuid())
            .execute(self.db().connection())
            .await?;
        Ok(Some(changed))
    }

    /// A plan that nobody confirmed in time, with all its rows.
    async fn sweep_plan(&mut self, most: i64) -> Step<u64> {
        let now = self.now;
        let row = self
            .query(
                "SELECT organisation, id FROM invite.batch WHERE state = 'planned' AND expires_at < $1
                 ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED",
            )
            .bind(now)
            .fetch_optional(self.db().connection())
            .await?;
        let Some(row) = row else { return Ok(0) };
        let (organisation, plan): (OrganisationId, BatchId) = (row.id("organisation")?, row.id("id")?);
        let mut changed = 0;
        let steps = [
            "DELETE FROM invite.delivery WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM invite.delivery WHERE organisation = $1 AND batch = $2 LIMIT $3))",
            "DELETE FROM invite.item WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM invite.item WHERE organisation = $1 AND batch = $2 LIMIT $3))",
            "DELETE FROM invite.batch_lane WHERE organisation = $1 AND batch = $2 AND $3 > 0",
            "DELETE FROM invite.selection WHERE organisation = $1 AND batch = $2 AND $3 > 0",
            "DELETE FROM invite.batch WHERE organisation = $1 AND id = $2 AND $3 > 0",
        ];
        for step in steps {
            let rest = most - i64::try_from(changed).unwrap_or(most);
            if rest <= 0 {
                break;
            }
            let done = self
                .query(step)
                .bind(organisation.uuid())
                .bind(plan.uuid())
                .bind(rest)
                .execute(self.db().connection())
                .await?;
            changed += done.rows_affected();
        }
        Ok(changed)
    }

    async fn sweep_guesses(&mut self, most: i64) -> Step<u64> {
        let before = self.now - GUESSES_KEPT;
        let done = self
            .query(
                "DELETE FROM invite.guess WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM invite.guess WHERE last_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
            )
            .bind(before)
            .bind(most)
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected())
    }

    async fn sweep_fresh_requests(&mut self, most: i64) -> Step<u64> {
        let before = self.now - delta(FRESH_WITHIN);
        let done = self
            .query(
                "DELETE FROM invite.fresh_request WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM invite.fresh_request WHERE at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
            )
            .bind(before)
            .bind(most)
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected())
    }
}

/// How many rows a sweep may still change, and how many it has.
struct Left {
    rows: u64,
    changed: u64,
}

impl Left {
    fn any(&self) -> bool {
        self.changed < self.rows
    }

    fn limit(&self) -> i64 {
        i64::try_from(self.rows.saturating_sub(self.changed)).unwrap_or(i64::MAX)
    }

    fn took(&mut self, rows: u64) {
        self.changed += rows;
    }
}
