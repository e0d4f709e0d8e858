//! From the octets of a notification to a report.

use invite_core::machine::delivery::Report;
use invite_core::model::id::DeliveryId;
use invite_core::model::outcome::{Answer, Concerns};
use invite_core::port::queue::Reported;

use super::mime::{body, header, is_type, lines, parameter, parts};

/// The most octets of a notification, the message that comes back among them: 1 MiB.
pub const LARGEST: usize = 1024 * 1024;

/// A notification of more than [`LARGEST`] octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the notification has more than 1 MiB; have the mail server return headers alone, or drop it")]
pub struct TooLarge;

/// What a notification says about a delivery, which [`BounceAddress::delivery`](super::BounceAddress::delivery) tells from
/// the address that it came to. [The module's page](super) has the table.
///
/// None for what is not final, and for any other mail: an answer from a holiday, say. The same may be said twice.
pub fn read(octets: &[u8], delivery: DeliveryId) -> Result<Option<Reported>, TooLarge> {
    if octets.len() > LARGEST {
        return Err(TooLarge);
    }
    Ok(recipients(octets).and_then(|all| strongest(&all)).map(|recipient| recipient.reported(delivery)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Delivered,
    Failed,
}

/// What is said of one recipient.
#[derive(Clone, Copy)]
struct Recipient {
    action: Action,
    /// The status, or a more exact one from the diagnostic code.
    status: Option<[u16; 3]>,
}

impl Recipient {
    fn reported(self, delivery: DeliveryId) -> Reported {
        let code = self.status.map(|[class, subject, detail]| format!("{class}.{subject}.{detail}"));
        let (report, concerns, words) = match (self.action, self.status) {
            (Action::Delivered, _) => (Report::Delivered, Concerns::Message, "delivered"),
            (Action::Failed, Some([5, 1, 1 | 3 | 6 | 10] | [5, 2, 1])) => (
                Report::Bounced,
                Concerns::Address,
                "it came back: there is no such address, or it takes no mail",
            ),
            (Action::Failed, _) => (Report::Bounced, Concerns::Message, "it came back"),
        };
        Reported { delivery, report, concerns, answer: Answer::new(code.unwrap_or_default(), words) }
    }
}

fn strongest(all: &[Recipient]) -> Option<Recipient> {
    all.iter().copied().max_by_key(|recipient| recipient.action)
}

/// Of whom something final is said; nothing if this is no notification.
fn recipients(octets: &[u8]) -> Option<Vec<Recipient>> {
    let kind = header(octets, "Content-Type")?;
    let boundary = parameter(&kind, "boundary").filter(|it| (1..=70).contains(&it.len()))?;
    if !is_type(&kind, "multipart/report") {
        return None;
    }
    let is_status = |part: &&[u8]| {
        let kind = header(part, "Content-Type").unwrap_or_default();
        is_type(&kind, "message/delivery-status") || is_type(&kind, "message/global-delivery-status")
    };
    let status = parts(octets, &boundary).into_iter().find(is_status)?;
    // The first group is about the message; those about recipients have an action (RFC 3464, 2.1).
    let status: Vec<&[u8]> = lines(body(status)).collect();
    let groups = status.split(|line| line.trim_ascii().is_empty());
    Some(groups.filter_map(|group| recipient(&group.join(&b'\n'))).collect())
}

fn recipient(group: &[u8]) -> Option<Recipient> {
    let action = match header(group, "Action")?.to_ascii_lowercase().split_whitespace().next()? {
        "failed" => Action::Failed,
        "delivered" | "expanded" => Action::Delivered,
        _ => return None,
    };
    let status = header(group, "Status").and_then(|text| text.split_whitespace().next().and_then(code));
    let exact = || header(group, "Diagnostic-Code").and_then(|text| in_diagnostic(&text));
    let status = match status {
        Some([_, 0, 0]) | None => exact().or(status),
        said => said,
    };
    Some(Recipient { action, status })
}

/// `550 5.1.1` and `550-5.1.1` after `smtp;`: the first code that stands there, if it says more than its class.
fn in_diagnostic(text: &str) -> Option<[u16; 3]> {
    let (kind, words) = text.split_once(';')?;
    let mut words = words.split([' ', '\t', '-', '#', '(', ')', '<', '>']).filter(|word| !word.is_empty());
    // A server's free words may hold a number of a version, so the code must stand near the beginning.
    let found = kind.trim().eq_ignore_ascii_case("smtp").then(|| words.by_ref().take(12).find_map(code))?;
    found.filter(|code| !matches!(code, [_, 0, 0]))
}

/// `5.1.1` (RFC 3463, 2).
fn code(text: &str) -> Option<[u16; 3]> {
    let mut numbers = text.split('.').map(|number| {
        let fits = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| number.parse().ok())?
    });
    let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (matches!(class, 2 | 4 | 5) && numbers.next().is_none()).then_some([class, subject, detail])
}
