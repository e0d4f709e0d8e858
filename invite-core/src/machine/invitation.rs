//! The invitation machine.
//!
//! | from | event | to |
//! |---|---|---|
//! | pending, expired | come (accepted it, set a password, signed in) | accepted |
//! | pending | expire | expired |
//! | pending, expired | remind | pending |
//! | pending, expired | revoke(reason) | revoked(reason) |
//! | accepted, revoked | anything | as it was |
//!
//! The ends stay: a step that comes too late changes nothing, so that sweeps and repeated calls are harmless.

use crate::model::invitation::{InvitationState, RevokeReason};

/// What can happen to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvitationEvent {
    /// The person came.
    Come,
    /// The newest credential is too old.
    Expire,
    /// A reminder adds a credential.
    Remind,
    /// It is taken back.
    Revoke(RevokeReason),
}

/// The state after `event`.
///
/// ```
/// use invite_core::machine::invitation::{InvitationEvent, next};
/// use invite_core::model::invitation::InvitationState;
///
/// assert_eq!(next(InvitationState::Expired, InvitationEvent::Remind), InvitationState::Pending);
/// assert_eq!(next(InvitationState::Accepted, InvitationEvent::Expire), InvitationState::Accepted);
/// ```
pub const fn next(from: InvitationState, event: InvitationEvent) -> InvitationState {
    use InvitationEvent as E;
    use InvitationState as S;
    match (from, event) {
        (S::Accepted | S::Revoked(_), _) => from,
        (S::Pending | S::Expired, E::Come) => S::Accepted,
        (S::Pending | S::Expired, E::Expire) => S::Expired,
        (S::Pending | S::Expired, E::Remind) => S::Pending,
        (S::Pending | S::Expired, E::Revoke(reason)) => S::Revoked(reason),
    }
}

/// Whether a person can still come by it, now or after a reminder.
pub const fn is_open(state: InvitationState) -> bool {
    matches!(state, InvitationState::Pending | InvitationState::Expired)
}
