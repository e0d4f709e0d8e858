//! E-mail of `invite-core` over SMTP: one pool of connections, TLS, pipelining, and outcomes that are exact.
//!
//! ```
//! use invite_core::memory::MemoryStore;
//! use invite_core::{Invites, SealingKey, credential::random};
//! use invite_smtp::SmtpTransport;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a host: SmtpTransport::from_url(&std::env::var("SMTP_URL")?)?
//! let email = SmtpTransport::from_url("smtp://invites%40nordby.example:p%2Fssword@mail.nordby.example:587")?;
//! let invites = Invites::builder(MemoryStore::new())
//!     .email(email)
//!     .seal_with(SealingKey::generate(&mut random::system_random()?)) // SealingKey::from_env("INVITE_SECRET_KEY")
//!     .build()?;
//! # drop(invites);
//! # Ok(())
//! # }
//! ```
//!
//! The same, and more, by a builder:
//!
//! ```
//! use invite_core::Secret;
//! use invite_smtp::SmtpTransport;
//!
//! # fn main() -> Result<(), invite_smtp::SetupError> {
//! # let password = String::from("p/ssword");
//! let email = SmtpTransport::relay("mail.nordby.example") // STARTTLS, port 587
//!     .credentials("invites@nordby.example", Secret::new(password))
//!     .hello_name("app.nordby.example")
//!     .connections(4)
//!     .build()?;
//! # drop(email);
//! # Ok(())
//! # }
//! ```
//!
//! # Schemes
//!
//! | URL | builder | protection | port |
//! |---|---|---|---|
//! | `smtp://user:password@host` | [`relay`](SmtpTransport::relay) | STARTTLS, required | 587 |
//! | `smtps://user:password@host` | [`relay_tls`](SmtpTransport::relay_tls) | TLS from the first octet on | 465 |
//! | `smtp://host?dangerous=plain` | [`builder_dangerous`](SmtpTransport::builder_dangerous) | none: everybody on the way reads every message, its credential, and the password | 25 |
//!
//! User name and password may be left out, both of them. In them `@`, `:`, `/`, `?`, `#` and `%` are written `%40`, `%3A`,
//! `%2F`, `%3F`, `%23` and `%25`. A host is a name, which may be internationalised, or an address: `192.0.2.1`,
//! `[2001:db8::1]`. A port that is not the usual one follows it: `host:2525`. Then, after `?` and joined by `&`:
//!
//! | option | as the builder's |
//! |---|---|
//! | `ca=/path/root.pem` | [`root_certificate`](SmtpBuilder::root_certificate), from a file |
//! | `hello=app.example.com` | [`hello_name`](SmtpBuilder::hello_name) |
//! | `connections=8` | [`connections`](SmtpBuilder::connections) |
//! | `messages_per_connection=100` | [`messages_per_connection`](SmtpBuilder::messages_per_connection) |
//! | `connect_timeout=30` | [`connect_timeout`](SmtpBuilder::connect_timeout), in seconds |
//! | `reply_timeout=300` | [`reply_timeout`](SmtpBuilder::reply_timeout), in seconds |
//! | `final_reply_timeout=600` | [`final_reply_timeout`](SmtpBuilder::final_reply_timeout), in seconds |
//! | `idle_timeout=30` | [`idle_timeout`](SmtpBuilder::idle_timeout), in seconds |
//!
//! # Replies and outcomes
//!
//! The enhanced code (RFC 3463) wins over the code, if it is of the same class; `x.0.0` says nothing.
//!
//! | what happens | outcome |
//! |---|---|
//! | 2yz after the final dot | accepted; the receipt is the server's words, in which its queue id stands |
//! | 4yz, anywhere; after 421 the connection is given up | deferred |
//! | 454 that speaks of throttling or of a rate | throttled (account) |
//! | no connection, no such host, TLS or certificate, a time-out or a lost connection before the final dot had gone | deferred, with what to do |
//! | the same after the final dot; after it, what is no reply | unknown |
//! | 5yz to the connection (554 too), EHLO, STARTTLS or AUTH; 530, 534, 535, 538 anywhere | blocked (account) |
//! | no STARTTLS where it is required; no AUTH PLAIN or LOGIN where there are credentials | blocked (account); nothing was sent |
//! | 5.1.x, 5.2.1, 5.7.x, bare 550, 551, 553 to MAIL: they concern the sender, and no recipient suffers for them | blocked (sender) |
//! | 5.1.1, 5.1.3, 5.1.6, 5.1.10, 5.2.1 | refused (recipient) |
//! | bare 550, 551, 553 | refused (recipient, not certain) |
//! | 5.2.2, bare 552 | deferred |
//! | 5.3.4; larger than the server's `SIZE` | refused (content) |
//! | any other 5yz, 5.7.x and 554 among them | refused (policy) |
//! | not ASCII before the @ of the recipient, and no SMTPUTF8 | refused (recipient, not certain) |
//! | the same of the sender or the address for answers | blocked (sender) |
//!
//! A connection from the pool that turns out to be dead (closed while idle, 421 or nothing at the first command) is no
//! failure of the message: it goes over a fresh one, since nothing of it had been accepted. A fresh one that fails puts the
//! message off.
//!
//! How the dot is known: the message and its end go in one write, and what the connection took of it is counted. Had it
//! not taken the last octet, the message certainly did not go, since the connection is then closed. Had it, nobody can tell
//! without the reply. The deadline of [`send`](invite_core::port::transport::Transport::send) cuts every wait short, by the
//! same rule.
//!
//! # The conversation
//!
//! MAIL, RCPT and DATA go in one write where PIPELINING is offered (RFC 2920), the message with its final dot in another,
//! on a connection with `TCP_NODELAY`: two round trips a message. A server that refuses the recipient and wants the message
//! anyway gets an empty one for nobody, and RSET. One message has one recipient. Between messages a connection waits in the
//! pool, which all clones of a transport share; it is closed with QUIT after [`idle_timeout`](SmtpBuilder::idle_timeout) and
//! after [`messages_per_connection`](SmtpBuilder::messages_per_connection).
//!
//! `SIZE`, `8BITMIME` and `SMTPUTF8` are said where they are needed and offered. Names in any script need none of them:
//! [`invite_mime`] encodes them. Internationalised domains go in their ASCII form, in commands and header alike.
//!
//! # Security
//!
//! * STARTTLS is required unless the URL or the constructor says *dangerous*: a server, or somebody on the way, that does not
//!   offer it gets EHLO and nothing more. What was offered before TLS is forgotten, and what came
//!   between the reply to STARTTLS and TLS is thrown away, so that nobody can put answers there.
//! * TLS 1.2 and 1.3 by rustls with ring. The certificate must be for the host's name and lead to a root certificate of
//!   this machine (`SSL_CERT_FILE` and `SSL_CERT_DIR` count) or of [`root_certificate`](SmtpBuilder::root_certificate).
//!   There is no switch that leaves the check out.
//! * Addresses are looked at once more before they become a command, and every line of a message before it goes: at most 998
//!   octets, CRLF and no other CR, LF or NUL; so nothing in a message can end it or say a command.
//! * Credentials and messages are in no log, `Debug`, error or answer. A server's words are: without the credentials in
//!   every form in which AUTH says them, and without what they have in common with the message (a link that it calls
//!   listed, a line that it does not like), 11 octets or more.
//! * A server may say anything: what is no reply, or one of more than 4 KiB of words, ends the connection; an answer has
//!   400 characters of it at most.

mod alarm;
mod builder;
mod capabilities;
mod connection;
mod conversation;
mod credentials;
mod data;
pub mod dsn;
mod error;
mod letter;
mod outcomes;
mod pool;
mod redaction;
mod reply;
mod settings;
mod tls;
mod transport;
mod url;
mod verdict;
mod wire;

pub use builder::SmtpBuilder;
pub use error::SetupError;
pub use transport::SmtpTransport;
