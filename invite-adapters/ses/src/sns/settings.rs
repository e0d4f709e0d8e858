//! What a host says about its topics.

use std::fmt;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::Topic;
use super::error::SettingsError;

/// Which topics may report, and what a certificate must lead to.
#[derive(Clone)]
pub struct Settings {
    pub(super) topics: Vec<Topic>,
    pub(super) window: Duration,
    pub(super) roots: RootCertStore,
    pub(super) intermediates: Vec<CertificateDer<'static>>,
}

impl Settings {
    /// For these topics, by their ARN: one at least. The root certificates of this machine are read.
    pub fn new<T: AsRef<str>>(topics: impl IntoIterator<Item = T>) -> Result<Self, SettingsError> {
        let topics = topics.into_iter().map(|arn| Topic::parsed(arn.as_ref())).collect::<Option<Vec<_>>>();
        let topics = topics.filter(|topics| !topics.is_empty()).ok_or(SettingsError::Topic)?;
        let mut roots = RootCertStore::empty();
        // What cannot be read there is left out: a machine has hundreds, and one needs one.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Ok(Self { topics, window: Duration::from_hours(1), roots, intermediates: Vec::new() })
    }

    /// How old a message may be, and how far ahead its clock. By default an hour: no policy can make SNS try an HTTPS
    /// endpoint for longer than 3,600 s
    /// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>).
    #[must_use]
    pub fn window(mut self, time: Duration) -> Self {
        self.window = time;
        self
    }

    /// Trusts one more root certificate, or several, in PEM: for a stand-in for SNS in tests.
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Result<Self, SettingsError> {
        for certificate in certificates(pem.as_ref())? {
            self.roots.add(certificate).map_err(|_| SettingsError::Certificate)?;
        }
        Ok(self)
    }

    /// A certificate, or several, in PEM, by which SNS's may lead to a root: for where SNS's file has its own certificate
    /// alone. Amazon's are at <https://www.amazontrust.com/repository/>. They are not trusted by themselves.
    pub fn intermediate_certificate(mut self, pem: impl AsRef<[u8]>) -> Result<Self, SettingsError> {
        self.intermediates.extend(certificates(pem.as_ref())?);
        Ok(self)
    }
}

/// One at least.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty()).ok_or(SettingsError::Certificate)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({} topics, window {:?})", self.topics.len(), self.window)
    }
}
