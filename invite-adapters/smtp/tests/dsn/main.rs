//! Notifications as servers write them, and what is kept of them.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use invite_core::Secret;
use invite_core::machine::delivery::Report;
use invite_core::model::id::DeliveryId;
use invite_core::model::outcome::Concerns;
use invite_smtp::dsn::{BounceAddress, LARGEST, TooLarge, read};
use proptest::prelude::*;

const SECRET: &str = "hemmelig-lenke-0123456789";

/// As Postfix, Exim and Exchange shape theirs; each returns the message, with its secret.
fn postfix(action: &str, status: &str, diagnostic: &str) -> String {
    format!(
        "Return-Path: <>\r\nSubject: Undelivered Mail Returned to Sender\r\nContent-Type: multipart/report; \
         report-type=delivery-status;\r\n\tboundary=\"4B1C21F.1764590000/mail.nordby.example\"\r\n\r\nThis is a MIME-encapsulated \
         message.\r\n\r\n--4B1C21F.1764590000/mail.nordby.example\r\nContent-Type: text/plain\r\n\r\n{SECRET}\r\n\
         --4B1C21F.1764590000/mail.nordby.example\r\nContent-Description: Delivery report\r\nContent-Type: \
         message/delivery-status\r\n\r\nReporting-MTA: dns; mail.nordby.example\r\nX-Postfix-Queue-ID: 4B1C21F\r\n\r\n\
         Final-Recipient: rfc822; kari@nordby.example\r\nAction: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; \
         mx.nordby.example\r\nDiagnostic-Code: smtp; {diagnostic}\r\n    {SECRET}\r\n\r\n\
         --4B1C21F.1764590000/mail.nordby.example\r\nContent-Type: message/rfc822\r\n\r\nSubject: {SECRET}\r\n\r\n{SECRET}\r\n\
         --4B1C21F.1764590000/mail.nordby.example--\r\n"
    )
}

fn exim(diagnostic: &str) -> String {
    format!(
        "X-Failed-Recipients: kari@nordby.example\nAuto-Submitted: auto-replied\nContent-Type: multipart/report; \
         report-type=delivery-status; boundary=1764590000-eximdsn-1804289383\nMIME-Version: 1.0\n\n\
         --1764590000-eximdsn-1804289383\nContent-type: text/plain; charset=us-ascii\n\n{SECRET}\n\n\
         --1764590000-eximdsn-1804289383\nContent-type: message/delivery-status\n\nReporting-MTA: dns; mail.nordby.example\n\n\
         Action: failed\nFinal-Recipient: rfc822;kari@nordby.example\nStatus: 5.0.0\nRemote-MTA: dns; mx.nordby.example\n\
         Diagnostic-Code: smtp; {diagnostic}\n\n--1764590000-eximdsn-1804289383\nContent-type: message/rfc822\n\n\
         Subject: {SECRET}\n\nAction: delivered\nStatus: 2.0.0\n\n--1764590000-eximdsn-1804289383--\n"
    )
}

fn exchange(status: &str) -> String {
    format!(
        "MIME-Version: 1.0\r\nFrom: postmaster@nordby.example\r\nContent-Type: multipart/report; \
         report-type=delivery-status;\r\n boundary=\"2c5f8a02-2a3d\"\r\n\r\n--2c5f8a02-2a3d\r\nContent-Type: \
         multipart/alternative; differences=Content-Type;\r\n boundary=\"inner\"\r\n\r\n--inner\r\nContent-Type: \
         message/delivery-status\r\n\r\n\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n--inner--\r\n\r\n--2c5f8a02-2a3d\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;EX01.nordby.example\r\nReceived-From-MTA: \
         dns;mail\r\n\r\nOriginal-Recipient: rfc822;kari@nordby.example\r\nFinal-Recipient: rfc822;kari@nordby.example\r\n\
         Action: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp;550 {status} RESOLVER.ADR.RecipNotFound; not found \
         {SECRET}\r\n\r\n--2c5f8a02-2a3d\r\nContent-Type: message/rfc822\r\n\r\nSubject: {SECRET}\r\n\r\n--2c5f8a02-2a3d--\r\n"
    )
}

fn bounces(secret: &str) -> BounceAddress {
    BounceAddress::new("bounces@bounces.nordby.example", Secret::new(secret.to_owned())).unwrap()
}

fn said(text: &str) -> Option<(Report, Concerns, String)> {
    let delivery = DeliveryId::new();
    let reported = read(text.as_bytes(), delivery).unwrap()?;
    assert_eq!(reported.delivery, delivery);
    let shown = format!("{reported:?}");
    assert!(!shown.contains("hemmelig") && !shown.contains("kari") && !shown.contains("nordby"), "{shown}");
    Some((reported.report, reported.concerns, reported.answer.code().to_owned()))
}

#[test]
fn a_failure_is_a_bounce_and_only_some_codes_concern_the_address() {
    for (text, concerns, code) in [
        (postfix("failed", "5.1.1", "550 5.1.1 no such user"), Concerns::Address, "5.1.1"),
        (postfix("failed", "5.1.10", "550 null MX"), Concerns::Address, "5.1.10"),
        (postfix("FAILED", "5.2.1", "550 disabled"), Concerns::Address, "5.2.1"),
        (postfix("failed", "5.2.2", "552 5.2.2 full"), Concerns::Message, "5.2.2"),
        (postfix("failed", "5.7.1", "554 5.7.1 5.1.1"), Concerns::Message, "5.7.1"),
        (postfix("failed", "4.4.1", "connect: timed out"), Concerns::Message, "4.4.1"),
        (exim("550 5.1.1 no such user"), Concerns::Address, "5.1.1"),
        (exim("550-5.1.1 The account does not exist\n 550 5.1.1 see"), Concerns::Address, "5.1.1"),
        (exim("550 no such user"), Concerns::Message, "5.0.0"),
        (exchange("5.1.10"), Concerns::Address, "5.1.10"),
        (exchange("5.7.133"), Concerns::Message, "5.7.133"),
    ] {
        assert_eq!(said(&text), Some((Report::Bounced, concerns, code.to_owned())), "{text}");
    }
}

#[test]
fn delivered_and_expanded_arrived_and_the_rest_is_not_final() {
    for action in ["delivered", "expanded"] {
        let found = said(&postfix(action, "2.0.0", "250 ok"));
        assert_eq!(found, Some((Report::Delivered, Concerns::Message, "2.0.0".to_owned())));
    }
    for action in ["delayed", "relayed", "", "other"] {
        assert_eq!(said(&postfix(action, "4.4.1", "timed out")), None);
    }
    let two = "Action: delivered\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; ";
    let text = postfix("failed", "5.1.1", "550").replace("Final-Recipient: rfc822; ", two);
    assert_eq!(said(&text).unwrap().0, Report::Bounced);
}

#[test]
fn what_is_no_notification_says_nothing() {
    let text = postfix("failed", "5.1.1", "550 5.1.1");
    for other in [
        String::new(),
        "Subject: out of office\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n".to_owned(),
        text.replace("multipart/report", "multipart/mixed"),
        text.replace("message/delivery-status", "text/plain"),
        text.replace("boundary=", "border="),
    ] {
        assert_eq!(said(&other), None, "{other}");
    }
    assert_eq!(read(&vec![b'a'; LARGEST + 1], DeliveryId::new()), Err(TooLarge));
}

#[test]
fn an_address_is_known_by_its_mac_whatever_its_case() {
    let (ours, theirs) = (bounces("sixteen octets or more"), bounces("another secret of theirs"));
    let delivery = DeliveryId::new();
    let address = ours.address(delivery);
    assert!(address.split('@').next().unwrap().len() <= 64, "{address}");
    assert_eq!(ours.delivery(&address), Some(delivery));
    assert_eq!(ours.delivery(&format!("<{}>", address.to_uppercase())), Some(delivery));
    assert_eq!(theirs.delivery(&address), None);
    for at in 0..address.len() {
        let mut changed = address.clone().into_bytes();
        changed[at] ^= 1;
        assert_eq!(ours.delivery(std::str::from_utf8(&changed).unwrap()), None, "octet {at}");
    }
    for cut in 0..address.len() {
        assert_eq!(ours.delivery(&address[..cut]), None);
    }
    assert!(!format!("{ours:?}").contains("sixteen"));
}

#[test]
fn an_address_that_cannot_be_is_refused() {
    let new = |address: &str, secret: &str| BounceAddress::new(address, Secret::new(secret.to_owned()));
    for address in [
        "",
        "bounces",
        "a b@nordby.example",
        "a+b@nordby.example",
        "elevenchars@nordby.example",
        "ø@nordby.example",
    ] {
        assert!(new(address, "sixteen octets or more").is_err(), "{address}");
    }
    assert!(new("bounces@nordby.example", "short").is_err());
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&octets, DeliveryId::new());
    }

    #[test]
    fn no_change_of_a_notification_makes_it_panic_or_tell_the_secret(
        at in 0_usize..900, octets in proptest::collection::vec(any::<u8>(), 0..20), cut in 0_usize..40,
    ) {
        for text in [postfix("failed", "5.1.1", "550 5.1.1"), exim("550 5.1.1"), exchange("5.1.1")] {
            let mut text = text.into_bytes();
            let (from, to) = (at.min(text.len()), (at + cut).min(text.len()));
            text.splice(from..to, octets.clone());
            let shown = format!("{:?}", read(&text, DeliveryId::new()));
            prop_assert!(!shown.contains("hemmelig"));
        }
    }

    #[test]
    fn no_text_is_taken_for_an_address_of_ours(text in ".{0,120}") {
        prop_assert_eq!(bounces("sixteen octets or more").delivery(&text), None);
    }
}
