//! A plan in lines for an administrator.

use std::collections::BTreeMap;

use crate::model::batch::Batch;
use crate::model::credential::CredentialKind;
use crate::model::item::{Action, SkipReason};
use crate::model::message::Channel;

/// Who gets what, who does not and why.
pub(super) fn of(batch: &Batch, credential: CredentialKind) -> String {
    let totals = &batch.totals;
    let credential = match credential {
        CredentialKind::TemporaryPassword => "a temporary password",
        CredentialKind::SetUpLink => "a set-up link",
    };
    let what = match batch.action {
        Action::Invite => "an invitation",
        Action::Remind => "a reminder",
        Action::HandOver => "a link in hand, no message,",
        Action::Refresh => "a fresh invitation",
    };
    let mut lines = vec![format!("People looked at: {}", grouped(totals.people()))];
    let mut line = |count: u64, text: String| {
        if count > 0 {
            lines.push(format!("{:>9}  {text}", grouped(count)));
        }
    };
    line(totals.send, format!("{what} with {credential}"));
    line(totals.announce, format!("{what} without any password or link"));
    let administrators = match totals.reset_administrators {
        0 => String::new(),
        count => format!(", {} of them administrators", grouped(count)),
    };
    line(
        totals.reset,
        format!(
            "set up already{administrators}: with consent to resets, {what} with {credential}, and their own password \
             stops working; without it, skipped"
        ),
    );
    line(totals.skipped(), "skipped:".into());
    let mut skips: Vec<(SkipReason, u64)> = totals.skip.iter().map(|(why, count)| (*why, *count)).collect();
    skips.sort_by_key(|(why, count)| (std::cmp::Reverse(*count), *why));
    for (why, count) in skips {
        lines.push(format!("           {:>9}  {}", grouped(count), why.text()));
    }
    let without = messages(&totals.messages, &BTreeMap::new());
    if totals.reset > 0 {
        let with = messages(&totals.messages, &totals.reset_messages);
        lines.push(format!("Messages with consent to resets: {with}; without: {without}"));
    } else {
        lines.push(format!("Messages: {without}"));
    }
    lines.push(format!("To be confirmed by {}", batch.expires_at.format("%Y-%m-%d %H:%M UTC")));
    lines.join("\n")
}

fn messages(some: &BTreeMap<Channel, u64>, more: &BTreeMap<Channel, u64>) -> String {
    let count = |channel| some.get(&channel).unwrap_or(&0) + more.get(&channel).unwrap_or(&0);
    let parts: Vec<String> = [(Channel::Email, "e-mail"), (Channel::Sms, "SMS")]
        .into_iter()
        .map(|(channel, name)| (count(channel), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", grouped(count)))
        .collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_grouped() {
        let numbers = [0, 999, 1000, 123_456, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }
}
