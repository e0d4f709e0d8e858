//! What messages leave through, by URL. Whatever it is, what it answered is counted, for the bar.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::message::{Channel, Message};
use invite_core::model::outcome::{Answer, Outcome, Scope};
use invite_core::model::rate::Rate;
use invite_core::port::transport::Transport;
use invite_file::FileTransport;
use invite_ses::{CheckError, SesTransport};
use invite_smtp::SmtpTransport;
use invite_twilio::TwilioTransport;

use crate::failure::Failure;
use crate::output::Output;

/// What messages of one channel leave through.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    transport: Arc<dyn Transport>,
    counts: Arc<Counts>,
    /// How fast the provider lets the account send, where it says so.
    pub(crate) rate: Option<Rate>,
}

/// What transports answered.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) put_off: AtomicU64,
    pub(crate) unknown: AtomicU64,
}

impl Leaving {
    /// Through the transport that `url` names; without one, every message waits.
    pub(crate) async fn through(
        channel: Channel,
        url: Option<&str>,
        counts: &Arc<Counts>,
        output: Output,
    ) -> Result<Self, Failure> {
        let mut rate = None;
        let transport: Arc<dyn Transport> = match url {
            None => Arc::new(NoTransport(channel)),
            Some(url) => match Url::parse(channel, url)? {
                Url::File(folder) => {
                    Arc::new(FileTransport::new(folder).map_err(|error| Failure::wrong(error.to_string()))?)
                }
                Url::Smtp => {
                    Arc::new(SmtpTransport::from_url(url).map_err(|error| Failure::wrong(error.to_string()))?)
                }
                Url::Ses => {
                    let ses = SesTransport::from_url(url).await;
                    let ses = ses.map_err(|error| Failure::wrong(error.to_string()))?;
                    rate = account(&ses, output).await?;
                    Arc::new(ses)
                }
                Url::Twilio => {
                    let twilio = TwilioTransport::from_url(url);
                    Arc::new(twilio.map_err(|error| Failure::wrong(error.to_string()))?)
                }
            },
        };
        Ok(Self { transport, counts: counts.clone(), rate })
    }
}

/// What the SES account allows. Where it sends nothing for now, its messages wait, and why is said here; a configuration set
/// that rewrites links is not sent through.
async fn account(ses: &SesTransport, output: Output) -> Result<Option<Rate>, Failure> {
    match ses.check().await {
        Ok(account) => Ok(account.rate()),
        Err(error @ CheckError::RewritesLinks { .. }) => Err(Failure::wrong(error.to_string())),
        Err(error) => {
            output.note(format!("Amazon SES: {error}"));
            Ok(None)
        }
    }
}

#[async_trait]
impl Transport for Leaving {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        let outcome = self.transport.send(message, deadline).await;
        let counter = match &outcome {
            Outcome::Accepted(_) => &self.counts.accepted,
            Outcome::Refused { .. } => &self.counts.refused,
            Outcome::Unknown { .. } => &self.counts.unknown,
            _ => &self.counts.put_off,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome
    }
}

/// Stands where no transport was given: messages wait, and it says for what.
#[derive(Debug)]
struct NoTransport(Channel);

#[async_trait]
impl Transport for NoTransport {
    async fn send(&self, _: &Message, _: Duration) -> Outcome {
        let option = match self.0 {
            Channel::Email => "--email (INVITE_EMAIL)",
            Channel::Sms => "--sms (INVITE_SMS)",
        };
        let answer = format!("the worker was started without {option}: start it with one");
        Outcome::Blocked { scope: Scope::Sender, answer: Answer::new("", answer) }
    }
}

/// A URL that is understood.
pub(crate) enum Url {
    File(PathBuf),
    Smtp,
    Ses,
    Twilio,
}

impl Url {
    /// Reads a URL; where it is none, the error never holds it, since it may hold a password.
    pub(crate) fn parse(channel: Channel, url: &str) -> Result<Self, Failure> {
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        match (channel, scheme) {
            (_, "file") if rest.is_empty() => {
                Err(Failure::wrong("file: needs a folder after it, such as file:outbox"))
            }
            (_, "file") => Ok(Self::File(rest.strip_prefix("//").unwrap_or(rest).into())),
            (Channel::Email, "smtp" | "smtps") => Ok(Self::Smtp),
            (Channel::Email, "ses") => Ok(Self::Ses),
            (Channel::Sms, "twilio") => Ok(Self::Twilio),
            (Channel::Email, _) => Err(Failure::wrong(
                "--email (INVITE_EMAIL) must be file:DIR, smtp://USER:PASSWORD@HOST:PORT (STARTTLS), \
                 smtps://USER:PASSWORD@HOST:PORT (TLS from the start) or ses:?region=REGION (Amazon SES)",
            )),
            (Channel::Sms, _) => Err(Failure::wrong(
                "--sms (INVITE_SMS) must be file:DIR or twilio:?from=NUMBER (Twilio; its account and token come from \
                 the environment)",
            )),
        }
    }
}

/// Whether a URL holds a password.
pub(crate) fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_only_where_there_is_one() {
        for (url, has) in [
            ("smtp://kari:secret@mail.example:587", true),
            ("smtps://kari@mail.example", false),
            ("smtp://mail.example:587/a:b@c", false),
            ("file:a:b@c", false),
        ] {
            assert_eq!(has_password(url), has, "{url}");
        }
    }

    #[test]
    fn an_unknown_scheme_says_which_there_are_and_not_what_was_typed() {
        for (channel, url) in
            [(Channel::Email, "imap://kari:hunter2@x"), (Channel::Sms, "smtp://a:hunter2@x")]
        {
            let Err(Failure::Told { message, .. }) = Url::parse(channel, url) else { panic!("{url}") };
            assert!(message.contains("file:DIR") && !message.contains("hunter2"), "{message}");
        }
    }
}
