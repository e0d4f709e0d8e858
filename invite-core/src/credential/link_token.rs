//! The token of a set-up link.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::Secret;

/// How many random octets a token has: 128 bits.
const OCTETS: usize = 16;

/// The token of a set-up link: 128 random bits as base64url without padding, 22 characters.
#[derive(Debug, Clone)]
pub struct LinkToken(Secret);

impl LinkToken {
    /// How many characters a token has.
    pub const CHARACTERS: usize = 22;

    /// A new one.
    pub fn mint(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut octets = Zeroizing::new([0; OCTETS]);
        random.fill_bytes(octets.as_mut());
        Self(Secret::new(URL_SAFE_NO_PAD.encode(octets.as_slice())))
    }

    /// Reads the token of a link, to the letter: 22 characters in the one form that [`LinkToken::mint`] writes, nothing
    /// before or after them. `None`: this is no token.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = Zeroizing::new([0; OCTETS]);
        // The decoder refuses padding and the four unused bits of the last character being set.
        let is_token = text.len() == Self::CHARACTERS
            && URL_SAFE_NO_PAD.decode_slice(text, octets.as_mut()).is_ok_and(|length| length == OCTETS);
        is_token.then(|| Self(Secret::copied(text)))
    }

    /// What is stored of it, and what it is found by.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.expose()).into())
    }

    /// The text, for the link.
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The text, taken out.
    pub fn into_secret(self) -> Secret {
        self.0
    }
}

/// The SHA-256 of a [`LinkToken`]'s 22 characters. A fast hash is enough for 128 random bits (OWASP ASVS 5, 6.5).
///
/// Compared in constant time.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest that a store has kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The octets, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "TokenDigest({first:02x}{second:02x}{third:02x}…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn token(seed: u64) -> LinkToken {
        LinkToken::mint(&mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn the_digest_is_sha_256_of_the_characters() {
        let token = LinkToken::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        // printf AAAAAAAAAAAAAAAAAAAAAA | sha256sum
        assert_eq!(format!("{:?}", token.digest()), "TokenDigest(8a5bdb…)");
    }

    #[test]
    fn only_the_one_form_is_a_token() {
        for text in [
            "",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAB",
            "AAAAAAAAAAAAAAAAAAAA==",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            " AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAA+AAAAAAAAAAA",
            "AAAAAAAAAA/AAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAé",
        ] {
            assert!(LinkToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_hides_it() {
        let token = token(1);
        assert!(!format!("{token:?}{:?}", token.digest()).contains(&token.secret().expose()[..4]));
    }

    proptest! {
        #[test]
        fn what_is_minted_parses_to_the_same_digest(seed: u64) {
            let token = token(seed);
            prop_assert_eq!(token.secret().expose().len(), LinkToken::CHARACTERS);
            let parsed = LinkToken::parse(token.secret().expose()).unwrap();
            prop_assert_eq!(parsed.digest(), token.digest());
            prop_assert_eq!(TokenDigest::from_bytes(*token.digest().as_bytes()), token.digest());
        }

        #[test]
        fn another_token_has_another_digest(one: u64, other: u64) {
            prop_assume!(one != other);
            prop_assert_ne!(token(one).digest(), token(other).digest());
        }
    }
}
