//! For hosts with users and sign-in of their own.
//!
//! At sign-in such a host asks whether the person's own password counts, and, where that does not let them in, whether
//! what was typed belongs to an open credential. And it tells what it learns: changes, sign-ins, passwords.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::instrument;

use super::error::Error;
use super::guess::{chosen, may_come};
use super::invites::Invites;
use super::redeem::Acceptance;
use crate::credential::Secret;
use crate::model::id::{CredentialId, OrganisationId, UserId};
use crate::model::user::User;
use crate::port::records::{Arrival, ArrivalKind};

/// People told of at once.
const PAGE: usize = 1000;

/// Whether a secret belongs to an open credential of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretCheck {
    /// It does: ask for a new password, then [`Invites::redeem`].
    Belongs(CredentialId),
    /// It does not.
    No,
    /// Too many wrong guesses: again after this.
    Wait(Duration),
}

impl Invites {
    /// Whether the own passwords of these people count; `false` while one is retired. In the order asked.
    pub async fn own_password_counts(
        &self,
        organisation: OrganisationId,
        users: Vec<UserId>,
    ) -> Result<Vec<bool>, Error> {
        Ok(self.inner.store.own_password_counts(organisation, users).await?)
    }

    /// Whether what somebody typed is a temporary password of this person that works. One hash is spent whatever the
    /// answer; wrong guesses make whoever is at `source` wait (everybody, where it is empty).
    #[instrument(skip_all, fields(%organisation, %user))]
    pub async fn check_secret(
        &self,
        organisation: OrganisationId,
        user: UserId,
        secret: &Secret,
        source: &str,
    ) -> Result<SecretCheck, Error> {
        Ok(self.check_and_know(organisation, user, secret, source).await?.0)
    }

    /// Uses a temporary password: checks it as [`check_secret`](Self::check_secret) does, and gives the person the
    /// password that they chose, through the host's `Accounts`.
    #[instrument(skip_all, fields(%organisation, %user))]
    pub async fn redeem(
        &self,
        organisation: OrganisationId,
        user: UserId,
        secret: &Secret,
        new_password: &Secret,
        source: &str,
    ) -> Result<Acceptance, Error> {
        let chosen = chosen(new_password, secret)?;
        match self.check_and_know(organisation, user, secret, source).await? {
            (SecretCheck::Belongs(credential), fact) => {
                self.redeem_credential(organisation, credential, fact, chosen).await
            }
            (SecretCheck::No, _) => Ok(Acceptance::Unknown),
            (SecretCheck::Wait(rest), _) => Ok(Acceptance::Wait(rest)),
        }
    }

    async fn check_and_know(
        &self,
        organisation: OrganisationId,
        user: UserId,
        secret: &Secret,
        source: &str,
    ) -> Result<(SecretCheck, Option<User>), Error> {
        let settings = self.organisation(organisation).await?.settings;
        if let Some(rest) = self.count_guess(organisation, user, source).await? {
            return Ok((SecretCheck::Wait(rest), None));
        }
        let fact = self.fact(organisation, user).await?.filter(|user| may_come(user, &settings));
        let open = self.inner.store.open_passwords(organisation, user).await?;
        let open = if fact.is_some() { open } else { Vec::new() };
        let Some(found) = self.find_open(secret, open).await? else {
            return Ok((SecretCheck::No, fact));
        };
        self.inner.store.forget_guesses(organisation, user, source.to_owned()).await?;
        Ok((SecretCheck::Belongs(found.credential), fact))
    }

    /// Tells that these people changed, or are gone: open invitations are revoked and unsent messages cancelled where
    /// that follows. Any number of times; the facts are read from the host's `Accounts` now.
    #[instrument(skip_all, fields(%organisation, people = users.len()))]
    pub async fn record_change(&self, organisation: OrganisationId, users: &[UserId]) -> Result<(), Error> {
        for page in users.chunks(PAGE) {
            let facts = self.inner.accounts.facts(organisation, page.to_vec()).await?;
            let people = page.iter().copied().zip(facts).collect();
            self.inner.store.record_changes(organisation, people).await?;
        }
        Ok(())
    }

    /// Tells that people signed in at the host, and when. Any order, any number of times.
    pub async fn record_sign_in(
        &self,
        organisation: OrganisationId,
        people: &[(UserId, DateTime<Utc>)],
    ) -> Result<(), Error> {
        self.record_arrivals(organisation, people, ArrivalKind::SignedIn).await
    }

    /// Tells that people set a password at the host, and when. Any order, any number of times.
    pub async fn record_password_set(
        &self,
        organisation: OrganisationId,
        people: &[(UserId, DateTime<Utc>)],
    ) -> Result<(), Error> {
        self.record_arrivals(organisation, people, ArrivalKind::PasswordSet).await
    }

    #[instrument(skip_all, fields(%organisation, people = people.len(), ?how))]
    async fn record_arrivals(
        &self,
        organisation: OrganisationId,
        people: &[(UserId, DateTime<Utc>)],
        how: ArrivalKind,
    ) -> Result<(), Error> {
        for page in people.chunks(PAGE) {
            let arrivals = page.iter().map(|(user, at)| Arrival { user: *user, at: *at, how }).collect();
            self.inner.store.record_arrivals(organisation, arrivals).await?;
        }
        Ok(())
    }
}
