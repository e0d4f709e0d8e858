//! What is written is what a parser that knows nothing of us reads, and the wire takes it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use chrono::DateTime;
use invite_core::model::id::DeliveryId;
use invite_core::model::message::{Email, Mailbox};
use invite_mime::{MimeError, encode};
use mail_parser::{Message, MessageParser, MimeHeaders};
use proptest::prelude::*;

const DELIVERY: &str = "01980d5c-7b1a-7c3e-9f00-3f1f2a4b5c6d";

#[test]
fn an_email_reads_as_it_was_meant() {
    let octets = written(&email());
    let message = parsed(&octets);
    assert_eq!(mailbox(message.from()), ("Åse fra Nordby".to_owned(), "invites@nordby.example".to_owned()));
    assert_eq!(mailbox(message.to()), ("Łukasz Żółć".to_owned(), "lukasz@example.org".to_owned()));
    assert_eq!(mailbox(message.reply_to()), (String::new(), "help@nordby.example".to_owned()));
    assert_eq!(message.subject(), Some("Nordby: your Skiftplan account"));
    assert_eq!(message.date().unwrap().to_timestamp(), 1_790_000_000);
    assert_eq!(message.message_id(), Some(format!("{DELIVERY}@nordby.example").as_str()));
    assert_eq!(raw(&message, "Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(raw(&message, "Content-Language").as_deref(), Some("nb"));
    assert_eq!(raw(&message, "List-Unsubscribe").as_deref(), Some("<https://nordby.example/u?a=1&b=2>"));
    assert_eq!(raw(&message, "Precedence"), None);
    assert_eq!(raw(&message, "MIME-Version").as_deref(), Some("1.0"));
}

#[test]
fn the_text_part_comes_before_the_html_part_and_both_are_utf_8() {
    let octets = written(&email());
    let message = parsed(&octets);
    let types: Vec<_> = message.parts.iter().map(|part| part.content_type().unwrap()).collect();
    let names: Vec<_> =
        types.iter().map(|t| format!("{}/{}", t.ctype(), t.subtype().unwrap_or_default())).collect();
    assert_eq!(names, ["multipart/alternative", "text/plain", "text/html"]);
    assert!(types[1..].iter().all(|t| t.attribute("charset") == Some("utf-8")));
}

#[test]
fn two_attempts_differ_in_the_date_alone() {
    let second = Email { date: DateTime::from_timestamp(1_790_003_600, 0).unwrap(), ..email() };
    let (first, second) = (written(&email()), written(&second));
    let differing: Vec<_> = lines(&first).zip(lines(&second)).filter(|(a, b)| a != b).collect();
    assert_eq!(differing.len(), 1);
    assert!(differing[0].0.starts_with(b"Date: "));
}

#[test]
fn optional_headers_are_absent_where_there_is_nothing_to_say() {
    let octets = written(&Email { reply_to: None, list_unsubscribe: None, ..email() });
    let message = parsed(&octets);
    assert!(message.reply_to().is_none());
    assert_eq!(raw(&message, "List-Unsubscribe"), None);
}

#[test]
fn a_name_or_subject_cannot_begin_a_header() {
    let hostile = "Kari\r\nBcc: everyone@example.org\r\n\r\nHello\0";
    let octets = written(&Email {
        subject: hostile.to_owned(),
        from: named(hostile, "invites@nordby.example"),
        to: named(hostile, "kari@example.org"),
        reply_to: Some(named(hostile, "help@nordby.example")),
        ..email()
    });
    let message = parsed(&octets);
    assert!(message.bcc().is_none());
    assert_eq!(message.subject(), Some("Kari Bcc: everyone@example.org Hello"));
    assert_eq!(mailbox(message.to()).0, "Kari Bcc: everyone@example.org Hello");
    assert_eq!(message.to().unwrap().iter().count(), 1);
}

#[test]
fn a_name_cannot_add_an_address() {
    for hostile in
        ["Kari <evil@example.org>, \"", "a, b@example.org", "x\" <evil@example.org>", "\\", "group: a;"]
    {
        let octets = written(&Email { to: named(hostile, "kari@example.org"), ..email() });
        let message = parsed(&octets);
        assert_eq!(mailbox(message.to()), (hostile.to_owned(), "kari@example.org".to_owned()), "{hostile}");
        assert_eq!(message.to().unwrap().iter().count(), 1, "{hostile}");
    }
}

#[test]
fn text_that_poses_as_an_encoded_word_stays_text() {
    let octets = written(&Email { subject: "=?utf-8?Q?You_won?=".to_owned(), ..email() });
    assert_eq!(parsed(&octets).subject(), Some("= ?utf-8?Q?You_won?="));
}

#[test]
fn bidirectional_overrides_leave_a_header_and_marks_stay() {
    let octets = written(&Email { subject: "a\u{202e}b\u{2066}c\u{200f}d".to_owned(), ..email() });
    assert_eq!(parsed(&octets).subject(), Some("abc\u{200f}d"));
}

#[test]
fn an_unsubscribe_address_that_is_none_is_refused() {
    for hostile in [
        "http://nordby.example/",
        "javascript:alert(1)",
        "https://a.example/>, <https://b.example/",
        "https://a.example/\r\nBcc: x@example.org",
        "https://a.example/å",
        "https://a.example/,https://b.example/",
        "",
    ] {
        let email = Email { list_unsubscribe: Some(hostile.to_owned()), ..email() };
        assert_eq!(encode(&email, delivery()), Err(MimeError::ListUnsubscribe), "{hostile}");
    }
}

#[test]
fn a_language_that_is_none_is_refused() {
    for hostile in ["", "en\r\nBcc: x@example.org", "en,nb", "en-", "norwegian bokmål"] {
        let email = Email { language: hostile.to_owned(), ..email() };
        assert_eq!(encode(&email, delivery()), Err(MimeError::Language), "{hostile}");
    }
}

#[test]
fn a_word_that_fits_into_no_line_is_refused() {
    let address = format!("https://nordby.example/{}", "u".repeat(1_000));
    let email = Email { list_unsubscribe: Some(address), ..email() };
    assert_eq!(encode(&email, delivery()), Err(MimeError::LineTooLong));
}

#[test]
fn an_internationalised_address_is_written_as_it_is() {
    let octets = written(&Email { to: named("", "kåre@blåbær.example"), ..email() });
    assert_eq!(mailbox(parsed(&octets).to()).1, "kåre@blåbær.example");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_message_says_the_wire_takes_it_and_a_reader_reads_it(
        subject in hostile_text(), from in hostile_text(), to in hostile_text(), text in hostile_text(),
        html in hostile_text(),
    ) {
        let email = Email {
            subject: subject.clone(),
            from: named(&from, "invites@nordby.example"),
            to: named(&to, "kari@example.org"),
            text: text.clone(),
            html: html.clone(),
            ..email()
        };
        let octets = written(&email);
        prop_assert!(takes(&octets), "{}", String::from_utf8_lossy(&octets));
        let message = parsed(&octets);
        prop_assert_eq!(message.headers().len(), 11, "{:?}", message.headers());
        prop_assert_eq!(message.subject().unwrap_or_default(), one_line(&subject));
        prop_assert_eq!(mailbox(message.from()), (one_line(&from), "invites@nordby.example".to_owned()));
        prop_assert_eq!(mailbox(message.to()), (one_line(&to), "kari@example.org".to_owned()));
        prop_assert_eq!(message.parts.len(), 3);
        prop_assert_eq!(unix(message.parts[1].text_contents().unwrap()), printable(&text));
        prop_assert_eq!(unix(message.parts[2].text_contents().unwrap()), printable(&html));
    }
}

/// Short and long, ASCII and not, with everything that ends something somewhere.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\0".to_owned()),
        Just("\t".to_owned()),
        Just("  ".to_owned()),
        Just("=?utf-8?B?".to_owned()),
        Just("?=".to_owned()),
        Just("--=_01980d5c7b1a7c3e9f003f1f2a4b5c6d".to_owned()),
        Just("\r\n.\r\n".to_owned()),
        Just("\u{2028}\u{85}\u{202e}".to_owned()),
        Just("<>,;:\"\\()[]@".to_owned()),
        "[a-z]{1,1200}",
        "[æøåß漢字👋]{1,80}",
        "[ -~]{0,90}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// What the crate's page promises of a header, said once more in other words.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            '\u{2028}' | '\u{2029}' | ' ' => line.push(' '),
            c if c.is_control() => line.push(' '),
            c => line.push(c),
        }
    }
    while line.contains("  ") {
        line = line.replace("  ", " ");
    }
    line.trim_matches(' ').replace("=?", "= ?")
}

/// What the crate's page promises of a part.
fn printable(text: &str) -> String {
    unix(text).replace('\r', "\n").replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), " ")
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// RFC 5321, 2.3.8, and RFC 5322, 2.1.1, by octets.
fn takes(octets: &[u8]) -> bool {
    let (mut column, mut previous) = (0, 0);
    for &octet in octets {
        if octet == 0 || (previous == b'\r') != (octet == b'\n') {
            return false;
        }
        column = if octet == b'\n' { 0 } else { column + 1 };
        if column > 999 {
            return false;
        }
        previous = octet;
    }
    previous == b'\n'
}

fn email() -> Email {
    Email {
        from: named("Åse fra Nordby", "invites@nordby.example"),
        reply_to: Some(named("", "help@nordby.example")),
        to: named("Łukasz Żółć", "lukasz@example.org"),
        subject: "Nordby: your Skiftplan account".to_owned(),
        text: "Hello Łukasz\n\n    kfm4 p7qx wz2c\n".to_owned(),
        html: "<p>Hello Łukasz</p>".to_owned(),
        language: "nb".to_owned(),
        date: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        list_unsubscribe: Some("https://nordby.example/u?a=1&b=2".to_owned()),
    }
}

fn named(name: &str, address: &str) -> Mailbox {
    Mailbox { name: name.to_owned(), address: address.parse().unwrap() }
}

fn delivery() -> DeliveryId {
    DELIVERY.parse().unwrap()
}

fn written(email: &Email) -> Vec<u8> {
    encode(email, delivery()).unwrap()
}

fn parsed(octets: &[u8]) -> Message<'_> {
    MessageParser::new().parse(octets).unwrap()
}

fn mailbox(address: Option<&mail_parser::Address<'_>>) -> (String, String) {
    let first = address.unwrap().first().unwrap();
    (first.name().unwrap_or_default().to_owned(), first.address().unwrap().to_owned())
}

fn raw(message: &Message<'_>, header: &str) -> Option<String> {
    message.header_raw(header).map(|value| value.trim().to_owned())
}

fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split(|&b| b == b'\n')
}
