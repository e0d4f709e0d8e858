//! The transport: one message, one request, one outcome.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::Secret;
use invite_core::model::message::Message;
use invite_core::model::outcome::{Answer, Outcome, Receipt, Scope};
use invite_core::port::transport::Transport;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::{Instant, timeout_at};

use crate::body::{Body, Claim};
use crate::builder::TwilioBuilder;
use crate::environment;
use crate::error::SetupError;
use crate::redaction::shown;
use crate::reply::Reply;
use crate::request::{Request, request};
use crate::settings::Settings;
use crate::url;
use crate::verdict::{Verdict, verdict};

/// Longer than any deadline that means something.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// Carries SMS to Twilio. The crate's page has everything about it.
///
/// Clones share one pool of connections.
#[derive(Clone)]
pub struct TwilioTransport {
    client: reqwest::Client,
    settings: Arc<Settings>,
}

impl TwilioTransport {
    /// For an account: `AC` and 32 hexadecimal digits.
    pub fn builder(account: Secret) -> TwilioBuilder {
        TwilioBuilder::new(account)
    }

    /// From the environment: `TWILIO_ACCOUNT_SID`; `TWILIO_API_KEY` and `TWILIO_API_KEY_SECRET`, or `TWILIO_AUTH_TOKEN`;
    /// `TWILIO_FROM` or `TWILIO_MESSAGING_SERVICE_SID`. It reads this machine's root certificates.
    pub fn from_env() -> Result<Self, SetupError> {
        environment::builder(&environment::process)?.build()
    }

    /// From a URL: the crate's page has its options. What it leaves out, and the credentials always, comes from the
    /// environment as with [`from_env`](Self::from_env).
    pub fn from_url(url: &str) -> Result<Self, SetupError> {
        url::builder(url, &environment::process)?.build()
    }

    pub(crate) fn new(client: reqwest::Client, settings: Settings) -> Self {
        Self { client, settings: Arc::new(settings) }
    }

    async fn carry(&self, Request { form, text }: Request<'_>, until: Instant) -> Outcome {
        let settings = &*self.settings;
        let (body, claim) = Body::new(form);
        let sending = self
            .client
            .post(settings.messages.clone())
            .basic_auth(settings.credentials.user(), Some(settings.credentials.password()))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(reqwest::Body::wrap(body));
        match timeout_at(until, sending.send()).await {
            Ok(Ok(response)) => self.judged(&Reply::read(response, until).await, text),
            Ok(Err(error)) => self.lost(&claim, &cause(&error)),
            Err(_) => self.lost(&claim, "there was no answer in time"),
        }
    }

    /// The request ended without an answer.
    fn lost(&self, claim: &Claim, why: &str) -> Outcome {
        let place = self.settings.place();
        if claim.withdraw() {
            deferred(&format!("nothing was sent to {place}: {why}"))
        } else {
            unknown("", &format!("{place} had the message and may have taken it: {why}"))
        }
    }

    /// It ended with one.
    fn judged(&self, reply: &Reply, text: &str) -> Outcome {
        let settings = &*self.settings;
        let status = reply.status.as_u16();
        if reply.status.is_success() {
            return match reply.sid() {
                Some(sid) => Outcome::Accepted(Receipt(sid)),
                None => unknown(
                    &format!("HTTP {status}"),
                    &format!(
                        "{} has probably taken the message, but its answer is not Twilio's",
                        settings.place()
                    ),
                ),
            };
        }
        let problem = reply.problem();
        let code = problem.code.map_or_else(|| format!("HTTP {status}"), |code| code.to_string());
        let said = problem.message.map(|words| shown(&words, &settings.credentials, text));
        let said = said.filter(|words| !words.is_empty());
        tracing::debug!(status, code, "Twilio did not accept a message");
        let verdict = verdict(status, problem.code);
        if !reply.is_whole() && matches!(verdict, Verdict::Refused(_)) {
            // The reason would have been in the body, and some reasons are none to give the message up.
            return Outcome::Deferred {
                retry_after: reply.retry_after,
                answer: Answer::new(code, "it was refused, but the answer that says why broke off"),
            };
        }
        let words = match (verdict, said) {
            (Verdict::Blocked(_, remedy), Some(said)) => format!("{remedy}. It says: {said}"),
            (Verdict::Blocked(_, remedy), None) => remedy.to_owned(),
            (_, Some(said)) => said,
            (_, None) => {
                format!("{} does not answer as Twilio does; is the endpoint right?", settings.place())
            }
        };
        let answer = Answer::new(code, words);
        match verdict {
            Verdict::Refused(refusal) => Outcome::Refused { refusal, answer },
            Verdict::Throttled => {
                Outcome::Throttled { retry_after: reply.retry_after, scope: Scope::Account, answer }
            }
            Verdict::Blocked(scope, _) => Outcome::Blocked { scope, answer },
            Verdict::Unknown => Outcome::Unknown { answer },
        }
    }
}

#[async_trait]
impl Transport for TwilioTransport {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        // A little sooner, so that the answer is there when the deadline is.
        let deadline = deadline.min(FOREVER);
        let until = Instant::now() + deadline.saturating_sub((deadline / 20).min(Duration::from_millis(200)));
        let request = match request(message, &self.settings) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        if until <= Instant::now() {
            return deferred("there was no time left to send it");
        }
        self.carry(request, until).await
    }
}

impl fmt::Debug for TwilioTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwilioTransport({})", self.settings.place())
    }
}

/// The last cause, which says the most; never the URL, in which the account stands.
fn cause(error: &reqwest::Error) -> String {
    let Some(mut last) = error.source() else {
        return "the request failed".to_owned();
    };
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// Certainly not sent.
fn deferred(words: &str) -> Outcome {
    Outcome::Deferred { retry_after: None, answer: Answer::new("", words) }
}

fn unknown(code: &str, words: &str) -> Outcome {
    Outcome::Unknown { answer: Answer::new(code, words) }
}
