//! What the tests share.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod raw;

use std::time::Duration;

use invite_core::Secret;
use invite_core::model::contact::PhoneNumber;
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::{Content, Message, Sms};
use invite_core::model::outcome::{Answer, Outcome};
use invite_core::port::transport::Transport;
use invite_twilio::{TwilioBuilder, TwilioTransport};
use serde_json::json;
use wiremock::{MockServer, Request, ResponseTemplate};

/// Long enough for everything on this machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const KEY: &str = "SKfedcba9876543210fedcba9876543210";
pub(crate) const SERVICE: &str = "MG00112233445566778899aabbccddeeff";
pub(crate) const SECRET: &str = "tr0ub4dor_and_3";
pub(crate) const MESSAGE_SID: &str = "SM00000000000000000000000000000001";
pub(crate) const NUMBER: &str = "+4791234567";
pub(crate) const TEXT: &str =
    "Hei Łukasz! Nordby: kfm4 p7qx wz2c & 100 % +1 https://nordby.example/u?a=1&b=2";
/// Where messages are made.
pub(crate) const PATH: &str = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";

/// To a stand-in on this machine.
pub(crate) fn builder(endpoint: &str) -> TwilioBuilder {
    TwilioTransport::builder(Secret::new(ACCOUNT.into()))
        .api_key(Secret::new(KEY.into()), Secret::new(SECRET.into()))
        .sender("ACME")
        .endpoint(endpoint)
}

pub(crate) fn transport(endpoint: &str) -> TwilioTransport {
    builder(endpoint).build().unwrap()
}

pub(crate) fn message() -> Message {
    from(None)
}

pub(crate) fn from(sender: Option<&str>) -> Message {
    saying(sender, TEXT)
}

pub(crate) fn saying(sender: Option<&str>, text: &str) -> Message {
    let to = PhoneNumber::try_from(NUMBER.to_owned()).unwrap();
    Message {
        delivery: DeliveryId::new(),
        organisation: OrganisationId::new(),
        content: Content::Sms(Sms { from: sender.map(str::to_owned), to, text: text.to_owned() }),
    }
}

pub(crate) async fn sent(transport: &TwilioTransport) -> Outcome {
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

/// As Twilio answers when it has made a message, the text in it.
pub(crate) fn created(request: &Request) -> ResponseTemplate {
    let parameters = parameters(&request.body);
    let of = |name: &str| parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    ResponseTemplate::new(201).set_body_json(json!({
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": of("Body"),
        "error_code": null,
        "error_message": null,
        "from": of("From"),
        "sid": MESSAGE_SID,
        "status": "queued",
        "to": of("To"),
        "uri": format!("{PATH}/{MESSAGE_SID}.json"),
    }))
}

/// As Twilio answers when something is wrong.
pub(crate) fn problem(status: u16, code: u32, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status,
    }))
}

/// A stand-in that answers everything with this.
pub(crate) async fn answering(respond: impl wiremock::Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(respond).mount(&server).await;
    server
}

/// A form's parameters, in the order in which they came.
pub(crate) fn parameters(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}
