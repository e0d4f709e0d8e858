//! The port to people: the host's own users table, or ours.

use std::fmt;

use async_trait::async_trait;

use super::error::{PortError, PortErrorKind, PortResult};
use crate::credential::{ChosenPassword, Hasher, PasswordHash, Salt, random};
use crate::model::id::{CredentialId, OrganisationId, UserId};
use crate::model::selection::Filter;
use crate::model::user::User;

/// The people of all organisations, and their own passwords.
///
/// # Contract
///
/// * Every method sees the people of the organisation asked for, and no others: an id of another organisation is as
///   unknown as one that never was.
/// * [`page`](Self::page) is in ascending order of id, after the cursor, and shorter than `limit` only at the end. It
///   MUST apply the people's part of the filter, as [`PeopleFilter::matches`] does, and MAY apply the history part
///   where it can join; the caller applies that again.
/// * [`facts`](Self::facts) answers in the order asked, `None` for whoever is not there, and never from a cache that is
///   older than the last write: sign-in and dispatch rely on it.
/// * [`set_password`](Self::set_password) is idempotent by its key, as its documentation says.
/// * Methods may be called at the same time.
///
/// [`PeopleFilter::matches`]: crate::model::selection::PeopleFilter::matches
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Accounts: fmt::Debug + Send + Sync {
    /// The next people that match, in ascending order of id.
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>>;

    /// These people as they are now, in the order asked.
    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>>;

    /// Gives a person the password that they chose.
    ///
    /// The key is a credential's id with a reservation number. The same key again changes nothing and succeeds; a
    /// higher number of the same credential replaces; a lower one is refused with [`PasswordSet::Stale`].
    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet>;
}

/// Which page of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Who matches.
    pub filter: Filter,
    /// After this person; from the first if none.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: usize,
}

/// A password to be set.
#[derive(Debug, Clone)]
pub struct SetPassword {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Whose.
    pub user: UserId,
    /// What the person chose; [`NewPassword::phc`] hashes it, or a host takes it to its own hash.
    pub password: NewPassword,
    /// The credential by which they came.
    pub credential: CredentialId,
    /// The number of its reservation.
    pub reservation: u64,
}

/// A password that a person chose, with what hashes it.
#[derive(Debug, Clone)]
pub struct NewPassword {
    chosen: ChosenPassword,
    hasher: Hasher,
}

impl NewPassword {
    /// A chosen password, to be hashed by `hasher` if the implementor of [`Accounts`] wants that.
    pub const fn new(chosen: ChosenPassword, hasher: Hasher) -> Self {
        Self { chosen, hasher }
    }

    /// What the person chose, for a host with a hash of its own.
    pub const fn chosen(&self) -> &ChosenPassword {
        &self.chosen
    }

    /// The argon2id hash of it under a fresh salt, made in the pool of hashing threads.
    pub async fn phc(&self) -> PortResult<PasswordHash> {
        let error = |source: Box<dyn std::error::Error + Send + Sync>| {
            PortError::new(PortErrorKind::Unavailable, "hash a password").caused_by(source)
        };
        let mut random = random::system_random().map_err(|source| error(source.into()))?;
        let salt = Salt::mint(&mut random);
        let secret = self.chosen.secret().clone();
        self.hasher.hash(secret, salt).await.map_err(|source| error(source.into()))
    }
}

/// What setting a password did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordSet {
    /// It is set, now or by the same request before.
    Done,
    /// A later reservation of the same credential has set one already.
    Stale,
    /// There is no such person in this organisation, or they may not have a password: they are deactivated.
    Refused,
}
