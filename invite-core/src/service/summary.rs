//! A plan in lines for an administrator.

use std::collections::BTreeMap;

use crate::model::batch::{Batch, Totals};
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
    let reserve = totals.in_reserve + totals.reset_in_reserve;
    if reserve > 0 {
        lines.push(format!("By SMS if the e-mail does not arrive: {} of them", grouped(reserve)));
    }
    lines.extend(words(totals));
    lines.push(format!("To be confirmed by {}", batch.expires_at.format("%Y-%m-%d %H:%M UTC")));
    lines.join("\n")
}

/// In which languages, how many segments, and who shares an address; with consent to resets, where there are any.
fn words(totals: &Totals) -> Vec<String> {
    let wording = totals.wording.clone().and(&totals.reset_wording);
    let mut lines = Vec::new();
    let mut languages: Vec<(&String, &u64)> = wording.languages.iter().collect();
    languages.sort_by_key(|(tag, count)| (std::cmp::Reverse(**count), *tag));
    if !languages.is_empty() {
        let each = languages.iter().map(|(tag, count)| format!("{} {}", language(tag), grouped(**count)));
        let each = each.collect::<Vec<_>>().join(", ");
        let fallbacks = wording.fallbacks.iter().map(|(from_to, count)| {
            let missing = from_to.split(' ').next().unwrap_or_default();
            format!("no {}: {from_to} {}", language(missing), grouped(*count))
        });
        let fallbacks = fallbacks.collect::<Vec<_>>().join("; ");
        lines.push(if fallbacks.is_empty() {
            format!("In {each}")
        } else {
            format!("In {each} ({fallbacks})")
        });
    }
    if wording.sms_segments > 0 {
        let ucs2 = match wording.sms_ucs2 {
            0 => String::new(),
            1 => "; 1 person's has letters that leave room for 70 characters a segment instead of 160".into(),
            count => format!(
                "; those of {} people have letters that leave room for 70 characters a segment instead of 160",
                grouped(count)
            ),
        };
        lines.push(format!("SMS segments: {}{ucs2}", grouped(wording.sms_segments)));
    }
    if totals.shared_addresses_with_resets > 0 {
        lines.push(format!(
            "{} people share the address of a message with somebody else",
            grouped(totals.shared_addresses_with_resets)
        ));
    }
    if totals.reset > 0 {
        for line in &mut lines {
            line.push_str(", resets included");
        }
    }
    lines
}

/// A language's name, or its tag where we do not know it.
fn language(tag: &str) -> &str {
    match tag {
        "ar" => "Arabic",
        "cs" => "Czech",
        "da" => "Danish",
        "de" => "German",
        "el" => "Greek",
        "en" => "English",
        "es" => "Spanish",
        "et" => "Estonian",
        "fi" => "Finnish",
        "fr" => "French",
        "hu" => "Hungarian",
        "is" => "Icelandic",
        "it" => "Italian",
        "lt" => "Lithuanian",
        "lv" => "Latvian",
        "nb" => "Norwegian",
        "nl" => "Dutch",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ro" => "Romanian",
        "ru" => "Russian",
        "so" => "Somali",
        "sv" => "Swedish",
        "tr" => "Turkish",
        "uk" => "Ukrainian",
        "ur" => "Urdu",
        other => other,
    }
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
    use super::{grouped, words};
    use crate::model::batch::Totals;
    use crate::model::wording::Wording;

    fn written_in(languages: &[(&str, u64)]) -> Wording {
        let languages = languages.iter().map(|(tag, count)| ((*tag).to_owned(), *count)).collect();
        Wording { languages, ..Wording::default() }
    }

    #[test]
    fn languages_sizes_and_shared_addresses_are_told_in_words() {
        let mut totals = Totals { wording: written_in(&[("en", 3), ("nb", 412)]), ..Totals::default() };
        assert_eq!(words(&totals), ["In Norwegian 412, English 3"]);
        totals.wording.fallbacks = [("pl → nb".to_owned(), 412)].into();
        (totals.wording.sms_segments, totals.wording.sms_ucs2) = (1_400, 2);
        (totals.shared_addresses, totals.shared_addresses_with_resets) = (4, 4);
        assert_eq!(
            words(&totals),
            [
                "In Norwegian 412, English 3 (no Polish: pl → nb 412)",
                "SMS segments: 1,400; those of 2 people have letters that leave room for 70 characters a segment \
                 instead of 160",
                "4 people share the address of a message with somebody else",
            ]
        );
        totals.reset = 1;
        totals.reset_wording = written_in(&[("en", 1)]);
        assert_eq!(
            words(&totals)[0],
            "In Norwegian 412, English 4 (no Polish: pl → nb 412), resets included"
        );
        assert!(words(&Totals::default()).is_empty());
    }

    #[test]
    fn thousands_are_grouped() {
        let numbers = [0, 999, 1000, 123_456, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }
}
