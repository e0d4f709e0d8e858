//! Whether a claimed message may still go, and with which credential. A store calls these inside its begin
//! transaction, with the facts that the worker read a moment ago.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::decide::{Case, decide};
use super::leave::same;
use super::quiet_hours;
use crate::machine::invitation;
use crate::model::batch::BatchState;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::{EndReason, WaitCause};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::{Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::Settings;
use crate::model::user::User;

/// What was planned for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned<'a> {
    /// What was decided for its user.
    pub decision: Decision,
    /// What its credential was to be; none where there is none.
    pub credential: Option<CredentialKind>,
    /// Its channel.
    pub channel: Channel,
    /// Its address.
    pub address: &'a str,
    /// Its batch's state.
    pub batch: BatchState,
    /// Whether the batch was confirmed with consent to resets.
    pub resets_consented: bool,
    /// The state of its invitation, if that was begun. One of a recalled batch counts as revoked.
    pub invitation: Option<InvitationState>,
}

/// Why a message does not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Not now: its batch is paused. Back to the queue.
    Release,
    /// Not before then, for this reason of its own. Back to the queue until it is over.
    Wait(DateTime<Utc>, WaitCause),
    /// Never.
    Cancel(EndReason),
}

/// Whether the message may go. `case` decides again: fresh facts, the batch's own rows left out.
pub fn may_go(planned: &Planned<'_>, case: &Case<'_>) -> Result<(), Stop> {
    match planned.batch {
        BatchState::Running => {}
        BatchState::Planned | BatchState::Paused => return Err(Stop::Release),
        BatchState::Cancelled => return Err(Stop::Cancel(EndReason::BatchCancelled)),
        BatchState::Recalled => return Err(Stop::Cancel(EndReason::BatchRecalled)),
    }
    if let Some(state) = planned.invitation
        && !invitation::is_open(state)
    {
        return Err(Stop::Cancel(closed(state)));
    }
    let fresh = decide(case);
    let user = match (fresh.decision, case.user) {
        (Decision::Skip(reason), _) => return Err(Stop::Cancel(no_longer(reason))),
        (_, None) => return Err(Stop::Cancel(EndReason::ChangedSincePlan)),
        (_, Some(user)) => user,
    };
    let consented = planned.decision != Decision::SendWithReset || planned.resets_consented;
    let same_credential =
        !planned.decision.wants_credential() || planned.credential == Some(case.settings.credential);
    let same = fresh.decision == planned.decision
        && (fresh.channels.contains(&planned.channel) || fresh.fallback == Some(planned.channel))
        && user.address(planned.channel).is_some_and(|address| same(address, planned.address));
    if !(consented && same && same_credential) {
        return Err(Stop::Cancel(EndReason::ChangedSincePlan));
    }
    match quiet_hours::waits_until(planned.channel, user, case.settings, case.now) {
        Some(until) => Err(Stop::Wait(until, WaitCause::QuietHours)),
        None => Ok(()),
    }
}

const fn closed(state: InvitationState) -> EndReason {
    match state {
        InvitationState::Revoked(RevokeReason::Recalled) => EndReason::BatchRecalled,
        InvitationState::Revoked(RevokeReason::Deactivated) => EndReason::Deactivated,
        InvitationState::Revoked(RevokeReason::AddressChanged) => EndReason::AddressChanged,
        InvitationState::Revoked(RevokeReason::Sso) => EndReason::Sso,
        InvitationState::Revoked(RevokeReason::Erased) => EndReason::Erased,
        _ => EndReason::InvitationClosed,
    }
}

const fn no_longer(reason: SkipReason) -> EndReason {
    match reason {
        SkipReason::Suppressed => EndReason::OnSuppressionList,
        _ => EndReason::ChangedSincePlan,
    }
}

/// A saved credential of the message's invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Which generation.
    pub generation: Generation,
    /// Whether its sealed secret is still there.
    pub sealed: bool,
    /// When it was minted.
    pub minted_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// Which credential a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The saved one of this generation.
    Saved(Generation),
    /// The worker mints this generation; it is then saved with this expiry.
    Mint(Generation),
}

/// Which credential a message of an item takes that uses generation `of_item` so far (none at first), where `newest`
/// is the newest generation of the invitation and `saved` is the item's own.
///
/// All messages of an item share a generation, and so does every retry, while its sealed secret is there and at least
/// half of its life is left; then it is the next one.
pub fn credential(
    of_item: Option<Generation>,
    newest: Option<Generation>,
    saved: Option<Saved>,
    now: DateTime<Utc>,
) -> Take {
    match (of_item, saved) {
        (Some(generation), Some(saved))
            if saved.generation == generation
                && saved.sealed
                && saved.expires_at - now >= (saved.expires_at - saved.minted_at) / 2 =>
        {
            Take::Saved(generation)
        }
        _ => Take::Mint(newest.map_or(Generation::first(), Generation::next)),
    }
}

/// When a credential minted now expires.
pub fn expires_at(now: DateTime<Utc>, lifetime: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::days(7))
}

/// Whether a person may still have a credential, by facts that were read a moment ago: asked before anything is minted.
/// [`may_go`] asks again.
pub fn still_wants_credential(user: Option<&User>, settings: &Settings) -> bool {
    user.is_some_and(|user| !user.deactivated && !settings.sso_applies(user))
}
