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
use crate::rows::{Columns, Key, delta, json};
use crate::write::Write;

impl Write {
    pub(crate) async fn confirm(&mut self, confirm: &Confirm) -> Step<Confirmed> {
        let organisation = confirm.actor.organisation();
        self.lock_confirmations(organisation).await?;
        self.lock_batch(organisation, confirm.plan).await?;
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
        // Where nobody shared an address, nobody does now.
        if batch.totals.recipients() != planned && batch.totals.shared_addresses_with_resets > 0 {
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
        self.query(
            "UPDATE invite.batch SET state = 'running', confirmed_by = $1, confirmed_at = $2, resets = $3,
                 not_before = $4, totals = $5,
                 confirmed_order = nextval('invite.confirmed_order')
             WHERE organisation = $6 AND id = $7 AND state = 'planned'",
        )
        .bind(json(&confirmation.by))
        .bind(confirmation.at)
        .bind(confirmation.resets)
        .bind(confirmation.not_before)
        .bind(json(&batch.totals))
        .bind(organisation.uuid())
        .bind(batch.id.uuid())
        .execute(self.db().connection())
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

    /// Waits for whoever else confirms in this organisation: of two batches, the one whose place in the order is later
    /// is seen later too.
    pub(crate) async fn lock_confirmations(&mut self, organisation: OrganisationId) -> Step<()> {
        self.query("SELECT FROM invite.organisation WHERE id = $1 FOR NO KEY UPDATE")
            .bind(organisation.uuid())
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// Waits for whoever changes the state of this batch, or begins messages of it; from now on they wait.
    pub(crate) async fn lock_batch(&mut self, organisation: OrganisationId, batch: BatchId) -> Step<()> {
        self.query("SELECT FROM invite.batch WHERE organisation = $1 AND id = $2 FOR UPDATE")
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// The confirmer is not in the batch.
    async fn skip_confirmer(&mut self, batch: &mut Batch, user: UserId) -> Step<()> {
        let row = self
            .query("SELECT * FROM invite.item WHERE organisation = $1 AND batch = $2 AND user_id = $3")
            .bind(batch.organisation.uuid())
            .bind(batch.id.uuid())
            .bind(user.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        let Some(row) = row else { return Ok(()) };
        let item = read_item(&row)?;
        let administrator = row.flag("administrator")?;
        let fallback = self.drop_fallback(batch.organisation, batch.id, user).await?;
        batch.totals.uncount(item.decision, &item.channels, fallback, administrator, &read_wording(&row)?);
        let skip = Decision::Skip(SkipReason::Yourself);
        batch.totals.count(skip, &[], false, administrator, &ItemWording::default());
        self.query("DELETE FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND user_id = $3")
            .bind(batch.organisation.uuid())
            .bind(batch.id.uuid())
            .bind(user.uuid())
            .execute(self.db().connection())
            .await?;
        self.query(
            "UPDATE invite.item SET decision = 'skip', reason = $1, channels = '', invitation = NULL, credential = NULL,
                 wording = NULL
             WHERE organisation = $2 AND batch = $3 AND user_id = $4",
        )
        .bind(SkipReason::Yourself.as_str())
        .bind(batch.organisation.uuid())
        .bind(batch.id.uuid())
        .bind(user.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Nobody consented: those whose password would be reset are skipped.
    async fn skip_resets(&mut self, batch: &mut Batch) -> Step<()> {
        if batch.totals.reset == 0 {
            return Ok(());
        }
        batch.totals = std::mem::take(&mut batch.totals).without_consent();
        self.query(
            "DELETE FROM invite.fallback WHERE organisation = $1 AND batch = $2 AND user_id IN (
                 SELECT user_id FROM invite.item
                 WHERE organisation = $1 AND batch = $2 AND decision = 'send_with_reset')",
        )
        .bind(batch.organisation.uuid())
        .bind(batch.id.uuid())
        .execute(self.db().connection())
        .await?;
        self.query(
            "DELETE FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND user_id IN (
                 SELECT user_id FROM invite.item
                 WHERE organisation = $1 AND batch = $2 AND decision = 'send_with_reset')",
        )
        .bind(batch.organisation.uuid())
        .bind(batch.id.uuid())
        .execute(self.db().connection())
        .await?;
        self.query(
            "UPDATE invite.item SET decision = 'skip', reason = $1, channels = '', invitation = NULL, credential = NULL,
                 wording = NULL
             WHERE organisation = $2 AND batch = $3 AND decision = 'send_with_reset'",
        )
        .bind(SkipReason::SetUpNeedsConsent.as_str())
        .bind(batch.organisation.uuid())
        .bind(batch.id.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    pub(crate) async fn change_batch(
        &mut self,
        change: BatchChange,
    ) -> Step<Option<Result<Batch, WrongBatchState>>> {
        let BatchChange { batch: id, actor, event, because } = change;
        let organisation = actor.organisation();
        self.lock_batch(organisation, id).await?;
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
        self.query(
            "UPDATE invite.batch SET state = 'paused', paused_because = $1 WHERE organisation = $2 AND id = $3",
        )
        .bind(because.clone())
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .execute(self.db().connection())
        .await?;
        self.event(organisation, Happening::BatchPaused { batch, because: because.unwrap_or_default() });
        Ok(())
    }

    /// Lets a batch go on: the brake counts anew.
    async fn resume(&mut self, organisation: OrganisationId, batch: BatchId) -> Step<()> {
        self.query(
            "UPDATE invite.batch SET state = 'running', paused_because = NULL, outcomes = 0, hard_failures = 0
             WHERE organisation = $1 AND id = $2",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .execute(self.db().connection())
        .await?;
        self.resume_pilot(organisation, batch).await
    }

    /// Stops a batch for good; its messages and invitations are swept.
    async fn stop(&mut self, organisation: OrganisationId, batch: BatchId, to: BatchState) -> Step<()> {
        let now = self.now;
        self.query(
            "UPDATE invite.batch SET state = $1, paused_because = NULL, stopped_at = $2, to_sweep = true,
                 finished_at = CASE WHEN confirmed_order IS NULL THEN $2 ELSE finished_at END
             WHERE organisation = $3 AND id = $4",
        )
        .bind(to.as_str())
        .bind(now)
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }
}
