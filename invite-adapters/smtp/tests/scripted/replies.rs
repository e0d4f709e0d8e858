//! Each reply, at each place where a server can give it, has the outcome of the table.

use invite_core::model::outcome::{Outcome, Refusal, Scope};

use crate::support::server::{Script, say, say_and_close};
use crate::support::{SHORT, accepted, answer, message, plain, sent};

/// What the table says, without the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Refused(Refusal),
    Deferred,
    Throttled,
    Blocked(Scope),
}

use Expected::{Blocked, Deferred, Refused, Throttled};

fn seen(outcome: &Outcome) -> Option<Expected> {
    match outcome {
        Outcome::Refused { refusal, .. } => Some(Refused(*refusal)),
        Outcome::Deferred { retry_after: None, .. } => Some(Deferred),
        Outcome::Throttled { retry_after: None, scope: Scope::Account, .. } => Some(Throttled),
        Outcome::Blocked { scope, .. } => Some(Blocked(*scope)),
        _ => None,
    }
}

/// Each at a server with and without PIPELINING; then another message goes.
async fn expect(verb: &'static str, reply: &str, expected: Expected) {
    for offers in [&["PIPELINING"][..], &[]] {
        let script = Script::offering(offers).once(verb, say(reply));
        let server = script.start().await;
        let transport = plain(&server).reply_timeout(SHORT * 10).build().unwrap();
        let outcome = sent(&transport).await;
        assert_eq!(seen(&outcome), Some(expected), "{reply} to {verb} with {offers:?}: {outcome:?}");
        assert!(server.seen().messages.is_empty(), "{reply} to {verb}: nothing went");
        let code = reply.split(' ').next().unwrap();
        assert!(answer(&outcome).code().starts_with(code), "{outcome:?}");
        let next = message();
        accepted(&transport, &next).await;
        assert_eq!(server.seen().messages.len(), 1, "{reply} to {verb}: the next goes");
    }
}

const MESSAGE_PHASES: [&str; 3] = ["RCPT", "DATA", "MESSAGE"];

#[tokio::test]
async fn a_reply_that_may_change_puts_the_message_off() {
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "MESSAGE"] {
        for reply in
            ["421 4.3.2 going down", "450 busy", "451 4.7.1 greylisted", "452 4.2.2 full", "454 4.7.0 later"]
        {
            expect(verb, reply, Deferred).await;
        }
    }
}

#[tokio::test]
async fn a_454_that_speaks_of_throttling_throttles_the_account() {
    for verb in ["GREETING", "MAIL", "RCPT", "DATA", "MESSAGE"] {
        expect(verb, "454 Throttling failure: Maximum sending rate exceeded.", Throttled).await;
    }
}

#[tokio::test]
async fn a_recipient_that_is_refused_by_its_enhanced_code_is_refused_for_certain() {
    for verb in MESSAGE_PHASES {
        for reply in [
            "550 5.1.1 no such user",
            "553 5.1.3 bad syntax",
            "551 5.1.6 has moved",
            "556 5.1.10 null MX",
            "550 5.2.1 disabled",
        ] {
            expect(verb, reply, Refused(Refusal::Recipient)).await;
        }
    }
}

#[tokio::test]
async fn a_bare_refusal_of_a_recipient_is_not_certain() {
    for verb in MESSAGE_PHASES {
        for reply in ["550 no such user", "551 not here", "553 not allowed", "550 5.0.0 no"] {
            expect(verb, reply, Refused(Refusal::RecipientUncertain)).await;
        }
    }
}

#[tokio::test]
async fn a_full_mailbox_may_have_room_again() {
    for verb in MESSAGE_PHASES {
        for reply in ["552 full", "552 5.2.2 over quota", "550 5.2.2 over quota"] {
            expect(verb, reply, Deferred).await;
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_for_its_content() {
    for verb in ["MAIL", "RCPT", "DATA", "MESSAGE"] {
        expect(verb, "552 5.3.4 too large", Refused(Refusal::Content)).await;
    }
}

#[tokio::test]
async fn policy_is_policy_whatever_the_code_says() {
    for verb in MESSAGE_PHASES {
        for reply in [
            "550 5.7.1 no",
            "554 5.7.26 unauthenticated",
            "552 5.7.0 blocked",
            "554 no",
            "501 what",
            "571 no",
        ] {
            expect(verb, reply, Refused(Refusal::Policy)).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_blocks_the_account() {
    for reply in ["554 no service here", "550 5.7.1 listed", "521 no mail here"] {
        expect("GREETING", reply, Blocked(Scope::Account)).await;
    }
    for reply in ["550 5.7.1 no", "501 bad name", "500 what?"] {
        expect("EHLO", reply, Blocked(Scope::Account)).await;
    }
}

#[tokio::test]
async fn a_server_that_wants_a_password_blocks_the_account() {
    for verb in ["MAIL", "RCPT", "DATA", "MESSAGE"] {
        for reply in ["530 5.7.0 Authentication required", "535 5.7.8 no"] {
            expect(verb, reply, Blocked(Scope::Account)).await;
        }
    }
}

#[tokio::test]
async fn a_sender_that_is_refused_is_no_fault_of_the_recipient() {
    for reply in ["550 5.7.1 not yours", "553 sender address rejected", "550 no", "550 5.1.8 no such domain"]
    {
        expect("MAIL", reply, Blocked(Scope::Sender)).await;
    }
    expect("MAIL", "554 no", Refused(Refusal::Policy)).await;
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said_and_a_block_what_to_do() {
    let server = Script::offering(&[]).once("RCPT", say("550-5.1.1 No\r\n550 5.1.1 such user")).start().await;
    let outcome = sent(&plain(&server).build().unwrap()).await;
    assert_eq!(answer(&outcome).to_string(), "550 5.1.1 No such user");

    let server = Script::offering(&[]).once("MAIL", say("553 not yours")).start().await;
    let outcome = sent(&plain(&server).build().unwrap()).await;
    let words = answer(&outcome).text();
    assert!(words.contains("correct it") && words.ends_with("It says: not yours"), "{words}");
}

#[tokio::test]
async fn a_server_that_wants_a_message_for_nobody_gets_none() {
    for reply in ["550 5.1.1 no such user", "450 4.2.0 greylisted"] {
        let script =
            Script::offering(&["PIPELINING"]).once("RCPT", say(reply)).once("DATA", say("354 go ahead"));
        let server = script.start().await;
        let transport = plain(&server).build().unwrap();
        assert_eq!(answer(&sent(&transport).await).code(), &reply[..9]);
        accepted(&transport, &message()).await;
        let seen = server.seen();
        assert_eq!(
            (seen.connections, seen.messages.len(), seen.offered),
            (1, 1, 2),
            "an empty one was offered"
        );
        assert_eq!(server.verbs(), ["EHLO", "MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA"]);
    }
}

#[tokio::test]
async fn a_goodbye_in_the_middle_of_a_pipeline_is_what_is_answered() {
    let server = Script::offering(&["PIPELINING"]).once("RCPT", say_and_close("421 4.7.0 bye")).start().await;
    let transport = plain(&server).build().unwrap();
    let outcome = sent(&transport).await;
    assert_eq!((seen(&outcome), answer(&outcome).code()), (Some(Deferred), "421 4.7.0"));
    accepted(&transport, &message()).await;
    assert_eq!(server.seen().connections, 2);
}

#[tokio::test]
async fn a_goodbye_ends_the_connection() {
    for verb in ["RCPT", "MESSAGE"] {
        let server = Script::offering(&[]).once(verb, say("421 bye")).start().await;
        let transport = plain(&server).build().unwrap();
        sent(&transport).await;
        accepted(&transport, &message()).await;
        assert_eq!(server.seen().connections, 2, "after 421 to {verb}");
    }
}

#[tokio::test]
async fn what_is_no_reply_before_the_message_puts_it_off() {
    let overlong = format!("250 {}", "x".repeat(20_000));
    let endless = "250-\r\n".repeat(20_000);
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"] {
        for garbage in
            ["HTTP/1.1 400 Bad Request", "\0\u{1}\u{2}", "99 x", "250-a\r\n550 b", &overlong, &endless]
        {
            let server = Script::offering(&[]).once(verb, say(garbage)).start().await;
            let transport = plain(&server).reply_timeout(SHORT * 10).build().unwrap();
            let outcome = sent(&transport).await;
            assert_eq!(seen(&outcome), Some(Deferred), "{garbage:.20} to {verb}: {outcome:?}");
            assert!(server.seen().messages.is_empty());
        }
    }
}

#[tokio::test]
async fn a_reply_that_answers_something_else_puts_the_message_off() {
    for (verb, reply) in [("MAIL", "354 go"), ("RCPT", "354 go"), ("DATA", "250 ok"), ("EHLO", "334 x")] {
        let server = Script::offering(&[]).once(verb, say(reply)).start().await;
        let transport = plain(&server).reply_timeout(SHORT * 10).build().unwrap();
        assert_eq!(seen(&sent(&transport).await), Some(Deferred), "{reply} to {verb}");
        accepted(&transport, &message()).await;
        assert_eq!(server.seen().messages.len(), 1);
    }
}

#[tokio::test]
async fn a_receipt_is_what_the_server_calls_the_message() {
    let reply = "250-2.0.0 Ok:\r\n250 2.0.0 queued as 4bXq3Y";
    let server = Script::offering(&[]).once("MESSAGE", say(reply)).start().await;
    let receipt = accepted(&plain(&server).build().unwrap(), &message()).await;
    assert_eq!(receipt, "Ok: queued as 4bXq3Y");
}
