//! Rule 10, one clock: whatever is persisted and compared is on the store's clock; ports take durations.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use invite_core::memory::RecordingTransport;
use invite_core::model::message::Content;
use invite_core::service::{ConfirmOptions, SignedIn};
use invite_core::{Invite, Remind};

use crate::house::{House, password};
use crate::sources::below;

#[test]
fn rule_10_the_machines_clock_is_read_in_one_place() {
    let reading = ["Utc::now", "Local::now", "SystemTime::now", "UNIX_EPOCH.elapsed"];
    let places: Vec<String> = below("")
        .into_iter()
        .filter(|(_, source)| reading.iter().any(|call| source.contains(&format!("{call}("))))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(places, ["port/clock.rs"]);
}

#[test]
fn rule_10_what_a_store_is_asked_holds_durations_and_no_instants() {
    // What a host tells of its own people, and what a store answers; a cursor is an answer that is given back.
    let told = ["Arrival", "SenderPause", "AuditEntry", "PersonRecord", "ImportLine", "CredentialFact"];
    let answers = [
        "OpenPassword",
        "HandOver",
        "HandOverCredential",
        "ImportSummary",
        "RetryCursor",
        "TemplateVersion",
        "Traces",
    ];
    for (name, source) in below("port") {
        for part in source.split("pub struct ").skip(1) {
            let kind = part.split([' ', '(', ';']).next().unwrap();
            let fields = part.split("\n}").next().unwrap();
            let fields = if part.starts_with(&format!("{kind} {{")) { fields } else { "" };
            let instant = fields.contains("DateTime<Utc>");
            assert!(!instant || told.contains(&kind) || answers.contains(&kind), "{name}: {kind}");
        }
    }
}

#[tokio::test]
async fn rule_10_a_machine_whose_clock_is_decades_off_changes_nothing() {
    for now in ["1999-12-31T23:59:00Z", "2026-11-23T09:00:00Z", "2093-02-28T12:00:00Z"] {
        let now: DateTime<Utc> = now.parse().unwrap();
        let house = House::with(RecordingTransport::new(), |_| {}).await;
        house.clock.set(now);
        let anna = house.add("anna").await;
        let plan = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
        assert_eq!(plan.batch().expires_at, now + TimeDelta::hours(24));
        house.clock.advance(Duration::from_hours(24));
        let hold = ConfirmOptions::new().hold(Duration::from_mins(5));
        house.invites.confirm_with(&house.admin, plan.id(), hold).await.unwrap();
        assert_eq!(house.work().await.sent, 0);
        house.clock.advance(Duration::from_mins(5));
        assert_eq!(house.work().await.sent, 1);

        let sent_at = now + TimeDelta::hours(24) + TimeDelta::minutes(5);
        let record = house.record(anna).await;
        assert_eq!(record.deliveries[0].sent_at, Some(sent_at));
        assert_eq!(record.credentials[0].expires_at, sent_at + TimeDelta::days(7));
        let message = &house.messages_to("anna")[0];
        assert!(matches!(&message.content, Content::Email(email) if email.date == sent_at));

        let temporary = password(message);
        house.clock.set(sent_at + TimeDelta::days(7) - TimeDelta::seconds(1));
        assert_eq!(house.sign_in("anna", &temporary).await, SignedIn::MustChangePassword);
        house.clock.advance(Duration::from_secs(1));
        assert_eq!(house.sign_in("anna", &temporary).await, SignedIn::Refused);
        let reminder = house.invites.plan(&house.admin, Remind::users([anna])).await.unwrap();
        assert_eq!(reminder.totals().send, 1);
    }
}
