//! Keeping what became of messages, with everything that follows from it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use invite_core::decision::record::{
    Brake, Consequences, Recorded, Stops, Suppress, consequences, late_acceptance, report_stops,
    report_suppresses,
};
use invite_core::machine::batch::stopped_because;
use invite_core::machine::delivery::{DeliveryEvent, Standing, shows_acceptance};
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::metrics::Count;
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Answer, Outcome, Receipt, Scope};
use invite_core::model::sender::{Covers, PauseKind, SenderKey, SenderPause, matching};
use invite_core::model::suppression::SuppressionReason;
use invite_core::port::queue::{HandOverResult, RecordDelivery, Reported};
use serde_json::json;

use crate::claim::pauses;
use crate::deliveries::{Delivery, deliveries};
use crate::error::Step;
use crate::histories::address_key;
use crate::invitations::{Begun, Invitation, open_invitations};
use crate::organisations::settings;
use crate::rows::{Columns, Key, delta, json, micros};
use crate::write::Write;

/// A delivery that has moved on by an outcome.
struct Change {
    delivery: Delivery,
    before: Standing,
    outcome: Outcome,
}

impl Change {
    /// What follows is worked out from this.
    fn recorded(&self, ledger: &Ledger, retired: bool) -> Recorded<'_> {
        let Self { delivery, before, outcome } = self;
        let key = (delivery.organisation, delivery.invitation);
        let invitation = ledger.begun.invitations.get(&key).map(|invitation| invitation.state);
        Recorded {
            before,
            after: &delivery.standing,
            outcome,
            action: delivery.batch.action,
            decision: delivery.decision,
            invitation: invitation.or(delivery.invitation_state).unwrap_or(InvitationState::Pending),
            retirement: ledger.settings[&delivery.organisation].retirement(),
            retired,
        }
    }
}

/// What the consequences of outcomes are worked out on, and what has to be kept at the end.
struct Ledger {
    settings: HashMap<OrganisationId, Settings>,
    begun: Begun,
    /// Open invitations of the people whose messages were accepted.
    open: Vec<Invitation>,
    pauses: BTreeMap<String, SenderPause>,
    runs: BTreeMap<SenderKey, Run>,
    changed_runs: BTreeSet<SenderKey>,
    brakes: HashMap<(OrganisationId, BatchId), Brake>,
    /// Invitations whose first message is accepted now.
    told: BTreeSet<(OrganisationId, InvitationId)>,
    /// Messages that go back to the queue.
    again: Vec<DeliveryId>,
}

/// What putting an address on the suppression list changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there now.
    Added,
    /// It was there, for a weaker reason.
    Strengthened,
    /// It was there.
    Unchanged,
}

/// Identical policy refusals in a row.
struct Run {
    text: String,
    deliveries: Vec<DeliveryId>,
}

fn brake_of(delivery: &Delivery) -> Brake {
    let batch = &delivery.batch;
    Brake { state: batch.state, outcomes: batch.outcomes, hard_failures: batch.hard_failures }
}

impl Write {
    /// Keeps outcomes; answers where each message stands then, in the order asked.
    pub(crate) async fn record(&mut self, outcomes: Vec<RecordDelivery>) -> Step<Vec<Option<DeliveryState>>> {
        let rows = deliveries(self.db(), outcomes.iter().map(|outcome| outcome.id)).await?;
        let mut rows: HashMap<DeliveryId, Delivery> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut kept = Vec::with_capacity(outcomes.len());
        let (mut changes, mut stayed_behind) = (Vec::new(), Vec::new());
        for RecordDelivery { token, id, result } in outcomes {
            let holds = |delivery: &&mut Delivery| {
                delivery.token == Some(token) && delivery.standing.state == DeliveryState::HandingOver
            };
            let Some(delivery) = rows.get_mut(&id).filter(holds) else {
                kept.push(None);
                continue;
            };
            if result.stayed_behind() && delivery.channel == Channel::Sms {
                stayed_behind.push((delivery.organisation, delivery.id));
            }
            let damaged = matches!(result, HandOverResult::Damaged(_));
            if let Some((before, outcome)) = self.record_one(delivery, result) {
                changes.push(Change { delivery: delivery.clone(), before, outcome });
            }
            if damaged {
                self.wipe_damaged(&delivery.clone()).await?;
            }
            kept.push(Some(id));
        }
        self.forget_text_messages(stayed_behind).await?;
        self.save_deliveries(rows.values()).await?;
        let again = self.follow(changes).await?;
        Ok(kept
            .into_iter()
            .map(|id| {
                let id = id?;
                let state = rows.get(&id).map(|delivery| delivery.standing.state);
                if again.contains(&id) { Some(DeliveryState::Queued) } else { state }
            })
            .collect())
    }

    /// The sealed secret of a message is of no use: the next attempt mints another one.
    async fn wipe_damaged(&mut self, delivery: &Delivery) -> Step<()> {
        sqlx::query(
            "UPDATE invite_credential SET sealed = NULL WHERE organisation = ? AND invitation = ? AND generation = ?",
        )
        .bind(delivery.organisation.blob())
        .bind(delivery.invitation.blob())
        .bind(delivery.generation.map(|generation| i64::from(generation.number())))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Moves one delivery on, in memory. Gives where it stood and what the consequences follow from, if any can.
    fn record_one(&mut self, delivery: &mut Delivery, result: HandOverResult) -> Option<(Standing, Outcome)> {
        match result {
            HandOverResult::NotCalled => {
                self.step(delivery, DeliveryEvent::NotCalled);
                None
            }
            HandOverResult::Locked(answer) => {
                self.step(delivery, DeliveryEvent::Locked);
                delivery.answer = Some(answer);
                None
            }
            HandOverResult::Damaged(answer) => {
                let deferred = Outcome::Deferred { retry_after: None, answer: answer.clone() };
                let before = self.step(delivery, DeliveryEvent::Outcome(&deferred));
                delivery.answer = Some(answer.clone());
                Some((before, Outcome::Unknown { answer }))
            }
            HandOverResult::NotRendered(answer) => {
                let before = self.step(delivery, DeliveryEvent::NotRendered);
                delivery.answer = Some(answer.clone());
                Some((before, Outcome::Unknown { answer }))
            }
            HandOverResult::Outcome(outcome) => {
                let before = self.step(delivery, DeliveryEvent::Outcome(&outcome));
                match &outcome {
                    Outcome::Accepted(receipt) => {
                        delivery.receipt = Some(receipt.clone());
                        delivery.sent_at.get_or_insert(self.now);
                    }
                    Outcome::Refused { answer, .. }
                    | Outcome::Deferred { answer, .. }
                    | Outcome::Throttled { answer, .. }
                    | Outcome::Blocked { answer, .. }
                    | Outcome::Unknown { answer } => delivery.answer = Some(answer.clone()),
                }
                Some((before, outcome))
            }
        }
    }

    /// Takes back what workers were not heard of in time about. How many.
    pub(crate) async fn take_back_lapsed(&mut self, most: i64) -> Step<usize> {
        let now = micros(self.now);
        let rows =
            sqlx::query("SELECT id FROM invite_delivery WHERE lease_until <= ? ORDER BY lease_until LIMIT ?")
                .bind(now)
                .bind(most)
                .fetch_all(self.db())
                .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<_>>>()?;
        let mut rows = deliveries(self.db(), ids).await?;
        let mut changes = Vec::new();
        for delivery in &mut rows {
            let before = self.step(delivery, DeliveryEvent::LeaseLost { alone: delivery.alone });
            let handed_over = before.state == DeliveryState::HandingOver;
            let outcome = if handed_over && shows_acceptance(delivery.standing.state) {
                delivery.sent_at.get_or_insert(self.now);
                Outcome::Accepted(Receipt(String::new()))
            } else {
                Outcome::Unknown { answer: Answer::default() }
            };
            changes.push(Change { delivery: delivery.clone(), before, outcome });
        }
        self.save_deliveries(&rows).await?;
        self.follow(changes).await?;
        Ok(rows.len())
    }

    /// Everything that follows from outcomes. Gives the messages that go back to the queue.
    async fn follow(&mut self, changes: Vec<Change>) -> Step<Vec<DeliveryId>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut ledger = self.open_ledger(&changes).await?;
        for change in &changes {
            self.follow_one(change, &mut ledger).await?;
        }
        self.close_ledger(ledger).await
    }

    async fn open_ledger(&mut self, changes: &[Change]) -> Step<Ledger> {
        let mut all_settings = HashMap::new();
        let mut brakes = HashMap::new();
        for Change { delivery, .. } in changes {
            let organisation = delivery.organisation;
            if let Entry::Vacant(place) = all_settings.entry(organisation) {
                place.insert(settings(self.db(), organisation).await?);
            }
            brakes.entry((organisation, delivery.batch.id)).or_insert_with(|| brake_of(delivery));
        }
        let accepted = || {
            changes
                .iter()
                .filter(|change| matches!(change.outcome, Outcome::Accepted(_)))
                .map(|change| &change.delivery)
        };
        let keys = accepted().map(|delivery| (delivery.organisation, delivery.invitation));
        let begun = Begun::read(self.db(), keys).await?;
        let people = accepted().map(|delivery| (delivery.organisation, delivery.user));
        let open = open_invitations(self.db(), people).await?;
        let mut runs: BTreeMap<SenderKey, Run> = BTreeMap::new();
        let rows =
            sqlx::query("SELECT sender, delivery, answer FROM invite_refusal ORDER BY sender, delivery")
                .fetch_all(self.db())
                .await?;
        for row in rows {
            let text = row.text("answer")?;
            let run = runs.entry(SenderKey(row.text("sender")?));
            let run = run.or_insert(Run { text, deliveries: Vec::new() });
            run.deliveries.push(row.id("delivery")?);
        }
        Ok(Ledger {
            settings: all_settings,
            begun,
            open,
            pauses: pauses(self.db()).await?,
            runs,
            changed_runs: BTreeSet::new(),
            brakes,
            told: BTreeSet::new(),
            again: Vec::new(),
        })
    }

    async fn follow_one(&mut self, change: &Change, ledger: &mut Ledger) -> Step<()> {
        let Change { delivery, outcome, .. } = change;
        let organisation = delivery.organisation;
        let retired = self.retired_for(delivery).await?;
        let also = consequences(&change.recorded(ledger, retired), &self.policy);
        if matches!(outcome, Outcome::Accepted(_)) {
            self.follow_acceptance(delivery, &also, ledger).await?;
        }
        if let Some(suppress) = also.suppresses {
            self.suppress_after(delivery, suppress).await?;
        }
        if also.may_lift {
            self.may_lift(organisation, delivery.user, delivery.invitation);
        }
        self.follow_for_sender(delivery, &also, ledger).await?;
        let failed = delivery.standing.state == DeliveryState::Failed;
        if also.is_outcome || failed {
            self.count(delivery, also.hard_failure || failed, ledger).await?;
        }
        Ok(())
    }

    async fn follow_acceptance(
        &mut self,
        delivery: &Delivery,
        also: &Consequences,
        ledger: &mut Ledger,
    ) -> Step<()> {
        self.tell(delivery, ledger);
        if also.supersedes {
            self.supersede(delivery, ledger).await?;
        }
        if also.retires {
            self.retire(delivery.organisation, delivery.user, delivery.invitation).await?;
        }
        Ok(())
    }

    /// What follows from reports which show that providers had accepted messages after all.
    async fn follow_late_acceptances(&mut self, changes: Vec<Change>) -> Step<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut ledger = self.open_ledger(&changes).await?;
        for change in &changes {
            let retired = self.retired_for(&change.delivery).await?;
            if let Some(also) = late_acceptance(&change.recorded(&ledger, retired)) {
                self.follow_acceptance(&change.delivery, &also, &mut ledger).await?;
            }
        }
        self.close_ledger(ledger).await.map(drop)
    }

    /// Whether the person's own password is retired, where that is looked at.
    async fn retired_for(&mut self, delivery: &Delivery) -> Step<bool> {
        let looked_at = delivery.batch.action == Action::Refresh;
        Ok(looked_at && self.is_retired(delivery.organisation, delivery.user).await?)
    }

    fn tell(&mut self, delivery: &Delivery, ledger: &mut Ledger) {
        let key = (delivery.organisation, delivery.invitation);
        let told = ledger.begun.invitations.get(&key).is_some_and(|invitation| invitation.told);
        if delivery.batch.action.begins_invitation() && !told && ledger.told.insert(key) {
            let (user, invitation, batch) = (delivery.user, delivery.invitation, delivery.batch.id);
            self.event(delivery.organisation, Happening::Invited { user, invitation, batch });
        }
    }

    /// Revokes the person's open invitations that were begun before this one.
    async fn supersede(&mut self, delivery: &Delivery, ledger: &mut Ledger) -> Step<()> {
        let own = ledger.begun.invitations.get(&(delivery.organisation, delivery.invitation));
        let Some(own) = own.map(|own| (own.created_at, own.id)) else { return Ok(()) };
        let earlier: Vec<Invitation> = ledger
            .open
            .extract_if(.., |one| {
                (one.organisation, one.user) == (delivery.organisation, delivery.user)
                    && (one.created_at, one.id) < own
            })
            .collect();
        for invitation in earlier {
            self.revoke(&invitation, RevokeReason::Superseded).await?;
            if let Some(seen) = ledger.begun.invitations.get_mut(&(invitation.organisation, invitation.id)) {
                seen.state = InvitationState::Revoked(RevokeReason::Superseded);
            }
        }
        Ok(())
    }

    /// Whether the person's own password is retired at present.
    async fn is_retired(&mut self, organisation: OrganisationId, user: UserId) -> Step<bool> {
        let retired = sqlx::query(
            "SELECT 1 FROM invite_person AS p
             JOIN invite_invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE p.organisation = ? AND p.user = ? AND b.state <> 'recalled'",
        )
        .bind(organisation.blob())
        .bind(user.blob())
        .fetch_optional(self.db())
        .await?;
        Ok(retired.is_some())
    }

    /// Retires the person's own password by this invitation.
    pub(crate) async fn retire(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
        invitation: InvitationId,
    ) -> Step<()> {
        let now = micros(self.now);
        let done = sqlx::query(
            "INSERT INTO invite_person (organisation, user, retired_by, retired_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (organisation, user) DO UPDATE
             SET retired_by = excluded.retired_by, retired_at = excluded.retired_at
             WHERE retired_by IS NOT excluded.retired_by",
        )
        .bind(organisation.blob())
        .bind(user.blob())
        .bind(invitation.blob())
        .bind(now)
        .execute(self.db())
        .await?;
        if done.rows_affected() > 0 {
            self.event(organisation, Happening::PasswordRetired { user, invitation });
        }
        Ok(())
    }

    async fn suppress_after(&mut self, delivery: &Delivery, suppress: Suppress) -> Step<()> {
        let Some(address) = delivery.address.as_deref() else { return Ok(()) };
        let reason = match suppress {
            Suppress::Now(reason) => reason,
            Suppress::AfterASecondBatch => {
                let earlier = sqlx::query(
                    "SELECT 1 FROM invite_delivery AS d INDEXED BY invite_delivery_refused
                     JOIN invite_batch AS b ON b.organisation = d.organisation AND b.id = d.batch
                     WHERE d.organisation = ? AND d.channel = ? AND d.address_key = ?
                         AND d.reason = 'recipient_refused' AND d.state = 'failed' AND b.confirmed_order < ?
                     LIMIT 1",
                )
                .bind(delivery.organisation.blob())
                .bind(delivery.channel.as_str())
                .bind(address_key(address))
                .bind(delivery.batch.order.and_then(|order| i64::try_from(order).ok()))
                .fetch_optional(self.db())
                .await?;
                if earlier.is_none() {
                    return Ok(());
                }
                SuppressionReason::Refused
            }
        };
        self.suppress_address(delivery, address, reason).await
    }

    /// Puts the address of a message on the suppression list; where it was not there, the host is told.
    async fn suppress_address(
        &mut self,
        delivery: &Delivery,
        address: &str,
        reason: SuppressionReason,
    ) -> Step<()> {
        let Delivery { organisation, channel, user, .. } = *delivery;
        if self.suppress(organisation, channel, address, reason).await? == Put::Added {
            self.event(organisation, Happening::Suppressed { user, channel });
        }
        Ok(())
    }

    /// Puts an address on the suppression list; a stronger reason that is there stays.
    pub(crate) async fn suppress(
        &mut self,
        organisation: OrganisationId,
        channel: Channel,
        address: &str,
        reason: SuppressionReason,
    ) -> Step<Put> {
        let now = micros(self.now);
        let done = sqlx::query(
            "INSERT INTO invite_suppression (organisation, channel, address_key, reason, since_at)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(organisation.blob())
        .bind(channel.as_str())
        .bind(address_key(address))
        .bind(reason.as_str())
        .bind(now)
        .execute(self.db())
        .await?;
        if done.rows_affected() > 0 {
            return Ok(Put::Added);
        }
        let weaker: Vec<_> = SuppressionReason::ALL.iter().filter(|other| **other < reason).collect();
        let done = sqlx::query(
            "UPDATE invite_suppression SET reason = ?
             WHERE organisation = ? AND channel = ? AND address_key = ?
                 AND reason IN (SELECT value FROM json_each(?))",
        )
        .bind(reason.as_str())
        .bind(organisation.blob())
        .bind(channel.as_str())
        .bind(address_key(address))
        .bind(json(&weaker))
        .execute(self.db())
        .await?;
        Ok(if done.rows_affected() > 0 { Put::Strengthened } else { Put::Unchanged })
    }

    async fn follow_for_sender(
        &mut self,
        delivery: &Delivery,
        also: &Consequences,
        ledger: &mut Ledger,
    ) -> Step<()> {
        let Delivery { sender, account, destination, .. } = delivery;
        let stopped = also.stops.as_ref().map(|stops| Covers::of(stops.scope, sender, account, destination));
        if also.sender_works {
            for key in matching(sender, account, destination) {
                let is_blocked =
                    ledger.pauses.get(&key).is_some_and(|pause| pause.kind == PauseKind::Blocked);
                if is_blocked && stopped.as_ref().is_none_or(|covers| covers.key() != key) {
                    self.resume_sender(&key, ledger).await?;
                }
            }
            if ledger.runs.remove(sender).is_some() {
                ledger.changed_runs.insert(sender.clone());
            }
        }
        if let (Some(stops), Some(covers)) = (&also.stops, stopped) {
            self.stop_sender(covers, stops, &mut ledger.pauses).await?;
        }
        if let Some(text) = &also.policy_refusal {
            let blocked = ledger
                .pauses
                .get(&Covers::Sender(sender.clone()).key())
                .is_some_and(|pause| pause.kind == PauseKind::Blocked && pause.answer.to_string() == *text);
            if blocked {
                ledger.again.push(delivery.id);
                return Ok(());
            }
            let fresh = || Run { text: text.clone(), deliveries: Vec::new() };
            let run = ledger.runs.entry(sender.clone()).or_insert_with(fresh);
            if run.text != *text {
                *run = fresh();
            }
            if !run.deliveries.contains(&delivery.id) {
                run.deliveries.push(delivery.id);
            }
            ledger.changed_runs.insert(sender.clone());
            if run.deliveries.len() >= self.policy.breaker as usize {
                let run = ledger.runs.remove(sender);
                ledger.again.extend(run.into_iter().flat_map(|run| run.deliveries));
                let answer = delivery.answer.clone().unwrap_or_default();
                let stops = Stops::blocked(Scope::Sender, &answer, &self.policy);
                self.stop_sender(Covers::Sender(sender.clone()), &stops, &mut ledger.pauses).await?;
            }
        }
        Ok(())
    }

    async fn resume_sender(&mut self, key: &str, ledger: &mut Ledger) -> Step<()> {
        sqlx::query("DELETE FROM invite_sender_pause WHERE pause_key = ?")
            .bind(key.to_owned())
            .execute(self.db())
            .await?;
        if let Some(pause) = ledger.pauses.remove(key) {
            self.event_for_all(Happening::SenderResumed { covers: pause.covers });
        }
        Ok(())
    }

    async fn stop_sender(
        &mut self,
        covers: Covers,
        stops: &Stops,
        pauses: &mut BTreeMap<String, SenderPause>,
    ) -> Step<()> {
        let key = covers.key();
        let existing = pauses.get(&key);
        let was_blocked = existing.is_some_and(|pause| pause.kind == PauseKind::Blocked);
        let by_hand = existing.is_some_and(|pause| pause.kind == PauseKind::ByHand);
        if by_hand || (was_blocked && stops.kind == PauseKind::Throttled) {
            return Ok(());
        }
        let since = existing.filter(|_| was_blocked).map_or(self.now, |existing| existing.since);
        let pause = SenderPause {
            covers,
            kind: stops.kind,
            answer: stops.answer.clone(),
            since,
            next_at: Some(self.now + delta(stops.pause)),
        };
        self.keep_pause(&key, &pause).await?;
        if stops.kind == PauseKind::Blocked && !was_blocked {
            let (covers, answer) = (pause.covers.clone(), pause.answer.to_string());
            self.event_for_all(Happening::SenderPaused { covers, answer });
        }
        pauses.insert(key, pause);
        Ok(())
    }

    /// Counts an outcome for the brake.
    async fn count(&mut self, delivery: &Delivery, hard_failure: bool, ledger: &mut Ledger) -> Step<()> {
        let (organisation, batch) = (delivery.organisation, delivery.batch.id);
        let Some(brake) = ledger.brakes.get_mut(&(organisation, batch)) else { return Ok(()) };
        if let Some(because) = brake.count(hard_failure, &self.policy) {
            sqlx::query(
                "UPDATE invite_batch SET state = 'paused', paused_because = ?
                 WHERE organisation = ? AND id = ?",
            )
            .bind(because.clone())
            .bind(organisation.blob())
            .bind(batch.blob())
            .execute(self.db())
            .await?;
            self.event(organisation, Happening::BatchPaused { batch, because });
            self.add(Count::Brake, 1);
        }
        Ok(())
    }

    async fn close_ledger(&mut self, mut ledger: Ledger) -> Step<Vec<DeliveryId>> {
        let again = self.retry(std::mem::take(&mut ledger.again), &mut ledger.brakes).await?;
        for ((organisation, batch), brake) in &ledger.brakes {
            sqlx::query(
                "UPDATE invite_batch SET outcomes = ?, hard_failures = ? WHERE organisation = ? AND id = ?",
            )
            .bind(i64::from(brake.outcomes))
            .bind(i64::from(brake.hard_failures))
            .bind(organisation.blob())
            .bind(batch.blob())
            .execute(self.db())
            .await?;
        }
        if !ledger.told.is_empty() {
            let list: Vec<_> = ledger.told.iter().map(|(o, i)| json!([o.hex(), i.hex()])).collect();
            sqlx::query(
                "UPDATE invite_invitation SET told = 1 WHERE (organisation, id) IN (
                     SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each(?))",
            )
            .bind(json(&list))
            .execute(self.db())
            .await?;
        }
        for sender in &ledger.changed_runs {
            self.keep_run(sender, ledger.runs.get(sender)).await?;
        }
        Ok(again)
    }

    async fn keep_run(&mut self, sender: &SenderKey, run: Option<&Run>) -> Step<()> {
        sqlx::query("DELETE FROM invite_refusal WHERE sender = ?")
            .bind(sender.0.clone())
            .execute(self.db())
            .await?;
        for id in run.iter().flat_map(|run| &run.deliveries) {
            sqlx::query("INSERT INTO invite_refusal (sender, delivery, answer) VALUES (?, ?, ?)")
                .bind(sender.0.clone())
                .bind(id.blob())
                .bind(run.map(|run| run.text.clone()))
                .execute(self.db())
                .await?;
        }
        Ok(())
    }

    /// Puts refused messages back into the queue, those of stopped batches left out. They were the sender's failures,
    /// not their batch's. Gives those that went.
    async fn retry(
        &mut self,
        ids: Vec<DeliveryId>,
        brakes: &mut HashMap<(OrganisationId, BatchId), Brake>,
    ) -> Step<Vec<DeliveryId>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = deliveries(self.db(), ids).await?;
        rows.retain(|delivery| {
            delivery.standing.reason == Some(EndReason::PolicyRefused)
                && stopped_because(delivery.batch.state).is_none()
        });
        for delivery in &mut rows {
            self.step(delivery, DeliveryEvent::Retry);
            let key = (delivery.organisation, delivery.batch.id);
            brakes.entry(key).or_insert_with(|| brake_of(delivery)).take_back();
            sqlx::query(
                "UPDATE invite_batch SET finished = 0, finished_at = NULL
                 WHERE organisation = ? AND id = ? AND finished = 1",
            )
            .bind(delivery.organisation.blob())
            .bind(delivery.batch.id.blob())
            .execute(self.db())
            .await?;
        }
        self.save_deliveries(&rows).await?;
        Ok(rows.iter().map(|delivery| delivery.id).collect())
    }

    /// Keeps what providers report. Whether there are such messages, in the order asked.
    pub(crate) async fn report(&mut self, reports: Vec<Reported>) -> Step<Vec<bool>> {
        let rows = deliveries(self.db(), reports.iter().map(|report| report.delivery)).await?;
        let mut rows: HashMap<DeliveryId, Delivery> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut known = Vec::with_capacity(reports.len());
        let mut arrived = Vec::new();
        for Reported { delivery, report, concerns, answer } in reports {
            let row = rows.get_mut(&delivery);
            known.push(row.is_some());
            let Some(row) = row else { continue };
            let before = self.step(row, DeliveryEvent::Report(report));
            if before != row.standing {
                if let Some(stops) = report_stops(concerns, &answer, &self.policy) {
                    let covers = Covers::of(stops.scope, &row.sender, &row.account, &row.destination);
                    let mut there = pauses(self.db()).await?;
                    self.stop_sender(covers, &stops, &mut there).await?;
                }
                row.answer = Some(answer);
                if shows_acceptance(row.standing.state) {
                    row.sent_at.get_or_insert(self.now);
                    let outcome = Outcome::Accepted(Receipt(String::new()));
                    arrived.push(Change { delivery: row.clone(), before, outcome });
                }
            }
            if let (Some(reason), Some(address)) = (report_suppresses(report, concerns), row.address.clone())
            {
                self.suppress_address(row, &address, reason).await?;
            }
        }
        self.save_deliveries(rows.values()).await?;
        self.follow_late_acceptances(arrived).await?;
        Ok(known)
    }
}
