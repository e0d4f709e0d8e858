//! SMS of `invite-core` through Twilio: outcomes that are exact, and webhooks whose signatures are checked.
//!
//! ```
//! use invite_core::memory::MemoryStore;
//! use invite_core::{Invites, SealingKey, Secret, credential::random};
//! use invite_twilio::TwilioTransport;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let account = format!("AC{}", "0".repeat(32));
//! # let (key, secret) = (format!("SK{}", "0".repeat(32)), String::from("secret"));
//! // In a host: TwilioTransport::from_env()?
//! let sms = TwilioTransport::builder(Secret::new(account))
//!     .api_key(Secret::new(key), Secret::new(secret))
//!     .sender("ACME") // or +4791234567, or MG…
//!     .status_callback("https://app.nordby.example/twilio/status")
//!     .build()?;
//! let invites = Invites::builder(MemoryStore::new())
//!     .sms(sms)
//!     .seal_with(SealingKey::generate(&mut random::system_random()?)) // SealingKey::from_env("INVITE_SECRET_KEY")
//!     .build()?;
//! # drop(invites);
//! # Ok(())
//! # }
//! ```
//!
//! # Settings
//!
//! | environment variable | what it is |
//! |---|---|
//! | `TWILIO_ACCOUNT_SID` | `AC…` |
//! | `TWILIO_API_KEY`, `TWILIO_API_KEY_SECRET` | an API key, `SK…`, and its secret; it goes before the auth token |
//! | `TWILIO_AUTH_TOKEN` | the auth token of the account |
//! | `TWILIO_FROM` | a number, a short code, or an alphanumeric sender |
//! | `TWILIO_MESSAGING_SERVICE_SID` | `MG…`, in place of it |
//!
//! [`from_env`](TwilioTransport::from_env) reads these. [`from_url`](TwilioTransport::from_url) reads
//! `twilio:?account=AC…&from=+4791234567`, and what that leaves out from these. Credentials never stand in the URL. A space
//! is `%20` in it, `&` in a value `%26`, `#` `%23`, and a plus is a plus:
//!
//! | option | as the builder's |
//! |---|---|
//! | `account=AC…` | [`builder`](TwilioTransport::builder) |
//! | `from=ACME` or `messaging_service=MG…` | [`sender`](TwilioBuilder::sender) |
//! | `validity=3600` | [`validity`](TwilioBuilder::validity), in seconds |
//! | `status_callback=https://…` | [`status_callback`](TwilioBuilder::status_callback) |
//! | `endpoint=https://api.dublin.ie1.twilio.com` | [`endpoint`](TwilioBuilder::endpoint) |
//! | `connect_timeout=10` | [`connect_timeout`](TwilioBuilder::connect_timeout), in seconds |
//! | `proxy=environment` | [`proxy_from_environment`](TwilioBuilder::proxy_from_environment) |
//! | `dangerous=plain` | [`dangerous_plain_http`](TwilioBuilder::dangerous_plain_http) |
//!
//! A message that names a sender itself goes from that one.
//!
//! # Answers and outcomes
//!
//! | what happens | outcome |
//! |---|---|
//! | 201, or another 2xx, with the SID of a message | accepted; the receipt is the SID |
//! | 2xx with anything else | unknown |
//! | no connection, no such host, TLS or certificate, a time-out before the connection had the text | deferred, with the cause |
//! | a time-out or a lost connection after that | unknown |
//! | 408, 5xx, whatever they say | unknown |
//! | 429; 20429 | throttled (account), with `Retry-After` |
//! | 21211, 21614, 21635, 30005, 30006 | refused (recipient) |
//! | 21610, 63014 | refused (opted out) |
//! | 21408, 21612 | refused (country) |
//! | 20003, 21608, 30002; 401, 403, 407 with no code listed here | blocked (account) |
//! | 30034; a message's own sender that Twilio does not take | blocked (sender) |
//! | a redirect (301, 302, 307, 308), which is not followed | blocked (account) |
//! | 21617; a text of more than 1,600 characters, which is not sent | refused (content) |
//! | any other 4xx | refused (content) |
//! | any other 4xx whose body broke off, so that its code is not known | deferred |
//!
//! How it is known whether the connection had the text: the request's body notes that it was asked for. Had it not been,
//! it is withdrawn and never goes, since a request is complete with its body only. Had it, nobody can tell without the
//! answer. Twilio has no idempotency key, so a text message whose outcome is unknown is not sent again by itself.
//!
//! # Security
//!
//! * HTTPS by rustls with ring, TLS 1.2 and 1.3; the certificate must lead to a root certificate of this machine or of
//!   [`root_certificate`](TwilioBuilder::root_certificate). There is no switch that leaves the check out. HTTP goes to this
//!   machine only, unless the builder or the URL says *dangerous*. Redirects are not followed, and no proxy is used unless
//!   it is asked for.
//! * Credentials, messages and numbers are in no log, `Debug`, error or answer. Twilio's words are: without the credentials,
//!   without numbers of 7 digits or more, and without what they have in common with the message, 11 octets or more.
//! * Of an answer 64 KiB are read at most.
//! * [`webhook`]s say nothing before their signature is checked.

mod body;
mod builder;
mod client;
mod credentials;
mod endpoint;
mod environment;
mod error;
mod redaction;
mod reply;
mod request;
mod sender;
mod settings;
mod sid;
mod transport;
mod url;
mod verdict;
pub mod webhook;

pub use builder::TwilioBuilder;
pub use error::SetupError;
pub use transport::TwilioTransport;
