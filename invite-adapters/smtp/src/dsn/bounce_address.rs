//! The address in MAIL FROM, by which a notification leads back to its delivery.

use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use invite_core::Secret;
use invite_core::model::contact::EmailAddress;
use invite_core::model::id::DeliveryId;
use sha2::Sha256;

/// Octets of the MAC: 80 bits. RFC 2104, 5, recommends half of the hash and no less than these; for half there is no room
/// beside the id, and each guess costs whoever guesses a message.
const MAC: usize = 10;
/// Its digits, those of an id, `+` and `-`.
const ADDED: usize = MAC * 2 + 32 + 2;
/// The most octets before the @ (RFC 5321, 4.5.3.1.1).
const LONGEST: usize = 64;
/// The least octets of a secret: 128 bits.
const SHORTEST_SECRET: usize = 16;

/// Makes an address for each delivery, `bounces+<delivery>-<mac>@bounces.example.com`, and knows its own again.
#[derive(Clone)]
pub struct BounceAddress {
    local: String,
    domain: String,
    secret: Secret,
}

/// Why it cannot be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BounceAddressError {
    /// It is no address, or too long.
    #[error(
        "the bounce address must be an e-mail address in ASCII with at most 10 letters, digits, `.`, `-` and `_` before \
         the @, such as bounces@bounces.example.com"
    )]
    Address,
    /// The secret can be guessed.
    #[error("the secret of the bounce address must have 16 octets at least; make one by chance")]
    Secret,
}

impl BounceAddress {
    /// From the address whose mail, with anything after a `+`, is handed to [`read`](super::read), and a secret of at least
    /// 16 octets, made by chance, that all processes share.
    pub fn new(address: &str, secret: Secret) -> Result<Self, BounceAddressError> {
        let (local, domain) = address.rsplit_once('@').ok_or(BounceAddressError::Address)?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let fits = local.len() + ADDED <= LONGEST
            && address.is_ascii()
            && local.bytes().all(is_plain)
            && EmailAddress::try_from(address.to_owned()).is_ok();
        if !fits {
            return Err(BounceAddressError::Address);
        }
        if secret.expose().len() < SHORTEST_SECRET {
            return Err(BounceAddressError::Secret);
        }
        Ok(Self { local: local.to_owned(), domain: domain.to_owned(), secret })
    }

    /// The address for a delivery.
    pub fn address(&self, delivery: DeliveryId) -> String {
        let mut address = format!("{}+{}-", self.local, delivery.as_uuid().simple());
        for octet in &self.mac(delivery).finalize().into_bytes()[..MAC] {
            // Writing to a string cannot fail.
            let _ = write!(address, "{octet:02x}");
        }
        address.push('@');
        address.push_str(&self.domain);
        address
    }

    /// The delivery that an address was made for; none for an address that was not made here. Case does not count: servers
    /// change it. Compared in constant time.
    pub fn delivery(&self, address: &str) -> Option<DeliveryId> {
        let (local, domain) = address.trim_matches(['<', '>', ' ']).rsplit_once('@')?;
        let (name, rest) = local.split_once('+')?;
        let (id, mac) = rest.split_once('-')?;
        if !name.eq_ignore_ascii_case(&self.local) || !domain.eq_ignore_ascii_case(&self.domain) {
            return None;
        }
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        if id.len() != 32 || mac.len() != MAC * 2 || !is_hex(id) || !is_hex(mac) {
            return None;
        }
        let delivery = id.parse().ok()?;
        let digits = mac.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).ok());
        let mac = digits.map(|two| u8::from_str_radix(two?, 16).ok()).collect::<Option<Vec<_>>>()?;
        self.mac(delivery).verify_truncated_left(&mac).ok()?;
        Some(delivery)
    }

    fn mac(&self, delivery: DeliveryId) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .expect("HMAC takes a key of any length");
        // So that the same secret may serve elsewhere.
        mac.update(b"invite-smtp bounce address 1\0");
        mac.update(delivery.as_uuid().as_bytes());
        mac
    }
}

impl fmt::Debug for BounceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BounceAddress({}@{}, secret hidden)", self.local, self.domain)
    }
}
