//! An event of SES as a report.

use invite_core::machine::delivery::Report;
use invite_core::model::outcome::{Answer, Concerns};
use invite_core::port::queue::Reported;
use serde_json::Value;

use crate::transport::DELIVERY_TAG;

/// Nothing for what is not final, not of ours or no event. The table is on the module's page.
pub(super) fn reported(message: &str) -> Option<Reported> {
    let event: Value = serde_json::from_str(message).ok()?;
    let delivery = event["mail"]["tags"][DELIVERY_TAG][0].as_str()?.parse().ok()?;
    let kind = event["eventType"].as_str().or_else(|| event["notificationType"].as_str())?;
    let (report, concerns, answer) = match kind {
        "Delivery" => (Report::Delivered, Concerns::Message, Answer::new("", "delivered")),
        "Bounce" => bounce(&event["bounce"]),
        "Complaint" => complaint(&event["complaint"]),
        "Reject" => (
            Report::Failed,
            Concerns::Message,
            Answer::new("Reject", "SES found malware and did not send it"),
        ),
        "Rendering Failure" => (
            Report::Failed,
            Concerns::Message,
            Answer::new("RenderingFailure", "SES could not render its template"),
        ),
        _ => return None,
    };
    Some(Reported { delivery, report, concerns, answer })
}

fn bounce(bounce: &Value) -> (Report, Concerns, Answer) {
    let (kind, more) = (word(&bounce["bounceType"]), word(&bounce["bounceSubType"]));
    let concerns = match (kind, more) {
        ("Permanent", "UnsubscribedRecipient") => Concerns::OptOut,
        ("Permanent", _) => Concerns::Address,
        _ => Concerns::Message,
    };
    let status = bounce["bouncedRecipients"][0]["status"].as_str().unwrap_or_default();
    let is_status = status.len() <= 11 && status.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let code = if is_status { status } else { "" };
    (Report::Bounced, concerns, Answer::new(code, format!("it bounced: {kind}, {more}")))
}

fn complaint(complaint: &Value) -> (Report, Concerns, Answer) {
    if word(&complaint["complaintSubType"]) == "OnAccountSuppressionList" {
        let words = "the address is on the suppression list of the SES account, so it was not sent";
        return (Report::Failed, Concerns::Address, Answer::new("OnAccountSuppressionList", words));
    }
    let kind = word(&complaint["complaintFeedbackType"]);
    (Report::Complained, Concerns::Message, Answer::new(kind, "the person called it spam"))
}

/// A word of AWS's own lists, and nothing that could hold an address or a message.
fn word(value: &Value) -> &str {
    let fits = |text: &&str| text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    value.as_str().filter(fits).unwrap_or_default()
}
