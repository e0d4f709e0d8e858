//! The HTTP client: TLS by rustls with ring, no redirects, no proxy that nobody asked for.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::SetupError;

/// How long a connection is kept without a message: less than the servers on the way keep it, since one that closes it
/// just when a message goes leaves the message unknown.
const IDLE: Duration = Duration::from_secs(15);

/// What is different from client to client.
pub(crate) struct Options<'a> {
    pub(crate) root_certificates: &'a [Vec<u8>],
    pub(crate) connect_timeout: Duration,
    pub(crate) proxy_from_environment: bool,
}

pub(crate) fn client(options: &Options<'_>) -> Result<reqwest::Client, SetupError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(options.root_certificates)?)
        .redirect(Policy::none())
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("invite-twilio/", env!("CARGO_PKG_VERSION")));
    let builder = if options.proxy_from_environment { builder } else { builder.no_proxy() };
    builder.build().map_err(|error| SetupError::Client(error.into()))
}

/// TLS 1.2 and 1.3 with ring, whatever the process has set as its default.
fn tls(extra: &[Vec<u8>]) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Client(error.into()))?
        .with_root_certificates(roots(extra)?)
        .with_no_client_auth())
}

/// Those of this machine and those of `extra`, in PEM.
fn roots(extra: &[Vec<u8>]) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    // What cannot be read there is left out, as everywhere: a machine has hundreds, and one needs one.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in extra {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| SetupError::RootCertificate)?;
            roots.add(certificate).map_err(|_| SetupError::RootCertificate)?;
        }
        if roots.len() == before {
            return Err(SetupError::RootCertificate);
        }
    }
    if roots.is_empty() { Err(SetupError::NoRootCertificates) } else { Ok(roots) }
}
