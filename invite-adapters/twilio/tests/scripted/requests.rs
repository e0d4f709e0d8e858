//! What Twilio is asked, parameter by parameter.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::Secret;
use invite_core::model::outcome::{Outcome, Scope};
use invite_core::port::transport::Transport;
use invite_twilio::{SetupError, TwilioTransport};
use wiremock::Request;

use crate::support::{
    ACCOUNT, DEADLINE, KEY, NUMBER, PATH, SECRET, SERVICE, TEXT, answering, builder, created, from, message,
    parameters, sent,
};

async fn asked(transport: &TwilioTransport, server: &wiremock::MockServer) -> Request {
    assert!(matches!(sent(transport).await, Outcome::Accepted(_)));
    server.received_requests().await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn a_request_is_a_form_with_basic_authentication() {
    let server = answering(created).await;
    let request = asked(&builder(&server.uri()).build().unwrap(), &server).await;
    assert_eq!((request.method.as_str(), request.url.path(), request.url.query()), ("POST", PATH, None));
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header("content-length"), Some(&*request.body.len().to_string()));
    assert_eq!(
        header("authorization"),
        Some(&*format!("Basic {}", STANDARD.encode(format!("{KEY}:{SECRET}"))))
    );
    assert_eq!(
        parameters(&request.body),
        [("To", NUMBER), ("From", "ACME"), ("Body", TEXT)].map(|(name, value)| (name.into(), value.into()))
    );
}

#[tokio::test]
async fn an_auth_token_signs_in_as_the_account() {
    let server = answering(created).await;
    let builder = TwilioTransport::builder(Secret::new(ACCOUNT.into()))
        .auth_token(Secret::new(SECRET.into()))
        .sender("ACME")
        .endpoint(server.uri());
    let request = asked(&builder.build().unwrap(), &server).await;
    let header = request.headers.get("authorization").unwrap().to_str().unwrap();
    assert_eq!(header, format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{SECRET}"))));
}

#[tokio::test]
async fn everything_that_can_be_said_is_said() {
    let server = answering(created).await;
    let transport = builder(&server.uri())
        .sender(SERVICE)
        .validity(Duration::from_hours(1))
        .status_callback("https://app.nordby.example/status?key=a%26b")
        .build()
        .unwrap();
    let message = message();
    assert!(matches!(transport.send(&message, DEADLINE).await, Outcome::Accepted(_)));
    let request = server.received_requests().await.unwrap().pop().unwrap();
    let callback = format!("https://app.nordby.example/status?key=a%26b&delivery={}", message.delivery);
    assert_eq!(
        parameters(&request.body),
        [
            ("To", NUMBER),
            ("MessagingServiceSid", SERVICE),
            ("Body", TEXT),
            ("ValidityPeriod", "3600"),
            ("StatusCallback", &callback),
        ]
        .map(|(name, value)| (name.into(), value.into()))
    );
}

#[tokio::test]
async fn a_messages_own_sender_goes_before_the_transports() {
    let server = answering(created).await;
    let transport = builder(&server.uri()).sender(SERVICE).build().unwrap();
    for (sender, parameter) in [
        (Some("Nordby 24"), ("From", "Nordby 24")),
        (Some("+4740000000"), ("From", "+4740000000")),
        (Some(SERVICE), ("MessagingServiceSid", SERVICE)),
        (None, ("MessagingServiceSid", SERVICE)),
    ] {
        assert!(matches!(transport.send(&from(sender), DEADLINE).await, Outcome::Accepted(_)));
        let request = server.received_requests().await.unwrap().pop().unwrap();
        assert_eq!(parameters(&request.body)[1], (parameter.0.to_owned(), parameter.1.to_owned()));
    }
}

#[tokio::test]
async fn a_sender_that_twilio_does_not_take_blocks_it_and_nothing_is_sent() {
    let server = answering(created).await;
    let transport = builder(&server.uri()).build().unwrap();
    for sender in ["", "12345678", "Nordby & co", "ABCDEFGHIJKL", "+47"] {
        let outcome = transport.send(&from(Some(sender)), DEADLINE).await;
        assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Sender, .. }), "{sender}: {outcome:?}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_builder_refuses_what_cannot_work() {
    let account = |sid: &str| TwilioTransport::builder(Secret::new(sid.into())).sender("ACME");
    let secret = || Secret::new(SECRET.into());
    let good = || account(ACCOUNT).auth_token(secret());
    assert!(good().build().is_ok());
    assert!(matches!(account("AC1").auth_token(secret()).build(), Err(SetupError::Account)));
    assert!(matches!(account(KEY).auth_token(secret()).build(), Err(SetupError::Account)));
    assert!(matches!(account(ACCOUNT).build(), Err(SetupError::Credentials)));
    assert!(matches!(
        account(ACCOUNT).auth_token(Secret::new("a b".into())).build(),
        Err(SetupError::Credentials)
    ));
    assert!(matches!(account(ACCOUNT).api_key(secret(), secret()).build(), Err(SetupError::ApiKey)));
    assert!(matches!(good().sender("").build(), Err(SetupError::Sender)));
    for period in [Duration::ZERO, Duration::from_secs(36_001), Duration::from_millis(1_500)] {
        assert!(matches!(good().validity(period).build(), Err(SetupError::Validity)));
    }
    for period in [1, 36_000] {
        assert!(good().validity(Duration::from_secs(period)).build().is_ok());
    }
    assert!(matches!(good().root_certificate("none").build(), Err(SetupError::RootCertificate)));
    assert!(matches!(good().endpoint("http://sms.example").build(), Err(SetupError::Endpoint { .. })));
    assert!(good().endpoint("http://sms.example").dangerous_plain_http().build().is_ok());
}
