//! What a worker did.

use std::sync::Mutex;

use crate::model::delivery::DeliveryState;
use crate::port::queue::Waiting;

/// What a worker did, in messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkReport {
    /// Accepted by a provider.
    pub sent: u64,
    /// Ended without being sent: refused, tried often enough, or impossible to render.
    pub failed: u64,
    /// Ended without anybody knowing whether they were sent.
    pub unknown: u64,
    /// Put back for later: the provider asked to wait, nothing goes out there for now, or it is night there.
    pub put_off: u64,
    /// Not sent since something changed after the plan.
    pub cancelled: u64,
    /// Outcomes that were not kept, since another worker had taken the message over; or that had been kept already by a call
    /// whose answer was lost on the way.
    pub fenced: u64,
    /// Outcomes that the store refused to keep: each is an error in the log, with its message's id. Its lease lapses, and it
    /// is sent once more, or shown as unknown.
    pub not_kept: u64,
    /// What was left in the queue at the end.
    pub waiting: Waiting,
}

/// The report in the making.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<WorkReport>);

impl Tally {
    pub(super) fn count(&self, state: Option<DeliveryState>) {
        use DeliveryState as S;
        let mut report = self.0.lock().expect("nobody panics with it");
        let counter = match state {
            None => &mut report.fenced,
            Some(S::Failed) => &mut report.failed,
            Some(S::Unknown) => &mut report.unknown,
            Some(S::Planned | S::Queued | S::Claimed | S::HandingOver) => &mut report.put_off,
            Some(S::Cancelled | S::Suppressed) => &mut report.cancelled,
            Some(S::Sent | S::Delivered | S::Bounced | S::Complained) => &mut report.sent,
        };
        *counter += 1;
    }

    pub(super) fn cancelled(&self) {
        self.0.lock().expect("nobody panics with it").cancelled += 1;
    }

    pub(super) fn put_off(&self) {
        self.0.lock().expect("nobody panics with it").put_off += 1;
    }

    pub(super) fn not_kept(&self) {
        self.0.lock().expect("nobody panics with it").not_kept += 1;
    }

    pub(super) fn report(&self, waiting: Waiting) -> WorkReport {
        let mut report = self.0.lock().expect("nobody panics with it").clone();
        report.waiting = waiting;
        report
    }
}
