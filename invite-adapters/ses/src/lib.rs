//! E-mail of `invite-core` through Amazon SES (API v2): exact outcomes, the account's state, links left as they are.
//!
//! ```
//! use invite_core::memory::MemoryStore;
//! use invite_core::{Invites, SealingKey, credential::random};
//! use invite_ses::SesTransport;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let email = SesTransport::from_url("ses:?region=eu-north-1&configuration_set=invitations").await?;
//! # if false {
//! let account = email.check().await?; // says what to do for an account in the sandbox, say
//! println!("{} messages a second, {:?} more today", account.send_rate, account.remaining());
//! # }
//! let invites = Invites::builder(MemoryStore::new())
//!     .email(email)
//!     .seal_with(SealingKey::generate(&mut random::system_random()?)) // SealingKey::from_env("INVITE_SECRET_KEY")
//!     .build()?;
//! # drop(invites);
//! # Ok(())
//! # }
//! ```
//!
//! With the host's own configuration of the AWS SDK, its credentials provider among it, and more by the builder:
//!
//! ```no_run
//! use invite_ses::SesTransport;
//!
//! # async fn example(config: aws_config::SdkConfig) -> Result<(), invite_ses::SetupError> {
//! let email = SesTransport::from_sdk_config(&config)
//!     .configuration_set("invitations")
//!     .tag("application", "skiftplan")
//!     .build()
//!     .await?;
//! # drop(email);
//! # Ok(())
//! # }
//! ```
//!
//! # The URL
//!
//! `ses:`, then after `?` and joined by `&`:
//!
//! | option | as the builder's |
//! |---|---|
//! | `region=eu-north-1` | [`region`](SesBuilder::region) |
//! | `configuration_set=invitations` | [`configuration_set`](SesBuilder::configuration_set) |
//! | `endpoint=https://…` | [`endpoint`](SesBuilder::endpoint) |
//!
//! There are no credentials in it: they are those of the process, as every program of AWS finds them, in this order:
//! `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the profile, a web identity token, a container's role, a machine's
//! role. A profile that signs in by SSO, or that runs a program, needs the host's own configuration
//! ([`from_sdk_config`](SesTransport::from_sdk_config)).
//!
//! They must allow `ses:SendEmail` and `ses:SendRawEmail` for the sender's identity and the configuration set; and for
//! [`check`](SesTransport::check) `ses:GetAccount`, `ses:GetConfigurationSet` and `ses:GetConfigurationSetEventDestinations`.
//!
//! # Answers and outcomes
//!
//! What SES says wins over its status.
//!
//! | what happens | outcome |
//! |---|---|
//! | an id for the message | accepted; the receipt is that id, as in SES's events |
//! | TooManyRequests, Throttling, 429, "maximum sending rate exceeded" | throttled (account), until `Retry-After` where it is given |
//! | "daily message quota exceeded" | blocked (account) |
//! | SendingPaused, AccountSuspended, "sending paused", "sending suspended" | blocked (account) |
//! | NotFound, 404: no such configuration set | blocked (account) |
//! | LimitExceeded: a limit of the account, which no other text of the message would change | blocked (account) |
//! | 401, 403, credentials that are wrong, have expired or do not allow it | blocked (account); blocked (sender) where SES names the sender's identity as what is not allowed |
//! | MailFromDomainNotVerified | blocked (sender) |
//! | "address is not verified", of the sender or without a name | blocked (sender) |
//! | the same of the recipient alone: the account is in the sandbox | blocked (account), with what to do |
//! | MessageRejected, BadRequest, any other 4xx | refused (content) |
//! | 408 | deferred |
//! | 5xx, an answer that breaks off or cannot be read, none in time: the message had been handed over | unknown |
//! | the same before that; no connection, no such host, TLS | deferred |
//! | no credentials could be loaded, no region or endpoint to send to | blocked (account); nothing was sent |
//! | not ASCII before the @ of the recipient: SES does not support it | refused (recipient, not certain) |
//! | the same of the sender or the address for answers | blocked (sender) |
//!
//! How it is known whether the message had been handed over: the body of the request waits at a gate until a connection
//! stands and asks for it. If nothing ever asked, nothing of the message went, and after the deadline nothing passes any
//! more. The SDK makes one attempt; its own retries are off, with the host's configuration too.
//!
//! # The request
//!
//! `SendEmail` with the raw message of [`invite_mime`], so the header is the message's own: From, Reply-To, Message-ID,
//! List-Unsubscribe. SES itself puts its own Message-ID in place of ours. It has the configuration set, the tag
//! `invite-delivery` with the delivery's id, by which SES's events lead back to it, and the host's
//! [tags](SesBuilder::tag). Internationalised domains go in their ASCII form.
//!
//! # Links
//!
//! A link in an invitation carries its credential. Where clicks are counted, by an event destination of the configuration
//! set or by the engagement metrics of the Virtual Deliverability Manager, SES would put links of its own in their place. So
//! each message says that its links are to stay (`ConfigurationOverrides`), and [`check`](SesTransport::check) refuses a
//! configuration set that rewrites links, unless the builder [allows](SesBuilder::allow_rewritten_links) it by name.
//!
//! # Security
//!
//! * TLS by rustls with ring, against this machine's root certificates; the [endpoint](SesBuilder::endpoint) is `https`, but
//!   on this machine. A host's own HTTP client keeps its own rules, and so does an endpoint in the host's configuration or in
//!   the variables of AWS (`AWS_ENDPOINT_URL`).
//! * The SDK traces requests and answers whole, so it runs where no subscriber listens: neither message nor recipient nor
//!   credential reaches a log, at any level. (A `tracing` that hands its events on to the `log` crate, where no subscriber
//!   was ever set, ceases to do so with the first message: it holds the library for one.)
//! * SES's words are shown without the recipient's address and without what they have in common with the message, 11
//!   octets or more.

mod account;
mod builder;
mod check;
mod error;
mod failure;
mod gate;
mod letter;
mod quiet;
mod redaction;
pub mod sns;
mod transport;
mod url;
mod verdict;

pub use account::{Account, Enforcement};
pub use builder::SesBuilder;
pub use check::CheckError;
pub use error::SetupError;
pub use transport::SesTransport;
