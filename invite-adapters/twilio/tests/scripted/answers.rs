//! Every row of the table of answers.

use std::time::Duration;

use invite_core::model::outcome::{Outcome, Receipt, Refusal, Scope};
use invite_core::port::transport::Transport;
use wiremock::ResponseTemplate;

use crate::support::{
    DEADLINE, MESSAGE_SID, NUMBER, answer, answering, created, message, problem, sent, transport,
};

async fn outcome(response: ResponseTemplate) -> Outcome {
    let server = answering(response).await;
    let outcome = sent(&transport(&server.uri())).await;
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "a message is one request: {outcome:?}");
    outcome
}

#[tokio::test]
async fn what_was_made_is_accepted_with_its_sid() {
    let server = answering(created).await;
    assert_eq!(sent(&transport(&server.uri())).await, Outcome::Accepted(Receipt(MESSAGE_SID.into())));
}

#[tokio::test]
async fn each_code_that_refuses_says_why() {
    for (codes, wanted) in [
        ([21211, 21614, 21635, 30005, 30006].as_slice(), Refusal::Recipient),
        (&[21610, 63014], Refusal::OptedOut),
        (&[21408, 21612], Refusal::Country),
        (&[21617], Refusal::Content),
        (&[21602, 21606, 20404, 99_999], Refusal::Content),
    ] {
        for code in codes {
            let outcome = outcome(problem(400, *code, "no")).await;
            assert!(
                matches!(outcome, Outcome::Refused { refusal, .. } if refusal == wanted),
                "{code}: {outcome:?}"
            );
            assert_eq!(answer(&outcome).code(), code.to_string());
        }
    }
}

#[tokio::test]
async fn what_stops_every_message_is_blocked_and_says_what_to_do() {
    for (status, code, wanted, remedy) in [
        (401, 20003, Scope::Account, "correct the account SID"),
        (400, 21608, Scope::Account, "verify the number"),
        (400, 30002, Scope::Account, "suspended"),
        (400, 30034, Scope::Sender, "register"),
        (403, 99_999, Scope::Account, "permissions"),
    ] {
        let outcome = outcome(problem(status, code, "Twilio's words")).await;
        assert!(matches!(outcome, Outcome::Blocked { scope, .. } if scope == wanted), "{code}: {outcome:?}");
        let words = answer(&outcome).text();
        assert!(words.contains(remedy) && words.ends_with("It says: Twilio's words"), "{words}");
    }
    for status in [301, 302, 307, 308, 401, 403, 407] {
        let elsewhere = ResponseTemplate::new(status).insert_header("Location", "https://twilio.invalid/");
        let outcome = outcome(elsewhere).await;
        assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Account, .. }), "{status}: {outcome:?}");
        assert_eq!(answer(&outcome).code(), format!("HTTP {status}"));
    }
}

#[tokio::test]
async fn too_fast_is_throttled_for_as_long_as_twilio_says() {
    for (response, wanted) in [
        (problem(429, 20429, "Too Many Requests"), None),
        (problem(400, 20429, "Too Many Requests").insert_header("Retry-After", "7"), Some(7)),
        (ResponseTemplate::new(429).insert_header("Retry-After", "0"), Some(0)),
        (ResponseTemplate::new(429).insert_header("Retry-After", "soon"), None),
        (problem(429, 21610, "what comes with 429 is no refusal"), None),
    ] {
        let outcome = outcome(response).await;
        let Outcome::Throttled { retry_after, scope: Scope::Account, .. } = outcome else {
            panic!("not throttled: {outcome:?}");
        };
        assert_eq!(retry_after, wanted.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn what_is_no_answer_leaves_it_unknown() {
    for response in [
        problem(500, 20500, "Internal Server Error"),
        problem(503, 20003, "a code does not count there"),
        ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>"),
        ResponseTemplate::new(504),
        ResponseTemplate::new(408),
        ResponseTemplate::new(303),
        ResponseTemplate::new(201),
        ResponseTemplate::new(204),
        ResponseTemplate::new(201).set_body_string("<html>Welcome to the hotel</html>"),
        ResponseTemplate::new(200).set_body_string(r#"{"sid": null}"#),
        ResponseTemplate::new(201).set_body_string(r#"{"sid": "hello"}"#),
        ResponseTemplate::new(201).set_body_string(format!(r#"{{"sid": "{MESSAGE_SID}""#)),
        ResponseTemplate::new(201).set_body_bytes([0xff; 100]),
    ] {
        let outcome = outcome(response).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_of_more_than_64_kib_is_not_read() {
    let padded = |status| {
        let padding = "x".repeat(70_000);
        ResponseTemplate::new(status)
            .set_body_string(format!(r#"{{"sid": "{MESSAGE_SID}", "code": 21610, "padding": "{padding}"}}"#))
    };
    assert!(matches!(outcome(padded(201)).await, Outcome::Unknown { .. }));
    assert!(matches!(outcome(padded(400)).await, Outcome::Deferred { .. }));
    assert!(matches!(outcome(padded(401)).await, Outcome::Blocked { .. }));
}

#[tokio::test]
async fn a_refusal_that_is_not_twilios_is_of_the_content() {
    for response in [
        ResponseTemplate::new(404).set_body_string("<html>no</html>"),
        ResponseTemplate::new(400).set_body_string(r#"{"code": "21610"}"#),
        ResponseTemplate::new(413),
    ] {
        let outcome = outcome(response).await;
        assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::Content, .. }), "{outcome:?}");
        assert!(answer(&outcome).text().contains("does not answer as Twilio does"), "{outcome:?}");
    }
}

#[tokio::test]
async fn twilios_words_are_kept_without_the_number_and_the_message() {
    for (said, kept) in [
        (
            format!("The 'To' number {NUMBER} is not a valid phone number."),
            "The 'To' number … is not a valid phone number.",
        ),
        ("to 4791234567 and 479 123-4567".to_owned(), "to … and …"),
        ("filtered 'kfm4 p7qx wz2c'".to_owned(), "filtered '…'"),
        ("https://nordby.example/u?a=1&b=2 is listed".to_owned(), "… is listed"),
    ] {
        let server = answering(problem(400, 21211, &said)).await;
        let outcome = transport(&server.uri()).send(&message(), DEADLINE).await;
        assert_eq!(answer(&outcome).text(), kept);
    }
}
