//! A transport's settings, before it is built.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use idna::AsciiDenyList;
use invite_core::Secret;

use crate::credentials::Credentials;
use crate::dsn::BounceAddress;
use crate::error::SetupError;
use crate::settings::{Figures, Security, Settings};
use crate::tls::Tls;
use crate::transport::SmtpTransport;

/// Which protection the connection is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    Implicit,
    StartTls,
    DangerousPlain,
}

/// Builds an [`SmtpTransport`]. Each figure has a default that serves most.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct SmtpBuilder {
    host: String,
    port: u16,
    protection: Protection,
    credentials: Option<(String, Secret)>,
    hello_name: Option<String>,
    bounces: Option<BounceAddress>,
    root_certificates: Vec<Vec<u8>>,
    figures: Figures,
}

impl SmtpBuilder {
    pub(crate) fn new(host: &str, port: u16, protection: Protection) -> Self {
        Self {
            host: host.to_owned(),
            port,
            protection,
            credentials: None,
            hello_name: None,
            bounces: None,
            root_certificates: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// Another port than the usual one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Signs in with AUTH PLAIN, or LOGIN where that alone is offered.
    pub fn credentials(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.credentials = Some((user.into(), password));
        self
    }

    /// What EHLO says: this host's full name, `app.example.com`. Without it the address of the connection's own end is
    /// said in brackets, which RFC 5321, 4.1.3, asks of a host without a name, and which relays for submission take.
    pub fn hello_name(mut self, name: impl Into<String>) -> Self {
        self.hello_name = Some(name.into());
        self
    }

    /// Has notifications about a message sent to an address of its own, by which they lead back to it: [`dsn`](crate::dsn)
    /// has more. Without it they go to the author. The server must let this account send from such addresses.
    pub fn bounces(mut self, address: BounceAddress) -> Self {
        self.bounces = Some(address);
        self
    }

    /// Trusts one more root certificate, or several, in PEM, beside those of this machine: for a server whose
    /// certificate is of an authority of one's own, or is its own authority.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// The most connections at once, 1 to 256. By default 8: as many messages travel at once, others wait for a
    /// connection. Some providers take few (Microsoft 365: 3).
    pub fn connections(mut self, number: usize) -> Self {
        self.figures.connections = number;
        self
    }

    /// How many messages go over a connection before it is closed and another opened, at least 1. By default 100, so
    /// that a server which was added behind a name gets its part.
    pub fn messages_per_connection(mut self, number: u32) -> Self {
        self.figures.messages_per_connection = number;
        self
    }

    /// How long a connection is kept without a message, before it is closed. By default 30 s: a server closes it itself
    /// after 5 min (RFC 5321, 4.5.3.2.7), many much earlier.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.figures.idle_timeout = time;
        self
    }

    /// How long finding the host, connecting and TLS may take together. By default 30 s.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.figures.connect_timeout = time;
        self
    }

    /// How long the server may take to greet, to answer one command, and to take the message's octets. By default
    /// 5 min, the most that RFC 5321, 4.5.3.2, asks for.
    pub fn reply_timeout(mut self, time: Duration) -> Self {
        self.figures.reply_timeout = time;
        self
    }

    /// How long the server may take to answer the final dot. By default 10 min (RFC 5321, 4.5.3.2.6): whoever waits less
    /// takes messages for unknown that have arrived.
    pub fn final_reply_timeout(mut self, time: Duration) -> Self {
        self.figures.final_reply_timeout = time;
        self
    }

    /// The transport. Nothing is connected yet; the root certificates of this machine are read, which takes a moment.
    pub fn build(self) -> Result<SmtpTransport, SetupError> {
        self.figures.check()?;
        let host = host(&self.host)?;
        let tls = || Tls::new(&host, &self.root_certificates);
        let security = match self.protection {
            Protection::Implicit => Security::Implicit(tls()?),
            Protection::StartTls => Security::StartTls(tls()?),
            Protection::DangerousPlain => Security::DangerousPlain,
        };
        let credentials = match self.credentials {
            Some((user, password)) => Some(Credentials::new(user, password).ok_or(SetupError::Credentials)?),
            None => None,
        };
        let hello_name = self.hello_name.as_deref().map(hello_name).transpose()?;
        let (port, figures, bounces) = (self.port, self.figures, self.bounces);
        let settings = Settings { host, port, security, credentials, hello_name, bounces, figures };
        Ok(SmtpTransport::new(Arc::new(settings)))
    }
}

impl Figures {
    fn check(&self) -> Result<(), SetupError> {
        let positive = "more than nothing";
        for (holds, name, bounds) in [
            ((1..=256).contains(&self.connections), "the number of connections", "1 to 256"),
            (self.messages_per_connection >= 1, "the number of messages for each connection", "at least 1"),
            (!self.connect_timeout.is_zero(), "connect_timeout", positive),
            (!self.reply_timeout.is_zero(), "reply_timeout", positive),
            (!self.final_reply_timeout.is_zero(), "final_reply_timeout", positive),
        ] {
            if !holds {
                return Err(SetupError::Figure { name, bounds });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SmtpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpBuilder({}:{}, {:?})", self.host, self.port, self.protection)
    }
}

/// In ASCII.
fn host(host: &str) -> Result<String, SetupError> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let ascii =
        idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL).map_err(|_| SetupError::Host)?;
    if ascii.is_empty() { Err(SetupError::Host) } else { Ok(ascii.into_owned()) }
}

/// A name in ASCII, or an address literal as it is.
fn hello_name(name: &str) -> Result<String, SetupError> {
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_literal = literal.is_some_and(|address| match address.strip_prefix("IPv6:") {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => address.parse::<Ipv4Addr>().is_ok(),
    });
    if is_literal {
        return Ok(name.to_owned());
    }
    let ascii = idna::domain_to_ascii_cow(name.as_bytes(), AsciiDenyList::STD3).ok();
    ascii.filter(|name| !name.is_empty()).map(Into::into).ok_or(SetupError::HelloName)
}
