//! What SES answers, and the outcome of each.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use invite_core::model::message::Email;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::port::transport::Transport;
use support::{DEADLINE, answer, answering, email, error, named, saying, sent, short, transport};
use wiremock::ResponseTemplate;

async fn outcome_of(answer: ResponseTemplate) -> Outcome {
    let server = answering(answer).await;
    let outcome = sent(&transport(&server).await).await;
    assert_eq!(support::requests(&server).await.len(), 1, "there is one attempt");
    outcome
}

#[tokio::test]
async fn an_id_is_accepted_and_becomes_the_receipt() {
    let server = support::accepting().await;
    assert_eq!(sent(&transport(&server).await).await, Outcome::Accepted(Receipt("0110018c-1".into())));
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    for (status, code, words, expected) in [
        (429, "TooManyRequestsException", "Too many requests", "throttled Account None"),
        (400, "ThrottlingException", "Maximum sending rate exceeded.", "throttled Account None"),
        (400, "Throttling", "Rate exceeded", "throttled Account None"),
        (503, "ThrottlingException", "Rate exceeded", "throttled Account None"),
        (429, "SomethingNew", "", "throttled Account None"),
        (400, "ThrottlingException", "Daily message quota exceeded.", "blocked Account"),
        (400, "LimitExceededException", "Daily message quota exceeded", "blocked Account"),
        (400, "LimitExceededException", "Too many instances", "blocked Account"),
        (400, "SendingPausedException", "Sending is paused", "blocked Account"),
        (400, "MessageRejected", "Sending suspended for this account.", "blocked Account"),
        (400, "MessageRejected", "Sending paused for this account.", "blocked Account"),
        (400, "AccountSuspendedException", "Suspended", "blocked Account"),
        (400, "MailFromDomainNotVerifiedException", "Not verified", "blocked Sender"),
        (404, "NotFoundException", "Configuration set <x> does not exist.", "blocked Account"),
        (403, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized", "blocked Account"),
        (
            403,
            "AccessDeniedException",
            "not authorized to perform `ses:SendEmail' on resource `arn:aws:ses:eu-north-1:1:identity/nordby.example'",
            "blocked Sender",
        ),
        (403, "UnrecognizedClientException", "The security token included is invalid.", "blocked Account"),
        (403, "InvalidClientTokenId", "The security token included is invalid.", "blocked Account"),
        (403, "SignatureDoesNotMatch", "The request signature does not match", "blocked Account"),
        (400, "ExpiredTokenException", "The security token is expired", "blocked Account"),
        (400, "RequestExpired", "Request has expired", "blocked Account"),
        (400, "MessageRejected", "Email has a virus", "refused Content"),
        (400, "BadRequestException", "Missing final '@domain'", "refused Content"),
        (400, "SomethingNew", "Whatever", "refused Content"),
        (413, "", "", "refused Content"),
        (408, "RequestTimeoutException", "Too slow", "deferred None"),
        (500, "InternalServiceErrorException", "Oops", "unknown"),
        (503, "ServiceUnavailable", "", "unknown"),
        (504, "", "", "unknown"),
    ] {
        let outcome = outcome_of(error(status, code, words)).await;
        assert_eq!(short(&outcome), expected, "{status} {code} {words}: {outcome:?}");
        assert!(answer(&outcome).code().starts_with(&status.to_string()), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_ses_is_unknown() {
    for answer in [
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string("{}"),
        ResponseTemplate::new(502).set_body_string("<html>Bad gateway"),
        ResponseTemplate::new(302).insert_header("location", "https://elsewhere.example"),
    ] {
        assert_eq!(short(&outcome_of(answer).await), "unknown");
    }
}

#[tokio::test]
async fn when_ses_asks_to_be_tried_again_is_passed_on() {
    let slow = error(429, "TooManyRequestsException", "Too many").insert_header("Retry-After", "7");
    assert_eq!(short(&outcome_of(slow).await), "throttled Account Some(7s)");
}

const UNVERIFIED: &str =
    "Email address is not verified. The following identities failed the check in region EU-NORTH-1:";

#[tokio::test]
async fn an_unverified_sender_blocks_the_sender() {
    for identities in [
        "invites@nordby.example",
        "Åse fra Nordby <invites@nordby.example>, invites@nordby.example",
        "Invites@Nordby.example, lukasz@example.org",
        "nordby.example",
        "...",
    ] {
        let outcome = outcome_of(error(400, "MessageRejected", &format!("{UNVERIFIED} {identities}"))).await;
        assert_eq!(short(&outcome), "blocked Sender", "{identities}");
        let said = answer(&outcome).to_string();
        assert!(said.contains("verify invites@nordby.example"), "{said}");
        assert!(!said.contains("lukasz"), "{said}");
    }
}

#[tokio::test]
async fn an_unverified_recipient_says_that_the_account_is_in_the_sandbox_and_not_who_it_was() {
    for identities in ["lukasz@example.org", "LUKASZ@example.org", "Łukasz Żółć <lukasz@example.org>"] {
        let outcome = outcome_of(error(400, "MessageRejected", &format!("{UNVERIFIED} {identities}"))).await;
        assert_eq!(short(&outcome), "blocked Account", "{identities}");
        let said = answer(&outcome).to_string().to_lowercase();
        assert!(said.contains("sandbox") && said.contains("production access"), "{said}");
        assert!(!said.contains("lukasz@"), "{said}");
    }
}

#[tokio::test]
async fn what_ses_quotes_of_the_message_is_not_shown() {
    let words = "Links to https://app.nordby.example/welcome#q9Zx, 'kfm4 p7qx wz2c', to lukasz@example.org";
    let outcome = outcome_of(error(400, "MessageRejected", words)).await;
    let said = answer(&outcome).to_string();
    for secret in ["q9Zx", "kfm4", "lukasz"] {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(said.starts_with("400 MessageRejected Links to …"), "{said}");
}

#[tokio::test]
async fn an_address_that_ses_does_not_support_is_not_sent_to() {
    let server = support::accepting().await;
    let transport = transport(&server).await;
    let to_norway = Email { to: named("", "jørgen@example.org"), ..email() };
    let outcome = transport.send(&saying(to_norway), DEADLINE).await;
    assert_eq!(short(&outcome), "refused RecipientUncertain");
    let from_norway = Email { from: named("", "åse@nordby.example"), ..email() };
    assert_eq!(short(&transport.send(&saying(from_norway), DEADLINE).await), "blocked Sender");
    assert_eq!(support::requests(&server).await.len(), 0);
}
