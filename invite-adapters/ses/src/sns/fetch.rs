//! Certificates by HTTPS, kept in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout};

use super::certificate::{Certificates, FetchError};
use super::error::SettingsError;

/// How long a fetch may take in all.
const TIME: Duration = Duration::from_secs(10);
/// A file of certificates is some KiB.
const LARGEST: usize = 64 * 1024;
/// How long one is kept: its name changes with it.
const KEPT: Duration = Duration::from_hours(24);
/// How many are kept. SNS has one a region at a time.
const MOST: usize = 64;

type Kept = HashMap<String, (Instant, Vec<u8>)>;

/// Fetches certificates by HTTPS, within 10 s and 64 KiB, against this machine's root certificates, without redirects or a
/// proxy, and keeps them for 24 h. Clones share what is kept.
#[derive(Clone)]
pub struct HttpsCertificates {
    client: reqwest::Client,
    kept: Arc<Mutex<Kept>>,
}

impl HttpsCertificates {
    /// With an HTTP client of its own. Nothing is connected yet; the root certificates of this machine are read.
    pub fn new() -> Result<Self, SettingsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| SettingsError::Client)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|_| SettingsError::Client)?;
        Ok(Self { client, kept: Arc::default() })
    }

    fn kept(&self, url: &str) -> Option<Vec<u8>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(url).filter(|(since, _)| since.elapsed() < KEPT).map(|(_, pem)| pem.clone())
    }

    fn keep(&self, url: &str, pem: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(url.to_owned(), (Instant::now(), pem.to_vec()));
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let mut response = self.client.get(url).send().await.map_err(|_| FetchError)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError);
        }
        let mut pem = Vec::new();
        while let Some(octets) = response.chunk().await.map_err(|_| FetchError)? {
            if pem.len() + octets.len() > LARGEST {
                return Err(FetchError);
            }
            pem.extend_from_slice(&octets);
        }
        Ok(pem)
    }
}

#[async_trait]
impl Certificates for HttpsCertificates {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        if let Some(pem) = self.kept(url) {
            return Ok(pem);
        }
        let pem = timeout(TIME, self.get(url)).await.map_err(|_| FetchError)??;
        self.keep(url, &pem);
        Ok(pem)
    }
}

impl fmt::Debug for HttpsCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsCertificates")
    }
}
