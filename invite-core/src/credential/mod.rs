//! Floor 1: credentials. Minted, hashed for the store, sealed for the message.
//!
//! [`mint`] makes what a worker saves before it sends: a hash or a digest to check by, and the secret sealed. The plain
//! text is dropped there and then; the worker opens the sealed secret for the message, so that what is sent is what was
//! stored.

pub mod hash;
pub mod hasher;
pub mod link_token;
pub mod own_password;
pub mod random;
pub mod seal;
pub mod secret;
pub mod temporary_password;

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

pub use hash::{HashCost, PasswordHash, Salt};
pub use hasher::{Hasher, HasherError};
pub use link_token::{LinkToken, TokenDigest};
pub use own_password::{ChosenPassword, PasswordRuleError};
pub use random::RandomError;
pub use seal::{OpenError, SealContext, SealedSecret, SealingKey, SealingKeyError};
pub use secret::Secret;
pub use temporary_password::TemporaryPassword;

use crate::model::id::{InvitationId, OrganisationId};

/// What an invitation lets a person in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A password that is typed, works once and must be replaced at once.
    TemporaryPassword,
    /// A link that opens the page where a password is chosen.
    SetUpLink,
}

impl CredentialKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::TemporaryPassword, Self::SetUpLink];

    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TemporaryPassword => "temporary_password",
            Self::SetUpLink => "set_up_link",
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no kind of credential: write temporary_password or set_up_link")]
pub struct CredentialKindError {
    text: String,
}

impl FromStr for CredentialKind {
    type Err = CredentialKindError;

    fn from_str(text: &str) -> Result<Self, CredentialKindError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| CredentialKindError { text: text.chars().take(64).collect() })
    }
}

/// Which of an invitation's credentials, counted from 1: a reminder carries the next one, and the earlier ones stay
/// valid until one is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(NonZeroU32);

impl Generation {
    /// The one that the invitation itself carries.
    pub const fn first() -> Self {
        Self(NonZeroU32::MIN)
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The generation that a store has kept; `None` for 0, which there is not.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, for a store.
    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// For whom a credential is minted.
#[derive(Debug, Clone, Copy)]
pub struct MintOrder {
    /// Which kind.
    pub kind: CredentialKind,
    /// The tenant.
    pub organisation: OrganisationId,
    /// The invitation that it will belong to.
    pub invitation: InvitationId,
    /// Which of the invitation's credentials it is.
    pub generation: Generation,
    /// The salt of the invitation's earlier temporary passwords, so that one hash checks them all; `None` for a new one.
    pub salt: Option<Salt>,
}

/// A credential before it is saved: all that a store keeps, nothing in plain text.
#[derive(Debug, Clone)]
pub struct Minted {
    /// Which kind.
    pub kind: CredentialKind,
    /// Which of the invitation's credentials it is.
    pub generation: Generation,
    /// The salt, for the next generation; a link has none.
    pub salt: Option<Salt>,
    /// What it is checked by.
    pub stored: StoredForm,
    /// The secret for the message, bound to organisation, invitation and generation.
    pub sealed: SealedSecret,
}

/// What a credential is checked by.
#[derive(Debug, Clone)]
pub enum StoredForm {
    /// A temporary password's hash.
    Password(PasswordHash),
    /// A set-up link's digest.
    Link(TokenDigest),
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// No hash.
    #[error(transparent)]
    Hasher(#[from] HasherError),
}

/// Mints a credential: random secret, sealed, and hashed for the store. Nothing is saved.
pub async fn mint(order: MintOrder, hasher: &Hasher, key: &SealingKey) -> Result<Minted, MintError> {
    let MintOrder { kind, organisation, invitation, generation, salt } = order;
    let context = SealContext { organisation, invitation, generation };
    let mut random = random::system_random()?;
    match kind {
        CredentialKind::TemporaryPassword => {
            let password = TemporaryPassword::mint(&mut random).into_secret();
            let salt = salt.unwrap_or_else(|| Salt::mint(&mut random));
            let sealed = key.seal(&password, &context, &mut random);
            let stored = StoredForm::Password(hasher.hash(password, salt).await?);
            Ok(Minted { kind, generation, salt: Some(salt), stored, sealed })
        }
        CredentialKind::SetUpLink => {
            let token = LinkToken::mint(&mut random);
            let sealed = key.seal(token.secret(), &context, &mut random);
            Ok(Minted { kind, generation, salt: None, stored: StoredForm::Link(token.digest()), sealed })
        }
    }
}

/// Mints many, so that all hashing threads are busy; the answers are in the order of the orders.
pub async fn mint_all(
    orders: Vec<MintOrder>,
    hasher: &Hasher,
    key: &SealingKey,
) -> Vec<Result<Minted, MintError>> {
    let credentials = stream::iter(orders).map(|order| mint(order, hasher, key));
    credentials.buffered(hasher.batch_width()).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(kind: CredentialKind, generation: Generation, salt: Option<Salt>) -> MintOrder {
        MintOrder {
            kind,
            organisation: OrganisationId::new(),
            invitation: InvitationId::new(),
            generation,
            salt,
        }
    }

    fn workshop() -> (Hasher, SealingKey) {
        let key = SealingKey::generate(&mut random::system_random().unwrap());
        (Hasher::new(HashCost::weak_for_tests()).unwrap(), key)
    }

    fn opened(minted: &Minted, order: &MintOrder, key: &SealingKey) -> Secret {
        let MintOrder { organisation, invitation, generation, .. } = *order;
        key.open(&minted.sealed, &SealContext { organisation, invitation, generation }).unwrap()
    }

    #[tokio::test]
    async fn the_sealed_temporary_password_is_the_one_whose_hash_is_stored() {
        let (hasher, key) = workshop();
        let order = order(CredentialKind::TemporaryPassword, Generation::first(), None);
        let minted = mint(order, &hasher, &key).await.unwrap();
        let StoredForm::Password(hash) = &minted.stored else { panic!("{minted:?}") };
        let typed = opened(&minted, &order, &key).expose().replace('-', " ").to_uppercase();
        let password = TemporaryPassword::normalise(&typed).unwrap().into_secret();
        assert!(hasher.verify(password, hash.clone()).await.unwrap());
        assert_eq!(hash.salt(), minted.salt);
    }

    #[tokio::test]
    async fn the_sealed_token_is_the_one_whose_digest_is_stored() {
        let (hasher, key) = workshop();
        let order = order(CredentialKind::SetUpLink, Generation::first(), None);
        let minted = mint(order, &hasher, &key).await.unwrap();
        let StoredForm::Link(digest) = minted.stored else { panic!("{minted:?}") };
        assert_eq!(LinkToken::parse(opened(&minted, &order, &key).expose()).unwrap().digest(), digest);
        assert_eq!(minted.salt, None);
    }

    #[tokio::test]
    async fn one_check_covers_all_generations_of_an_invitation() {
        let (hasher, key) = workshop();
        let first = order(CredentialKind::TemporaryPassword, Generation::first(), None);
        let invitation = mint(first, &hasher, &key).await.unwrap();
        let next = MintOrder { generation: Generation::first().next(), salt: invitation.salt, ..first };
        let reminder = mint(next, &hasher, &key).await.unwrap();
        let hashes: Vec<_> = [&invitation, &reminder]
            .map(|minted| match &minted.stored {
                StoredForm::Password(hash) => hash.clone(),
                StoredForm::Link(_) => panic!("{minted:?}"),
            })
            .into();
        assert_eq!(hashes[0].salt(), hashes[1].salt());
        assert_eq!(hasher.check(opened(&reminder, &next, &key), hashes).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn a_group_is_minted_in_its_order_and_no_two_secrets_are_alike() {
        let (hasher, key) = workshop();
        let orders: Vec<_> =
            (0..64).map(|number| order(CredentialKind::ALL[number % 2], Generation::first(), None)).collect();
        let minted = mint_all(orders.clone(), &hasher, &key).await;
        let mut secrets: Vec<_> = orders
            .iter()
            .zip(&minted)
            .map(|(order, minted)| opened(minted.as_ref().unwrap(), order, &key).expose().to_owned())
            .collect();
        secrets.sort_unstable();
        secrets.dedup();
        assert_eq!(secrets.len(), 64);
    }

    #[tokio::test]
    async fn debug_of_what_was_minted_holds_no_secret() {
        let (hasher, key) = workshop();
        for kind in CredentialKind::ALL {
            let order = order(kind, Generation::first(), None);
            let minted = mint(order, &hasher, &key).await.unwrap();
            let secret = opened(&minted, &order, &key);
            let debug = format!("{order:?} {minted:?} {key:?} {hasher:?} {secret:?}");
            assert!(!debug.contains(secret.expose()) && !debug.contains(key.to_text().expose()), "{debug}");
            assert!(!debug.contains("$argon2id$"), "{debug}");
        }
    }

    #[test]
    fn a_kind_reads_as_it_is_written_everywhere() {
        for kind in CredentialKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(
            "link".parse::<CredentialKind>().unwrap_err().to_string(),
            "\"link\" is no kind of credential: write temporary_password or set_up_link"
        );
    }

    #[test]
    fn generations_count_from_one() {
        assert_eq!(Generation::first().number(), 1);
        assert_eq!(Generation::first().next(), Generation::new(2).unwrap());
        assert_eq!(Generation::new(0), None);
        assert_eq!(Generation::new(u32::MAX).unwrap().next().number(), u32::MAX);
    }
}
