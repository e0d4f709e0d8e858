//! The batch machine.
//!
//! | from | event | to |
//! |---|---|---|
//! | planned | confirm | running |
//! | running | pause | paused |
//! | paused | resume | running |
//! | planned, running, paused | cancel | cancelled |
//! | planned, running, paused, cancelled | recall | recalled |
//!
//! "Finished" is no state: a running batch is finished while nothing of it is on its way, so a fallback or a retry
//! reopens it by itself, and a finished batch can still be cancelled or recalled. An event that leads to the state
//! that the batch is in already changes nothing: pressing twice is pressing once.

use crate::model::batch::BatchState;
use crate::model::delivery::EndReason;

/// What can happen to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchEvent {
    /// An administrator confirms the plan.
    Confirm,
    /// A person or the brake stops it for now.
    Pause,
    /// A person lets it go on.
    Resume,
    /// A person stops it for good.
    Cancel,
    /// A person takes back what it did.
    Recall,
}

/// An event that does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {from} batch cannot be {}", self.what())]
pub struct WrongBatchState {
    /// The state it is in.
    pub from: BatchState,
    /// The event that does not fit.
    pub event: BatchEvent,
}

impl WrongBatchState {
    fn what(self) -> &'static str {
        match self.event {
            BatchEvent::Confirm => "confirmed",
            BatchEvent::Pause => "paused",
            BatchEvent::Resume => "resumed",
            BatchEvent::Cancel => "cancelled",
            BatchEvent::Recall => "recalled",
        }
    }
}

/// The state after `event`.
///
/// ```
/// use invite_core::machine::batch::{BatchEvent, next};
/// use invite_core::model::batch::BatchState;
///
/// assert_eq!(next(BatchState::Running, BatchEvent::Pause), Ok(BatchState::Paused));
/// let error = next(BatchState::Cancelled, BatchEvent::Resume).unwrap_err();
/// assert_eq!(error.to_string(), "a cancelled batch cannot be resumed");
/// ```
pub fn next(from: BatchState, event: BatchEvent) -> Result<BatchState, WrongBatchState> {
    use BatchEvent as E;
    use BatchState as S;
    match (event, from) {
        (E::Confirm, S::Planned | S::Running) | (E::Resume, S::Paused | S::Running) => Ok(S::Running),
        (E::Pause, S::Running | S::Paused) => Ok(S::Paused),
        (E::Cancel, S::Planned | S::Running | S::Paused | S::Cancelled) => Ok(S::Cancelled),
        (E::Recall, _) => Ok(S::Recalled),
        _ => Err(WrongBatchState { from, event }),
    }
}

/// Why its messages are cancelled, if it was stopped for good.
pub const fn stopped_because(state: BatchState) -> Option<EndReason> {
    match state {
        BatchState::Cancelled => Some(EndReason::BatchCancelled),
        BatchState::Recalled => Some(EndReason::BatchRecalled),
        BatchState::Planned | BatchState::Running | BatchState::Paused => None,
    }
}
