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
pub mod suppression_key;
pub mod temporary_password;

use futures_util::{StreamExt, stream};

pub use hash::{HashCost, PasswordHash, Salt};
pub use hasher::{Hasher, HasherError};
pub use link_token::{LinkToken, TokenDigest};
pub use own_password::{ChosenPassword, PasswordRuleError};
pub use random::RandomError;
pub use seal::{OpenError, SealContext, SealedSecret, SealingKey, SealingKeyError};
pub use secret::Secret;
pub use suppression_key::{AddressHash, SuppressionKey};
pub use temporary_password::TemporaryPassword;

use crate::model::credential::{CredentialKind, Generation};
use crate::model::id::{InvitationId, OrganisationId, UserId};

/// For whom a credential is minted.
#[derive(Debug, Clone, Copy)]
pub struct MintOrder {
    /// Which kind.
    pub kind: CredentialKind,
    /// The tenant.
    pub organisation: OrganisationId,
    /// For whom.
    pub user: UserId,
    /// The invitation that it will belong to.
    pub invitation: InvitationId,
    /// Which of the invitation's credentials it is.
    pub generation: Generation,
    /// The salt of the invitation's earlier temporary passwords; `None` for the [person's](Salt::of_person).
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
    let MintOrder { kind, organisation, user, invitation, generation, salt } = order;
    let context = SealContext { organisation, invitation, generation };
    let mut random = random::system_random()?;
    match kind {
        CredentialKind::TemporaryPassword => {
            let password = TemporaryPassword::mint(&mut random).into_secret();
            let salt = salt.unwrap_or_else(|| Salt::of_person(organisation, user));
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
            user: UserId::new(),
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
    async fn all_invitations_of_a_person_share_a_salt_and_those_of_two_people_do_not() {
        let (hasher, key) = workshop();
        let one = order(CredentialKind::TemporaryPassword, Generation::first(), None);
        let again = MintOrder { invitation: InvitationId::new(), ..one };
        let other = MintOrder { user: UserId::new(), ..one };
        let elsewhere = MintOrder { organisation: OrganisationId::new(), ..one };
        let mut salts = Vec::new();
        for order in [one, again, other, elsewhere] {
            salts.push(mint(order, &hasher, &key).await.unwrap().salt);
        }
        assert_eq!(salts[0], salts[1]);
        assert!(salts[0] != salts[2] && salts[0] != salts[3] && salts[2] != salts[3]);
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
}
