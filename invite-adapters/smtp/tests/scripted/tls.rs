//! Nothing is said in the clear, and to nobody but the server that was meant.

use invite_core::Secret;
use invite_core::model::outcome::{Outcome, Scope};
use invite_smtp::SmtpTransport;

use crate::support::certificates::Authority;
use crate::support::server::{Act, Script, Server, say};
use crate::support::{SHORT, accepted, answer, message, sent};

const PASSWORD: &str = "tr0ub4dor&3";

fn starttls(server: &Server, authority: &Authority) -> SmtpTransport {
    SmtpTransport::relay("localhost")
        .port(server.port)
        .credentials("anna", Secret::new(PASSWORD.into()))
        .root_certificate(authority.pem.as_str())
        .reply_timeout(SHORT * 10)
        .build()
        .unwrap()
}

/// Whether the server was told anything of a message or a password.
fn was_told(server: &Server) -> bool {
    server.verbs().iter().any(|verb| !matches!(verb.as_str(), "EHLO" | "STARTTLS" | "QUIT"))
}

#[tokio::test]
async fn messages_go_under_starttls_with_what_is_offered_there() {
    let authority = Authority::new();
    let script = Script::offering(&["STARTTLS", "AUTH LOGIN"])
        .offering_under_tls(&["PIPELINING", "SMTPUTF8", "AUTH PLAIN"])
        .starttls(authority.server("localhost"));
    let server = script.start().await;
    let transport = starttls(&server, &authority);
    accepted(&transport, &message()).await;
    accepted(&transport, &message()).await;
    let verbs = server.verbs();
    assert_eq!(verbs, ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "DATA"]);
    assert!(server.seen().commands[3].starts_with("AUTH PLAIN "));
}

#[tokio::test]
async fn messages_go_under_tls_from_the_beginning() {
    let authority = Authority::new();
    let script = Script::offering(&["PIPELINING"]).implicit_tls(authority.server("localhost"));
    let server = script.start().await;
    let transport = SmtpTransport::relay_tls("localhost")
        .port(server.port)
        .root_certificate(authority.pem.as_str())
        .build()
        .unwrap();
    accepted(&transport, &message()).await;
    accepted(&transport, &message()).await;
    let seen = server.seen();
    assert_eq!((seen.connections, seen.messages.len()), (1, 2));
    transport.close().await;
    assert_eq!(server.verbs().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn a_server_may_be_named_by_its_address() {
    let authority = Authority::new();
    let server = Script::offering(&[]).implicit_tls(authority.server("127.0.0.1")).start().await;
    let transport = SmtpTransport::relay_tls("127.0.0.1")
        .port(server.port)
        .root_certificate(authority.pem.as_str())
        .build()
        .unwrap();
    accepted(&transport, &message()).await;
}

#[tokio::test]
async fn where_starttls_was_stripped_nothing_is_sent_and_the_account_is_blocked() {
    let server = Script::offering(&["PIPELINING", "AUTH PLAIN LOGIN"]).start().await;
    let outcome = sent(&starttls(&server, &Authority::new())).await;
    assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Account, .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("does not offer STARTTLS"), "{outcome:?}");
    assert!(!was_told(&server), "{:?}", server.verbs());
}

#[tokio::test]
async fn where_starttls_is_refused_nothing_is_sent() {
    for (reply, blocked) in [("454 4.7.0 TLS not available", false), ("502 5.5.1 no", true)] {
        let server = Script::offering(&["STARTTLS", "AUTH PLAIN"]).once("STARTTLS", say(reply)).start().await;
        let outcome = sent(&starttls(&server, &Authority::new())).await;
        assert_eq!(matches!(outcome, Outcome::Blocked { .. }), blocked, "{outcome:?}");
        assert!(blocked || matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
        assert!(!was_told(&server), "{:?}", server.verbs());
    }
}

#[tokio::test]
async fn what_was_injected_before_tls_is_thrown_away() {
    let authority = Authority::new();
    // As somebody on the way would: answers to what the client will ask under TLS.
    let injected = "220 go ahead\r\n250-mail.example.com\r\n250 AUTH LOGIN\r\n235 2.7.0 welcome\r\n";
    let script = Script::offering(&["STARTTLS"])
        .offering_under_tls(&["PIPELINING", "AUTH PLAIN"])
        .once("STARTTLS", Act::Say(injected.into()))
        .starttls(authority.server("localhost"));
    let server = script.start().await;
    let outcome = sent(&starttls(&server, &authority)).await;
    match outcome {
        Outcome::Accepted(_) => {
            let commands = server.seen().commands;
            assert!(commands[3].starts_with("AUTH PLAIN "), "the true offer counts: {}", commands[3]);
        }
        // What came a moment later is no TLS.
        Outcome::Deferred { .. } => assert!(!was_told(&server)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_certificate_puts_the_message_off_and_says_what_to_do() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (acceptor, words) in [
        (stranger.server("localhost"), "an authority that is not known here"),
        (authority.server("mail.other.example"), "not for localhost"),
        (authority.expired("localhost"), "has expired"),
    ] {
        let server = Script::offering(&["STARTTLS"]).starttls(acceptor).start().await;
        let outcome = sent(&starttls(&server, &authority)).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
        assert!(answer(&outcome).text().contains(words), "{outcome:?}");
        assert!(!was_told(&server));
    }
}

#[tokio::test]
async fn a_port_of_the_other_kind_is_named_as_such() {
    let authority = Authority::new();
    let server = Script::offering(&[]).start().await;
    let transport = SmtpTransport::relay_tls("localhost")
        .port(server.port)
        .root_certificate(authority.pem.as_str())
        .build()
        .unwrap();
    let outcome = sent(&transport).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("does not speak TLS at this port"), "{outcome:?}");

    let server = Script::offering(&[]).once("GREETING", Act::Silence).start().await;
    let transport = SmtpTransport::relay("localhost")
        .port(server.port)
        .root_certificate(authority.pem.as_str())
        .reply_timeout(SHORT)
        .build()
        .unwrap();
    let outcome = sent(&transport).await;
    assert!(answer(&outcome).text().contains("use smtps://"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_never_finishes_tls_is_not_waited_for() {
    let server = Script::offering(&[]).once("GREETING", Act::Silence).start().await;
    let transport = SmtpTransport::relay_tls("localhost")
        .port(server.port)
        .root_certificate(Authority::new().pem)
        .connect_timeout(SHORT)
        .build()
        .unwrap();
    let outcome = sent(&transport).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("did not finish TLS in time"), "{outcome:?}");
}
