//! A plan as an administrator reads it, and what was confirmed.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use invite_core::model::batch::{Batch, Totals};
use invite_core::model::item::{Action, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::wording::Wording;
use invite_core::service::Plan;

use super::Ways;
use super::line::line;
use crate::failure::Failure;
use crate::output::{Output, counted, grouped, time};
use crate::session::Acting;

pub(super) fn plan(
    output: Output,
    acting: &Acting,
    plan: &Plan,
    totals: &Totals,
    ways: Ways,
) -> Result<(), Failure> {
    if output.json() {
        return line(output, plan.id(), totals, None, false);
    }
    let zone = acting.organisation.settings.time_zone;
    let what = match plan.batch().action {
        Action::Remind => "reminder",
        _ => "invitation",
    };
    let mut rows = Vec::new();
    let mut row = |count: u64, text: String| {
        if count > 0 {
            rows.push(vec![format!("{:>9}", grouped(count)), text]);
        }
    };
    row(totals.send, what.to_owned());
    row(totals.reset, format!("{what}, and their password is reset{}", administrators(totals)));
    row(totals.announce, format!("{what} without any password or link"));
    let mut skips: Vec<(SkipReason, u64)> = totals.skip.iter().map(|(why, count)| (*why, *count)).collect();
    skips.sort_by_key(|(why, count)| (std::cmp::Reverse(*count), *why));
    for (why, count) in skips {
        row(count, format!("skipped: {}", why.text()));
    }
    if rows.is_empty() {
        output.say("Nobody matches.")?;
    } else {
        output.table(&["   PEOPLE", "WHAT HAPPENS"], rows)?;
    }
    output.say(format!("Messages: {}", messages(totals)))?;
    let reserve = totals.in_reserve + totals.reset_in_reserve;
    if reserve > 0 {
        output
            .say(format!("By SMS if the e-mail does not arrive: {}", counted(reserve, "person", "people")))?;
    }
    about_messages(output, totals)?;
    if let Some(at) = ways.not_before {
        output.say(format!("Nothing leaves before {} ({zone}).", time(at, zone)))?;
    }
    if let Some(pilot) = ways.pilot {
        output.say(format!(
            "The first {} go first; then it pauses, and `invite batch resume --latest` sends the rest.",
            counted(pilot, "person", "people")
        ))?;
    }
    let set_up = totals.skip.get(&SkipReason::SetUpNeedsConsent).copied().unwrap_or_default();
    if set_up > 0 {
        output.say(format!(
            "{} set up already and skipped; to invite them again, and reset their passwords: --reset",
            if set_up == 1 { "1 person is".to_owned() } else { format!("{} people are", grouped(set_up)) }
        ))?;
    }
    Ok(())
}

pub(super) fn confirmed(output: Output, batch: &Batch, zone: Tz) -> Result<(), Failure> {
    let not_before = batch.confirmed.as_ref().map(|confirmed| confirmed.not_before);
    if output.json() {
        return line(output, batch.id, &batch.totals, not_before, true);
    }
    match batch.totals.recipients() {
        0 => output.say("Confirmed: nobody gets a message.")?,
        people => output.say(format!(
            "Confirmed: {} a message ({}).",
            counted(people, "person gets", "people get"),
            messages(&batch.totals)
        ))?,
    }
    let skipped = batch.totals.skipped();
    if skipped > 0 {
        let reasons: Vec<String> = batch
            .totals
            .skip
            .iter()
            .map(|(why, count)| format!("{} {}", grouped(*count), why.text()))
            .collect();
        output.say(format!("Skipped: {}.", reasons.join("; ")))?;
    }
    if batch.totals.skip.contains_key(&SkipReason::SetUpNeedsConsent) {
        output.say("To invite those who are set up again, and reset their passwords: --reset")?;
    }
    let held = not_before.filter(|at| batch.confirmed.as_ref().is_some_and(|confirmed| *at > confirmed.at));
    if let Some(at) = held {
        output.say(format!(
            "Nothing leaves before {} ({zone}); until then `invite batch cancel {}` undoes it.",
            at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S"),
            batch.id
        ))?;
    }
    if let Some(pilot) = batch.confirmed.as_ref().and_then(|confirmed| confirmed.pilot) {
        output.say(format!(
            "The first {} go first; then it pauses, and `invite batch resume --latest` sends the rest.",
            counted(pilot.people, "person", "people")
        ))?;
    }
    output.say(format!("Batch {}", batch.id))?;
    if batch.totals.recipients() > 0 {
        output.note("`invite work` sends it; `invite batch watch --latest` shows how far it is.");
    }
    Ok(())
}

/// What an administrator would want to know of the messages before they leave.
fn about_messages(output: Output, totals: &Totals) -> Result<(), Failure> {
    let wording = wording(totals);
    let counts = |counts: &BTreeMap<String, u64>| {
        let counts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
        counts.join(", ")
    };
    if wording.languages.len() > 1 {
        output.say(format!("Languages: {}", counts(&wording.languages)))?;
    }
    if !wording.fallbacks.is_empty() {
        output.say(format!("In another language than their own: {}", counts(&wording.fallbacks)))?;
    }
    if wording.sms_segments > 0 {
        let long = match wording.sms_ucs2 {
            0 => String::new(),
            people => format!(
                "; the SMS of {} hold letters that make them longer",
                counted(people, "person", "people")
            ),
        };
        output
            .say(format!("SMS to pay for: {}{long}", counted(wording.sms_segments, "segment", "segments")))?;
    }
    if totals.shared_addresses_with_resets > 0 {
        output.say(format!(
            "{} an address with somebody else: whoever reads it sees what all of them are sent.",
            counted(totals.shared_addresses_with_resets, "person shares", "people share")
        ))?;
    }
    Ok(())
}

pub(super) fn administrators(totals: &Totals) -> String {
    match totals.reset_administrators {
        0 => String::new(),
        count => format!(" ({} of administrators)", grouped(count)),
    }
}

fn messages(totals: &Totals) -> String {
    let parts: Vec<String> = Channel::ALL
        .into_iter()
        .map(|channel| (channel, count(totals, channel)))
        .filter(|(_, count)| *count > 0)
        .map(|(channel, count)| format!("{} {}", grouped(count), channel_name(channel)))
        .collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

pub(super) fn count(totals: &Totals, channel: Channel) -> u64 {
    let of = |messages: &BTreeMap<Channel, u64>| messages.get(&channel).copied().unwrap_or_default();
    of(&totals.messages) + of(&totals.reset_messages)
}

/// Languages and sizes, of resets too.
pub(super) fn wording(totals: &Totals) -> Wording {
    totals.wording.clone().and(&totals.reset_wording)
}

pub(super) const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "e-mail",
        Channel::Sms => "SMS",
    }
}
