//! Outcomes, in words that say what to do.

use invite_core::model::outcome::{Answer, Outcome, Receipt, Scope};

use crate::redaction::{shown, shown_after_auth};
use crate::reply::Reply;
use crate::settings::{Security, Settings};
use crate::verdict::{Phase, Verdict, verdict};
use crate::wire::Fault;

/// The most characters of a receipt: a queue id and a few words.
const RECEIPT: usize = 200;

/// Of a reply that is not what was hoped for. `message` is what the server must not be quoted with.
pub(crate) fn answered(phase: Phase, reply: &Reply, settings: &Settings, message: &[&[u8]]) -> Outcome {
    let words = match phase {
        Phase::Auth => shown_after_auth(&reply.text, settings.credentials.as_ref()),
        _ => shown(&reply.text, settings.credentials.as_ref(), message),
    };
    let answer = |words: &str| Answer::new(reply.codes(), words);
    match verdict(phase, reply) {
        Verdict::Refused(refusal) => Outcome::Refused { refusal, answer: answer(&words) },
        Verdict::Deferred => Outcome::Deferred { retry_after: None, answer: answer(&words) },
        Verdict::Throttled => {
            Outcome::Throttled { retry_after: None, scope: Scope::Account, answer: answer(&words) }
        }
        Verdict::Blocked(scope, remedy) => {
            Outcome::Blocked { scope, answer: answer(&format!("{remedy}. It says: {words}")) }
        }
    }
}

/// The server took responsibility: its words, in which stands what it calls the message.
pub(crate) fn accepted(reply: &Reply, settings: &Settings, message: &[&[u8]]) -> Outcome {
    let words = shown(&reply.text, settings.credentials.as_ref(), message);
    let printable = words.chars().filter(|c| !c.is_control()).take(RECEIPT);
    Outcome::Accepted(Receipt(printable.collect()))
}

/// The connection was lost before the final dot had gone.
pub(crate) fn lost(phase: Phase, fault: &Fault, settings: &Settings) -> Outcome {
    let hint = match (phase, fault, &settings.security) {
        (Phase::Greeting, Fault::TimedOut | Fault::Malformed, Security::StartTls(_)) => {
            "; if this port begins with TLS, use smtps://"
        }
        (_, Fault::Malformed, _) => "; see whether a mail server listens there",
        _ => "",
    };
    deferred(&format!("{} at {phase}: {fault}{hint}", place(settings)))
}

/// The connection was lost after it.
pub(crate) fn unknown(fault: &Fault, settings: &Settings) -> Outcome {
    let words = format!("{} had the whole message and may have taken it: {fault}", place(settings));
    Outcome::Unknown { answer: Answer::new("", words) }
}

/// Certainly not sent.
pub(crate) fn deferred(words: &str) -> Outcome {
    Outcome::Deferred { retry_after: None, answer: Answer::new("", words) }
}

/// No message would go, to whomever.
pub(crate) fn blocked(words: &str) -> Outcome {
    Outcome::Blocked { scope: Scope::Account, answer: Answer::new("", words) }
}

/// `mail.example.com:587`
pub(crate) fn place(settings: &Settings) -> String {
    let Settings { host, port, .. } = settings;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
