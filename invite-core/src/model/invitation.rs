//! The standing offer to a user.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::delivery::names;
use super::id::{BatchId, InvitationId, UserId};

names! {
    /// Why an invitation was revoked.
    RevokeReason {
        /// A newer invitation replaced it.
        Superseded = "superseded",
        /// Its batch was recalled.
        Recalled = "recalled",
        /// The person was deactivated.
        Deactivated = "deactivated",
        /// The address that it went to is no longer the person's.
        AddressChanged = "address_changed",
        /// The person came under SSO.
        Sso = "sso",
        /// The person was erased.
        Erased = "erased",
    }
}

/// Where an invitation stands. [`machine::invitation`](crate::machine::invitation) has the table of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// It can be accepted.
    Pending,
    /// The person came: by it, or in another way that set their password or signed them in.
    Accepted,
    /// Its newest credential is too old; a reminder reopens it.
    Expired,
    /// It was taken back.
    Revoked(RevokeReason),
}

impl InvitationState {
    /// The name in output and databases; the reason of a revocation is beside it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Expired => "expired",
            Self::Revoked(_) => "revoked",
        }
    }

    /// Why, where it is revoked.
    pub const fn revoke_reason(self) -> Option<RevokeReason> {
        match self {
            Self::Revoked(reason) => Some(reason),
            _ => None,
        }
    }

    /// Reads back what [`as_str`](Self::as_str) and [`revoke_reason`](Self::revoke_reason) wrote.
    pub fn from_parts(name: &str, reason: Option<&str>) -> Option<Self> {
        Some(match (name, reason) {
            ("pending", _) => Self::Pending,
            ("accepted", _) => Self::Accepted,
            ("expired", _) => Self::Expired,
            ("revoked", Some(reason)) => Self::Revoked(reason.parse().ok()?),
            _ => return None,
        })
    }
}

/// An invitation as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Whose.
    pub user: UserId,
    /// The batch that began it.
    pub batch: BatchId,
    /// Where it stands.
    pub state: InvitationState,
    /// When its first message was begun.
    pub created_at: DateTime<Utc>,
    /// When its newest credential expires; none where it carries no credential.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}
