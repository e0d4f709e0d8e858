//! A status callback as a report.

use invite_core::machine::delivery::Report;
use invite_core::model::outcome::Answer;
use invite_core::port::queue::Reported;

use super::parameters::Parameters;
use crate::endpoint::DELIVERY;

pub(super) fn report(parameters: &Parameters) -> Option<Reported> {
    let delivery = parameters.in_query(DELIVERY)?.parse().ok()?;
    let code = parameters.said("ErrorCode").unwrap_or_default();
    let code = if code.bytes().all(|b| b.is_ascii_digit()) { code } else { "" };
    let (report, suppress, words) = match parameters.said("MessageStatus")? {
        "delivered" => (Report::Delivered, false, "delivered"),
        "read" => (Report::Delivered, false, "read"),
        "canceled" => (Report::Failed, false, "canceled"),
        "undelivered" | "failed" => failed(code),
        _ => return None,
    };
    Some(Reported { delivery, report, suppress, answer: Answer::new(code, words) })
}

/// What a code means, whether the number must not be written to any more, and in words.
fn failed(code: &str) -> (Report, bool, &'static str) {
    match code {
        "30003" => (Report::Bounced, false, "the phone cannot be reached"),
        "30008" => (Report::Unknown, false, "the carrier does not say what became of it"),
        "30005" | "21211" => (Report::Failed, true, "there is no such number"),
        "30006" | "21614" | "21635" => (Report::Failed, true, "the number is a landline, or takes no SMS"),
        "21610" | "63014" => (Report::Failed, true, "the person opted out"),
        "30007" | "30450" => (Report::Failed, false, "it was filtered"),
        "30002" => (Report::Failed, false, "Twilio has suspended the account; see its console"),
        "30034" => (Report::Failed, false, "the sending number is not registered for A2P 10DLC; register it"),
        _ => (Report::Failed, false, "it was not delivered"),
    }
}
