//! Keyed hashes of addresses: how an address stays suppressed when the person whom it belonged to is erased.
//!
//! When a person is erased, their addresses go from the suppression list too, and a hash of each stays in its place. The
//! key is derived from the sealing key, which no store holds: a copy of the database does not say whose the addresses
//! were, although there are few enough phone numbers to try them all. When people with that address are planned for
//! again, the service, which has the key, hashes their addresses and tells the store which of them it
//! [recognises](crate::port::records::Records::recognise): those stand on the list again, before it is decided who gets
//! what.
//!
//! A hash is made with the first sealing key and recognised with every key of the list: keep an old key in it for as long
//! as what was erased under it is to stay suppressed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::model::id::OrganisationId;
use crate::model::message::Channel;

/// The keys under which addresses are hashed, derived from the sealing keys.
#[derive(Clone)]
pub struct SuppressionKey(Vec<Zeroizing<[u8; 32]>>);

/// The keyed hash of an address, in one organisation and on one channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressHash([u8; 32]);

impl SuppressionKey {
    /// Derives each key from a sealing key, the first first.
    pub(super) fn derived<'a>(sealing: impl Iterator<Item = &'a [u8; 32]>) -> Self {
        let derive =
            |key: &[u8; 32]| Zeroizing::new(mac(key, &[b"invite: hashes of suppressed addresses, 1"]));
        Self(sealing.map(derive).collect())
    }

    /// The hash of an address, in the form in which addresses are compared, under the first key: the one to keep.
    pub fn hash(&self, organisation: OrganisationId, channel: Channel, address: &str) -> AddressHash {
        self.hashes(organisation, channel, address).next().expect("there is at least one sealing key")
    }

    /// Its hashes under every key: those by which it is recognised.
    pub fn hashes(
        &self,
        organisation: OrganisationId,
        channel: Channel,
        address: &str,
    ) -> impl Iterator<Item = AddressHash> {
        self.0.iter().map(move |key| {
            let organisation = organisation.as_uuid().into_bytes();
            AddressHash(mac(key, &[&organisation, channel.as_str().as_bytes(), b":", address.as_bytes()]))
        })
    }
}

impl fmt::Debug for SuppressionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SuppressionKey({} keys, hidden)", self.0.len())
    }
}

impl AddressHash {
    /// What a store has kept.
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressHash")
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{SealingKey, random::system_random};

    #[test]
    fn a_hash_is_of_one_organisation_channel_and_address_and_found_after_the_keys_were_rotated() {
        let key = || SealingKey::generate(&mut system_random().unwrap());
        let (old, new) = (key(), key());
        let (ours, theirs) = (OrganisationId::new(), OrganisationId::new());
        let hash = old.suppression_key().hash(ours, Channel::Email, "anna@acme.example");
        for (organisation, channel, address) in [
            (theirs, Channel::Email, "anna@acme.example"),
            (ours, Channel::Sms, "anna@acme.example"),
            (ours, Channel::Email, "bo@acme.example"),
        ] {
            assert_ne!(old.suppression_key().hash(organisation, channel, address), hash);
        }
        let other = new.suppression_key();
        assert!(other.hashes(ours, Channel::Email, "anna@acme.example").all(|other| other != hash));
        let both = format!("{},{}", new.to_text().expose(), old.to_text().expose());
        let rotated = both.parse::<SealingKey>().unwrap().suppression_key();
        assert!(rotated.hashes(ours, Channel::Email, "anna@acme.example").any(|other| other == hash));
        assert_ne!(rotated.hash(ours, Channel::Email, "anna@acme.example"), hash);
    }
}
