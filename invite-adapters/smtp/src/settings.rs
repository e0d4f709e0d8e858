//! What a transport goes by, once it is built.

use std::time::Duration;

use crate::credentials::Credentials;
use crate::dsn::BounceAddress;
use crate::tls::Tls;

/// Where it connects to, how, and for how long it waits.
pub(crate) struct Settings {
    /// In ASCII; an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) credentials: Option<Credentials>,
    /// What EHLO says; the address of the connection's own end where there is none.
    pub(crate) hello_name: Option<String>,
    /// What MAIL says; the author's address where there is none.
    pub(crate) bounces: Option<BounceAddress>,
    pub(crate) figures: Figures,
}

/// How the connection is protected.
pub(crate) enum Security {
    /// TLS from the first octet on.
    Implicit(Tls),
    /// TLS after STARTTLS, without which nothing is said.
    StartTls(Tls),
    /// None at all.
    DangerousPlain,
}

impl Security {
    pub(crate) const fn words(&self) -> &'static str {
        match self {
            Self::Implicit(_) => "TLS",
            Self::StartTls(_) => "STARTTLS",
            Self::DangerousPlain => "no encryption",
        }
    }
}

/// Times and numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    pub(crate) messages_per_connection: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) reply_timeout: Duration,
    pub(crate) final_reply_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            connections: 8,
            messages_per_connection: 100,
            connect_timeout: Duration::from_secs(30),
            reply_timeout: Duration::from_mins(5),
            final_reply_timeout: Duration::from_mins(10),
            idle_timeout: Duration::from_secs(30),
        }
    }
}
