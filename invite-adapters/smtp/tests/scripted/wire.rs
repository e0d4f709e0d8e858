//! What goes over the wire, read as a server reads it.

use invite_core::Secret;
use invite_core::model::message::{Content, Email, Message, Sms};
use invite_core::model::outcome::{Outcome, Refusal, Scope};
use invite_core::port::transport::Transport;
use invite_smtp::dsn::BounceAddress;
use mail_parser::MessageParser;

use crate::support::server::{Arrived, Script};
use crate::support::{DEADLINE, SHORT, accepted, answer, email, message, named, plain, saying, to};

const EVERYTHING: &[&str] = &["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000"];

async fn arrived(offers: &[&str], message: &Message) -> Arrived {
    let server = Script::offering(offers).start().await;
    accepted(&plain(&server).build().unwrap(), message).await;
    server.seen().messages.remove(0)
}

async fn outcome(offers: &[&str], message: &Message) -> Outcome {
    let server = Script::offering(offers).start().await;
    let outcome = plain(&server).build().unwrap().send(message, DEADLINE).await;
    assert!(
        server.seen().messages.is_empty() && !server.verbs().contains(&"MAIL".to_owned()),
        "nothing was said of it"
    );
    outcome
}

/// RFC 5321, 2.3.8 and 4.5.3.1.6.
fn fits_the_wire(octets: &[u8]) -> bool {
    octets.ends_with(b"\r\n")
        && octets.split(|b| *b == b'\n').all(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0)
        })
        && octets.iter().enumerate().all(|(at, b)| *b != b'\n' || at > 0 && octets[at - 1] == b'\r')
}

#[tokio::test]
async fn what_arrives_reads_as_it_was_meant() {
    for offers in [EVERYTHING, &[]] {
        let message = message();
        let arrived = arrived(offers, &message).await;
        assert!(fits_the_wire(&arrived.octets));
        let read = MessageParser::new().parse(&arrived.octets).unwrap();
        let address = |address: Option<&mail_parser::Address<'_>>| {
            let first = address.unwrap().first().unwrap();
            (first.name().unwrap_or_default().to_owned(), first.address().unwrap().to_owned())
        };
        assert_eq!(address(read.from()), ("Åse fra Nordby".into(), "invites@nordby.example".into()));
        assert_eq!(address(read.to()), ("Łukasz Żółć".into(), "lukasz@example.org".into()));
        assert_eq!(read.subject(), Some("Nordby: your Skiftplan account"));
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), email().text);
        assert_eq!(read.body_html(0).unwrap().replace("\r\n", "\n"), email().html);
        assert_eq!(read.message_id(), Some(format!("{}@nordby.example", message.delivery).as_str()));
    }
}

#[tokio::test]
async fn what_is_offered_is_said_and_nothing_else() {
    let plain = arrived(&[], &message()).await;
    assert_eq!(plain.mail, "MAIL FROM:<invites@nordby.example>");
    assert_eq!(plain.rcpt, ["RCPT TO:<lukasz@example.org>"]);
    let sized = arrived(EVERYTHING, &message()).await;
    assert_eq!(sized.mail, format!("MAIL FROM:<invites@nordby.example> SIZE={}", sized.octets.len()));
    assert!(sized.octets.is_ascii());
}

#[tokio::test]
async fn mail_rcpt_and_data_go_in_one_write_where_that_is_offered() {
    let server = Script::offering(&["PIPELINING"]).holding_back().start().await;
    let transport = plain(&server).reply_timeout(SHORT * 10).build().unwrap();
    for _ in 0..3 {
        accepted(&transport, &message()).await;
    }
    let server = Script::offering(&[]).holding_back().start().await;
    let outcome = plain(&server).reply_timeout(SHORT).build().unwrap().send(&message(), DEADLINE).await;
    assert!(
        matches!(outcome, Outcome::Deferred { .. }),
        "without the offer each reply is waited for: {outcome:?}"
    );
}

#[tokio::test]
async fn the_connection_names_its_own_end_or_the_name_that_was_set() {
    let server = Script::offering(&[]).start().await;
    accepted(&plain(&server).build().unwrap(), &message()).await;
    assert_eq!(server.seen().commands[0], "EHLO [127.0.0.1]");
    accepted(&plain(&server).hello_name("app.nordby.example").build().unwrap(), &message()).await;
    assert!(server.seen().commands.contains(&"EHLO app.nordby.example".to_owned()));
}

#[tokio::test]
async fn an_internationalised_domain_goes_in_its_ascii_form_everywhere() {
    let international = saying(Email {
        from: named("Åse", "invites@nordbø.example"),
        reply_to: Some(named("", "help@nordbø.example")),
        to: named("Kåre", "kare@blåbær.example"),
        ..email()
    });
    let arrived = arrived(&[], &international).await;
    assert_eq!(arrived.mail, "MAIL FROM:<invites@xn--nordb-zua.example>");
    assert_eq!(arrived.rcpt, ["RCPT TO:<kare@xn--blbr-roah.example>"]);
    assert!(arrived.octets.is_ascii());
    let read = MessageParser::new().parse(&arrived.octets).unwrap();
    let to = read.to().unwrap().first().unwrap();
    assert_eq!((to.name(), to.address()), (Some("Kåre"), Some("kare@xn--blbr-roah.example")));
}

#[tokio::test]
async fn an_address_beyond_ascii_goes_where_smtputf8_is_offered() {
    let arrived = arrived(EVERYTHING, &to("kåre@blåbær.example")).await;
    assert!(arrived.mail.ends_with(" BODY=8BITMIME SMTPUTF8"), "{}", arrived.mail);
    assert_eq!(arrived.rcpt, ["RCPT TO:<kåre@xn--blbr-roah.example>"]);
    let read = MessageParser::new().parse(&arrived.octets).unwrap();
    assert_eq!(read.to().unwrap().first().unwrap().address(), Some("kåre@xn--blbr-roah.example"));
}

#[tokio::test]
async fn an_address_beyond_ascii_is_refused_where_smtputf8_is_not_offered() {
    let outcome = outcome(&["PIPELINING", "8BITMIME"], &to("kåre@example.org")).await;
    assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::RecipientUncertain, .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("SMTPUTF8"), "{outcome:?}");
}

#[tokio::test]
async fn a_senders_address_beyond_ascii_blocks_the_sender_where_smtputf8_is_not_offered() {
    for email in [
        Email { from: named("", "åse@nordby.example"), ..email() },
        Email { reply_to: Some(named("", "hjelp-på@nordby.example")), ..email() },
    ] {
        let outcome = outcome(&["PIPELINING"], &saying(email)).await;
        assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Sender, .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_message_larger_than_the_server_takes_is_refused_before_it_goes() {
    let outcome = outcome(&["SIZE 500"], &message()).await;
    assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::Content, .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("500 at most"), "{outcome:?}");
    arrived(&["SIZE 0"], &message()).await;
}

#[tokio::test]
async fn what_is_no_email_is_refused_and_nobody_is_called() {
    let sms = Sms {
        from: None,
        to: invite_core::model::contact::PhoneNumber::try_from("+4791234567".to_owned()).unwrap(),
        text: "x".into(),
    };
    let outcome = outcome(&[], &Message { content: Content::Sms(sms), ..message() }).await;
    assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::Content, .. }), "{outcome:?}");
}

#[tokio::test]
async fn hostile_text_stays_in_its_message() {
    let hostile =
        "\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<everyone@example.org>\r\nDATA\r\n\n.\n.\r.\r\0";
    let server = Script::offering(&["PIPELINING"]).start().await;
    let message = saying(Email {
        from: named(hostile, "invites@nordby.example"),
        to: named(hostile, "lukasz@example.org"),
        subject: hostile.into(),
        text: hostile.repeat(3),
        html: hostile.repeat(3),
        ..email()
    });
    accepted(&plain(&server).build().unwrap(), &message).await;
    let seen = server.seen();
    assert_eq!((seen.messages.len(), server.verbs().len()), (1, 4));
    assert!(fits_the_wire(&seen.messages[0].octets));
}

#[tokio::test]
async fn long_lines_are_folded_before_they_go() {
    let long = saying(Email {
        to: named(&"å".repeat(2_000), "lukasz@example.org"),
        subject: "x".repeat(5_000),
        text: "x".repeat(50_000),
        html: format!("<p>{}</p>", "ø".repeat(50_000)),
        ..email()
    });
    assert!(fits_the_wire(&arrived(&[], &long).await.octets));
}

#[tokio::test]
async fn notifications_go_to_an_address_of_the_message_and_answers_to_the_author() {
    let secret = Secret::new("sixteen octets or more".to_owned());
    let bounces = BounceAddress::new("bounces@bounces.nordby.example", secret).unwrap();
    let server = Script::offering(&[]).start().await;
    let transport = plain(&server).bounces(bounces.clone()).build().unwrap();
    let message = message();
    accepted(&transport, &message).await;
    let arrived = server.seen().messages.remove(0);
    let from = arrived.mail.strip_prefix("MAIL FROM:").unwrap();
    assert_eq!(bounces.delivery(from), Some(message.delivery), "{from}");
    let octets = String::from_utf8_lossy(&arrived.octets);
    assert!(octets.contains("<invites@nordby.example>") && !octets.contains("bounces+"), "{octets}");
}
