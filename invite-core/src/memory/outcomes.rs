//! What became of hand-overs: recorded outcomes, providers' reports, leases that lapsed.

use super::transaction::{DeliveryKey, Transaction};
use crate::decision::record::{report_stops, report_suppresses};
use crate::machine::delivery::{DeliveryEvent, shows_acceptance};
use crate::model::delivery::DeliveryState;
use crate::model::outcome::{Answer, Outcome, Receipt};
use crate::port::queue::{HandOverResult, RecordDelivery, Reported};

impl Transaction<'_> {
    /// Keeps an outcome with everything that follows; gives where the message stands now, or none where the claim is
    /// out of date.
    pub(super) fn record(&mut self, recorded: RecordDelivery) -> Option<DeliveryState> {
        let key = self.held(recorded.token, recorded.id, DeliveryState::HandingOver)?;
        if recorded.result.stayed_behind() {
            self.state.text_messages.remove(&key);
        }
        match recorded.result {
            HandOverResult::NotCalled => {
                self.step(key, DeliveryEvent::NotCalled);
            }
            HandOverResult::Locked(answer) => {
                self.keep_answer(key, answer);
                self.step(key, DeliveryEvent::Locked);
            }
            HandOverResult::Damaged(answer) => {
                self.wipe_damaged(key);
                self.keep_answer(key, answer.clone());
                let deferred = Outcome::Deferred { retry_after: None, answer };
                let (before, after) = self.step(key, DeliveryEvent::Outcome(&deferred));
                self.follow(key, &before, &after);
            }
            HandOverResult::NotRendered(answer) => {
                self.keep_answer(key, answer);
                let (before, after) = self.step(key, DeliveryEvent::NotRendered);
                self.follow(key, &before, &after);
            }
            HandOverResult::Outcome(outcome) => {
                match &outcome {
                    Outcome::Accepted(receipt) => self.keep_receipt(key, receipt.clone()),
                    Outcome::Refused { answer, .. }
                    | Outcome::Deferred { answer, .. }
                    | Outcome::Throttled { answer, .. }
                    | Outcome::Blocked { answer, .. }
                    | Outcome::Unknown { answer } => self.keep_answer(key, answer.clone()),
                }
                let (before, after) = self.step(key, DeliveryEvent::Outcome(&outcome));
                self.follow_outcome(key, &before, &after, &outcome);
            }
        }
        Some(self.delivery(key).standing.state)
    }

    /// The worker that held a message was not heard of in time.
    pub(super) fn lose(&mut self, key: DeliveryKey, alone: bool) {
        let (before, after) = self.step(key, DeliveryEvent::LeaseLost { alone });
        if before.state == DeliveryState::HandingOver && shows_acceptance(after.state) {
            // A report had come about it, so the provider had accepted it.
            self.note_sent(key);
            self.follow_outcome(key, &before, &after, &Outcome::Accepted(Receipt(String::new())));
        } else {
            self.follow(key, &before, &after);
        }
    }

    /// Keeps what a provider reports; says whether there is such a message. A report that says nothing new changes
    /// nothing.
    pub(super) fn report(&mut self, reported: Reported) -> bool {
        let Some(organisation) = self.state.delivery_organisations.get(&reported.delivery) else {
            return false;
        };
        let key = (*organisation, reported.delivery);
        let (before, after) = self.step(key, DeliveryEvent::Report(reported.report));
        if before != after {
            if let Some(stops) = report_stops(reported.concerns, &reported.answer, &self.policy) {
                self.stop(key, &stops);
            }
            self.keep_answer(key, reported.answer);
            if shows_acceptance(after.state) {
                self.note_sent(key);
            }
            self.tell_end(key, &before, &after);
            self.follow_late_acceptance(key, &before, &after);
        }
        if let Some(reason) = report_suppresses(reported.report, reported.concerns) {
            self.suppress_address(key, reason);
        }
        true
    }

    /// The sealed secret of a message is of no use: the next attempt mints another one.
    fn wipe_damaged(&mut self, (organisation, id): DeliveryKey) {
        let row = self.delivery((organisation, id));
        let invitation = row.invitation;
        let generation = self.item(organisation, row.batch, row.user).generation;
        let row = self.state.invitations.get_mut(&(organisation, invitation));
        let credential =
            row.zip(generation).and_then(|(row, generation)| row.credentials.get_mut(&generation));
        if let Some(credential) = credential {
            credential.sealed = None;
        }
    }

    fn keep_answer(&mut self, key: DeliveryKey, answer: Answer) {
        let row = self.state.deliveries.get_mut(&key).expect("it is there");
        // An answer may quote an address that was removed.
        row.answer = Some(answer).filter(|_| !row.address.is_empty());
    }

    fn keep_receipt(&mut self, key: DeliveryKey, receipt: Receipt) {
        let row = self.state.deliveries.get_mut(&key).expect("it is there");
        row.receipt = Some(receipt).filter(|_| !row.address.is_empty());
        self.note_sent(key);
    }

    /// Notes when a provider first took responsibility.
    fn note_sent(&mut self, key: DeliveryKey) {
        let now = self.now;
        self.state.deliveries.get_mut(&key).expect("it is there").sent_at.get_or_insert(now);
    }
}
