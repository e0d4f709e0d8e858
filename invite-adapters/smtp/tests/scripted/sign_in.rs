//! Signing in, and what becomes of a message when that fails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::Secret;
use invite_core::model::outcome::{Outcome, Scope};
use invite_smtp::SmtpTransport;

use crate::support::server::{Act, Script, Server, say};
use crate::support::{SHORT, accepted, answer, message, plain, sent};

const USER: &str = "anna@nordby.example";
const PASSWORD: &str = "tr0ub4dor&3";

fn signing_in(server: &Server) -> SmtpTransport {
    plain(server).credentials(USER, Secret::new(PASSWORD.into())).reply_timeout(SHORT * 10).build().unwrap()
}

fn plain_line() -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{USER}\0{PASSWORD}")))
}

#[tokio::test]
async fn plain_is_said_in_one_line_and_once_a_connection() {
    let server = Script::offering(&["AUTH LOGIN PLAIN CRAM-MD5"]).start().await;
    let transport = signing_in(&server);
    accepted(&transport, &message()).await;
    accepted(&transport, &message()).await;
    let commands = server.seen().commands;
    assert_eq!(commands[1], plain_line());
    assert_eq!(commands.iter().filter(|line| line.starts_with("AUTH")).count(), 1);
}

#[tokio::test]
async fn login_is_said_where_it_alone_is_offered() {
    let server = Script::offering(&["AUTH LOGIN"]).start().await;
    accepted(&signing_in(&server), &message()).await;
    let commands = server.seen().commands;
    assert_eq!(commands[1..4], ["AUTH LOGIN".to_owned(), STANDARD.encode(USER), STANDARD.encode(PASSWORD)]);
}

#[tokio::test]
async fn without_credentials_nobody_signs_in() {
    let server = Script::offering(&["AUTH PLAIN LOGIN"]).start().await;
    accepted(&plain(&server).build().unwrap(), &message()).await;
    assert!(!server.verbs().contains(&"AUTH".to_owned()));
}

#[tokio::test]
async fn refused_credentials_block_the_account_and_say_what_to_do() {
    for (offer, verb) in [("AUTH PLAIN", "AUTH"), ("AUTH LOGIN", "AUTH"), ("AUTH LOGIN", "PASSWORD")] {
        for reply in
            ["535 5.7.8 bad credentials", "530 5.7.0 no", "534 5.7.9 too weak", "504 what?", "550 no"]
        {
            let server = Script::offering(&[offer]).once(verb, say(reply)).start().await;
            let transport = signing_in(&server);
            let outcome = sent(&transport).await;
            assert!(
                matches!(outcome, Outcome::Blocked { scope: Scope::Account, .. }),
                "{reply}: {outcome:?}"
            );
            assert!(server.seen().messages.is_empty());
            accepted(&transport, &message()).await;
        }
    }
    let server =
        Script::offering(&["AUTH PLAIN"]).once("AUTH", say("535 5.7.8 bad credentials")).start().await;
    let outcome = sent(&signing_in(&server)).await;
    assert_eq!(
        answer(&outcome).to_string(),
        "535 5.7.8 the mail server refuses the user name and password; correct them. It says: bad credentials"
    );
}

#[tokio::test]
async fn a_server_that_cannot_sign_anybody_in_now_puts_the_message_off() {
    for act in [say("454 4.7.0 Temporary authentication failure"), say("421 bye"), Act::Close, say("334 ")] {
        let server = Script::offering(&["AUTH PLAIN"]).once("AUTH", act.clone()).start().await;
        let outcome = sent(&signing_in(&server)).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{act:?}: {outcome:?}");
        assert!(server.seen().messages.is_empty());
    }
    let server = Script::offering(&["AUTH PLAIN"]).once("AUTH", say("454 Throttling failure")).start().await;
    assert!(matches!(sent(&signing_in(&server)).await, Outcome::Throttled { .. }));
}

#[tokio::test]
async fn a_server_that_offers_no_mechanism_that_is_known_blocks_the_account() {
    for offers in [&["AUTH CRAM-MD5 XOAUTH2"][..], &[]] {
        let server = Script::offering(offers).start().await;
        let outcome = sent(&signing_in(&server)).await;
        assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Account, .. }), "{outcome:?}");
        assert!(answer(&outcome).text().contains("offers neither AUTH PLAIN nor LOGIN"), "{outcome:?}");
        assert!(server.seen().messages.is_empty());
    }
}

#[tokio::test]
async fn a_server_that_echoes_the_credentials_is_not_quoted_with_them() {
    let encoded = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let password = STANDARD.encode(PASSWORD);
    for (verb, reply) in [
        ("AUTH", format!("535 5.7.8 {encoded} is wrong")),
        ("AUTH", format!("535 5.7.8 AUTH PLAIN {} is wrong", &encoded[..20])),
        ("AUTH", format!("454 4.7.0 not now, {PASSWORD}")),
        ("MAIL", format!("550 5.7.1 {password} {PASSWORD}")),
        ("RCPT", format!("550 5.7.1 <{PASSWORD}>")),
        ("MESSAGE", format!("550 5.7.1 {encoded}")),
    ] {
        let server = Script::offering(&["AUTH PLAIN"]).once(verb, say(&reply)).start().await;
        let shown = format!("{:?}", sent(&signing_in(&server)).await);
        for secret in [PASSWORD, &password, &encoded, &encoded[..20]] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains('…'), "{shown}");
    }
    let server =
        Script::offering(&["AUTH PLAIN"]).once("MESSAGE", say(&format!("250 {PASSWORD}"))).start().await;
    assert_eq!(accepted(&signing_in(&server), &message()).await, "…");
}
