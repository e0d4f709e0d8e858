//! The work that nobody waits for, in chunks.

use chrono::TimeDelta;
use invite_core::machine::invitation::InvitationEvent;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::EndReason;
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, OrganisationId};
use invite_core::model::invitation::RevokeReason;
use invite_core::model::item::Action;
use invite_core::model::sign_in::SignInMethod;
use invite_core::policy::FRESH_WITHIN;
use sqlx::sqlite::SqliteRow;

use crate::accounts::read_user;
use crate::error::Step;
use crate::invitations::Invitation;
use crate::organisations::maybe_settings;
use crate::rows::{Columns, Key, delta, limit, micros};
use crate::write::Write;

/// Guesses are forgotten after so long.
const GUESSES_KEPT: TimeDelta = TimeDelta::days(1);

impl Write {
    /// Changes at most about `most` rows; gives how many. What recalls revoke comes before what expires.
    pub(crate) async fn sweep(&mut self, most: usize) -> Step<u64> {
        let mut left = Left { rows: most as u64, changed: 0 };
        left.took(self.take_back_lapsed(left.limit()).await? as u64);
        while left.any() {
            let Some((organisation, batch, state, action)) = self.stopped_batch().await? else { break };
            let changed = self.sweep_stopped(organisation, batch, state, action, left.limit()).await?;
            left.took(changed);
        }
        if left.any() {
            left.took(self.sweep_notices(left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_expired(left.limit()).await?);
        }
        while left.any() {
            let Some(organisation) = self.under_sso().await? else { break };
            left.took(self.sweep_under_sso(organisation, left.limit()).await?);
        }
        while left.any() {
            let Some((organisation, plan)) = self.unused_plan().await? else { break };
            left.took(self.sweep_plan(organisation, plan, left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_guesses(left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_imports(left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_fresh_requests(left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_text_messages(left.limit()).await?);
        }
        while left.any() {
            let Some((organisation, batch)) = self.batch_with_old_contacts().await? else { break };
            left.took(self.remove_contacts(organisation, batch, left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_events(left.limit()).await?);
        }
        if left.any() {
            left.took(self.sweep_audit(left.limit()).await?);
        }
        Ok(left.changed)
    }

    async fn stopped_batch(&mut self) -> Step<Option<(OrganisationId, BatchId, BatchState, Action)>> {
        let row = sqlx::query(
            "SELECT organisation, id, state, action FROM invite_batch INDEXED BY invite_batch_to_sweep
             WHERE to_sweep = 1 LIMIT 1",
        )
        .fetch_optional(self.db())
        .await?;
        row.map(|row| Ok((row.id("organisation")?, row.id("id")?, row.word("state")?, row.word("action")?)))
            .transpose()
    }

    /// Messages of a cancelled batch, messages and invitations of a recalled one.
    async fn sweep_stopped(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        state: BatchState,
        action: Action,
        most: i64,
    ) -> Step<u64> {
        let reason = match state {
            BatchState::Recalled => EndReason::BatchRecalled,
            _ => EndReason::BatchCancelled,
        };
        let rows = sqlx::query(
            "SELECT id FROM invite_delivery INDEXED BY invite_delivery_on_its_way
             WHERE organisation = ? AND batch = ? AND state IN ('queued', 'claimed', 'handing_over')
                 AND state <> 'handing_over' LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .bind(most)
        .fetch_all(self.db())
        .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<_>>>()?;
        let mut changed = ids.len() as u64;
        self.cancel(ids, reason).await?;
        if state == BatchState::Recalled && action.begins_invitation() {
            let rest = most - limit(rows.len());
            changed += self.sweep_recalled(organisation, batch, rest).await?;
        }
        if changed < most.unsigned_abs() {
            sqlx::query("UPDATE invite_batch SET to_sweep = 0 WHERE organisation = ? AND id = ?")
                .bind(organisation.blob())
                .bind(batch.blob())
                .execute(self.db())
                .await?;
            self.may_finish(organisation, batch);
        }
        Ok(changed)
    }

    /// Revokes the invitations of a recalled batch, and lifts the retirements by them.
    async fn sweep_recalled(&mut self, organisation: OrganisationId, batch: BatchId, most: i64) -> Step<u64> {
        let rows = sqlx::query(
            "SELECT v.*, b.state AS batch_state FROM invite_invitation AS v INDEXED BY invite_invitation_open
             JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE v.organisation = ? AND v.batch = ? AND v.state IN ('pending', 'expired') LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .bind(most)
        .fetch_all(self.db())
        .await?;
        for row in &rows {
            self.revoke(&Invitation::read(row)?, RevokeReason::Recalled).await?;
        }
        // Those of invitations that were closed already.
        let retired = sqlx::query(
            "SELECT p.user, p.retired_by FROM invite_person AS p INDEXED BY invite_person_retired
             JOIN invite_invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             WHERE p.organisation = ? AND p.retired_by IS NOT NULL AND v.batch = ?
                 AND v.state NOT IN ('pending', 'expired') LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .bind(most)
        .fetch_all(self.db())
        .await?;
        for row in retired {
            self.may_lift(organisation, row.id("user")?, row.id("retired_by")?);
        }
        Ok(rows.len() as u64)
    }

    async fn sweep_expired(&mut self, most: i64) -> Step<u64> {
        let now = micros(self.now);
        let rows = sqlx::query(
            "SELECT v.*, b.state AS batch_state FROM invite_invitation AS v INDEXED BY invite_invitation_expiring
             JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE v.state = 'pending' AND v.expires_at <= ? AND b.state <> 'recalled'
             ORDER BY v.expires_at LIMIT ?",
        )
        .bind(now)
        .bind(most)
        .fetch_all(self.db())
        .await?;
        for row in &rows {
            let invitation = Invitation::read(row)?;
            if self.close_invitation(&invitation, InvitationEvent::Expire).await? {
                let (user, id) = (invitation.user, invitation.id);
                self.event(invitation.organisation, Happening::Expired { user, invitation: id });
            }
        }
        Ok(rows.len() as u64)
    }

    async fn under_sso(&mut self) -> Step<Option<OrganisationId>> {
        let row = sqlx::query("SELECT id FROM invite_organisation WHERE to_sweep = 1 LIMIT 1")
            .fetch_optional(self.db())
            .await?;
        row.map(|row| row.id("id")).transpose()
    }

    /// Our own people who came under SSO with their organisation, and still have something open.
    async fn sweep_under_sso(&mut self, organisation: OrganisationId, most: i64) -> Step<u64> {
        let settings = maybe_settings(self.db(), organisation).await?;
        let mut changed = 0;
        if settings.is_some_and(|settings| settings.sign_in == SignInMethod::Sso) {
            let rows = sqlx::query(include_str!("sql/under_sso.sql"))
                .bind(organisation.blob())
                .bind(most)
                .fetch_all(self.db())
                .await?;
            let people = rows
                .iter()
                .map(|row| read_user(row).map(|user| (user.id, Some(user))))
                .collect::<Step<Vec<_>>>()?;
            changed = self.leave(organisation, &people).await?;
            if limit(people.len()) == most && changed > 0 {
                return Ok(changed);
            }
        }
        sqlx::query("UPDATE invite_organisation SET to_sweep = 0 WHERE id = ?")
            .bind(organisation.blob())
            .execute(self.db())
            .await?;
        Ok(changed)
    }

    async fn unused_plan(&mut self) -> Step<Option<(OrganisationId, BatchId)>> {
        let now = micros(self.now);
        let row = sqlx::query(
            "SELECT organisation, id FROM invite_batch INDEXED BY invite_batch_unused
             WHERE state = 'planned' AND expires_at < ? ORDER BY expires_at LIMIT 1",
        )
        .bind(now)
        .fetch_optional(self.db())
        .await?;
        row.map(|row: SqliteRow| Ok((row.id("organisation")?, row.id("id")?))).transpose()
    }

    /// A plan that nobody confirmed in time, with all its rows.
    async fn sweep_plan(&mut self, organisation: OrganisationId, plan: BatchId, most: i64) -> Step<u64> {
        let mut changed = 0;
        let steps = [
            "DELETE FROM invite_delivery WHERE rowid IN (
                 SELECT rowid FROM invite_delivery WHERE organisation = ?1 AND batch = ?2 LIMIT ?3)",
            "DELETE FROM invite_item WHERE organisation = ?1 AND batch = ?2 AND user IN (
                 SELECT user FROM invite_item WHERE organisation = ?1 AND batch = ?2 LIMIT ?3)",
            "DELETE FROM invite_batch_lane WHERE organisation = ?1 AND batch = ?2 AND ?3 > 0",
            "DELETE FROM invite_selection WHERE organisation = ?1 AND batch = ?2 AND ?3 > 0",
            "DELETE FROM invite_batch WHERE organisation = ?1 AND id = ?2 AND ?3 > 0",
        ];
        for step in steps {
            let rest = most - i64::try_from(changed).unwrap_or(most);
            if rest <= 0 {
                break;
            }
            let done = sqlx::query(step)
                .bind(organisation.blob())
                .bind(plan.blob())
                .bind(rest)
                .execute(self.db())
                .await?;
            changed += done.rows_affected();
        }
        Ok(changed)
    }

    async fn sweep_guesses(&mut self, most: i64) -> Step<u64> {
        let before = micros(self.now - GUESSES_KEPT);
        let done = sqlx::query(
            "DELETE FROM invite_guess WHERE (organisation, user, source) IN (
                 SELECT organisation, user, source FROM invite_guess WHERE last_at < ? LIMIT ?)",
        )
        .bind(before)
        .bind(most)
        .execute(self.db())
        .await?;
        Ok(done.rows_affected())
    }

    async fn sweep_fresh_requests(&mut self, most: i64) -> Step<u64> {
        let before = micros(self.now - delta(FRESH_WITHIN));
        let done = sqlx::query(
            "DELETE FROM invite_fresh_request WHERE rowid IN (
                 SELECT rowid FROM invite_fresh_request INDEXED BY invite_fresh_request_at
                 WHERE at <= ? LIMIT ?)",
        )
        .bind(before)
        .bind(most)
        .execute(self.db())
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
