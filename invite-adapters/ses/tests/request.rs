//! What SES is sent.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use invite_core::model::message::Email;
use invite_core::port::transport::Transport;
use mail_parser::MessageParser;
use serde_json::{Value, json};
use support::{DEADLINE, accepting, email, message, named, raw, saying, to_endpoint};
use wiremock::MockServer;

async fn only_request(server: &MockServer) -> Value {
    let requests = support::requests(server).await;
    let [request] = &requests[..] else { panic!("not one request: {requests:?}") };
    request.clone()
}

#[tokio::test]
async fn it_is_the_raw_message_for_its_recipient() {
    let server = accepting().await;
    support::sent(&support::transport(&server).await).await;
    let request = only_request(&server).await;
    assert_eq!(request["Destination"], json!({ "ToAddresses": ["lukasz@example.org"] }));
    assert!(
        request.get("FromEmailAddress").is_none() && request.get("ReplyToAddresses").is_none(),
        "{request}"
    );
    let octets = raw(&request);
    let parsed = MessageParser::default().parse(&octets).unwrap();
    assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("invites@nordby.example"));
    assert_eq!(parsed.reply_to().unwrap().first().unwrap().address(), Some("help@nordby.example"));
    assert_eq!(parsed.subject(), Some("Nordby: your Skiftplan account"));
    assert!(parsed.body_text(0).unwrap().contains("kfm4 p7qx wz2c"));
}

#[tokio::test]
async fn it_has_the_delivery_the_tags_and_the_configuration_set() {
    let server = accepting().await;
    let builder = to_endpoint(&server.uri()).configuration_set("invitations").tag("application", "skiftplan");
    let message = message();
    builder.build().await.unwrap().send(&message, DEADLINE).await;
    let request = only_request(&server).await;
    assert_eq!(request["ConfigurationSetName"], "invitations");
    let tags = json!([
        { "Name": "invite-delivery", "Value": message.delivery.to_string() },
        { "Name": "application", "Value": "skiftplan" },
    ]);
    assert_eq!(request["EmailTags"], tags);
}

#[tokio::test]
async fn it_says_that_links_are_to_stay_unless_the_set_is_allowed_to_rewrite_them() {
    let server = accepting().await;
    let builder = to_endpoint(&server.uri()).configuration_set("invitations");
    support::sent(&builder.clone().build().await.unwrap()).await;
    support::sent(&builder.allow_rewritten_links("invitations").build().await.unwrap()).await;
    let requests = support::requests(&server).await;
    let clicks = &requests[0]["ConfigurationOverrides"]["Tracking"]["ClickTrackingEnabled"];
    assert_eq!(clicks, "DISABLED", "{}", requests[0]);
    assert!(requests[1].get("ConfigurationOverrides").is_none());
}

#[tokio::test]
async fn internationalised_domains_go_in_ascii() {
    let server = accepting().await;
    let email = Email { to: named("", "anna@blåbær.example"), ..email() };
    support::transport(&server).await.send(&saying(email), DEADLINE).await;
    let request = only_request(&server).await;
    assert_eq!(request["Destination"]["ToAddresses"][0], "anna@xn--blbr-roah.example");
    assert!(raw(&request).is_ascii());
}

#[tokio::test]
async fn it_is_signed_for_the_region() {
    let server = accepting().await;
    support::sent(&support::transport(&server).await).await;
    let requests = server.received_requests().await.unwrap();
    let signature = requests[0].headers["authorization"].to_str().unwrap();
    assert!(signature.contains("/eu-north-1/ses/aws4_request"), "{signature}");
}
