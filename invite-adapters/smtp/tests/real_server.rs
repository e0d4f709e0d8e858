//! The transport and a mail server that is not ours: Exim, which `cargo xtask test` starts. What it stored is read with a
//! parser that is not ours.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use invite_core::Secret;
use invite_core::model::message::{Email, Message};
use invite_core::model::outcome::{Outcome, Refusal, Scope};
use invite_core::port::transport::Transport;
use invite_smtp::SmtpTransport;
use mail_parser::MessageParser;
use support::{DEADLINE, accepted, answer, email, message, named, saying, to};

fn variable(name: &str) -> String {
    let name = format!("INVITE_TEST_SMTP_{name}");
    std::env::var(&name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: these tests need a mail server. `cargo xtask test` starts one; for these tests alone run \
             `cargo xtask services cargo test -p invite-smtp --features real-server --test real_server`"
        )
    })
}

/// With the account that the server knows, by a URL as a host has it.
fn transport() -> SmtpTransport {
    let url = format!(
        "smtp://{}:{}@localhost:{}?ca={}&hello=app.nordby.example&connections=4",
        variable("USER"),
        variable("PASSWORD"),
        variable("PORT"),
        variable("CERTIFICATE")
    );
    SmtpTransport::from_url(&url).unwrap()
}

/// The stored message, once the server has delivered it.
async fn stored(message: &Message) -> Vec<u8> {
    let folder = PathBuf::from(variable("MAILDIR")).join("new");
    let id = message.delivery.to_string();
    for _ in 0..500 {
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let octets = fs::read(file.unwrap().path()).unwrap();
            let read = MessageParser::new().parse(&octets).unwrap();
            if read.message_id().is_some_and(|it| it.starts_with(&id)) {
                return octets;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the server did not deliver {id} into {}", folder.display());
}

#[tokio::test]
async fn a_message_that_was_accepted_is_stored_as_it_was_meant() {
    let transport = transport();
    let message = message();
    let receipt = accepted(&transport, &message).await;
    assert!(receipt.contains("id="), "the queue id of Exim: {receipt}");
    let octets = stored(&message).await;
    let read = MessageParser::new().parse(&octets).unwrap();
    let address = |address: Option<&mail_parser::Address<'_>>| {
        let first = address.unwrap().first().unwrap();
        (first.name().unwrap_or_default().to_owned(), first.address().unwrap().to_owned())
    };
    assert_eq!(address(read.from()), ("Åse fra Nordby".into(), "invites@nordby.example".into()));
    assert_eq!(address(read.to()), ("Łukasz Żółć".into(), "lukasz@example.org".into()));
    assert_eq!(address(read.reply_to()), (String::new(), "help@nordby.example".into()));
    assert_eq!(read.subject(), Some("Nordby: your Skiftplan account"));
    assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), email().text);
    assert_eq!(read.body_html(0).unwrap().replace("\r\n", "\n"), email().html);
    assert_eq!(read.message_id(), Some(format!("{}@nordby.example", message.delivery).as_str()));
    // What the server saw of the conversation: TLS, the account, the envelope.
    let received = read.header_raw("Received").unwrap();
    assert!(received.contains("esmtpsa") && received.contains("app.nordby.example"), "{received}");
    assert_eq!(read.header_raw("Return-path").unwrap().trim(), "<invites@nordby.example>");
    assert_eq!(read.header_raw("Envelope-to").unwrap().trim(), "lukasz@example.org");
}

#[tokio::test]
async fn many_messages_at_once_are_each_stored_once() {
    let transport = transport();
    let messages: Vec<_> = (0..40).map(|_| message()).collect();
    let sending: Vec<_> = messages
        .iter()
        .map(|message| {
            let (transport, message) = (transport.clone(), message.clone());
            tokio::spawn(async move { accepted(&transport, &message).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap();
    }
    for message in &messages {
        stored(message).await;
    }
    let folder = PathBuf::from(variable("MAILDIR")).join("new");
    let texts: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    for message in &messages {
        let id = format!("Message-ID: <{}@", message.delivery);
        let copies = texts.iter().filter(|text| String::from_utf8_lossy(text).contains(&id)).count();
        assert_eq!(copies, 1);
    }
}

#[tokio::test]
async fn text_in_every_script_and_of_any_length_is_stored_as_it_was_meant() {
    let transport = transport();
    for text in ["漢字 العربية עברית हिन्दी 👩‍🚒\n".repeat(50), "x".repeat(20_000), ".\n..\n.\n".repeat(200)]
    {
        let message =
            saying(Email { subject: "Velkommen, Ægir Þór 👋".into(), text: text.clone(), ..email() });
        accepted(&transport, &message).await;
        let octets = stored(&message).await;
        let read = MessageParser::new().parse(&octets).unwrap();
        assert_eq!(read.subject(), Some("Velkommen, Ægir Þór 👋"));
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), text);
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_is_delivered_by_smtputf8() {
    let transport = transport();
    let message = saying(Email { to: named("Kåre", "kåre@blåbær.example"), ..email() });
    accepted(&transport, &message).await;
    let octets = stored(&message).await;
    let read = MessageParser::new().parse(&octets).unwrap();
    assert_eq!(read.to().unwrap().first().unwrap().address(), Some("kåre@xn--blbr-roah.example"));
    let envelope = read.header_raw("Envelope-to").unwrap().trim();
    assert_eq!(envelope, "kåre@xn--blbr-roah.example");
}

#[tokio::test]
async fn a_recipient_that_the_server_refuses_has_the_outcome_of_the_table() {
    let transport = transport();
    for (address, code) in [("busy@example.org", "450 4.2.1"), ("greylisted@example.org", "451 4.7.1")] {
        let outcome = transport.send(&to(address), DEADLINE).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
        assert_eq!(answer(&outcome).code(), code);
    }
    for (address, refusal) in
        [("nobody@example.org", Refusal::Recipient), ("unlisted@example.org", Refusal::RecipientUncertain)]
    {
        let outcome = transport.send(&to(address), DEADLINE).await;
        assert!(
            matches!(&outcome, Outcome::Refused { refusal: seen, .. } if *seen == refusal),
            "{address}: {outcome:?}"
        );
    }
    accepted(&transport, &message()).await;
}

#[tokio::test]
async fn a_message_larger_than_the_server_takes_is_refused_for_its_content() {
    let large = saying(Email { text: "x ".repeat(800_000), ..email() });
    let outcome = transport().send(&large, DEADLINE).await;
    assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::Content, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_wrong_password_blocks_the_account_and_none_is_a_matter_of_policy() {
    let builder = || {
        SmtpTransport::relay("localhost")
            .port(variable("PORT").parse().unwrap())
            .root_certificate(fs::read(variable("CERTIFICATE")).unwrap())
    };
    let wrong = builder().credentials(variable("USER"), Secret::new("wrong".into())).build().unwrap();
    let outcome = wrong.send(&message(), DEADLINE).await;
    assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Account, .. }), "{outcome:?}");
    assert!(answer(&outcome).code().starts_with("535"), "{outcome:?}");
    // Exim says so at RCPT, as a policy.
    let outcome = builder().build().unwrap().send(&message(), DEADLINE).await;
    assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::Policy, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_server_with_an_unknown_certificate_gets_nothing() {
    let transport =
        SmtpTransport::relay("localhost").port(variable("PORT").parse().unwrap()).build().unwrap();
    let outcome = transport.send(&message(), DEADLINE).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("install its root certificate"), "{outcome:?}");
}
