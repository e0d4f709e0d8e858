//! A transport's settings, before it is built.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::{Builder as ClientBuilder, SharedHttpClient, StalledStreamProtectionConfig};
use aws_sdk_sesv2::types::MessageTag;
use aws_smithy_http_client::Builder as HttpClientBuilder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use url::{Host, Url};

use crate::error::SetupError;
use crate::quiet::quiet;
use crate::transport::SesTransport;

/// Where credentials and the rest of the SDK's configuration come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// This process: environment, profile, role.
    Chain,
    /// The host's own configuration.
    Sdk(Box<SdkConfig>),
    /// The host's own configuration of the SES client.
    Client(Box<aws_sdk_sesv2::Config>),
}

/// What a transport was built with.
pub(crate) struct Settings {
    pub(crate) region: String,
    pub(crate) configuration_set: Option<String>,
    /// Links may be rewritten.
    pub(crate) rewritten_links: bool,
    pub(crate) tags: Vec<MessageTag>,
}

/// Builds a [`SesTransport`]. Nothing is required where the process or the host's configuration has a region and
/// credentials.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct SesBuilder {
    source: Source,
    region: Option<String>,
    endpoint: Option<String>,
    configuration_set: Option<String>,
    rewritten_links: Option<String>,
    tags: Vec<(String, String)>,
}

impl SesBuilder {
    pub(crate) const fn new(source: Source) -> Self {
        Self {
            source,
            region: None,
            endpoint: None,
            configuration_set: None,
            rewritten_links: None,
            tags: Vec::new(),
        }
    }

    /// The AWS region, such as `eu-north-1`. By default that of the process (`AWS_REGION`, the profile, the machine's
    /// role) or of the host's configuration.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Another endpoint than the region's: a VPC endpoint, or a stand-in for SES on this machine. It must be `https`, but
    /// for this machine.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// The configuration set, from which SES reports what becomes of the messages.
    pub fn configuration_set(mut self, name: impl Into<String>) -> Self {
        self.configuration_set = Some(name.into());
        self
    }

    /// Lets this configuration set, which must be the one that is used, rewrite links to count clicks.
    ///
    /// Then SES puts links of its own in place of those in the messages: whoever sees its redirects, its logs and its
    /// events sees the credential of each link, and a person sees another domain than yours. Without this, each message
    /// says that its links are to stay as they are.
    pub fn allow_rewritten_links(mut self, configuration_set: impl Into<String>) -> Self {
        self.rewritten_links = Some(configuration_set.into());
        self
    }

    /// One more tag for each message, by which SES's events can be told apart: 1 to 256 letters, digits, `_` and `-` in
    /// name and value. `invite-delivery` is always there, with the delivery's id.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }

    /// The transport. Nothing is sent to SES yet. Where the credentials are those of the process, its files and variables
    /// are read; on a machine of AWS without a region the machine's metadata service may be asked for it.
    pub async fn build(self) -> Result<SesTransport, SetupError> {
        let name = self.configuration_set;
        if name.as_deref().is_some_and(|name| !is_name(name, 64)) {
            return Err(SetupError::ConfigurationSet);
        }
        if let Some(allowed) = self.rewritten_links.as_ref().filter(|allowed| Some(*allowed) != name.as_ref())
        {
            return Err(SetupError::RewrittenLinks { allowed: allowed.clone() });
        }
        let tags = self.tags.iter().map(|(name, value)| tag(name, value)).collect::<Option<_>>();
        let tags = tags.ok_or(SetupError::Tag)?;
        if self.endpoint.as_deref().is_some_and(|endpoint| !may_be_sent_to(endpoint)) {
            return Err(SetupError::Endpoint);
        }
        if self.region.as_deref().is_some_and(|region| !is_name(region, 64)) {
            return Err(SetupError::Region);
        }

        let mut client = client_builder(self.source, self.region.clone()).await;
        if let Some(region) = self.region {
            client = client.region(Region::new(region));
        }
        if let Some(endpoint) = self.endpoint {
            client = client.endpoint_url(endpoint);
        }
        let config = client
            .behavior_version(BehaviorVersion::latest())
            // What may have been sent is for the core to decide about.
            .retry_config(RetryConfig::disabled())
            // The deadline bounds a request; a slow line is no fault.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let region = config.region().ok_or(SetupError::Region)?.to_string();
        let rewritten_links = self.rewritten_links.is_some();
        let settings = Settings { region, configuration_set: name, rewritten_links, tags };
        Ok(SesTransport::new(Client::from_conf(config), Arc::new(settings)))
    }
}

async fn client_builder(source: Source, region: Option<String>) -> ClientBuilder {
    match source {
        Source::Chain => {
            let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
            if let Some(region) = region {
                loader = loader.region(Region::new(region));
            }
            ClientBuilder::from(&quiet(loader.load()).await)
        }
        Source::Sdk(config) => {
            let builder = ClientBuilder::from(&*config);
            if config.http_client().is_some() { builder } else { builder.http_client(http_client()) }
        }
        Source::Client(config) => {
            let builder = config.to_builder();
            if config.http_client().is_some() { builder } else { builder.http_client(http_client()) }
        }
    }
}

/// How long a connection waits for the next message: not so long that the other end closes it just when a message goes
/// over it, of which nobody could say then whether it had arrived.
const IDLE: Duration = Duration::from_secs(15);

/// TLS by rustls with ring, against this machine's root certificates.
fn http_client() -> SharedHttpClient {
    let builder = HttpClientBuilder::new().pool_idle_timeout(IDLE);
    builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// What SES takes as a name or a value: letters, digits, `_` and `-`.
fn is_name(text: &str, longest: usize) -> bool {
    let fits = (1..=longest).contains(&text.len());
    fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn tag(name: &str, value: &str) -> Option<MessageTag> {
    let taken = name.starts_with("invite-") || name.starts_with("ses");
    let fits = is_name(name, 256) && is_name(value, 256) && !taken;
    fits.then(|| MessageTag::builder().name(name).value(value).build().ok())?
}

/// `https`, or this machine.
fn may_be_sent_to(endpoint: &str) -> bool {
    let Ok(url) = Url::parse(endpoint) else { return false };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

impl fmt::Debug for SesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region.as_deref().unwrap_or("default region");
        write!(f, "SesBuilder({region}, {} tags)", self.tags.len())
    }
}
