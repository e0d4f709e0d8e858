//! What SES reports.

use invite_core::machine::delivery::Report;
use invite_core::model::outcome::Concerns;
use invite_ses::sns::{Received, receive};

use crate::support::*;

async fn reported(message: String) -> Vec<(Report, Concerns, String)> {
    let authority = Authority::new();
    let file = authority.file("sns.amazonaws.com");
    let received =
        receive(&signed(notification(message)), &authority.settings(), &file, now()).await.unwrap();
    let Received::Reports(reports) = received else { panic!("{received:?}") };
    let mut all = Vec::new();
    for report in reports {
        assert_eq!(report.delivery.to_string(), DELIVERY);
        assert!(!report.answer.to_string().contains("kari"), "{}", report.answer);
        all.push((report.report, report.concerns, report.answer.code().to_owned()));
    }
    all
}

#[tokio::test]
async fn each_event_is_the_report_of_the_table() {
    let bounced = |kind: &str, more: &str| {
        event("Bounce", &format!(r#""bounce":{{"bounceType":"{kind}","bounceSubType":"{more}"}},"#))
    };
    let complained =
        |kind: &str| event("Complaint", &format!(r#""complaint":{{"complaintSubType":"{kind}"}},"#));
    for (message, report, concerns) in [
        (event("Delivery", ""), Report::Delivered, Concerns::Message),
        (
            event("Delivery", "").replace("eventType", "notificationType"),
            Report::Delivered,
            Concerns::Message,
        ),
        (bounced("Permanent", "General"), Report::Bounced, Concerns::Address),
        (bounced("Permanent", "UnsubscribedRecipient"), Report::Bounced, Concerns::OptOut),
        (bounced("Transient", "MailboxFull"), Report::Bounced, Concerns::Message),
        (bounced("Undetermined", "Undetermined"), Report::Bounced, Concerns::Message),
        (event("Complaint", ""), Report::Complained, Concerns::Message),
        (complained("OnAccountSuppressionList"), Report::Failed, Concerns::Address),
        (event("Reject", ""), Report::Failed, Concerns::Message),
        (event("Rendering Failure", ""), Report::Failed, Concerns::Message),
    ] {
        let found = reported(message.clone()).await;
        assert_eq!(found.len(), 1, "{message}");
        assert_eq!((found[0].0, found[0].1), (report, concerns), "{message}");
    }
    assert_eq!(reported(bounce()).await, [(Report::Bounced, Concerns::Address, "5.1.1".to_owned())]);
}

#[tokio::test]
async fn what_is_not_final_or_not_ours_reports_nothing() {
    for kind in ["Send", "DeliveryDelay", "Open", "Click", "Subscription", "New"] {
        assert_eq!(reported(event(kind, "")).await, []);
    }
    let others = bounce().replace("invite-delivery", "other");
    let no_id = bounce().replace(DELIVERY, "1");
    for message in [others, no_id, "hello".to_owned(), "[]".to_owned(), String::new()] {
        assert_eq!(reported(message).await, []);
    }
}
