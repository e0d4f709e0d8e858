//! Sign-in, for a host that lets the library do it: own passwords and temporary ones, through the same door.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tracing::instrument;

use super::error::Error;
use super::guess::{chosen, may_come};
use super::invites::Invites;
use super::redeem::Acceptance;
use crate::credential::{ChosenPassword, PasswordHash, Salt, Secret, random};
use crate::model::id::{OrganisationId, UserId};
use crate::port::people::SignInRecord;
use crate::port::records::{Arrival, ArrivalKind};
use crate::port::redemption::{Guess, OpenPassword};

/// Somebody at the door.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The name that they gave.
    pub name: String,
    /// The password that they gave: their own, or a temporary one.
    pub secret: Secret,
    /// The password that they chose, where the one they gave is temporary and has to be replaced. It is not looked at
    /// where they came with their own.
    pub new_password: Option<Secret>,
    /// The address that the request came from; without it, wrong guesses by anybody make this person wait.
    pub source: Option<String>,
}

impl SignIn {
    /// Somebody who gives a name and a password, from an unknown address.
    pub fn new(name: impl Into<String>, secret: Secret) -> Self {
        Self { name: name.into(), secret, new_password: None, source: None }
    }
}

/// What the door says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedIn {
    /// They are in.
    In(UserId),
    /// The temporary password is right: ask for a new one, and send both. Nothing has changed.
    MustChangePassword,
    /// No. There is one answer, whatever the reason: no such name, a wrong password, a deactivated person, one who signs
    /// in with the company account.
    Refused,
    /// Too many wrong guesses, or the same request is not done yet: again after this.
    Wait(Duration),
}

impl Invites {
    /// Signs a person in. What it costs, and how long it takes, is the same whether there is such a person or not: two
    /// hashes, one for temporary passwords and one for their own.
    ///
    /// A request that was cut off can be made again.
    #[instrument(skip_all, fields(%organisation))]
    pub async fn sign_in(&self, organisation: OrganisationId, sign_in: SignIn) -> Result<SignedIn, Error> {
        let SignIn { name, secret, new_password, source } = sign_in;
        let new_password = new_password.map(|new| chosen(&new, &secret)).transpose()?;
        let settings = self.organisation(organisation).await?.settings;
        let record = self.people()?.sign_in_record(organisation, name.clone()).await?;
        let user = record.as_ref().map_or_else(|| nobody(organisation, &name), |record| record.user.id);
        let source = source.unwrap_or_default();
        if let Some(rest) = self.count_guess(organisation, user, &source).await? {
            return Ok(SignedIn::Wait(rest));
        }

        let open = self.inner.store.open_passwords(organisation, user).await?;
        let counts = self.inner.store.own_password_counts(organisation, vec![user]).await?;
        let record = record.filter(|record| may_come(&record.user, &settings));
        let (open, own) = match &record {
            Some(record) => (open, record.password.clone().filter(|_| counts == [true])),
            None => (Vec::new(), None),
        };
        let (temporary, is_own) =
            tokio::try_join!(self.find_open(&secret, open), self.is_own(&secret, own.clone()))?;
        let Some(record) = record.filter(|_| is_own || temporary.is_some()) else {
            return Ok(SignedIn::Refused);
        };
        self.inner.store.forget_guesses(organisation, user, source).await?;
        match temporary {
            _ if is_own => self.with_own_password(organisation, user, secret, own).await,
            Some(open) => match new_password {
                Some(chosen) => self.with_temporary_password(organisation, record, &open, chosen).await,
                None => Ok(SignedIn::MustChangePassword),
            },
            None => Ok(SignedIn::Refused),
        }
    }

    /// Counts a guess; says how long to wait, if it must not be looked at.
    pub(super) async fn count_guess(
        &self,
        organisation: OrganisationId,
        user: UserId,
        source: &str,
    ) -> Result<Option<Duration>, Error> {
        let guess =
            Guess { organisation, user, source: source.to_owned(), policy: self.inner.policy.clone() };
        Ok(self.inner.store.count_guess(guess).await?)
    }

    async fn with_own_password(
        &self,
        organisation: OrganisationId,
        user: UserId,
        secret: Secret,
        stored: Option<PasswordHash>,
    ) -> Result<SignedIn, Error> {
        let weaker = stored.is_some_and(|hash| hash.needs_rehash(self.inner.hasher.cost()));
        let rehashed = match ChosenPassword::normalise(&secret).filter(|_| weaker) {
            Some(secret) => {
                let salt = Salt::mint(&mut random::system_random()?);
                Some(self.inner.hasher.hash(secret, salt).await?)
            }
            None => None,
        };
        self.people()?.note_sign_in(organisation, user, rehashed).await?;
        let at = self.inner.store.now().await?;
        let arrival = Arrival { user, at, how: ArrivalKind::SignedIn };
        self.inner.store.record_arrivals(organisation, vec![arrival]).await?;
        Ok(SignedIn::In(user))
    }

    async fn with_temporary_password(
        &self,
        organisation: OrganisationId,
        record: SignInRecord,
        open: &OpenPassword,
        chosen: ChosenPassword,
    ) -> Result<SignedIn, Error> {
        let user = record.user.id;
        match self.redeem_credential(organisation, open.credential, Some(record.user), chosen).await? {
            Acceptance::Accepted { .. } => {
                self.people()?.note_sign_in(organisation, user, None).await?;
                Ok(SignedIn::In(user))
            }
            Acceptance::Wait(rest) => Ok(SignedIn::Wait(rest)),
            Acceptance::Not(_) | Acceptance::Unknown | Acceptance::Refused => Ok(SignedIn::Refused),
        }
    }
}

/// The id under which guesses at a name, and requests for it, are counted where it is nobody's, so that waiting does not
/// say who exists.
pub(super) fn nobody(organisation: OrganisationId, name: &str) -> UserId {
    let mut digest = Sha256::new();
    digest.update(organisation.as_uuid());
    digest.update(name.trim().to_lowercase());
    let octets: [u8; 32] = digest.finalize().into();
    let (id, _) = octets.split_first_chunk().expect("32 octets are more than 16");
    UserId::from_uuid(uuid::Builder::from_custom_bytes(*id).into_uuid())
}
