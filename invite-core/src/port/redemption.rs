//! Credentials and those who come with them: part of the invitation store.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::error::PortResult;
use crate::credential::{PasswordHash, Salt, TokenDigest};
use crate::model::credential::Generation;
use crate::model::id::{CredentialId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::RevokeReason;
use crate::model::user::User;
use crate::policy::Policy;

/// Credentials and those who come with them.
///
/// [`link`](Self::link) cannot begin with the organisation: the token's digest is all that there is. Everything after
/// it is scoped by the organisation that it gives.
///
/// # Contract
///
/// A credential works while its invitation is pending, its batch and the invitation's are not recalled, its own expiry
/// has not come, and no credential of the invitation is used. The whole digest is compared.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Redemption: Send + Sync {
    /// The temporary passwords of a person that work now, the newest first, and the salt that they share.
    async fn open_passwords(
        &self,
        organisation: OrganisationId,
        user: UserId,
    ) -> PortResult<Vec<OpenPassword>>;

    /// What a set-up link leads to. Reads only.
    async fn link(&self, digest: TokenDigest) -> PortResult<Option<Link>>;

    /// Reserves a credential for whoever shows its secret, by one conditional write: exactly one of many gets it, and
    /// the same secret can take it again after `policy.reservation`. Fresh facts are looked at: an invitation whose
    /// person has [left](crate::decision::leave::leaving) is revoked and refused.
    async fn reserve(&self, reserve: Reserve) -> PortResult<Reserved>;

    /// Closes what was reserved: the credential is used, the person's invitations are accepted, their unsent messages
    /// cancelled, a retirement is over since they have a new password of their own. `false` where a later reservation
    /// exists; closing again changes nothing and is `true`.
    async fn close(&self, close: Close) -> PortResult<bool>;

    /// Whether the own passwords of these people count: `false` while retired. Answers in order; `true` for people
    /// whom the store does not know.
    async fn own_password_counts(
        &self,
        organisation: OrganisationId,
        users: Vec<UserId>,
    ) -> PortResult<Vec<bool>>;

    /// Counts a guess before it is looked at. Says how long to wait, if this person, from this address, has guessed
    /// wrong too often just now: then the guess must not be looked at.
    async fn count_guess(&self, guess: Guess) -> PortResult<Option<Duration>>;

    /// Forgets the guesses: the secret was right.
    async fn forget_guesses(
        &self,
        organisation: OrganisationId,
        user: UserId,
        source: String,
    ) -> PortResult<()>;
}

/// A temporary password that works.
#[derive(Debug, Clone)]
pub struct OpenPassword {
    /// Which.
    pub credential: CredentialId,
    /// Of which invitation.
    pub invitation: InvitationId,
    /// Which generation.
    pub generation: Generation,
    /// The salt of its invitation.
    pub salt: Salt,
    /// Its hash.
    pub hash: PasswordHash,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// What a set-up link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// For whom.
    pub user: UserId,
    /// Which credential.
    pub credential: CredentialId,
    /// Of which invitation.
    pub invitation: InvitationId,
    /// Whether it works, or why not.
    pub state: LinkState,
}

/// Whether a credential works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It works until then.
    Open {
        /// When it expires.
        until: DateTime<Utc>,
    },
    /// It, or another of its invitation, was used.
    Used,
    /// It is too old.
    Expired,
    /// Its invitation was revoked.
    Revoked(RevokeReason),
}

/// A wish for a credential.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Which.
    pub credential: CredentialId,
    /// Its person, as they are now.
    pub user: Option<User>,
    /// The host's figures.
    pub policy: Policy,
}

/// What reserving did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is yours, under this number.
    Yours {
        /// For whom.
        user: UserId,
        /// The number, higher than all before.
        reservation: u64,
    },
    /// Somebody has it and is not done yet; the same secret can take it again after this.
    Busy(Duration),
    /// It does not work.
    Not(LinkState),
    /// There is no such credential.
    Unknown,
}

/// A reservation to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Which credential.
    pub credential: CredentialId,
    /// Under which number.
    pub reservation: u64,
}

/// A guess at somebody's secret.
#[derive(Debug, Clone)]
pub struct Guess {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// At whose.
    pub user: UserId,
    /// From which address; empty where the host gives none, and then the wait is the person's.
    pub source: String,
    /// The host's figures.
    pub policy: Policy,
}
