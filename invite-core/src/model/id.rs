//! Identifiers: one type for each thing that has one, so that they cannot be mistaken for each other.
//!
//! All are UUIDs of version 7 (RFC 9562): ordered by the time of their making, which keeps the pages of a
//! database index full, and impossible to count through.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an identifier of {what}: expected a UUID such as 01980d5c-7b1a-7c3e-9f00-3f1f2a4b5c6d"
)]
pub struct IdError {
    text: String,
    what: &'static str,
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, greater than all that this process made before.
            #[expect(clippy::disallowed_methods, reason = "the one place where identifiers are made")]
            #[expect(clippy::new_without_default, reason = "a default identifier would be a different one each time")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identifier that a host already has.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for a store.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::from_str(text.trim())
                    .map(Self)
                    .map_err(|_| IdError { text: text.chars().take(64).collect(), what: $what })
            }
        }
    )*};
}

ids! {
    /// An organisation: the tenant.
    OrganisationId = "an organisation";
    /// A person in an organisation.
    UserId = "a user";
    /// A plan, and the batch that it becomes when it is confirmed.
    BatchId = "a batch";
    /// The standing offer to a user.
    InvitationId = "an invitation";
    /// One message to one user on one channel.
    DeliveryId = "a delivery";
    /// A credential: one generation of an invitation.
    CredentialId = "a credential";
    /// One upload of people.
    ImportId = "an import";
    /// What a worker holds while it works on deliveries: the fencing token of one claim.
    ClaimToken = "a claim";
}
