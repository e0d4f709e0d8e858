//! Why a transport cannot be set up.

/// What is wrong with the settings, and what to do about it. No variant carries a credential, nor the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The URL is none, or not of this transport.
    #[error(
        "the URL of the mail server is not understood: {reason}; write smtp://user:password@host:587 (STARTTLS) or \
         smtps://user:password@host:465 (TLS), with %40 for @, %2F for /, %23 for # and %25 for % in user and password"
    )]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The URL has an option that there is not, or one with a value that it cannot have.
    #[error("the option {name} in the URL of the mail server {reason}")]
    Option {
        /// The option's name.
        name: String,
        /// What is wrong with it, and what could stand there.
        reason: &'static str,
    },
    /// The host is neither a name nor an address.
    #[error(
        "the host of the mail server is neither a name, such as mail.example.com, nor an IP address; correct it"
    )]
    Host,
    /// The name for EHLO is none.
    #[error(
        "the hello name must be this host's full name, such as app.example.com, or an address in brackets"
    )]
    HelloName,
    /// The user name or the password cannot be said in AUTH.
    #[error("user name and password must both be there, without line breaks or other control characters")]
    Credentials,
    /// A figure is out of its bounds.
    #[error("{name} must be {bounds}")]
    Figure {
        /// Which.
        name: &'static str,
        /// What it may be.
        bounds: &'static str,
    },
    /// A root certificate cannot be read.
    #[error("the root certificate is none in PEM (-----BEGIN CERTIFICATE-----); export it in that form")]
    RootCertificate,
    /// The file of a root certificate cannot be read.
    #[error(
        "the file of root certificates {path} cannot be read; correct ca= in the URL or the file's permissions"
    )]
    RootCertificateFile {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no root certificate on this machine, and none was given.
    #[error(
        "this machine has no root certificates, without which no server can be trusted; install ca-certificates, or give \
         one to the transport (root_certificate, or ca= in the URL)"
    )]
    NoRootCertificates,
}
