//! A status callback as a report.

use invite_core::machine::delivery::Report;
use invite_core::model::outcome::{Answer, Concerns, Scope};
use invite_core::port::queue::Reported;

use super::parameters::Parameters;
use crate::endpoint::DELIVERY;

pub(super) fn report(parameters: &Parameters) -> Option<Reported> {
    let delivery = parameters.in_query(DELIVERY)?.parse().ok()?;
    let code = parameters.said("ErrorCode").unwrap_or_default();
    let code = if code.bytes().all(|b| b.is_ascii_digit()) { code } else { "" };
    let (report, concerns, words) = match parameters.said("MessageStatus")? {
        "delivered" => (Report::Delivered, Concerns::Message, "delivered"),
        "read" => (Report::Delivered, Concerns::Message, "read"),
        "canceled" => (Report::Failed, Concerns::Message, "canceled"),
        "undelivered" | "failed" => failed(code),
        _ => return None,
    };
    Some(Reported { delivery, report, concerns, answer: Answer::new(code, words) })
}

/// What a code means, what it concerns beyond the message, and in words.
fn failed(code: &str) -> (Report, Concerns, &'static str) {
    match code {
        "30003" => (Report::Bounced, Concerns::Message, "the phone cannot be reached"),
        "30008" => (Report::Unknown, Concerns::Message, "the carrier does not say what became of it"),
        "30005" | "21211" => (Report::Failed, Concerns::Address, "there is no such number"),
        "30006" | "21614" | "21635" => {
            (Report::Failed, Concerns::Address, "the number is a landline, or takes no SMS")
        }
        "21610" | "63014" => (Report::Failed, Concerns::OptOut, "the person opted out"),
        "30007" | "30450" => (Report::Failed, Concerns::Message, "it was filtered"),
        "30002" => (
            Report::Failed,
            Concerns::Sender(Scope::Account),
            "Twilio has suspended the account; see its console",
        ),
        "30034" => (
            Report::Failed,
            Concerns::Sender(Scope::Sender),
            "the sending number is not registered for A2P 10DLC; register it",
        ),
        _ => (Report::Failed, Concerns::Message, "it was not delivered"),
    }
}
