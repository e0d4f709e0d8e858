//! What each of Twilio's answers means.

use invite_core::model::outcome::{Refusal, Scope};

/// What an answer that is no success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Refused(Refusal),
    Throttled,
    /// With what to do about it.
    Blocked(Scope, &'static str),
    Unknown,
}

/// From the status and, if the answer has one, Twilio's code. The code wins, but not over 429 and 5xx.
pub(crate) fn verdict(status: u16, code: Option<u32>) -> Verdict {
    match (status, code) {
        (429, _) => Verdict::Throttled,
        // That the server gave up waiting says nothing about what it has.
        (408 | 500.., _) => Verdict::Unknown,
        (_, Some(code)) => of_code(code).unwrap_or_else(|| of_status(status)),
        (_, None) => of_status(status),
    }
}

/// The codes that mean something else than their status.
fn of_code(code: u32) -> Option<Verdict> {
    Some(match code {
        20429 => Verdict::Throttled,
        21211 | 21614 | 21635 | 30005 | 30006 => Verdict::Refused(Refusal::Recipient),
        21610 | 63014 => Verdict::Refused(Refusal::OptedOut),
        21408 | 21612 => Verdict::Refused(Refusal::Country),
        21617 => Verdict::Refused(Refusal::Content),
        20003 => Verdict::Blocked(
            Scope::Account,
            "Twilio does not take the credentials; correct the account SID, the auth token or the API key",
        ),
        21608 => Verdict::Blocked(
            Scope::Account,
            "a trial account sends to verified numbers only; verify the number or upgrade the account",
        ),
        30002 => Verdict::Blocked(Scope::Account, "Twilio has suspended the account; see its console"),
        30034 => Verdict::Blocked(
            Scope::Sender,
            "the sending number is not registered for A2P 10DLC; register it in Twilio's console, or use another sender",
        ),
        _ => return None,
    })
}

fn of_status(status: u16) -> Verdict {
    match status {
        401 | 403 | 407 => Verdict::Blocked(
            Scope::Account,
            "the request was not allowed; correct the credentials, the account's permissions or the proxy",
        ),
        301 | 302 | 307 | 308 => Verdict::Blocked(
            Scope::Account,
            "the endpoint sends requests elsewhere, and a message is not sent after it; correct the endpoint",
        ),
        400..=499 => Verdict::Refused(Refusal::Content),
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_turns_a_server_error_into_certainty() {
        for status in 500..=599 {
            for code in [None, Some(20003), Some(21610), Some(20429)] {
                assert_eq!(verdict(status, code), Verdict::Unknown);
            }
        }
    }

    #[test]
    fn every_other_refusal_is_of_the_content() {
        for code in [None, Some(21602), Some(21606), Some(99_999)] {
            assert_eq!(verdict(400, code), Verdict::Refused(Refusal::Content));
        }
    }
}
