//! Twilio's signature: HMAC-SHA1, keyed with the auth token, over the URL and the sorted parameters of a form. A body that
//! is no form is signed by its SHA-256 in the URL.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use invite_core::Secret;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::parameters::{Parameters, parsed};
use super::public_url::forms;
use super::{Verified, Webhook};

/// The parameter of the URL with the hash of a body that is no form.
const BODY_HASH: &str = "bodySHA256";

/// A request that is not from Twilio, or that was changed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the request is not signed by Twilio with this auth token; see whether the public URL is exactly the one that Twilio was \
     told, and whether the token is that of the account"
)]
pub struct NotSigned;

/// Checks that a request is from Twilio, with the account's auth tokens: one, or several while the token is changed. API
/// keys sign nothing.
///
/// Signatures are compared in constant time. A signature does not say when it was made: what was signed once may come
/// again, and taking it twice must change nothing, as with [`Verified::report`].
pub fn verify(request: &Webhook<'_>, tokens: &[Secret]) -> Result<Verified, NotSigned> {
    let signature = STANDARD.decode(request.signature).map_err(|_| NotSigned)?;
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    let query = parsed(query.split('#').next().unwrap_or_default().as_bytes());
    let hash = query.iter().find(|(name, _)| name == BODY_HASH).map(|(_, hash)| hash);
    let form = match hash {
        Some(hash) if !is_hash(hash, request.body) => return Err(NotSigned),
        Some(_) => Vec::new(),
        None => parsed(request.body),
    };
    let mut signed_part = String::new();
    // Each once, by name and then by value, as Twilio's own libraries do.
    for (name, value) in form.iter().collect::<BTreeSet<_>>() {
        signed_part.extend([name.as_str(), value.as_str()]);
    }
    let mut is_signed = false;
    for url in forms(request.url) {
        for token in tokens.iter().filter(|token| !token.expose().is_empty()) {
            is_signed |= is_mac(&signature, token, &[&url, &signed_part]);
        }
    }
    if is_signed { Ok(Verified { parameters: Parameters { query, form } }) } else { Err(NotSigned) }
}

fn is_mac(signature: &[u8], token: &Secret, parts: &[&str]) -> bool {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()) else { return false };
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(signature).is_ok()
}

fn is_hash(hash: &str, body: &[u8]) -> bool {
    let mut computed = String::with_capacity(64);
    for octet in Sha256::digest(body) {
        // Writing to a string cannot fail.
        let _ = write!(computed, "{octet:02x}");
    }
    computed.as_bytes().ct_eq(hash.to_ascii_lowercase().as_bytes()).into()
}
