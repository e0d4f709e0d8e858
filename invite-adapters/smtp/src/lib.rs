//! E-mail of `invite-core` over SMTP.

mod builder;
mod capabilities;
mod connection;
mod conversation;
mod credentials;
mod data;
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
