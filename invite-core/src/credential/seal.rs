//! Sealing: a secret that waits for a retry lies in the store encrypted, and opens only where it belongs.
//!
//! A sealed secret is, in octets:
//!
//! | octets | meaning |
//! |---|---|
//! | 1 | format, 1 |
//! | 4 | the key's id |
//! | 24 | nonce, random |
//! | the secret's + 16 | XChaCha20-Poly1305 ciphertext and tag |
//!
//! The associated data is the organisation (16 octets), the invitation (16), the generation (4, big-endian) and the
//! first 29 octets: whoever moves a row to another person, invitation or generation gets nothing opened.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::secret::Secret;
use super::suppression_key::SuppressionKey;
use crate::model::credential::Generation;
use crate::model::id::{InvitationId, OrganisationId};

const FORMAT: u8 = 1;
const KEY_OCTETS: usize = 32;
const ID_OCTETS: usize = 4;
const NONCE_OCTETS: usize = 24;
const HEADER_OCTETS: usize = 1 + ID_OCTETS + NONCE_OCTETS;
const TAG_OCTETS: usize = 16;

/// The host's key for secrets that wait, or a list of keys: the first seals, all open.
///
/// As a text, for an environment variable or a secret store, a key is 32 random octets in base64url, and a list is
/// separated by commas. To rotate, put a new key in front and take the old one out when no message sealed with it
/// waits any more, at the latest when the credentials of that time have expired.
#[derive(Clone)]
pub struct SealingKey {
    first: Key,
    older: Vec<Key>,
}

/// Why there is no sealing key; it never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// The environment variable is not set, or not readable as text.
    #[error(
        "the environment variable {name} is not set: put a key of 32 random octets in base64 there, for example from \
         `openssl rand -base64 32`, the same in every process, and keep it as safe as the database"
    )]
    NotSet {
        /// The variable.
        name: String,
    },
    /// A key of the list is not one.
    #[error(
        "sealing key {place} of the comma-separated list is not 32 octets in base64: make one with \
         `openssl rand -base64 32`"
    )]
    Malformed {
        /// Which key, counted from 1.
        place: usize,
    },
    /// A key stands in the list twice, so one that should be there may be missing.
    #[error(
        "sealing key {place} of the comma-separated list is key {first} again: take one of them out, or put the key \
         there that was meant"
    )]
    Repeated {
        /// Which key, counted from 1.
        place: usize,
        /// Where it stands first.
        first: usize,
    },
}

impl SealingKey {
    /// A new key.
    pub fn generate(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut octets = Zeroizing::new([0; KEY_OCTETS]);
        random.fill_bytes(octets.as_mut());
        Self { first: Key::new(octets), older: Vec::new() }
    }

    /// These keys behind a new one, which seals from now on; the older ones go on opening.
    ///
    /// ```
    /// use invite_core::credential::{SealingKey, random::system_random};
    ///
    /// let mut random = system_random()?;
    /// let key = SealingKey::generate(&mut random);
    /// let rotated = key.rotated(&mut random);
    /// assert_eq!(rotated.ids().nth(1), key.ids().next());
    /// # Ok::<(), invite_core::credential::RandomError>(())
    /// ```
    #[must_use]
    pub fn rotated(&self, random: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self { first: Self::generate(random).first, older: self.keys().cloned().collect() }
    }

    /// The key or keys in an environment variable.
    pub fn from_env(name: &str) -> Result<Self, SealingKeyError> {
        let text = std::env::var(name).map_err(|_| SealingKeyError::NotSet { name: name.to_owned() })?;
        Zeroizing::new(text).parse()
    }

    /// The text that [`SealingKey::from_env`] reads.
    pub fn to_text(&self) -> Secret {
        let texts: Zeroizing<Vec<String>> =
            Zeroizing::new(self.keys().map(|key| BASE64.encode(key.octets.as_slice())).collect());
        Secret::new(texts.join(","))
    }

    /// The ids of the keys, in their order; not secret.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys().map(|key| key.id)
    }

    /// Seals a secret with the first key.
    pub fn seal(
        &self,
        secret: &Secret,
        context: &SealContext,
        random: &mut (impl CryptoRng + ?Sized),
    ) -> SealedSecret {
        let mut header = [FORMAT; HEADER_OCTETS];
        header[1..=ID_OCTETS].copy_from_slice(&self.first.id.0);
        random.fill_bytes(&mut header[1 + ID_OCTETS..]);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &context.associated_data(&header) };
        let ciphertext = self.first.cipher().encrypt(&nonce_of(&header), payload);
        let ciphertext = ciphertext.expect("a secret is far shorter than the cipher's 256 GiB");
        SealedSecret([header.as_slice(), &ciphertext].concat())
    }

    /// Opens what [`SealingKey::seal`] sealed for the same context, with whichever key of the list.
    pub fn open(&self, sealed: &SealedSecret, context: &SealContext) -> Result<Secret, OpenError> {
        let (header, ciphertext) = sealed.parts().ok_or(OpenError::Format)?;
        let key_id = key_id_of(header);
        let key = self.keys().find(|key| key.id == key_id).ok_or(OpenError::UnknownKey { key_id })?;
        let payload = Payload { msg: ciphertext, aad: &context.associated_data(header) };
        let opened = key.cipher().decrypt(&nonce_of(header), payload).map_err(|_| OpenError::Damaged)?;
        let opened = Zeroizing::new(opened);
        std::str::from_utf8(&opened).map(Secret::copied).map_err(|_| OpenError::Damaged)
    }

    /// The keys under which the addresses of erased people stay suppressed.
    pub fn suppression_key(&self) -> SuppressionKey {
        SuppressionKey::derived(self.keys().map(|key| &*key.octets))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.older)
    }
}

impl FromStr for SealingKey {
    type Err = SealingKeyError;

    /// Reads one key, or several separated by commas, with or without white space; base64 in either alphabet, with or
    /// without padding.
    fn from_str(text: &str) -> Result<Self, SealingKeyError> {
        let mut keys: Vec<Key> = Vec::new();
        for (place, text) in (1..).zip(text.split(',')) {
            let key = Key::parse(text.trim()).ok_or(SealingKeyError::Malformed { place })?;
            if let Some(first) = keys.iter().position(|earlier| earlier.id == key.id) {
                return Err(SealingKeyError::Repeated { place, first: first + 1 });
            }
            keys.push(key);
        }
        let first = (!keys.is_empty()).then(|| keys.remove(0));
        Ok(Self { first: first.ok_or(SealingKeyError::Malformed { place: 1 })?, older: keys })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")?;
        f.debug_list().entries(self.ids()).finish()
    }
}

/// The name of a sealing key: the first four octets of its SHA-256. It says which key is missing and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_OCTETS]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Whose secret it is: sealed and opened with the same, or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext {
    /// The tenant.
    pub organisation: OrganisationId,
    /// The invitation.
    pub invitation: InvitationId,
    /// Which of its credentials.
    pub generation: Generation,
}

impl SealContext {
    fn associated_data(&self, header: &[u8; HEADER_OCTETS]) -> Vec<u8> {
        let organisation = self.organisation.as_uuid().into_bytes();
        let invitation = self.invitation.as_uuid().into_bytes();
        let generation = self.generation.number().to_be_bytes();
        [organisation.as_slice(), &invitation, &generation, header].concat()
    }
}

/// A secret, encrypted, for a store. Whether it opens is known when it is opened.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(Vec<u8>);

impl SealedSecret {
    /// What a store has kept.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The octets, for a store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key that it was sealed with; `None` if it is no sealed secret.
    pub fn key_id(&self) -> Option<KeyId> {
        self.parts().map(|(header, _)| key_id_of(header))
    }

    fn parts(&self) -> Option<(&[u8; HEADER_OCTETS], &[u8])> {
        let (header, ciphertext) = self.0.split_first_chunk()?;
        (header[0] == FORMAT && ciphertext.len() >= TAG_OCTETS).then_some((header, ciphertext))
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedSecret({} octets, {:?})", self.0.len(), self.key_id())
    }
}

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// None of our keys sealed it.
    #[error(
        "the secret was sealed with key {key_id}, which is not in the list: put that key back, behind the newer ones, \
         until nothing sealed with it waits"
    )]
    UnknownKey {
        /// The key that is missing.
        key_id: KeyId,
    },
    /// It was changed, or belongs to another organisation, invitation or generation.
    #[error(
        "the sealed secret was changed or belongs to another organisation, invitation or generation: look for a row \
         that was copied or edited by hand, and invite the person again"
    )]
    Damaged,
    /// It is not in a format that this version knows.
    #[error(
        "the sealed secret is in no format known here: run the version that wrote it or a newer one, or invite the \
         person again"
    )]
    Format,
}

#[derive(Clone)]
struct Key {
    id: KeyId,
    octets: Zeroizing<[u8; KEY_OCTETS]>,
}

impl Key {
    fn new(octets: Zeroizing<[u8; KEY_OCTETS]>) -> Self {
        let [a, b, c, d, ..]: [u8; KEY_OCTETS] = Sha256::digest(octets.as_slice()).into();
        Self { id: KeyId([a, b, c, d]), octets }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = Zeroizing::new(text.replace('+', "-").replace('/', "_"));
        let mut octets = Zeroizing::new([0; KEY_OCTETS]);
        let length = BASE64.decode_slice(text.as_str(), octets.as_mut()).ok()?;
        (length == KEY_OCTETS).then(|| Self::new(octets))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.octets).into())
    }
}

/// Writes base64url without padding, reads it with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn key_id_of(header: &[u8; HEADER_OCTETS]) -> KeyId {
    let [_, a, b, c, d, ..] = *header;
    KeyId([a, b, c, d])
}

fn nonce_of(header: &[u8; HEADER_OCTETS]) -> XNonce {
    let mut nonce = XNonce::default();
    nonce.copy_from_slice(&header[HEADER_OCTETS - NONCE_OCTETS..]);
    nonce
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use uuid::Uuid;

    use super::*;

    const PASSWORD: &str = "abcd-efgh-jkmn";

    fn key(seed: u64) -> SealingKey {
        SealingKey::generate(&mut StdRng::seed_from_u64(seed))
    }

    fn keys(seeds: &[u64]) -> SealingKey {
        let texts: Vec<_> = seeds.iter().map(|seed| key(*seed).to_text().expose().to_owned()).collect();
        texts.join(",").parse().unwrap()
    }

    fn context(organisation: u128, invitation: u128, generation: u32) -> SealContext {
        SealContext {
            organisation: OrganisationId::from_uuid(Uuid::from_u128(organisation)),
            invitation: InvitationId::from_uuid(Uuid::from_u128(invitation)),
            generation: Generation::new(generation).unwrap(),
        }
    }

    fn sealed_with(key: &SealingKey) -> SealedSecret {
        key.seal(&Secret::new(PASSWORD.into()), &context(1, 2, 3), &mut StdRng::seed_from_u64(99))
    }

    fn open(key: &SealingKey, sealed: &SealedSecret, context: &SealContext) -> Result<String, OpenError> {
        key.open(sealed, context).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn a_secret_opens_for_its_own_organisation_invitation_and_generation_only() {
        let key = key(1);
        let sealed = sealed_with(&key);
        assert_eq!(open(&key, &sealed, &context(1, 2, 3)), Ok(PASSWORD.into()));
        for other in [context(9, 2, 3), context(1, 9, 3), context(1, 2, 9), context(2, 1, 3)] {
            assert_eq!(open(&key, &sealed, &other), Err(OpenError::Damaged), "{other:?}");
        }
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unnoticed() {
        let key = key(1);
        let whole = sealed_with(&key).0;
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = open(&key, &SealedSecret(changed), &context(1, 2, 3)).unwrap_err();
            match bit / 8 {
                0 => assert_eq!(error, OpenError::Format),
                1..=4 => assert!(matches!(error, OpenError::UnknownKey { .. })),
                _ => assert_eq!(error, OpenError::Damaged),
            }
        }
        for length in 0..whole.len() {
            assert!(open(&key, &SealedSecret(whole[..length].into()), &context(1, 2, 3)).is_err());
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (old, rotated, new) = (key(1), keys(&[2, 1]), key(2));
        let (before, after) = (sealed_with(&old), sealed_with(&rotated));
        assert_eq!(open(&rotated, &before, &context(1, 2, 3)), Ok(PASSWORD.into()));
        assert_eq!(open(&new, &after, &context(1, 2, 3)), Ok(PASSWORD.into()));
        assert_eq!(after.key_id(), new.ids().next());
    }

    #[test]
    fn a_rotated_list_has_a_new_key_first_and_all_others_behind_it_in_their_order() {
        let before = keys(&[2, 1]);
        let rotated = before.rotated(&mut StdRng::seed_from_u64(3));
        assert!(rotated.ids().eq(keys(&[3, 2, 1]).ids()));
        assert_eq!(open(&rotated, &sealed_with(&before), &context(1, 2, 3)), Ok(PASSWORD.into()));
        let text = rotated.to_text();
        assert!(text.expose().parse::<SealingKey>().unwrap().ids().eq(rotated.ids()));
        let after = sealed_with(&rotated);
        let key_id = rotated.ids().next().unwrap();
        assert_eq!(open(&before, &after, &context(1, 2, 3)), Err(OpenError::UnknownKey { key_id }));
    }

    #[test]
    fn white_space_around_keys_and_commas_is_no_part_of_them() {
        let (new, old) = (key(2).to_text(), key(1).to_text());
        let text = format!("  {} ,\t{}\n", new.expose(), old.expose());
        assert!(text.parse::<SealingKey>().unwrap().ids().eq(keys(&[2, 1]).ids()));
    }

    #[test]
    fn a_key_that_stands_in_the_list_twice_is_refused_by_its_places_and_not_repeated() {
        let (one, other) = (key(1).to_text(), key(2).to_text());
        let error = format!("{0},{1}, {0}", one.expose(), other.expose()).parse::<SealingKey>().unwrap_err();
        assert_eq!(error, SealingKeyError::Repeated { place: 3, first: 1 });
        assert!(error.to_string().starts_with("sealing key 3 of the comma-separated list is key 1 again"));
        assert!(!error.to_string().contains(&one.expose()[..8]));
    }

    #[test]
    fn a_missing_key_is_named() {
        let (old, new) = (key(1), key(2));
        let key_id = old.ids().next().unwrap();
        let error = open(&new, &sealed_with(&old), &context(1, 2, 3)).unwrap_err();
        assert_eq!(error, OpenError::UnknownKey { key_id });
        assert!(error.to_string().starts_with(&format!("the secret was sealed with key {key_id}, ")));
    }

    #[test]
    fn the_same_secret_sealed_twice_looks_different() {
        let (key, mut random) = (key(1), StdRng::seed_from_u64(5));
        let mut seal = || key.seal(&Secret::new(PASSWORD.into()), &context(1, 2, 3), &mut random);
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_key_is_read_in_every_common_form_of_base64() {
        let standard = "+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8=";
        let id = |text: &str| text.parse::<SealingKey>().unwrap().ids().next().unwrap();
        let url_safe = "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8";
        assert_eq!(id(standard), id(url_safe));
        assert_eq!(url_safe.parse::<SealingKey>().unwrap().to_text().expose(), url_safe);
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_by_its_place_and_not_repeated() {
        let good = key(1).to_text();
        let cut = &good.expose()[1..];
        for (text, place) in [
            (String::new(), 1),
            (cut.to_owned(), 1),
            (format!("{},", good.expose()), 2),
            (format!("{}, {cut}", good.expose()), 2),
            (format!("{0}{0}", good.expose()), 1),
        ] {
            let error = text.parse::<SealingKey>().unwrap_err();
            assert_eq!(error, SealingKeyError::Malformed { place });
            assert!(!error.to_string().contains(&cut[..8]));
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named_with_what_belongs_there() {
        let error = SealingKey::from_env("INVITE_SECRET_KEY_OF_NOBODY").unwrap_err().to_string();
        assert!(
            error.contains("INVITE_SECRET_KEY_OF_NOBODY") && error.contains("openssl rand -base64 32"),
            "{error}"
        );
    }

    #[test]
    fn debug_shows_key_ids_and_lengths_alone() {
        let keys = keys(&[1, 2]);
        let ids: Vec<_> = keys.ids().collect();
        assert_eq!(format!("{keys:?}"), format!("SealingKey{ids:?}"));
        assert_eq!(
            format!("{:?}", sealed_with(&keys)),
            format!("SealedSecret(59 octets, Some({:?}))", ids[0])
        );
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(text in "\\PC{0,60}", seed: u64, organisation: u128, invitation: u128, generation in 1_u32..) {
            let (key, context) = (key(seed), context(organisation, invitation, generation));
            let sealed = key.seal(&Secret::new(text.clone()), &context, &mut StdRng::seed_from_u64(seed ^ 1));
            let stored = SealedSecret::from_bytes(sealed.as_bytes().to_vec());
            prop_assert_eq!(open(&key.to_text().expose().parse().unwrap(), &stored, &context), Ok(text));
        }

        #[test]
        fn arbitrary_octets_do_not_open_and_do_not_panic(octets: Vec<u8>) {
            prop_assert!(open(&key(1), &SealedSecret(octets), &context(1, 2, 3)).is_err());
        }
    }
}
