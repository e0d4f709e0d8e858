//! What an outcome is made of: the table of the crate's page.

use invite_core::model::outcome::{Answer, Outcome, Refusal, Scope};

use crate::failure::{Failure, Kind};
use crate::letter::Letter;
use crate::redaction::shown;

/// What a failure means for this message, of which something had `passed` to a connection or not.
pub(crate) fn verdict(failure: &Failure, letter: &Letter, passed: bool) -> Outcome {
    let says = |advice: &str| answer(failure, letter, advice);
    let account = |advice: &str| Outcome::Blocked { scope: Scope::Account, answer: says(advice) };
    match failure.kind {
        Kind::Answer { .. } => answered(failure, letter, passed),
        // A fault after the gate, whatever the SDK calls it.
        Kind::NoAnswer | Kind::BrokenAnswer | Kind::Setup | Kind::Credentials if passed => {
            Outcome::Unknown { answer: says("the message was handed over, and no answer of SES came back") }
        }
        Kind::Credentials => account(
            "the AWS credentials could not be loaded: give this process a role, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or a profile",
        ),
        Kind::Setup => account(
            "the request could not be made: correct the region, the endpoint or the credentials of the transport",
        ),
        Kind::NoAnswer | Kind::BrokenAnswer => Outcome::Deferred {
            retry_after: None,
            answer: says("nothing was sent; see whether this machine reaches the endpoint of SES"),
        },
    }
}

fn answered(failure: &Failure, letter: &Letter, passed: bool) -> Outcome {
    let Kind::Answer { status, retry_after } = failure.kind else {
        return Outcome::Unknown { answer: answer(failure, letter, "") };
    };
    let says = |advice: &str| answer(failure, letter, advice);
    let blocked = |scope, advice: &str| Outcome::Blocked { scope, answer: says(advice) };
    let account = |advice: &str| blocked(Scope::Account, advice);
    let words = failure.words.to_ascii_lowercase();

    match failure.code.as_str() {
        _ if (200..300).contains(&status) => {
            Outcome::Unknown { answer: says("SES took the message, but its answer cannot be read") }
        }
        _ if words.contains("daily") && words.contains("quota exceeded") => account(
            "the quota of 24 hours is used up: sending goes on as it moves; ask AWS for a higher one if this comes again",
        ),
        "TooManyRequestsException" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => {
            Outcome::Throttled { retry_after, scope: Scope::Account, answer: says("") }
        }
        _ if status == 429 || words.contains("maximum sending rate") => {
            Outcome::Throttled { retry_after, scope: Scope::Account, answer: says("") }
        }
        _ if words.contains("address is not verified") => not_verified(failure, letter),
        "MailFromDomainNotVerifiedException" => blocked(
            Scope::Sender,
            "the sender's MAIL FROM domain is not verified: set its MX and SPF records, or let SES fall back to its own",
        ),
        "AccountSuspendedException" => {
            account("AWS has suspended the account: answer the case that AWS opened")
        }
        "SendingPausedException" => account(PAUSED),
        _ if words.contains("sending paused") || words.contains("sending suspended") => account(PAUSED),
        "NotFoundException" => account(MISSING),
        _ if status == 404 => account(MISSING),
        "LimitExceededException" => {
            account("a limit of the account is reached: see its service quotas for SES")
        }
        "RequestExpired" | "RequestTimeTooSkewed" => account("the clock of this machine is wrong: set it"),
        code if status == 401 || status == 403 || CREDENTIALS.contains(&code) => {
            let scope = if words.contains(":identity/") { Scope::Sender } else { Scope::Account };
            blocked(
                scope,
                "the AWS credentials are not accepted, or lack ses:SendEmail for this sender: correct them",
            )
        }
        _ if status == 408 => {
            Outcome::Deferred { retry_after, answer: says("SES did not wait for the message") }
        }
        "MessageRejected" | "BadRequestException" => content(says("")),
        _ if (400..500).contains(&status) => content(says("")),
        _ if passed => Outcome::Unknown { answer: says("SES failed, and may have taken the message before") },
        _ => Outcome::Deferred { retry_after, answer: says("nothing was sent") },
    }
}

const PAUSED: &str =
    "sending is paused for the account or the configuration set: see the SES console, and resume it there";
const MISSING: &str =
    "the configuration set or the identity is not in this region: correct its name, or the region";

/// Codes of AWS that concern the credentials, with whatever status they come.
const CREDENTIALS: [&str; 12] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// SES says the same of a sender whom nobody verified, and of each recipient while the account is in the sandbox; which of
/// them it means stands in its words.
fn not_verified(failure: &Failure, letter: &Letter) -> Outcome {
    let domain = letter.from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let sender = names(&failure.words, &letter.from) || names(&failure.words, domain);
    let recipient = names(&failure.words, &letter.to);
    let (scope, advice) = if recipient && !sender {
        (
            Scope::Account,
            "the account is in the SES sandbox, where every recipient must be verified: ask AWS for production access, \
             or verify this recipient for a trial"
                .to_owned(),
        )
    } else {
        (Scope::Sender, format!("verify {} or its domain as an identity of SES in this region", letter.from))
    };
    Outcome::Blocked { scope, answer: answer(failure, letter, &advice) }
}

/// Whether one of the identities in the words is this.
fn names(words: &str, identity: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || ",;:<>\"'()/".contains(c);
    words.split(separates).any(|word| word.trim_matches('.').eq_ignore_ascii_case(identity))
}

const fn content(answer: Answer) -> Outcome {
    Outcome::Refused { refusal: Refusal::Content, answer }
}

fn answer(failure: &Failure, letter: &Letter, advice: &str) -> Answer {
    let words = shown(&failure.words, letter);
    let text = match (words.is_empty(), advice.is_empty()) {
        (false, false) => format!("{advice} ({words})"),
        _ => format!("{advice}{words}"),
    };
    Answer::new(shown(&failure.codes(), letter), text)
}
