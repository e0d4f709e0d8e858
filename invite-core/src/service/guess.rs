//! Guessing: whether a secret belongs to an open credential of a person, at the same cost whatever the answer.

use super::error::Error;
use super::invites::Invites;
use crate::credential::{ChosenPassword, PasswordHash, Secret, TemporaryPassword};
use crate::model::organisation::Settings;
use crate::model::user::User;
use crate::port::redemption::OpenPassword;

impl Invites {
    /// Which of `open` the secret belongs to. One hash is spent, however many are open and also where there is nothing to
    /// check: all temporary passwords of a person share a [salt](crate::credential::Salt::of_person). (One more is spent
    /// for each other cost, while credentials from before a change of the cost are open.)
    pub(super) async fn find_open(
        &self,
        secret: &Secret,
        open: Vec<OpenPassword>,
    ) -> Result<Option<OpenPassword>, Error> {
        let typed = TemporaryPassword::normalise(secret.expose());
        let (secret, open) = match typed {
            Some(typed) => (typed.into_secret(), open),
            None => (secret.clone(), Vec::new()),
        };
        let hashes = open.iter().map(|open| open.hash.clone()).collect();
        let found = self.inner.hasher.check(secret, hashes).await?;
        Ok(found.and_then(|index| open.into_iter().nth(index)))
    }

    /// Whether the secret is the person's own password. One hash is spent, also where there is none to check.
    pub(super) async fn is_own(&self, secret: &Secret, stored: Option<PasswordHash>) -> Result<bool, Error> {
        match (ChosenPassword::normalise(secret), stored) {
            (Some(secret), Some(stored)) => Ok(self.inner.hasher.verify(secret, stored).await?),
            _ => Ok(self.inner.hasher.spend(secret.clone()).await.map(|()| false)?),
        }
    }
}

/// Whether a person may come with a secret at all.
pub(super) fn may_come(user: &User, settings: &Settings) -> bool {
    !user.deactivated && !settings.sso_applies(user)
}

/// A chosen password that keeps the rules and is not the temporary one.
pub(super) fn chosen(new_password: &Secret, temporary: &Secret) -> Result<ChosenPassword, Error> {
    let chosen = ChosenPassword::parse(new_password)?;
    let letters =
        |secret: &Secret| TemporaryPassword::normalise(secret.expose()).map(TemporaryPassword::into_secret);
    let same = match (letters(new_password), letters(temporary)) {
        (Some(new), Some(old)) => new.expose() == old.expose(),
        _ => false,
    };
    if same { Err(Error::SamePassword) } else { Ok(chosen) }
}
