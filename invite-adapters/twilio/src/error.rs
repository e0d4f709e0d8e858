//! Why a transport cannot be set up.

/// What is wrong with the settings, and what to do about it. No variant carries a credential, nor a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The URL is none, or not of this transport.
    #[error(
        "the URL of Twilio is not understood: {reason}; write twilio:?account=AC…&from=%2B4791234567, or \
         messaging_service=MG… in place of from, and leave the credentials to the environment"
    )]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The URL has an option that there is not, or one with a value that it cannot have.
    #[error("the option {name} in the URL of Twilio {reason}")]
    Option {
        /// The option's name.
        name: String,
        /// What is wrong with it, and what could stand there.
        reason: &'static str,
    },
    /// An environment variable is not set.
    #[error("{names} must be set in the environment")]
    Missing {
        /// Which, or which together.
        names: &'static str,
    },
    /// The account SID is none.
    #[error(
        "the account SID must be AC and 32 hexadecimal digits; it stands on the first page of Twilio's console"
    )]
    Account,
    /// The SID of the API key is none.
    #[error("the SID of the API key must be SK and 32 hexadecimal digits; its secret is another value")]
    ApiKey,
    /// There is neither an auth token nor an API key, or one that no request can carry.
    #[error("there must be an auth token or the secret of an API key, without spaces or control characters")]
    Credentials,
    /// There is no sender, or one that Twilio does not take.
    #[error(
        "the sender must be a number in E.164 (+4791234567), a short code of 5 or 6 digits, an alphanumeric sender of 1 to \
         11 letters, digits and spaces with at least one letter (ACME), or the SID of a messaging service (MG and 32 hexadecimal digits)"
    )]
    Sender,
    /// There are a sender and a messaging service.
    #[error("give a sender or a messaging service, not both; a messaging service chooses the sender itself")]
    TwoSenders,
    /// The validity period is out of its bounds.
    #[error("the validity period must be whole seconds, from 1 to 36000 (10 hours)")]
    Validity,
    /// The time for connecting is nothing.
    #[error("connect_timeout must be more than nothing")]
    ConnectTimeout,
    /// Twilio cannot call that URL back.
    #[error("the status callback {reason}")]
    StatusCallback {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No message can go to that endpoint.
    #[error(
        "the endpoint {reason}; write https://api.twilio.com, or one of a region, such as https://api.dublin.ie1.twilio.com"
    )]
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A root certificate cannot be read.
    #[error("the root certificate is none in PEM (-----BEGIN CERTIFICATE-----); export it in that form")]
    RootCertificate,
    /// There is no root certificate on this machine, and none was given.
    #[error(
        "this machine has no root certificates, without which no server can be trusted; install ca-certificates, or give \
         one to the transport (root_certificate)"
    )]
    NoRootCertificates,
    /// TLS or the HTTP client cannot be set up.
    #[error("the HTTPS client cannot be set up; see the cause")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
