//! Whether the final dot had gone decides between "certainly not sent" and "unknown".

use std::time::Duration;

use invite_core::model::message::Email;
use invite_core::model::outcome::Outcome;
use invite_core::port::transport::Transport;

use crate::support::server::{Act, Script, say, say_and_close};
use crate::support::{DEADLINE, SHORT, accepted, answer, email, message, plain, saying, sent};

const BEFORE: [&str; 5] = ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"];

#[tokio::test]
async fn silence_before_the_dot_puts_the_message_off() {
    for verb in BEFORE {
        for offers in [&["PIPELINING"][..], &[]] {
            let server = Script::offering(offers).once(verb, Act::Silence).start().await;
            let transport = plain(&server).reply_timeout(SHORT).build().unwrap();
            let outcome = sent(&transport).await;
            assert!(matches!(outcome, Outcome::Deferred { .. }), "silence at {verb}: {outcome:?}");
            assert!(answer(&outcome).text().contains("in time"), "{outcome:?}");
            assert!(server.seen().messages.is_empty());
        }
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_dot_puts_the_message_off() {
    for verb in BEFORE {
        for act in [Act::Close, Act::Reset] {
            let server = Script::offering(&["PIPELINING"]).once(verb, act.clone()).start().await;
            let transport = plain(&server).build().unwrap();
            let outcome = sent(&transport).await;
            assert!(matches!(outcome, Outcome::Deferred { .. }), "{act:?} at {verb}: {outcome:?}");
            accepted(&transport, &message()).await;
            assert_eq!(server.seen().messages.len(), 1);
        }
    }
}

#[tokio::test]
async fn silence_after_the_dot_is_unknown() {
    let server = Script::offering(&["PIPELINING"]).once("MESSAGE", Act::Silence).start().await;
    let transport = plain(&server).final_reply_timeout(SHORT).build().unwrap();
    let outcome = sent(&transport).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(server.seen().offered, 1, "the server had it all");
    accepted(&transport, &message()).await;
}

#[tokio::test]
async fn a_connection_lost_after_the_dot_is_unknown() {
    for act in [Act::Close, Act::Reset] {
        let server = Script::offering(&["PIPELINING"]).once("MESSAGE", act.clone()).start().await;
        let transport = plain(&server).build().unwrap();
        let outcome = sent(&transport).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{act:?}: {outcome:?}");
        accepted(&transport, &message()).await;
    }
}

#[tokio::test]
async fn what_is_no_reply_after_the_dot_is_unknown() {
    for garbage in
        ["HTTP/1.1 200 OK", "354 go ahead", "250-a\r\n550 b", &format!("250 {}", "x".repeat(20_000))]
    {
        let server = Script::offering(&[]).once("MESSAGE", say(garbage)).start().await;
        let outcome = sent(&plain(&server).build().unwrap()).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{garbage:.20}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_that_was_begun_and_broke_off_is_unknown() {
    let server = Script::offering(&[]).once("MESSAGE", Act::SayAndClose("250 2.0.0 O".into())).start().await;
    let outcome = sent(&plain(&server).build().unwrap()).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_breaks_off_in_the_middle_has_no_message() {
    // More than the buffers of both ends hold.
    let large = saying(Email { text: "x ".repeat(8_000_000), ..email() });
    for act in [Act::Close, Act::Reset, say_and_close("552 5.3.4 too large")] {
        let server = Script::offering(&["PIPELINING"]).once("BODY", act.clone()).start().await;
        let outcome = plain(&server).build().unwrap().send(&large, DEADLINE).await;
        let certain = match act {
            Act::SayAndClose(_) => matches!(outcome, Outcome::Refused { .. } | Outcome::Deferred { .. }),
            _ => matches!(outcome, Outcome::Deferred { .. }),
        };
        assert!(certain, "{act:?}: {outcome:?}");
        assert_eq!(server.seen().offered, 0);
    }
}

#[tokio::test]
async fn the_deadline_is_kept_before_and_after_the_dot() {
    for (verb, unknown) in [("GREETING", false), ("MAIL", false), ("DATA", false), ("MESSAGE", true)] {
        let server = Script::offering(&[]).always(verb, Act::Silence).start().await;
        let transport = plain(&server).build().unwrap();
        let deadline = Duration::from_millis(600);
        let outcome = tokio::time::timeout(DEADLINE, transport.send(&message(), deadline)).await;
        let outcome = outcome.expect("it answers");
        assert_eq!(matches!(outcome, Outcome::Unknown { .. }), unknown, "{verb}: {outcome:?}");
        assert!(unknown || matches!(outcome, Outcome::Deferred { .. }), "{verb}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_message_without_time_is_not_begun() {
    let server = Script::offering(&[]).start().await;
    let outcome = plain(&server).build().unwrap().send(&message(), Duration::ZERO).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert_eq!(server.seen().connections, 0);
}
