//! Why a message is not taken.

use super::certificate::FetchError;

/// Settings that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No topic, or none that is one.
    #[error("give one topic at least, each as its ARN: arn:aws:sns:eu-north-1:123456789012:invitations")]
    Topic,
    /// No certificate in PEM.
    #[error("the certificate cannot be read; give it in PEM (BEGIN CERTIFICATE)")]
    Certificate,
    /// The HTTP client cannot be made.
    #[error("no HTTPS client can be made; see whether this machine has root certificates (ca-certificates)")]
    Client,
}

/// Why a message is not taken. No variant has a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No message of SNS.
    #[error("the body is no signed message of SNS; leave raw message delivery off for this subscription")]
    NoMessage,
    /// Another topic.
    #[error("the message is of a topic that is not in the settings; add its ARN if it is yours")]
    Topic,
    /// Too old, or of the future.
    #[error("the message was made outside the window; see whether this machine's clock is right")]
    Stale,
    /// The certificate is elsewhere.
    #[error("the certificate's URL is not that of SNS in the topic's region; nothing was fetched from it")]
    CertificateUrl,
    /// The certificate could not be fetched.
    #[error("the certificate could not be fetched: {0}")]
    Fetch(#[from] FetchError),
    /// The certificate is not that of SNS.
    #[error(
        "the certificate does not lead to a root certificate, is not in force, or does not name SNS; where SNS's file has no \
         intermediate certificate, give it to the settings, from https://www.amazontrust.com/repository/"
    )]
    Certificate,
    /// The signature does not fit.
    #[error("the message is not signed by SNS, or was changed on the way")]
    Signature,
    /// A confirmation that leads elsewhere.
    #[error("the confirmation leads to another host than SNS in the topic's region; it must not be opened")]
    SubscribeUrl,
}

impl Error {
    /// Whether the same message may be taken later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Fetch(_))
    }
}
