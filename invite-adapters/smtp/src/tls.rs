//! TLS: rustls with ring, whatever the process has set as its default.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::SetupError;

/// How to begin TLS with one server.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// With the root certificates of this machine and those of `extra`, in PEM.
    pub(crate) fn new(host: &str, extra: &[Vec<u8>]) -> Result<Self, SetupError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SetupError::Host)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_root_certificates(roots(extra)?)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

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

/// What went wrong, and what to do about it.
pub(crate) fn explained(error: &io::Error, host: &str) -> String {
    use CertificateError as C;

    let Some(tls) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) else {
        return format!("TLS with {host} broke off: {error}; see whether the port speaks TLS");
    };
    match tls {
        rustls::Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => format!(
            "the certificate of {host} is of an authority that is not known here; install its root certificate on this \
             machine, or give it to the transport (root_certificate, or ca= in the URL)"
        ),
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => format!(
            "the certificate of the mail server is not for {host}; use the name that is in the certificate, or have the \
             server use one for {host}"
        ),
        rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            format!("the certificate of {host} has expired; have it renewed, or correct this machine's clock")
        }
        rustls::Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
            format!("the certificate of {host} is not valid yet; correct this machine's clock")
        }
        rustls::Error::InvalidMessage(_) => format!(
            "{host} does not speak TLS at this port; use smtps:// with the port for TLS (465), and smtp:// with that for \
             STARTTLS (587)"
        ),
        other => format!("no TLS with {host}: {other}; have its certificate and settings looked at"),
    }
}
