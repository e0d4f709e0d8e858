//! What the tests share.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod certificates;
pub(crate) mod server;

use std::time::Duration;

use chrono::DateTime;
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::{Content, Email, Mailbox, Message};
use invite_core::model::outcome::{Answer, Outcome, Receipt};
use invite_core::port::transport::Transport;
use invite_smtp::{SmtpBuilder, SmtpTransport};

/// Long enough for everything on this machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Shorter than a person's patience, longer than a busy machine's pauses: what a server that says nothing is given.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// To a server on this machine, without encryption.
pub(crate) fn plain(server: &server::Server) -> SmtpBuilder {
    SmtpTransport::builder_dangerous("127.0.0.1", server.port)
}

pub(crate) fn email() -> Email {
    Email {
        from: named("Åse fra Nordby", "invites@nordby.example"),
        reply_to: Some(named("", "help@nordby.example")),
        to: named("Łukasz Żółć", "lukasz@example.org"),
        subject: "Nordby: your Skiftplan account".to_owned(),
        text: "Hello Łukasz\n\n    kfm4 p7qx wz2c\n\n.\n.. dots\n".to_owned(),
        html: "<p>Hello Łukasz</p>\n.<p>kfm4 p7qx wz2c</p>".to_owned(),
        language: "nb".to_owned(),
        date: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        list_unsubscribe: Some("https://nordby.example/u?a=1&b=2".to_owned()),
    }
}

pub(crate) fn named(name: &str, address: &str) -> Mailbox {
    Mailbox { name: name.to_owned(), address: address.parse().unwrap() }
}

pub(crate) fn message() -> Message {
    saying(email())
}

pub(crate) fn to(address: &str) -> Message {
    saying(Email { to: named("", address), ..email() })
}

pub(crate) fn saying(email: Email) -> Message {
    Message {
        delivery: DeliveryId::new(),
        organisation: OrganisationId::new(),
        content: Content::Email(Box::new(email)),
    }
}

pub(crate) async fn sent(transport: &SmtpTransport) -> Outcome {
    transport.send(&message(), DEADLINE).await
}

pub(crate) async fn accepted(transport: &SmtpTransport, message: &Message) -> String {
    match transport.send(message, DEADLINE).await {
        Outcome::Accepted(Receipt(receipt)) => receipt,
        other => panic!("not accepted: {other:?}"),
    }
}

pub(crate) fn answer(outcome: &Outcome) -> &Answer {
    match outcome {
        Outcome::Refused { answer, .. }
        | Outcome::Deferred { answer, .. }
        | Outcome::Throttled { answer, .. }
        | Outcome::Blocked { answer, .. }
        | Outcome::Unknown { answer } => answer,
        Outcome::Accepted(_) => panic!("it was accepted"),
    }
}
