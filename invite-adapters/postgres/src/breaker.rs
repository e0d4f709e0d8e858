//! What outcomes do to senders: they block them, slow them down, and show that they work again.

use std::collections::{BTreeMap, BTreeSet};

use invite_core::decision::record::{Consequences, Stops};
use invite_core::machine::delivery::DeliveryEvent;
use invite_core::model::delivery::EndReason;
use invite_core::model::event::Happening;
use invite_core::model::id::DeliveryId;
use invite_core::model::outcome::Scope;
use invite_core::model::sender::{Covers, PauseKind, SenderKey, SenderPause, matching};

use crate::alone::Alone;
use crate::claim::pauses;
use crate::deliveries::Delivery;
use crate::error::Step;
use crate::rows::{Columns, delta, uuids};
use crate::write::Write;

/// What stops senders, and what may stop them soon.
struct Senders {
    pauses: BTreeMap<String, SenderPause>,
    runs: BTreeMap<SenderKey, Run>,
    /// Senders whose run is another one now.
    changed: BTreeSet<SenderKey>,
    /// Messages that go back to the queue.
    again: Vec<DeliveryId>,
}

/// Identical policy refusals in a row.
struct Run {
    text: String,
    deliveries: Vec<DeliveryId>,
}

impl Senders {
    fn is_blocked(&self, key: &str) -> bool {
        self.pauses.get(key).is_some_and(|pause| pause.kind == PauseKind::Blocked)
    }

    /// Whether an outcome changes anything here.
    fn change_by(&self, delivery: &Delivery, also: &Consequences) -> bool {
        let Delivery { sender, account, destination, .. } = delivery;
        let waits_for_one_that_works = || {
            self.runs.contains_key(sender)
                || matching(sender, account, destination).iter().any(|key| self.is_blocked(key))
        };
        also.stops.is_some()
            || also.policy_refusal.is_some()
            || (also.sender_works && waits_for_one_that_works())
    }
}

impl Write {
    /// What outcomes do to their senders, in their order. Gives the messages that go back to the queue.
    pub(crate) async fn follow_for_senders(
        &mut self,
        outcomes: &[(&Delivery, Consequences)],
    ) -> Step<Vec<DeliveryId>> {
        let senders = self.senders().await?;
        if !outcomes.iter().any(|(delivery, also)| senders.change_by(delivery, also)) {
            return Ok(Vec::new());
        }
        self.db().alone(Alone::ChangingSenders).await?;
        let mut senders = self.senders().await?;
        for (delivery, also) in outcomes {
            self.follow_for_sender(delivery, also, &mut senders).await?;
        }
        for sender in &senders.changed {
            self.keep_run(sender, senders.runs.get(sender)).await?;
        }
        self.queue_again(senders.again).await
    }

    async fn senders(&mut self) -> Step<Senders> {
        let pauses = pauses(self.db()).await?;
        let mut runs: BTreeMap<SenderKey, Run> = BTreeMap::new();
        let rows = self
            .query("SELECT sender, delivery, answer FROM invite.refusal ORDER BY sender, delivery")
            .fetch_all(self.db().connection())
            .await?;
        for row in rows {
            let text = row.text("answer")?;
            let run = runs.entry(SenderKey(row.text("sender")?));
            run.or_insert(Run { text, deliveries: Vec::new() }).deliveries.push(row.id("delivery")?);
        }
        Ok(Senders { pauses, runs, changed: BTreeSet::new(), again: Vec::new() })
    }

    async fn follow_for_sender(
        &mut self,
        delivery: &Delivery,
        also: &Consequences,
        senders: &mut Senders,
    ) -> Step<()> {
        let Delivery { sender, account, destination, .. } = delivery;
        let stopped = also.stops.as_ref().map(|stops| Covers::of(stops.scope, sender, account, destination));
        if also.sender_works {
            for key in matching(sender, account, destination) {
                let is_blocked =
                    senders.pauses.get(&key).is_some_and(|pause| pause.kind == PauseKind::Blocked);
                if is_blocked && stopped.as_ref().is_none_or(|covers| covers.key() != key) {
                    self.resume_sender(&key, senders).await?;
                }
            }
            if senders.runs.remove(sender).is_some() {
                senders.changed.insert(sender.clone());
            }
        }
        if let (Some(stops), Some(covers)) = (&also.stops, stopped) {
            self.stop_sender(covers, stops, senders).await?;
        }
        if let Some(text) = &also.policy_refusal {
            let blocked = senders
                .pauses
                .get(&Covers::Sender(sender.clone()).key())
                .is_some_and(|pause| pause.kind == PauseKind::Blocked && pause.answer.to_string() == *text);
            if blocked {
                senders.again.push(delivery.id);
                return Ok(());
            }
            let fresh = || Run { text: text.clone(), deliveries: Vec::new() };
            let run = senders.runs.entry(sender.clone()).or_insert_with(fresh);
            if run.text != *text {
                *run = fresh();
            }
            if !run.deliveries.contains(&delivery.id) {
                run.deliveries.push(delivery.id);
            }
            senders.changed.insert(sender.clone());
            if run.deliveries.len() >= self.policy.breaker as usize {
                let run = senders.runs.remove(sender);
                senders.again.extend(run.into_iter().flat_map(|run| run.deliveries));
                let answer = delivery.answer.clone().unwrap_or_default();
                let stops = Stops::blocked(Scope::Sender, &answer, &self.policy);
                self.stop_sender(Covers::Sender(sender.clone()), &stops, senders).await?;
            }
        }
        Ok(())
    }

    async fn resume_sender(&mut self, key: &str, senders: &mut Senders) -> Step<()> {
        self.query("DELETE FROM invite.sender_pause WHERE pause_key = $1")
            .bind(key.to_owned())
            .execute(self.db().connection())
            .await?;
        if let Some(pause) = senders.pauses.remove(key) {
            self.event_for_all(Happening::SenderResumed { covers: pause.covers });
        }
        Ok(())
    }

    async fn stop_sender(&mut self, covers: Covers, stops: &Stops, senders: &mut Senders) -> Step<()> {
        let key = covers.key();
        let existing = senders.pauses.get(&key);
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
        senders.pauses.insert(key, pause);
        Ok(())
    }

    async fn keep_run(&mut self, sender: &SenderKey, run: Option<&Run>) -> Step<()> {
        self.query("DELETE FROM invite.refusal WHERE sender = $1")
            .bind(sender.0.clone())
            .execute(self.db().connection())
            .await?;
        let Some(run) = run else { return Ok(()) };
        self.query("INSERT INTO invite.refusal (sender, delivery, answer) SELECT $1, w.id, $3 FROM unnest($2::uuid[]) AS w (id)")
            .bind(sender.0.clone())
            .bind(uuids(run.deliveries.iter().copied()))
            .bind(run.text.clone())
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// Puts refused messages back into the queue, those of stopped batches left out. They were the sender's failures,
    /// not their batch's. Gives those that went.
    async fn queue_again(&mut self, ids: Vec<DeliveryId>) -> Step<Vec<DeliveryId>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.hold_deliveries(ids).await?;
        rows.retain(|delivery| {
            delivery.standing.reason == Some(EndReason::PolicyRefused)
                && delivery.batch.stopped_because().is_none()
        });
        for delivery in &mut rows {
            self.step(delivery, DeliveryEvent::Retry);
            self.take_back(delivery.organisation, delivery.batch.id);
        }
        self.save_deliveries(&rows).await?;
        self.query(
            "UPDATE invite.batch AS b SET finished = false, finished_at = NULL
             FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             WHERE b.organisation = w.organisation AND b.id = w.id AND b.finished",
        )
        .bind(uuids(rows.iter().map(|delivery| delivery.organisation)))
        .bind(uuids(rows.iter().map(|delivery| delivery.batch.id)))
        .execute(self.db().connection())
        .await?;
        Ok(rows.iter().map(|delivery| delivery.id).collect())
    }
}
