//! SNS's certificate: where it comes from, what it must lead to, and what it signs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm,
    UnixTime, alg_id,
};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage};

use super::address::Topic;
use super::envelope::{Envelope, Hash};
use super::error::Error;
use super::settings::Settings;

/// A certificate that could not be fetched now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no answer of SNS in time, none with 200, or one that is too long; see whether this machine may connect to it"
)]
pub struct FetchError;

/// Fetches SNS's certificates. [`HttpsCertificates`](super::HttpsCertificates) does; a host that reaches AWS in a way of its
/// own brings its own.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// The file at this URL: certificates in PEM, SNS's own first.
    ///
    /// It is called for URLs of SNS in the region of a topic in the settings alone. An implementation MUST verify the
    /// server's TLS certificate, MUST NOT follow redirects, MUST bound time and size, and SHOULD keep what it fetched: SNS
    /// signs with one for months. It may be called concurrently.
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, FetchError>;
}

/// The most certificates in a file that are looked at.
const MOST: usize = 8;

/// Checks the certificate, and with it the signature.
pub(super) fn check(
    pem: &[u8],
    envelope: &Envelope,
    topic: &Topic,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let file = CertificateDer::pem_slice_iter(pem).take(MOST).collect::<Result<Vec<_>, _>>();
    let file = file.map_err(|_| Error::Certificate)?;
    let (own, others) = file.split_first().ok_or(Error::Certificate)?;
    let certificate = EndEntityCert::try_from(own).map_err(|_| Error::Certificate)?;
    let intermediates: Vec<_> = others.iter().chain(&settings.intermediates).cloned().collect();
    let seconds = u64::try_from(now.timestamp()).map_err(|_| Error::Certificate)?;
    certificate
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &settings.roots.roots,
            &intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(|_| Error::Certificate)?;
    let is_name = |name: String| {
        let name = ServerName::try_from(name);
        name.is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
    };
    if !topic.certificate_names().into_iter().any(is_name) {
        return Err(Error::Certificate);
    }
    let algorithm: &dyn SignatureVerificationAlgorithm = match envelope.hash {
        Hash::Sha1 => &RsaSha1,
        Hash::Sha256 => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    };
    let signed = certificate.verify_signature(algorithm, envelope.signed.as_bytes(), &envelope.signature);
    signed.map_err(|_| Error::Signature)
}

/// For messages of version 1 alone, never for a certificate.
#[derive(Debug)]
struct RsaSha1;

impl SignatureVerificationAlgorithm for RsaSha1 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    /// sha1WithRSAEncryption, 1.2.840.113549.1.1.5 (RFC 3279, 2.2.1), with its NULL.
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(&[
            0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
        ])
    }
}
