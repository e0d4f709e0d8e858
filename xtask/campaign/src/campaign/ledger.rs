//! On which hand-overs faults fell.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One hand-over of a message, as far as a fault that fell on it knew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum HandOver {
    /// By the attempt that the database counted.
    Attempt(u32),
    /// By the mail server's number of the conversation.
    Conversation(u64),
}

/// A fault on a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Blow {
    /// On the worker of this name; on whichever it was, where that is not known.
    worker: Option<String>,
    hand_over: HandOver,
}

#[derive(Debug, Default)]
struct Entries {
    /// By the address of the message's person, of whom each has one message.
    blows: HashMap<String, HashSet<Blow>>,
    /// Faults by kind and phase.
    faults: BTreeMap<(String, String), u32>,
    /// Hand-overs whose worker was late, and no fault fell on it.
    late: u64,
}

/// The book of all faults.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Entries>);

impl Ledger {
    /// A fault was injected.
    pub(crate) fn fault(&self, kind: impl Into<String>, phase: impl Into<String>) {
        *self.entries().faults.entry((kind.into(), phase.into())).or_default() += 1;
    }

    /// It fell on a hand-over that the database knows.
    pub(crate) fn fell_on_attempt(&self, to: &str, worker: Option<&str>, attempt: u32) {
        self.blow(to, worker, HandOver::Attempt(attempt));
    }

    /// It fell on a hand-over that the mail server knows.
    pub(crate) fn fell_on_conversation(&self, to: &str, worker: &str, conversation: u64) {
        self.blow(to, Some(worker), HandOver::Conversation(conversation));
    }

    /// No fault fell on this hand-over of the worker that had the message last, and yet its lease is renewed late. What fell
    /// on another worker meanwhile, or on another hand-over of the message, explains nothing of it.
    pub(crate) fn renewed_late(&self, to: &str, worker: Option<&str>, attempt: u32) {
        let mut entries = self.entries();
        let blows = entries.blows.entry(to.to_owned()).or_default();
        let hand_over = HandOver::Attempt(attempt);
        let known = blows.iter().any(|blow| {
            let of_it = blow.worker.is_none() || blow.worker.as_deref() == worker;
            // A conversation of the worker may be this hand-over.
            let conversation = matches!(blow.hand_over, HandOver::Conversation(_));
            of_it && (blow.hand_over == hand_over || conversation)
        });
        if !known {
            blows.insert(Blow { worker: worker.map(str::to_owned), hand_over });
            entries.late += 1;
        }
    }

    /// The worker gave up before the mail server had answered, or may have, whatever fault was injected.
    pub(crate) fn gave_up(&self, to: &str, worker: &str, conversation: u64) {
        let mut entries = self.entries();
        let blows = entries.blows.entry(to.to_owned()).or_default();
        if !blows.iter().any(|blow| blow.worker.as_deref().is_none_or(|name| name == worker)) {
            let hand_over = HandOver::Conversation(conversation);
            blows.insert(Blow { worker: Some(worker.to_owned()), hand_over });
            entries.late += 1;
        }
    }

    /// Whether a fault explains that what this worker handed over was not recorded.
    pub(crate) fn explains(&self, to: &str, worker: &str) -> bool {
        let entries = self.entries();
        let mut blows = entries.blows.get(to).into_iter().flatten();
        blows.any(|blow| blow.worker.as_deref().is_none_or(|name| name == worker))
    }

    /// Whether a fault fell on this worker when it had the message at an earlier attempt than this.
    pub(crate) fn had_before(&self, to: &str, worker: &str, attempt: u32) -> bool {
        let entries = self.entries();
        let mut blows = entries.blows.get(to).into_iter().flatten();
        blows.any(|blow| {
            blow.worker.as_deref() == Some(worker)
                && matches!(blow.hand_over, HandOver::Attempt(before) if before < attempt)
        })
    }

    /// On how many hand-overs of a message a fault fell.
    pub(crate) fn on(&self, to: &str) -> usize {
        let entries = self.entries();
        let blows = entries.blows.get(to).into_iter().flatten();
        blows.map(|blow| &blow.hand_over).collect::<HashSet<_>>().len()
    }

    /// The faults that fell on a message's hand-overs, in words.
    pub(crate) fn words(&self, to: &str) -> Vec<String> {
        let entries = self.entries();
        let blows = entries.blows.get(to).into_iter().flatten();
        let mut words: Vec<String> = blows
            .map(|Blow { worker, hand_over }| {
                let worker = worker.as_deref().unwrap_or("all");
                match hand_over {
                    HandOver::Attempt(attempt) => format!("{worker}, attempt {attempt}"),
                    HandOver::Conversation(number) => format!("{worker}, conversation {number}"),
                }
            })
            .collect();
        words.sort();
        words
    }

    pub(crate) fn count(&self) -> u32 {
        self.entries().faults.values().sum()
    }

    pub(crate) fn faults(&self) -> BTreeMap<(String, String), u32> {
        self.entries().faults.clone()
    }

    pub(crate) fn late(&self) -> u64 {
        self.entries().late
    }

    /// How many messages a fault fell on while they were handed over.
    pub(crate) fn messages(&self) -> usize {
        self.entries().blows.len()
    }

    fn blow(&self, to: &str, worker: Option<&str>, hand_over: HandOver) {
        let blow = Blow { worker: worker.map(str::to_owned), hand_over };
        self.entries().blows.entry(to.to_owned()).or_default().insert(blow);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_explains_what_its_own_worker_did_and_nothing_else() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt("kari", Some("w1"), 1);
        ledger.fell_on_attempt("ola", None, 1);
        assert!(ledger.explains("kari", "w1") && !ledger.explains("kari", "w2"));
        assert!(ledger.explains("ola", "w2") && !ledger.explains("eva", "w1"));
    }

    #[test]
    fn a_worker_is_late_by_itself_where_no_fault_fell_on_it() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt("kari", Some("w1"), 1);
        ledger.renewed_late("kari", Some("w1"), 1);
        assert_eq!((ledger.late(), ledger.explains("kari", "w2")), (0, false));
        ledger.renewed_late("kari", Some("w2"), 1);
        assert_eq!((ledger.late(), ledger.explains("kari", "w2")), (1, true));
    }

    #[test]
    fn what_fell_on_others_meanwhile_or_on_another_hand_over_does_not_hide_that_one_is_late() {
        let ledger = Ledger::default();
        ledger.fell_on_attempt("kari", Some("w1"), 1);
        ledger.renewed_late("kari", None, 1);
        assert_eq!((ledger.late(), ledger.explains("kari", "w2")), (1, true));
        ledger.fell_on_attempt("ola", None, 1);
        ledger.renewed_late("ola", Some("w2"), 1);
        assert_eq!((ledger.late(), ledger.on("ola")), (1, 1));
        ledger.renewed_late("ola", Some("w2"), 2);
        assert_eq!((ledger.late(), ledger.on("ola")), (2, 2));
    }
}
