//! The transport: one message, one conversation, one outcome.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::message::Message;
use invite_core::model::outcome::Outcome;
use invite_core::port::transport::Transport;
use tokio::time::Instant;

use crate::builder::{Protection, SmtpBuilder};
use crate::connection::Connection;
use crate::conversation::{Ending, Usable, converse};
use crate::error::SetupError;
use crate::letter::Letter;
use crate::outcomes::{deferred, place};
use crate::pool::Pool;
use crate::settings::Settings;
use crate::url;

/// Longer than any deadline that means something.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// Carries e-mail to one SMTP server. The crate's page has everything about it.
///
/// Clones share one pool of connections.
#[derive(Clone)]
pub struct SmtpTransport {
    pool: Arc<Pool>,
}

impl SmtpTransport {
    /// To a relay by STARTTLS, which is required: port 587.
    pub fn relay(host: &str) -> SmtpBuilder {
        SmtpBuilder::new(host, 587, Protection::StartTls)
    }

    /// To a relay by TLS from the first octet on: port 465 (RFC 8314).
    pub fn relay_tls(host: &str) -> SmtpBuilder {
        SmtpBuilder::new(host, 465, Protection::Implicit)
    }

    /// Without any encryption: whoever is on the way reads every message with its credential, and the password of the
    /// account. For a server on this machine, in tests, and nothing else.
    pub fn builder_dangerous(host: &str, port: u16) -> SmtpBuilder {
        SmtpBuilder::new(host, port, Protection::DangerousPlain)
    }

    /// From a URL: the crate's page has the schemes and options. It reads this machine's root certificates.
    pub fn from_url(url: &str) -> Result<Self, SetupError> {
        url::builder(url)?.build()
    }

    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { pool: Arc::new(Pool::new(settings)) }
    }

    /// Says goodbye on the connections that are idle now; the next message opens another.
    ///
    /// Dropping the last clone does the same in the background, if the runtime lives long enough.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn carry(&self, letter: &Letter<'_>, until: Instant) -> Outcome {
        let settings = &*self.pool.settings;
        let Some(permit) = self.pool.permit(until).await else {
            return deferred(&format!(
                "all {} connections to {} were busy until the deadline; allow more connections, or fewer messages at once",
                settings.figures.connections,
                place(settings)
            ));
        };
        let mut idle = self.pool.idle().await;
        loop {
            let idle_before = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => match Connection::open(settings, until).await {
                    Ok(connection) => connection,
                    Err(outcome) => return outcome,
                },
            };
            match converse(&mut connection, letter, settings, idle_before, until).await {
                Ending::Outcome(outcome, usable) => {
                    if usable == Usable::Yes {
                        self.pool.give_back(connection, permit);
                    }
                    return outcome;
                }
                // Once: the next is a fresh one.
                Ending::Stale => tracing::debug!(host = settings.host, "the idle connection was dead"),
            }
        }
    }
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        // A little sooner, so that the answer is there when the deadline is.
        let deadline = deadline.min(FOREVER);
        let until = Instant::now() + deadline.saturating_sub((deadline / 20).min(Duration::from_millis(200)));
        let letter = match Letter::of(message, self.pool.settings.bounces.as_ref()) {
            Ok(letter) => letter,
            Err(outcome) => return outcome,
        };
        if until <= Instant::now() {
            return deferred("there was no time left to send it");
        }
        self.carry(&letter, until).await
    }
}

impl fmt::Debug for SmtpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &*self.pool.settings;
        write!(f, "SmtpTransport({}, {})", place(settings), settings.security.words())
    }
}
