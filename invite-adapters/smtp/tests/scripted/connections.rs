//! One pool, whose dead connections are no message's fault.

use std::time::Duration;

use invite_core::model::outcome::Outcome;
use invite_core::port::transport::Transport;
use invite_smtp::SmtpTransport;

use crate::support::server::{Act, Script, Server, say, say_and_close};
use crate::support::{DEADLINE, SHORT, accepted, answer, message, plain, sent};

/// Until it holds: what happens in the background has no other end to wait for.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

fn goodbyes(server: &Server) -> usize {
    server.verbs().iter().filter(|verb| *verb == "QUIT").count()
}

#[tokio::test]
async fn messages_go_one_after_the_other_over_one_connection() {
    let server = Script::offering(&["PIPELINING"]).start().await;
    let transport = plain(&server).build().unwrap();
    for _ in 0..5 {
        accepted(&transport, &message()).await;
    }
    let seen = server.seen();
    assert_eq!((seen.connections, seen.messages.len()), (1, 5));
}

#[tokio::test]
async fn clones_share_the_pool_and_there_are_never_more_connections_than_allowed() {
    let server = Script::offering(&["PIPELINING"]).start().await;
    let transport = plain(&server).connections(3).build().unwrap();
    let sending: Vec<_> = (0..40)
        .map(|_| {
            let transport = transport.clone();
            tokio::spawn(async move { accepted(&transport, &message()).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap();
    }
    let seen = server.seen();
    assert_eq!(seen.messages.len(), 40);
    assert!((1..=3).contains(&seen.connections), "{} connections", seen.connections);
}

#[tokio::test]
async fn who_finds_no_connection_free_in_time_is_put_off() {
    let server = Script::offering(&[]).once("MESSAGE", Act::Silence).start().await;
    let transport = plain(&server).connections(1).final_reply_timeout(SHORT * 5).build().unwrap();
    let first = tokio::spawn({
        let transport = transport.clone();
        async move { sent(&transport).await }
    });
    eventually("the first is being sent", || server.seen().offered == 1).await;
    let outcome = transport.send(&message(), SHORT).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("allow more connections"), "{outcome:?}");
    assert!(matches!(first.await.unwrap(), Outcome::Unknown { .. }));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_no_failure_of_the_message() {
    for act in [
        say_and_close("250 2.0.0 ok"),
        Act::SayAndClose("250 2.0.0 ok\r\n421 4.4.2 too long idle\r\n".into()),
    ] {
        let server = Script::offering(&["PIPELINING"]).once("MESSAGE", act).start().await;
        let transport = plain(&server).build().unwrap();
        accepted(&transport, &message()).await;
        accepted(&transport, &message()).await;
        let seen = server.seen();
        assert_eq!((seen.connections, seen.messages.len()), (2, 2));
    }
}

#[tokio::test]
async fn a_connection_that_ends_at_the_first_command_is_no_failure_of_the_message() {
    for act in
        [say("421 4.4.2 timeout"), say_and_close("421 4.4.2 timeout"), Act::Close, Act::Reset, Act::Silence]
    {
        for offers in [&["PIPELINING"][..], &[]] {
            let script = Script::offering(offers).once("MAIL", say("250 ok")).once("MAIL", act.clone());
            let server = script.start().await;
            let transport = plain(&server).reply_timeout(SHORT).build().unwrap();
            accepted(&transport, &message()).await;
            accepted(&transport, &message()).await;
            let seen = server.seen();
            assert_eq!((seen.connections, seen.messages.len()), (2, 2), "{act:?} with {offers:?}");
        }
    }
}

#[tokio::test]
async fn a_fresh_connection_that_ends_at_once_puts_the_message_off() {
    let server = Script::offering(&[]).always("MAIL", Act::Close).start().await;
    let outcome = sent(&plain(&server).build().unwrap()).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert_eq!(server.seen().connections, 1, "it is not tried again and again");
}

#[tokio::test]
async fn a_connection_that_ends_after_the_sender_was_accepted_puts_the_message_off() {
    let script = Script::offering(&[]).once("RCPT", say("250 ok")).once("RCPT", Act::Close);
    let server = script.start().await;
    let transport = plain(&server).build().unwrap();
    accepted(&transport, &message()).await;
    assert!(matches!(sent(&transport).await, Outcome::Deferred { .. }));
    assert_eq!(server.seen().connections, 1);
}

#[tokio::test]
async fn a_connection_is_given_up_after_its_messages_with_a_goodbye() {
    let server = Script::offering(&[]).start().await;
    let transport = plain(&server).messages_per_connection(2).build().unwrap();
    for _ in 0..5 {
        accepted(&transport, &message()).await;
    }
    eventually("two said goodbye", || goodbyes(&server) == 2).await;
    assert_eq!(server.seen().connections, 3);
}

#[tokio::test]
async fn a_connection_that_is_idle_too_long_says_goodbye() {
    let server = Script::offering(&[]).start().await;
    let transport = plain(&server).idle_timeout(Duration::from_millis(50)).build().unwrap();
    accepted(&transport, &message()).await;
    eventually("it said goodbye", || goodbyes(&server) == 1).await;
    accepted(&transport, &message()).await;
    eventually("the second too", || goodbyes(&server) == 2).await;
}

#[tokio::test]
async fn closing_says_goodbye_and_the_next_message_connects_again() {
    let server = Script::offering(&[]).start().await;
    let transport = plain(&server).build().unwrap();
    accepted(&transport, &message()).await;
    transport.close().await;
    assert_eq!(goodbyes(&server), 1);
    accepted(&transport, &message()).await;
    assert_eq!(server.seen().connections, 2);
}

#[tokio::test]
async fn dropping_the_last_clone_says_goodbye() {
    let server = Script::offering(&[]).start().await;
    let transport = plain(&server).build().unwrap();
    let clone = transport.clone();
    accepted(&transport, &message()).await;
    drop(transport);
    accepted(&clone, &message()).await;
    assert_eq!((server.seen().connections, goodbyes(&server)), (1, 0));
    drop(clone);
    eventually("it said goodbye", || goodbyes(&server) == 1).await;
}

#[tokio::test]
async fn a_message_that_is_dropped_midway_leaves_no_half_conversation_behind() {
    let server = Script::offering(&[]).once("RCPT", Act::Silence).start().await;
    let transport = plain(&server).connections(1).build().unwrap();
    drop(tokio::time::timeout(SHORT, transport.send(&message(), DEADLINE)).await);
    accepted(&transport, &message()).await;
    let seen = server.seen();
    assert_eq!((seen.connections, seen.messages.len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lives_no_longer_than_its_runtime_and_the_transport_does() {
    let server = Script::offering(&[]).start().await;
    let transport = plain(&server).build().unwrap();
    let elsewhere = transport.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(accepted(&elsewhere, &message()));
    })
    .join()
    .unwrap();
    accepted(&transport, &message()).await;
    assert_eq!(server.seen().messages.len(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_puts_the_message_off_and_is_named() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcome = sent(&SmtpTransport::builder_dangerous("127.0.0.1", port).build().unwrap()).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains(&format!("127.0.0.1:{port}")), "{outcome:?}");

    let outcome = sent(&SmtpTransport::builder_dangerous("mail.invalid", 25).build().unwrap()).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("mail.invalid:25"), "{outcome:?}");
}
