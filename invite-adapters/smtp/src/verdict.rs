//! What a reply means for a message. The crate's page has the table.

use std::fmt;

use invite_core::model::outcome::{Refusal, Scope};

use crate::reply::Reply;

/// What the client waits for an answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The connection itself: the server speaks first.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The message and its final dot.
    Message,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the connection",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
        })
    }
}

/// What a reply that is not positive means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This message will never go.
    Refused(Refusal),
    /// Try later.
    Deferred,
    /// Too fast.
    Throttled,
    /// No message would go, and what to do about it.
    Blocked(Scope, &'static str),
}

/// What it means. A reply that answers nothing, a 354 to RCPT say, puts the message off.
pub(crate) fn verdict(phase: Phase, reply: &Reply) -> Verdict {
    match reply.code {
        454 if says_throttling(&reply.text) => Verdict::Throttled,
        500..=599 => match phase {
            Phase::Greeting | Phase::Hello | Phase::StartTls | Phase::Auth => session(phase, reply),
            Phase::Mail => sender(reply),
            Phase::Recipient | Phase::Data | Phase::Message => message(reply),
        },
        _ => Verdict::Deferred,
    }
}

/// As providers say it: "454 Throttling failure: Maximum sending rate exceeded".
fn says_throttling(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["throttl", "sending rate", "too many", "rate limit"].iter().any(|words| text.contains(words))
}

/// Before a message is spoken of, whatever is refused for good is refused to every message.
const fn session(phase: Phase, reply: &Reply) -> Verdict {
    let remedy = match (phase, reply.code) {
        (Phase::Auth, 504) => "the mail server knows no mechanism that is known here; ask its operator",
        (Phase::Auth, _) => "the mail server refuses the user name and password; correct them",
        (Phase::Hello, _) => {
            "the mail server refuses the name given in EHLO; set a hello name that it accepts"
        }
        (Phase::StartTls, _) => {
            "the mail server refuses to begin TLS; ask its operator, or use its port for TLS"
        }
        _ => "the mail server takes no connection from here; ask its operator to let this host in",
    };
    Verdict::Blocked(Scope::Account, remedy)
}

const AUTHENTICATE: &str = "the mail server wants a user name and password, or others; correct them";

/// MAIL names the sender alone: what is refused to it is refused to all its messages, and no fault of a recipient.
const fn sender(reply: &Reply) -> Verdict {
    const REMEDY: &str =
        "the mail server refuses mail from this sender's address; correct it, or let the account use it";
    match (reply.code, reply.enhanced) {
        (530 | 534 | 535 | 538, _) => Verdict::Blocked(Scope::Account, AUTHENTICATE),
        (_, Some([5, 1 | 7, _] | [5, 2, 1])) | (550 | 551 | 553, None | Some([5, 0, 0])) => {
            Verdict::Blocked(Scope::Sender, REMEDY)
        }
        _ => message(reply),
    }
}

const fn message(reply: &Reply) -> Verdict {
    match (reply.code, reply.enhanced) {
        (530 | 534 | 535 | 538, _) => Verdict::Blocked(Scope::Account, AUTHENTICATE),
        (_, Some([5, 1, 1 | 3 | 6 | 10] | [5, 2, 1])) => Verdict::Refused(Refusal::Recipient),
        (_, Some([5, 3, 4])) => Verdict::Refused(Refusal::Content),
        // x.0.0 says no more than the code (RFC 3463, 3.1).
        (_, Some([5, 2, 2])) | (552, None | Some([5, 0, 0])) => Verdict::Deferred,
        (550 | 551 | 553, None | Some([5, 0, 0])) => Verdict::Refused(Refusal::RecipientUncertain),
        _ => Verdict::Refused(Refusal::Policy),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Phase; 8] = [
        Phase::Greeting,
        Phase::Hello,
        Phase::StartTls,
        Phase::Auth,
        Phase::Mail,
        Phase::Recipient,
        Phase::Data,
        Phase::Message,
    ];
    const SESSION: [Phase; 4] = [Phase::Greeting, Phase::Hello, Phase::StartTls, Phase::Auth];
    const RECIPIENT: [Phase; 3] = [Phase::Recipient, Phase::Data, Phase::Message];

    fn of(phase: Phase, code: u16, enhanced: Option<[u8; 3]>) -> Verdict {
        verdict(phase, &Reply { code, enhanced, text: "words".into() })
    }

    #[test]
    fn the_enhanced_code_wins() {
        for (code, enhanced, expected) in [
            (550, Some([5, 1, 1]), Verdict::Refused(Refusal::Recipient)),
            (550, Some([5, 1, 3]), Verdict::Refused(Refusal::Recipient)),
            (551, Some([5, 1, 6]), Verdict::Refused(Refusal::Recipient)),
            (556, Some([5, 1, 10]), Verdict::Refused(Refusal::Recipient)),
            (550, Some([5, 2, 1]), Verdict::Refused(Refusal::Recipient)),
            (550, Some([5, 2, 2]), Verdict::Deferred),
            (552, Some([5, 2, 2]), Verdict::Deferred),
            (552, Some([5, 3, 4]), Verdict::Refused(Refusal::Content)),
            (552, Some([5, 7, 0]), Verdict::Refused(Refusal::Policy)),
            (550, Some([5, 7, 1]), Verdict::Refused(Refusal::Policy)),
            (554, Some([5, 1, 1]), Verdict::Refused(Refusal::Recipient)),
            (550, Some([5, 4, 1]), Verdict::Refused(Refusal::Policy)),
            (550, None, Verdict::Refused(Refusal::RecipientUncertain)),
            (551, None, Verdict::Refused(Refusal::RecipientUncertain)),
            (553, Some([5, 0, 0]), Verdict::Refused(Refusal::RecipientUncertain)),
            (552, None, Verdict::Deferred),
            (554, None, Verdict::Refused(Refusal::Policy)),
            (501, None, Verdict::Refused(Refusal::Policy)),
            (530, Some([5, 7, 0]), Verdict::Blocked(Scope::Account, AUTHENTICATE)),
        ] {
            for phase in RECIPIENT {
                assert_eq!(of(phase, code, enhanced), expected, "{code} {enhanced:?} at {phase}");
            }
        }
    }

    #[test]
    fn what_is_refused_before_a_message_is_spoken_of_blocks_the_account() {
        for phase in SESSION {
            for code in [500, 504, 530, 534, 535, 550, 554] {
                assert!(
                    matches!(of(phase, code, None), Verdict::Blocked(Scope::Account, _)),
                    "{code} at {phase}"
                );
            }
        }
    }

    #[test]
    fn what_is_refused_to_mail_is_no_fault_of_the_recipient() {
        for (code, enhanced) in [(550, None), (553, None), (550, Some([5, 7, 1])), (550, Some([5, 1, 8]))] {
            assert!(matches!(of(Phase::Mail, code, enhanced), Verdict::Blocked(Scope::Sender, _)), "{code}");
        }
        assert!(matches!(of(Phase::Mail, 530, Some([5, 7, 0])), Verdict::Blocked(Scope::Account, _)));
        assert_eq!(of(Phase::Mail, 552, Some([5, 3, 4])), Verdict::Refused(Refusal::Content));
        assert_eq!(of(Phase::Mail, 554, None), Verdict::Refused(Refusal::Policy));
        assert_eq!(of(Phase::Mail, 552, None), Verdict::Deferred);
    }

    #[test]
    fn a_454_that_says_throttling_is_throttled_and_another_is_not() {
        for phase in ALL {
            let throttling = "Throttling failure: Maximum sending rate exceeded.";
            let reply = Reply { code: 454, enhanced: Some([4, 7, 0]), text: throttling.into() };
            assert_eq!(verdict(phase, &reply), Verdict::Throttled);
            assert_eq!(of(phase, 454, Some([4, 7, 0])), Verdict::Deferred);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_reply_that_may_change_never_ends_a_message(phase in 0_usize..8, code in 300_u16..500, detail in 0_u8..100) {
            let verdict = of(ALL[phase], code, Some([4, detail % 8, detail]));
            prop_assert_eq!(verdict, Verdict::Deferred);
        }

        #[test]
        fn no_recipient_suffers_for_what_is_refused_before_it_is_named(
            phase in 0_usize..5, code in 500_u16..600, subject in 0_u8..8, detail in 0_u8..30, bare in any::<bool>(),
        ) {
            let verdict = of(ALL[phase], code, (!bare).then_some([5, subject, detail]));
            let blames = Verdict::Refused(Refusal::RecipientUncertain);
            prop_assert!(verdict != blames && verdict != Verdict::Refused(Refusal::Recipient));
        }
    }
}
