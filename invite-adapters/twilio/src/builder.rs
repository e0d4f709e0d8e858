//! A transport's settings, before it is built.

use std::fmt;
use std::time::Duration;

use invite_core::Secret;

use crate::client::{Options, client};
use crate::credentials::{Credentials, Login};
use crate::endpoint::{self, StatusCallback};
use crate::error::SetupError;
use crate::sender::Sender;
use crate::settings::Settings;
use crate::transport::TwilioTransport;

/// The longest validity period, in seconds: 10 hours, which is Twilio's default too (its error 90007).
const LONGEST_VALIDITY: u64 = 36_000;

/// Builds a [`TwilioTransport`]. The credentials and the sender must be given; the rest has defaults that serve most.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct TwilioBuilder {
    account: Secret,
    login: Option<Login>,
    sender: Option<String>,
    validity: Option<Duration>,
    status_callback: Option<String>,
    endpoint: String,
    plain: bool,
    root_certificates: Vec<Vec<u8>>,
    connect_timeout: Duration,
    proxy_from_environment: bool,
}

impl TwilioBuilder {
    pub(crate) fn new(account: Secret) -> Self {
        Self {
            account,
            login: None,
            sender: None,
            validity: None,
            status_callback: None,
            endpoint: endpoint::DEFAULT.to_owned(),
            plain: false,
            root_certificates: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            proxy_from_environment: false,
        }
    }

    /// Signs in with an API key, which can be withdrawn alone: `SK` and 32 hexadecimal digits, and its secret.
    pub fn api_key(self, sid: Secret, secret: Secret) -> Self {
        self.login(Login::ApiKey { sid, secret })
    }

    /// Signs in with the account's auth token, which also signs webhooks.
    pub fn auth_token(self, token: Secret) -> Self {
        self.login(Login::AuthToken(token))
    }

    pub(crate) fn login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Whom messages come from that name no sender themselves: a number in E.164 (`+4791234567`), a short
    /// code of 5 or 6 digits, an alphanumeric sender (`ACME`: 1 to 11 letters of ASCII, digits and spaces, at least one letter) or the SID of a messaging service
    /// (`MG…`), which chooses the number.
    pub fn sender(mut self, sender: impl Into<String>) -> Self {
        self.sender = Some(sender.into());
        self
    }

    /// How long Twilio may hold a message in its queue, whole seconds from 1 to 36000 (10 hours). By default as long as
    /// Twilio holds it: 10 hours, or what the messaging service says.
    pub fn validity(mut self, period: Duration) -> Self {
        self.validity = Some(period);
        self
    }

    /// Where Twilio reports what becomes of a message: the public URL of a route of the host. The parameter
    /// `delivery=<id>` is added to its query; [`Verified::report`](crate::webhook::Verified::report) reads it again.
    pub fn status_callback(mut self, url: impl Into<String>) -> Self {
        self.status_callback = Some(url.into());
        self
    }

    /// Another region or edge than the default: `https://api.dublin.ie1.twilio.com`. Credentials are of one region. Over
    /// `http` nothing goes but to this machine itself.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Takes an endpoint with `http` on any host: whoever is on the way reads every message with its credential, and the
    /// login of the account. For a stand-in in a test network, and nothing else.
    pub fn dangerous_plain_http(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Trusts one more root certificate, or several, in PEM, beside those of this machine.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// How long finding the host, connecting and TLS may take together. By default 10 s.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// Goes through the proxy that `HTTPS_PROXY` and its like name. By default there is none, whatever they say.
    pub fn proxy_from_environment(mut self) -> Self {
        self.proxy_from_environment = true;
        self
    }

    /// The transport. Nothing is connected yet; the root certificates of this machine are read, which takes a moment.
    pub fn build(self) -> Result<TwilioTransport, SetupError> {
        if self.connect_timeout.is_zero() {
            return Err(SetupError::ConnectTimeout);
        }
        let credentials = Credentials::new(self.account, self.login)?;
        let settings = Settings {
            sender: Sender::parse(self.sender.as_deref().unwrap_or_default())?,
            validity_seconds: self.validity.map(seconds).transpose()?,
            status_callback: self.status_callback.as_deref().map(StatusCallback::parse).transpose()?,
            messages: endpoint::messages(&self.endpoint, credentials.account(), self.plain)?,
            credentials,
        };
        let client = client(&Options {
            root_certificates: &self.root_certificates,
            connect_timeout: self.connect_timeout,
            proxy_from_environment: self.proxy_from_environment,
        })?;
        Ok(TwilioTransport::new(client, settings))
    }
}

fn seconds(period: Duration) -> Result<u64, SetupError> {
    let seconds = period.as_secs();
    if period.subsec_nanos() == 0 && (1..=LONGEST_VALIDITY).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(SetupError::Validity)
    }
}

impl fmt::Debug for TwilioBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TwilioBuilder(settings hidden)")
    }
}
