//! Why a message in the queue waits, and until when.

use chrono::{DateTime, Utc};

use crate::model::batch::BatchState;
use crate::model::delivery::WaitCause;

/// A queued message of a confirmed batch, or many that have all of this in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// Its batch's state.
    pub batch: BatchState,
    /// Nothing of the batch leaves before this.
    pub not_before: DateTime<Utc>,
    /// Whether the batch goes to its first people only, and this is for another one.
    pub beyond_pilot: bool,
    /// Where its sender is stopped: until when, as far as is known.
    pub stopped: Option<Option<DateTime<Utc>>>,
    /// When it is due of itself.
    pub due_at: DateTime<Utc>,
    /// Why it is due only then.
    pub waits_for: Option<WaitCause>,
}

/// Why it waits, and until when as far as is known; none where it is due, or its batch goes on no more.
pub fn waits(queued: &Queued, now: DateTime<Utc>) -> Option<(WaitCause, Option<DateTime<Utc>>)> {
    match queued.batch {
        BatchState::Running | BatchState::Paused => {}
        BatchState::Planned | BatchState::Cancelled | BatchState::Recalled => return None,
    }
    if queued.beyond_pilot {
        Some((WaitCause::Pilot, None))
    } else if queued.batch == BatchState::Paused {
        Some((WaitCause::Paused, None))
    } else if queued.not_before > now {
        Some((WaitCause::Start, Some(queued.not_before)))
    } else if let Some(until) = queued.stopped {
        Some((WaitCause::Sender, until))
    } else if queued.due_at > now {
        Some((queued.waits_for.unwrap_or(WaitCause::NextAttempt), Some(queued.due_at)))
    } else {
        None
    }
}
