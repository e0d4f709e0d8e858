//! When a change of a person takes their open invitation away.

use crate::model::delivery::EndReason;
use crate::model::invitation::RevokeReason;
use crate::model::message::Channel;
use crate::model::organisation::Settings;
use crate::model::user::User;

/// Why an open invitation must be revoked, if it must, seen from the person as they are now.
///
/// `addresses` are those that its messages went or are to go to. An invitation that carries no credential
/// (`announced`) is not revoked by SSO: it may be the SSO announcement itself.
pub fn leaving<'a>(
    user: Option<&User>,
    settings: &Settings,
    addresses: impl IntoIterator<Item = (Channel, &'a str)>,
    announced: bool,
) -> Option<RevokeReason> {
    let Some(user) = user else { return Some(RevokeReason::Erased) };
    if user.deactivated {
        return Some(RevokeReason::Deactivated);
    }
    if settings.sso_applies(user) && !announced {
        return Some(RevokeReason::Sso);
    }
    addresses
        .into_iter()
        .any(|(channel, address)| user.address(channel).is_none_or(|now| !same(now, address)))
        .then_some(RevokeReason::AddressChanged)
}

/// The reason that the unsent messages of a revoked invitation end with.
pub const fn end_reason(reason: RevokeReason) -> EndReason {
    match reason {
        RevokeReason::Superseded => EndReason::InvitationClosed,
        RevokeReason::Recalled => EndReason::BatchRecalled,
        RevokeReason::Deactivated => EndReason::Deactivated,
        RevokeReason::AddressChanged => EndReason::AddressChanged,
        RevokeReason::Sso => EndReason::Sso,
        RevokeReason::Erased => EndReason::Erased,
    }
}

/// Addresses are compared without case; a correction of case alone is no change.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}
