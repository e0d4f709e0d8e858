//! What is asked of SES before a rollout.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use invite_ses::{CheckError, Enforcement, SesBuilder};
use serde_json::{Value, json};
use support::{error, to_endpoint, transport};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn healthy() -> Value {
    json!({
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": true,
        "SendingEnabled": true,
        "SendQuota": { "Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 1_200.0 },
    })
}

/// The account, changed so.
fn with(change: &[(&str, Value)]) -> Value {
    let mut account = healthy();
    for (name, value) in change {
        account[*name] = value.clone();
    }
    account
}

async fn get(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(server).await;
}

async fn with_account(account: &Value) -> MockServer {
    let server = MockServer::start().await;
    get(&server, "/v2/email/account", ResponseTemplate::new(200).set_body_json(account)).await;
    server
}

async fn checked(builder: SesBuilder) -> Result<invite_ses::Account, CheckError> {
    builder.build().await.unwrap().check().await
}

#[tokio::test]
async fn the_account_says_how_much_it_may_send() {
    let server = with_account(&healthy()).await;
    let account = checked(to_endpoint(&server.uri())).await.unwrap();
    assert!((account.send_rate - 14.0).abs() < 1e-9);
    assert_eq!((account.daily_quota, account.sent_last_24_hours), (Some(50_000), 1_200));
    assert_eq!(account.remaining(), Some(48_800));
    assert_eq!(account.enforcement, Enforcement::Healthy);
    assert!(!account.sandbox && account.sending_enabled && !account.engagement_metrics);
}

#[tokio::test]
async fn a_quota_of_minus_one_is_none() {
    let quota = json!({ "Max24HourSend": -1.0, "MaxSendRate": 500.0, "SentLast24Hours": 3.0 });
    let server = with_account(&with(&[("SendQuota", quota)])).await;
    let account = transport(&server).await.account().await.unwrap();
    assert_eq!((account.daily_quota, account.remaining()), (None, None));
}

#[tokio::test]
async fn an_account_that_cannot_carry_a_rollout_is_an_error_that_says_what_to_do() {
    for (change, expected, advice) in [
        (("ProductionAccessEnabled", json!(false)), CheckError::Sandbox, "production access"),
        (("SendingEnabled", json!(false)), CheckError::Paused, "resume it"),
        (("EnforcementStatus", json!("SHUTDOWN")), CheckError::Shutdown, "review"),
    ] {
        let server = with_account(&with(&[change])).await;
        let transport = transport(&server).await;
        let error = transport.check().await.unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(advice), "{error}");
        assert!(!error.is_transient());
        assert!(transport.account().await.is_ok(), "what there is can still be shown");
    }
}

#[tokio::test]
async fn an_account_on_probation_still_sends() {
    let server = with_account(&with(&[("EnforcementStatus", json!("PROBATION"))])).await;
    assert_eq!(checked(to_endpoint(&server.uri())).await.unwrap().enforcement, Enforcement::Probation);
}

#[tokio::test]
async fn what_is_not_answered_says_what_to_do_and_whether_to_ask_again() {
    for (answer, transient, advice) in [
        (error(403, "AccessDeniedException", "not authorized to perform: ses:GetAccount"), false, "allow"),
        (error(400, "TooManyRequestsException", "slow down"), true, "later"),
        (error(500, "InternalFailure", ""), true, "later"),
    ] {
        let server = MockServer::start().await;
        get(&server, "/v2/email/account", answer).await;
        let error = transport(&server).await.check().await.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
        assert!(error.to_string().contains("GetAccount") && error.to_string().contains(advice), "{error}");
    }
}

async fn with_set(set: Value, destinations: Value) -> MockServer {
    let server = with_account(&healthy()).await;
    let at = "/v2/email/configuration-sets/invitations";
    get(&server, at, ResponseTemplate::new(200).set_body_json(set)).await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "EventDestinations": destinations }));
    get(&server, &format!("{at}/event-destinations"), answer).await;
    server
}

fn destination(enabled: bool, events: &[&str]) -> Value {
    json!([{ "Name": "to-sns", "Enabled": enabled, "MatchingEventTypes": events }])
}

fn invitations(server: &MockServer) -> SesBuilder {
    to_endpoint(&server.uri()).configuration_set("invitations")
}

#[tokio::test]
async fn a_set_that_reports_without_counting_clicks_is_fine() {
    for destinations in [
        json!([]),
        destination(true, &["DELIVERY", "BOUNCE", "COMPLAINT", "OPEN"]),
        destination(false, &["CLICK"]),
    ] {
        let set = json!({ "TrackingOptions": { "CustomRedirectDomain": "links.nordby.example" } });
        let server = with_set(set, destinations).await;
        assert!(checked(invitations(&server)).await.is_ok());
    }
}

#[tokio::test]
async fn a_set_that_rewrites_links_is_refused_unless_it_is_allowed_by_name() {
    let metrics = json!({ "VdmOptions": { "DashboardOptions": { "EngagementMetrics": "ENABLED" } } });
    for (set, destinations, cause) in [
        (json!({}), destination(true, &["DELIVERY", "CLICK"]), "to-sns takes clicks"),
        (metrics, json!([]), "engagement metrics"),
    ] {
        let server = with_set(set, destinations).await;
        let error = checked(invitations(&server)).await.unwrap_err();
        assert!(matches!(error, CheckError::RewritesLinks { .. }), "{error}");
        assert!(error.to_string().contains(cause), "{error}");
        assert!(checked(invitations(&server).allow_rewritten_links("invitations")).await.is_ok());
    }
}

#[tokio::test]
async fn a_set_that_is_paused_is_an_error() {
    let server = with_set(json!({ "SendingOptions": { "SendingEnabled": false } }), json!([])).await;
    let error = checked(invitations(&server).allow_rewritten_links("invitations")).await.unwrap_err();
    assert_eq!(error, CheckError::SetPaused { configuration_set: "invitations".into() });
}

#[tokio::test]
async fn a_set_that_does_not_exist_is_an_error() {
    let server = with_account(&healthy()).await;
    let missing = error(404, "NotFoundException", "Configuration set <invitations> does not exist.");
    get(&server, "/v2/email/configuration-sets/invitations", missing).await;
    let error = checked(invitations(&server)).await.unwrap_err();
    assert!(error.to_string().contains("correct its name"), "{error}");
}
