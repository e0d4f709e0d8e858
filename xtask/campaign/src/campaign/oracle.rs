//! Holds the journal of the mail server against the database, and both against where the faults fell.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use invite_core::model::delivery::{Delivery, DeliveryState};
use invite_core::model::id::{DeliveryId, OrganisationId};

use super::ledger::Ledger;
use crate::journal::Accepted;

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    NotAtRest,
    Lost,
    Ghost,
    Untouchable,
    TwiceWithoutFault,
    TooOften,
    StaleWrite,
    EndedWithoutFault,
    Miscounted,
    Secret,
    Event,
    Worker,
    Campaign,
}

impl Violation {
    pub(crate) const ALL: [Self; 13] = [
        Self::NotAtRest,
        Self::Lost,
        Self::Ghost,
        Self::Untouchable,
        Self::TwiceWithoutFault,
        Self::TooOften,
        Self::StaleWrite,
        Self::EndedWithoutFault,
        Self::Miscounted,
        Self::Secret,
        Self::Event,
        Self::Worker,
        Self::Campaign,
    ];
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotAtRest => "not ended when all was done",
            Self::Lost => "lost",
            Self::Ghost => "ghosts: arrived, and of no batch or not known",
            Self::Untouchable => "SSO users, planners, the rolled back: touched",
            Self::TwiceWithoutFault => "twice, no fault in its hand-over",
            Self::TooOften => "more than one extra e-mail",
            Self::StaleWrite => "stale writes",
            Self::EndedWithoutFault => "unknown or failed, too few faults on it",
            Self::Miscounted => "hand-overs that are not counted",
            Self::Secret => "secrets that do not work, or leak",
            Self::Event => "events missing or twice",
            Self::Worker => "workers that ended badly",
            Self::Campaign => "what the campaign could not do",
        })
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<(Violation, String)>,
    /// Messages by how they ended.
    pub(crate) ended: BTreeMap<&'static str, u64>,
}

impl Findings {
    pub(crate) fn add(&mut self, violation: Violation, what: impl IntoIterator<Item = impl Into<String>>) {
        self.violations.extend(what.into_iter().map(|what| (violation, what.into())));
    }

    pub(crate) fn count(&self, violation: Violation) -> usize {
        self.violations.iter().filter(|(found, _)| *found == violation).count()
    }
}

/// What the messages are held against.
pub(crate) struct Evidence<'a> {
    pub(crate) deliveries: &'a HashMap<DeliveryId, (OrganisationId, Delivery)>,
    pub(crate) journal: &'a [Accepted],
    pub(crate) ledger: &'a Ledger,
    /// How often the mail server asked for a message's text, by address.
    pub(crate) tried: &'a HashMap<String, u32>,
    pub(crate) untouchable: &'a HashSet<String>,
    /// How often a message is tried at most.
    pub(crate) attempts: u32,
}

impl Evidence<'_> {
    /// Judges every message.
    pub(crate) fn judge(&self) -> Findings {
        let mut findings = Findings::default();
        let mut copies: HashMap<DeliveryId, Vec<&Accepted>> = HashMap::new();
        for accepted in self.journal {
            copies.entry(accepted.delivery).or_default().push(accepted);
            if self.untouchable.contains(&accepted.to) {
                findings.add(Violation::Untouchable, [format!("{} got a message", accepted.to)]);
            }
            let of_batch = self.deliveries.get(&accepted.delivery);
            if of_batch.is_none_or(|(_, delivery)| delivery.address.as_ref() != Some(&accepted.to)) {
                let what = format!("{}: {} got it, and no batch has it", accepted.delivery, accepted.to);
                findings.add(Violation::Ghost, [what]);
            }
        }
        for copies in copies.values_mut() {
            copies.sort_by_key(|copy| copy.conversation);
        }
        for (_, delivery) in self.deliveries.values() {
            self.judge_one(delivery, copies.get(&delivery.id).map_or(&[], Vec::as_slice), &mut findings);
        }
        findings.violations.sort();
        findings
    }

    /// Copies in the order of the attempts that made them. That is the order of their conversations, but for a worker that
    /// was stopped between the beginning of its attempt and its conversation: when it goes on, another worker's attempt, a
    /// later one, may long be recorded.
    fn in_order_of_attempts<'a>(
        &self,
        delivery: &Delivery,
        to: &str,
        copies: &[&'a Accepted],
    ) -> Vec<&'a Accepted> {
        let mut copies = copies.to_vec();
        let recorded = copies.iter().position(|copy| kept_as(delivery) == Some(copy.number));
        if let (Some(recorded), Some(last)) = (recorded, copies.last())
            && copies[recorded].worker != last.worker
            && self.ledger.had_before(to, &last.worker, delivery.attempts)
        {
            let recorded = copies.remove(recorded);
            copies.push(recorded);
        }
        copies
    }

    fn judge_one(&self, delivery: &Delivery, copies: &[&Accepted], findings: &mut Findings) {
        let to = delivery.address.clone().unwrap_or_default();
        let copies = &*self.in_order_of_attempts(delivery, &to, copies);
        let (tried, faults) = (self.tried.get(&to).copied().unwrap_or_default(), self.ledger.on(&to));
        let mut add = |violation| {
            let Delivery { id, state, attempts, .. } = delivery;
            let reason = delivery.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            let words = self.ledger.words(&to);
            let by: Vec<&str> = copies.iter().map(|copy| copy.worker.as_str()).collect();
            let what = format!(
                "{id} to {to}: {state}{reason}, {attempts} attempts, {tried} tried, copies by {by:?}, faults on it: {words:?}"
            );
            findings.violations.push((violation, what));
        };
        let one_too_many = copies.len().saturating_sub(1);
        for copy in &copies[..one_too_many] {
            if !self.ledger.explains(&to, &copy.worker) {
                add(Violation::TwiceWithoutFault);
            }
        }
        if copies.len() > 2 {
            add(Violation::TooOften);
        }
        if delivery.attempts < tried {
            add(Violation::Miscounted);
        }
        let ended = match (delivery.state, copies.last()) {
            (DeliveryState::Sent, None) => {
                add(Violation::Lost);
                "lost"
            }
            (DeliveryState::Sent, Some(last)) => {
                // Had an earlier one been recorded, there would be no later one.
                if kept_as(delivery) != Some(last.number) {
                    add(Violation::StaleWrite);
                }
                if copies.len() == 1 { "sent" } else { "sent twice, a fault fell on the first" }
            }
            (DeliveryState::Unknown, last) => {
                // Two hand-overs had no end that anybody saw, and what arrived last was of one of them.
                if faults < 2 || last.is_some_and(|last| !self.ledger.explains(&to, &last.worker)) {
                    add(Violation::EndedWithoutFault);
                }
                match last {
                    Some(_) => "unknown, and arrived",
                    None => "unknown, and did not arrive",
                }
            }
            // The attempts that faults used up are given back here.
            (DeliveryState::Failed, _) => {
                if faults < self.attempts as usize {
                    add(Violation::EndedWithoutFault);
                }
                "failed, faults used up its attempts"
            }
            (DeliveryState::Cancelled, None) if self.untouchable.contains(&to) => {
                "cancelled, as it had to be"
            }
            (DeliveryState::Cancelled | DeliveryState::Suppressed, None) => {
                add(Violation::Lost);
                "cancelled, and nobody asked for it"
            }
            (state, last) => {
                if state.is_on_its_way() {
                    add(Violation::NotAtRest);
                }
                if last.is_some() {
                    add(Violation::Ghost);
                }
                "other"
            }
        };
        *findings.ended.entry(ended).or_default() += 1;
    }
}

/// The mail server's number of the message, as the receipt has it.
fn kept_as(delivery: &Delivery) -> Option<u64> {
    delivery.receipt.as_ref()?.0.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use invite_core::model::id::{BatchId, InvitationId, UserId};
    use invite_core::model::message::Channel;
    use invite_core::model::outcome::Receipt;

    use super::*;

    const TO: &str = "kari@links.example.com";

    #[test]
    fn one_extra_copy_is_allowed_where_a_fault_fell_on_its_own_hand_over() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt(TO, Some("w1"), 1);
        assert_eq!(judged(DeliveryState::Sent, &["w1", "w2"], 2, &ledger), []);
        assert_eq!(judged(DeliveryState::Sent, &["w2", "w1"], 2, &ledger), [Violation::TwiceWithoutFault]);
        assert_eq!(
            judged(DeliveryState::Sent, &["w1", "w2", "w3"], 3, &ledger),
            [Violation::TwiceWithoutFault, Violation::TooOften]
        );
    }

    #[test]
    fn a_receipt_of_an_earlier_copy_was_written_by_who_had_lost_the_message() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt(TO, Some("w1"), 1);
        assert_eq!(judged(DeliveryState::Sent, &["w1", "w2"], 1, &ledger), [Violation::StaleWrite]);
    }

    #[test]
    fn a_copy_of_an_earlier_attempt_may_arrive_after_that_of_the_last() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt(TO, Some("w1"), 2);
        assert_eq!(judged(DeliveryState::Sent, &["w2", "w1"], 1, &ledger), []);
        // The last of three attempts: its copy had to be recorded.
        let ledger = Ledger::default();
        ledger.fell_on_attempt(TO, Some("w1"), 3);
        ledger.fell_on_attempt(TO, Some("w2"), 2);
        assert_eq!(judged(DeliveryState::Sent, &["w2", "w1"], 1, &ledger), [Violation::StaleWrite]);
    }

    #[test]
    fn what_a_stale_write_made_unknown_had_no_fault_where_it_arrived_last() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt(TO, Some("w1"), 1);
        ledger.fell_on_attempt(TO, Some("w1"), 2);
        assert_eq!(judged(DeliveryState::Unknown, &["w1", "w1"], 0, &ledger), []);
        assert_eq!(judged(DeliveryState::Unknown, &["w1", "w2"], 0, &ledger), [Violation::EndedWithoutFault]);
    }

    #[test]
    fn what_is_gone_unknown_or_waits_without_a_fault_is_found() {
        let ledger = Ledger::default();
        for (state, violation) in [
            (DeliveryState::Sent, Violation::Lost),
            (DeliveryState::Unknown, Violation::EndedWithoutFault),
            (DeliveryState::Failed, Violation::EndedWithoutFault),
            (DeliveryState::Cancelled, Violation::Lost),
            (DeliveryState::Queued, Violation::NotAtRest),
        ] {
            assert_eq!(judged(state, &[], 0, &ledger), [violation], "{state}");
        }
        for attempt in 1..=3 {
            ledger.fell_on_attempt(TO, None, attempt);
        }
        assert_eq!(judged(DeliveryState::Unknown, &[], 0, &ledger), []);
        assert_eq!(judged(DeliveryState::Failed, &[], 0, &ledger), []);
    }

    fn judged(state: DeliveryState, by: &[&str], receipt: u64, ledger: &Ledger) -> Vec<Violation> {
        let (delivery, channel) = (DeliveryId::new(), Channel::Email);
        let copy = |(at, worker): (usize, &&str)| Accepted {
            delivery,
            channel,
            to: TO.into(),
            text: String::new(),
            worker: (*worker).into(),
            number: at as u64 + 1,
            conversation: at as u64,
        };
        let journal: Vec<Accepted> = by.iter().enumerate().map(copy).collect();
        let delivery = Delivery {
            id: delivery,
            batch: BatchId::new(),
            user: UserId::new(),
            invitation: InvitationId::new(),
            channel,
            address: Some(TO.into()),
            state,
            reason: None,
            answer: None,
            receipt: (receipt > 0).then(|| Receipt(format!("2.0.0 kept as {receipt}"))),
            attempts: 3,
            next_attempt_at: None,
            waits_for: None,
            sent_at: None,
            changed_at: DateTime::UNIX_EPOCH,
        };
        let evidence = Evidence {
            deliveries: &HashMap::from([(delivery.id, (OrganisationId::new(), delivery))]),
            journal: &journal,
            ledger,
            tried: &HashMap::from([(TO.to_owned(), 1)]),
            untouchable: &HashSet::new(),
            attempts: 3,
        };
        evidence.judge().violations.into_iter().map(|(violation, _)| violation).collect()
    }
}
