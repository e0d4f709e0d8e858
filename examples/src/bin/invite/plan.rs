//! A plan is shown and asked about before anything is sent; `invite` and `remind` share it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use invite_core::model::batch::{Batch, Totals};
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::item::{Action, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::wording::Wording;
use invite_core::service::{ConfirmOptions, Plan, PlanRequest};
use serde::Serialize;

use crate::ask;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, counted, grouped, time};
use crate::session::{Acting, Session};

/// People a page.
const PAGE: usize = 500;

/// How a plan is carried on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    /// The plan is shown, and that is all.
    pub(crate) plan_only: bool,
    /// Each person is shown.
    pub(crate) each: bool,
    /// Nobody is asked.
    pub(crate) yes: bool,
    /// Whether passwords may be reset.
    pub(crate) resets: bool,
    /// What else confirming takes.
    pub(crate) options: ConfirmOptions,
    /// Said beside the plan: when it begins, with how many.
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) pilot: Option<u64>,
}

/// A plan or a batch, for scripts. `send`, `reset`, `announce` and `skip` are disjoint and add up to `people`.
#[derive(Serialize)]
struct Line<'a> {
    batch: BatchId,
    send: u64,
    reset: u64,
    announce: u64,
    skip: &'a BTreeMap<SkipReason, u64>,
    people: u64,
    messages: BTreeMap<Channel, u64>,
    languages: BTreeMap<String, u64>,
    fallbacks: BTreeMap<String, u64>,
    sms_segments: u64,
    sms_ucs2: u64,
    shared_addresses: u64,
    confirmed: bool,
    not_before: Option<DateTime<Utc>>,
}

/// What a plan decided for one person, for scripts.
#[derive(Serialize)]
struct PersonLine<'a> {
    user: UserId,
    name: &'a str,
    decision: &'static str,
    skip: Option<SkipReason>,
    channels: &'a [Channel],
}

/// Plans, shows, asks, confirms.
pub(crate) async fn carry_out(session: &Session, acting: &Acting, request: PlanRequest, ways: Ways) -> Done {
    let output = session.output;
    if !ways.plan_only && !ways.yes && !output.can_ask() {
        return Err(Failure::wrong(
            "nothing is sent without a yes, and there is no terminal to ask on: add --yes, or look at the plan with \
             --plan-only",
        ));
    }
    session.can_recognise(acting.organisation.id).await?;
    let plan = session.invites.plan(&acting.actor, request).await?;
    let totals = if ways.resets { plan.totals().clone() } else { plan.totals().clone().without_consent() };
    if ways.each {
        each(session, acting, &plan, ways).await?;
    }
    if ways.plan_only || !ways.yes {
        show(output, acting, &plan, &totals, ways)?;
    }
    if ways.plan_only {
        return Ok(Exit::Done);
    }
    if totals.recipients() == 0 && !ways.yes {
        session.invites.cancel(&acting.actor, plan.id()).await?;
        output.say("Nobody would get a message, so there is nothing to confirm.")?;
        return Ok(Exit::Done);
    }
    let refusal = "a plan must be confirmed";
    if !ask::consent(output, ways.yes, &question(&totals, plan.batch().action), refusal)? {
        session.invites.cancel(&acting.actor, plan.id()).await?;
        output.say("Nothing is sent.")?;
        return Ok(Exit::Done);
    }
    let options = ways.options.resets(ways.resets);
    let batch = session.invites.confirm_with(&acting.actor, plan.id(), options).await?;
    confirmed(output, &batch, acting.organisation.settings.time_zone)?;
    Ok(Exit::Done)
}

/// Each person of a plan with what happens to them.
async fn each(session: &Session, acting: &Acting, plan: &Plan, ways: Ways) -> Result<(), Failure> {
    let output = session.output;
    let mut after = None;
    loop {
        let page = session.invites.items(&acting.actor, plan.id(), after, PAGE).await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for item in page.rows {
            let user =
                session.invites.user(&acting.actor, item.user).await.map(|row| row.user.display_name());
            let name = user.unwrap_or_else(|_| "somebody who is gone".into());
            let (mut decision, mut skip) = (item.decision.as_str(), item.decision.skip_reason());
            if decision == "send_with_reset" && !ways.resets {
                (decision, skip) = ("skip", Some(SkipReason::SetUpNeedsConsent));
            }
            if output.json() {
                output.object(&PersonLine {
                    user: item.user,
                    name: &name,
                    decision,
                    skip,
                    channels: &item.channels,
                })?;
                continue;
            }
            let what = match (decision, skip) {
                (_, Some(reason)) => format!("skipped: {}", reason.text()),
                ("send_with_reset", None) => "message, and password reset".into(),
                ("send", None) => "message".into(),
                _ => "message without password or link".into(),
            };
            let channels = if skip.is_some() { &[] } else { item.channels.as_slice() };
            rows.push(vec![
                name,
                what,
                channels.iter().map(|channel| channel_name(*channel)).collect::<Vec<_>>().join(", "),
            ]);
        }
        if !rows.is_empty() {
            output.table(&["NAME", "WHAT HAPPENS", "CHANNELS"], rows)?;
            output.say("")?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn show(output: Output, acting: &Acting, plan: &Plan, totals: &Totals, ways: Ways) -> Result<(), Failure> {
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

fn confirmed(output: Output, batch: &Batch, zone: Tz) -> Result<(), Failure> {
    let not_before = batch.confirmed.as_ref().map(|confirmed| confirmed.not_before);
    if output.json() {
        return line(output, batch.id, &batch.totals, not_before, true);
    }
    let recipients = counted(batch.totals.recipients(), "person", "people");
    output.say(format!("Confirmed: {recipients} get a message ({}).", messages(&batch.totals)))?;
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
    output.note("`invite work` sends it; `invite batch watch --latest` shows how far it is.");
    Ok(())
}

fn line(
    output: Output,
    batch: BatchId,
    totals: &Totals,
    not_before: Option<DateTime<Utc>>,
    confirmed: bool,
) -> Result<(), Failure> {
    let wording = wording(totals);
    output.object(&Line {
        batch,
        send: totals.send,
        reset: totals.reset,
        announce: totals.announce,
        skip: &totals.skip,
        people: totals.people(),
        messages: Channel::ALL
            .into_iter()
            .map(|channel| (channel, count(totals, channel)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        languages: wording.languages,
        fallbacks: wording.fallbacks,
        sms_segments: wording.sms_segments,
        sms_ucs2: wording.sms_ucs2,
        shared_addresses: totals.shared_addresses_with_resets,
        confirmed,
        not_before,
    })
}

fn question(totals: &Totals, action: Action) -> String {
    let what = match action {
        Action::Remind => counted(totals.recipients(), "reminder", "reminders"),
        _ => counted(totals.recipients(), "invitation", "invitations"),
    };
    if totals.reset == 0 {
        return format!("Send {what}?");
    }
    let passwords = counted(totals.reset, "password", "passwords");
    format!("Send {what}, and reset {passwords}{}?", administrators(totals))
}

fn administrators(totals: &Totals) -> String {
    match totals.reset_administrators {
        0 => String::new(),
        count => format!(" ({} of administrators)", grouped(count)),
    }
}

fn count(totals: &Totals, channel: Channel) -> u64 {
    let of = |messages: &BTreeMap<Channel, u64>| messages.get(&channel).copied().unwrap_or_default();
    of(&totals.messages) + of(&totals.reset_messages)
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

/// Languages and sizes, of resets too.
fn wording(totals: &Totals) -> Wording {
    totals.wording.clone().and(&totals.reset_wording)
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

const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "e-mail",
        Channel::Sms => "SMS",
    }
}
