//! The steps of a batch: confirmed, paused, resumed, stopped.

use invite_core::machine::batch::{self, BatchEvent, WrongBatchState};
use invite_core::model::batch::{Batch, BatchState, Confirmation, Totals};
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, OrganisationId, UserId};
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::wording::ItemWording;
use invite_core::port::plans::{BatchChange, Confirm, Confirmed};

use crate::error::Step;
use crate::plans::{maybe_batch, read_item, read_wording};
use crate::rows::{Columns, Key, delta, json, micros};
use crate::write::Write;

impl Write {
    pub(crate) async fn confirm(&mut self, confirm: &Confirm) -> Step<Confirmed> {
        let organisation = confirm.actor.organisation();
        let Some(mut batch) = maybe_batch(self.db(), organisation, confirm.plan).await? else {
            return Ok(Confirmed::NotFound);
        };
        match batch.state {
            BatchState::Running | BatchState::Paused => return Ok(Confirmed::Already(Box::new(batch))),
            BatchState::Cancelled | BatchState::Recalled => return Ok(Confirmed::Stopped),
            BatchState::Planned if !batch.complete => return Ok(Confirmed::Incomplete),
            BatchState::Planned if self.now > batch.expires_at => return Ok(Confirmed::Expired),
            BatchState::Planned => {}
        }
        let planned = batch.totals.recipients();
        if let Some(user) = confirm.actor.user() {
            self.skip_confirmer(&mut batch, user).await?;
        }
        if !confirm.resets {
            self.skip_resets(&mut batch).await?;
        }
        if batch.totals.recipients() != planned {
            self.count_sharing(&mut batch).await?;
        }
        let held = batch.totals.recipients() > self.policy.hold_above;
        let hold = confirm.hold.unwrap_or(if held { self.policy.hold } else { std::time::Duration::ZERO });
        let confirmation = Confirmation {
            by: confirm.actor.clone(),
            at: self.now,
            resets: confirm.resets,
            not_before: self.now + delta(hold.max(confirm.starts_in)),
            pilot: self.begin_pilot(&batch, confirm.pilot).await?,
        };
        sqlx::query(
            "UPDATE invite_batch SET state = 'running', confirmed_by = ?, confirmed_at = ?, resets = ?,
                 not_before = ?, totals = ?,
                 confirmed_order = (
                     SELECT coalesce(max(confirmed_order), 0) + 1 FROM invite_batch WHERE confirmed_order IS NOT NULL)
             WHERE organisation = ? AND id = ?",
        )
        .bind(json(&confirmation.by))
        .bind(micros(confirmation.at))
        .bind(i64::from(confirmation.resets))
        .bind(micros(confirmation.not_before))
        .bind(json(&batch.totals))
        .bind(organisation.blob())
        .bind(batch.id.blob())
        .execute(self.db())
        .await?;
        batch.state = BatchState::Running;
        batch.confirmed = Some(confirmation);
        let Totals { send, reset, announce, .. } = batch.totals;
        let details = format!("{send} sent, {reset} sent with reset, {announce} announced");
        self.audit(&confirm.actor, "batch_confirmed", batch.id, details).await?;
        self.count_confirmed(&batch).await?;
        self.may_finish(organisation, batch.id);
        self.make_work();
        Ok(Confirmed::Now(Box::new(batch)))
    }

    /// The confirmer is not in the batch.
    async fn skip_confirmer(&mut self, batch: &mut Batch, user: UserId) -> Step<()> {
        let row = sqlx::query("SELECT * FROM invite_item WHERE organisation = ? AND batch = ? AND user = ?")
            .bind(batch.organisation.blob())
            .bind(batch.id.blob())
            .bind(user.blob())
            .fetch_optional(self.db())
            .await?;
        let Some(row) = row else { return Ok(()) };
        let item = read_item(&row)?;
        let administrator = row.flag("administrator")?;
        let fallback = self.drop_fallback(batch.organisation, batch.id, user).await?;
        batch.totals.uncount(item.decision, &item.channels, fallback, administrator, &read_wording(&row)?);
        let skip = Decision::Skip(SkipReason::Yourself);
        batch.totals.count(skip, &[], false, administrator, &ItemWording::default());
        sqlx::query("DELETE FROM invite_delivery WHERE organisation = ? AND batch = ? AND user = ?")
            .bind(batch.organisation.blob())
            .bind(batch.id.blob())
            .bind(user.blob())
            .execute(self.db())
            .await?;
        sqlx::query(
            "UPDATE invite_item SET decision = 'skip', reason = ?, channels = '', invitation = NULL, credential = NULL,
                 wording = NULL
             WHERE organisation = ? AND batch = ? AND user = ?",
        )
        .bind(SkipReason::Yourself.as_str())
        .bind(batch.organisation.blob())
        .bind(batch.id.blob())
        .bind(user.blob())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Nobody consented: those whose password would be reset are skipped.
    async fn skip_resets(&mut self, batch: &mut Batch) -> Step<()> {
        if batch.totals.reset == 0 {
            return Ok(());
        }
        batch.totals = std::mem::take(&mut batch.totals).without_consent();
        sqlx::query(
            "DELETE FROM invite_fallback WHERE organisation = ?1 AND batch = ?2 AND user IN (
                 SELECT user FROM invite_item
                 WHERE organisation = ?1 AND batch = ?2 AND decision = 'send_with_reset')",
        )
        .bind(batch.organisation.blob())
        .bind(batch.id.blob())
        .execute(self.db())
        .await?;
        sqlx::query(
            "DELETE FROM invite_delivery WHERE organisation = ?1 AND batch = ?2 AND user IN (
                 SELECT user FROM invite_item
                 WHERE organisation = ?1 AND batch = ?2 AND decision = 'send_with_reset')",
        )
        .bind(batch.organisation.blob())
        .bind(batch.id.blob())
        .execute(self.db())
        .await?;
        sqlx::query(
            "UPDATE invite_item SET decision = 'skip', reason = ?, channels = '', invitation = NULL, credential = NULL,
                 wording = NULL
             WHERE organisation = ? AND batch = ? AND decision = 'send_with_reset'",
        )
        .bind(SkipReason::SetUpNeedsConsent.as_str())
        .bind(batch.organisation.blob())
        .bind(batch.id.blob())
        .execute(self.db())
        .await?;
        Ok(())
    }

    pub(crate) async fn change_batch(
        &mut self,
        change: BatchChange,
    ) -> Step<Option<Result<Batch, WrongBatchState>>> {
        let BatchChange { batch: id, actor, event, because } = change;
        let organisation = actor.organisation();
        let Some(batch) = maybe_batch(self.db(), organisation, id).await? else { return Ok(None) };
        let from = batch.state;
        // Confirming is a step of its own: it needs a complete plan and consent.
        if event == BatchEvent::Confirm && from == BatchState::Planned {
            return Ok(Some(Err(WrongBatchState { from, event })));
        }
        let to = match batch::next(from, event) {
            Err(wrong) => return Ok(Some(Err(wrong))),
            Ok(to) if to == from => return Ok(Some(Ok(batch))),
            Ok(to) => to,
        };
        let what = match to {
            BatchState::Planned => return Ok(Some(Err(WrongBatchState { from, event }))),
            BatchState::Running => {
                self.resume(organisation, id).await?;
                "batch_resumed"
            }
            BatchState::Paused => {
                self.pause(organisation, id, because.clone()).await?;
                "batch_paused"
            }
            BatchState::Cancelled => {
                self.stop(organisation, id, to).await?;
                "batch_cancelled"
            }
            BatchState::Recalled => {
                self.stop(organisation, id, to).await?;
                "batch_recalled"
            }
        };
        self.audit(&actor, what, id, because.unwrap_or_default()).await?;
        if to != BatchState::Paused {
            self.make_work();
        }
        Ok(maybe_batch(self.db(), organisation, id).await?.map(Ok))
    }

    pub(crate) async fn pause(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        because: Option<String>,
    ) -> Step<()> {
        sqlx::query(
            "UPDATE invite_batch SET state = 'paused', paused_because = ? WHERE organisation = ? AND id = ?",
        )
        .bind(because.clone())
        .bind(organisation.blob())
        .bind(batch.blob())
        .execute(self.db())
        .await?;
        self.event(organisation, Happening::BatchPaused { batch, because: because.unwrap_or_default() });
        Ok(())
    }

    /// Lets a batch go on: the brake counts anew.
    async fn resume(&mut self, organisation: OrganisationId, batch: BatchId) -> Step<()> {
        sqlx::query(
            "UPDATE invite_batch SET state = 'running', paused_because = NULL, outcomes = 0, hard_failures = 0
             WHERE organisation = ? AND id = ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .execute(self.db())
        .await?;
        self.resume_pilot(organisation, batch).await
    }

    /// Stops a batch for good; its messages and invitations are swept.
    async fn stop(&mut self, organisation: OrganisationId, batch: BatchId, to: BatchState) -> Step<()> {
        let now = micros(self.now);
        sqlx::query(
            "UPDATE invite_batch SET state = ?1, paused_because = NULL, stopped_at = ?2, to_sweep = 1,
                 finished_at = CASE WHEN confirmed_order IS NULL THEN ?2 ELSE finished_at END
             WHERE organisation = ?3 AND id = ?4",
        )
        .bind(to.as_str())
        .bind(now)
        .bind(organisation.blob())
        .bind(batch.blob())
        .execute(self.db())
        .await?;
        Ok(())
    }
}
