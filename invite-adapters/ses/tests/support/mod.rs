//! What the tests share.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::time::Duration;

use aws_sdk_sesv2::config::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::{Content, Email, Mailbox, Message};
use invite_core::model::outcome::{Answer, Outcome};
use invite_core::port::transport::Transport;
use invite_ses::{SesBuilder, SesTransport};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Long enough for everything on this machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Longer than a busy machine's pauses: what a server that says nothing is given.
pub(crate) const SHORT: Duration = Duration::from_millis(600);
pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY";
const OUTBOUND: &str = "/v2/email/outbound-emails";

/// To a stand-in at this address.
pub(crate) fn to_endpoint(endpoint: &str) -> SesBuilder {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    let config = aws_sdk_sesv2::Config::builder().credentials_provider(credentials).build();
    SesTransport::from_conf(config).region("eu-north-1").endpoint(endpoint)
}

pub(crate) async fn transport(server: &MockServer) -> SesTransport {
    to_endpoint(&server.uri()).build().await.unwrap()
}

/// A stand-in that takes every message.
pub(crate) async fn accepting() -> MockServer {
    answering(ResponseTemplate::new(200).set_body_json(json!({ "MessageId": "0110018c-1" }))).await
}

/// A stand-in that answers every message so.
pub(crate) async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path(OUTBOUND)).respond_with(answer).mount(&server).await;
    server
}

/// An error as SES writes it.
pub(crate) fn error(status: u16, code: &str, words: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("x-amzn-ErrorType", code)
        .set_body_json(json!({ "message": words }))
}

/// The requests to send that arrived.
pub(crate) async fn requests(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    let sent = requests.iter().filter(|request| request.url.path() == OUTBOUND);
    sent.map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

/// The raw message in a request.
pub(crate) fn raw(request: &Value) -> Vec<u8> {
    STANDARD.decode(request["Content"]["Raw"]["Data"].as_str().unwrap()).unwrap()
}

pub(crate) fn email() -> Email {
    Email {
        from: named("Åse fra Nordby", "invites@nordby.example"),
        reply_to: Some(named("", "help@nordby.example")),
        to: named("Łukasz Żółć", "lukasz@example.org"),
        subject: "Nordby: your Skiftplan account".to_owned(),
        text: "Hello Łukasz\n\n    kfm4 p7qx wz2c\n\nhttps://app.nordby.example/welcome#q9Zx\n".to_owned(),
        html: "<p>Hello Łukasz</p><p>kfm4 p7qx wz2c</p>".to_owned(),
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

pub(crate) fn saying(email: Email) -> Message {
    Message {
        delivery: DeliveryId::new(),
        organisation: OrganisationId::new(),
        content: Content::Email(Box::new(email)),
    }
}

pub(crate) async fn sent(transport: &SesTransport) -> Outcome {
    transport.send(&message(), DEADLINE).await
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

/// An outcome in few words: `blocked Account`.
pub(crate) fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(receipt) => format!("accepted {}", receipt.0),
        Outcome::Refused { refusal, .. } => format!("refused {refusal:?}"),
        Outcome::Deferred { retry_after, .. } => format!("deferred {retry_after:?}"),
        Outcome::Throttled { retry_after, scope, .. } => format!("throttled {scope:?} {retry_after:?}"),
        Outcome::Blocked { scope, .. } => format!("blocked {scope:?}"),
        Outcome::Unknown { .. } => "unknown".to_owned(),
    }
}
