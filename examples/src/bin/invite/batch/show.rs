//! Showing batches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use invite_core::model::batch::{Batch, BatchState, Funnel, Waits};
use invite_core::model::delivery::{DeliveryState, EndReason, WaitCause};
use invite_core::model::id::BatchId;
use invite_core::model::item::{Action, SkipReason};
use invite_core::service::BatchStatus;
use serde::Serialize;

use super::{PAGE, was_confirmed};
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, grouped, maybe_time, time, words};
use crate::session::{Acting, Session};

/// A batch in the list, for scripts.
#[derive(Serialize)]
struct Row<'a> {
    batch: BatchId,
    action: Action,
    scheduled: bool,
    state: BatchState,
    planned_at: DateTime<Utc>,
    confirmed_at: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    paused_because: Option<&'a str>,
    send: u64,
    reset: u64,
    announce: u64,
    skip: &'a BTreeMap<SkipReason, u64>,
}

/// A batch with what became of it, for scripts.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    finished: bool,
    sent: u64,
    failed: u64,
    waiting: u64,
    unknown: u64,
    messages: &'a BTreeMap<DeliveryState, u64>,
    reasons: &'a BTreeMap<EndReason, u64>,
    waits: &'a BTreeMap<WaitCause, Waits>,
    funnel: Funnel,
}

impl<'a> Row<'a> {
    fn of(batch: &'a Batch) -> Self {
        let totals = &batch.totals;
        Self {
            batch: batch.id,
            action: batch.action,
            scheduled: batch.scheduled,
            state: batch.state,
            planned_at: batch.planned_at,
            confirmed_at: batch.confirmed.as_ref().map(|confirmed| confirmed.at),
            not_before: batch.confirmed.as_ref().map(|confirmed| confirmed.not_before),
            paused_because: batch.paused_because.as_deref(),
            send: totals.send,
            reset: totals.reset,
            announce: totals.announce,
            skip: &totals.skip,
        }
    }
}

/// What a batch does, and whether a schedule made it.
fn what(batch: &Batch) -> String {
    let action = words(batch.action.as_str());
    if batch.scheduled { format!("{action}, by schedule") } else { action }
}

/// Messages in four figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Figures {
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) waiting: u64,
    pub(super) unknown: u64,
}

impl Figures {
    pub(super) fn of(status: &BatchStatus) -> Self {
        let mut figures = Self::default();
        for (state, count) in &status.progress.states {
            match state {
                DeliveryState::Sent | DeliveryState::Delivered | DeliveryState::Complained => {
                    figures.sent += count
                }
                DeliveryState::Failed | DeliveryState::Bounced | DeliveryState::Suppressed => {
                    figures.failed += count
                }
                DeliveryState::Unknown => figures.unknown += count,
                state if state.is_on_its_way() => figures.waiting += count,
                _ => {}
            }
        }
        figures
    }

    pub(super) const fn all(self) -> u64 {
        self.sent + self.failed + self.waiting + self.unknown
    }
}

/// The state in a word: a running batch of which nothing is on its way is finished.
pub(super) fn state(status: &BatchStatus) -> &'static str {
    match status.batch.state {
        BatchState::Running if status.finished => "finished",
        state => state.as_str(),
    }
}

pub(super) async fn list(
    session: &Session,
    acting: &Acting,
    limit: usize,
    mut before: Option<BatchId>,
    plans: bool,
) -> Done {
    let output = session.output;
    let zone = acting.organisation.settings.time_zone;
    let mut rows = Vec::new();
    let mut left = limit;
    while left > 0 {
        let page = session.invites.batches(&acting.actor, before, PAGE).await?;
        for batch in page.rows.iter().filter(|batch| plans || was_confirmed(batch)).take(left) {
            left -= 1;
            if output.json() {
                output.object(&Row::of(batch))?;
                continue;
            }
            let state = if was_confirmed(batch) || batch.state != BatchState::Planned {
                state(&session.invites.batch(&acting.actor, batch.id).await?)
            } else {
                "not confirmed"
            };
            rows.push(vec![
                batch.id.to_string(),
                what(batch),
                state.into(),
                grouped(batch.totals.recipients()),
                time(batch.planned_at, zone),
            ]);
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if !rows.is_empty() {
        output.table(&["BATCH", "WHAT", "STATE", "PEOPLE", "PLANNED"], rows)?;
    } else if left == limit {
        output.note("There is no batch yet: `invite invite` or `invite remind` makes one.");
    }
    Ok(Exit::Done)
}

pub(super) async fn show(session: &Session, acting: &Acting, batch: BatchId, each: bool) -> Done {
    let output = session.output;
    let status = session.invites.batch(&acting.actor, batch).await?;
    if each {
        messages(session, acting, batch).await?;
    }
    if output.json() {
        let figures = Figures::of(&status);
        output.object(&Line {
            row: Row::of(&status.batch),
            finished: status.finished,
            sent: figures.sent,
            failed: figures.failed,
            waiting: figures.waiting,
            unknown: figures.unknown,
            messages: &status.progress.states,
            reasons: &status.progress.reasons,
            waits: &status.progress.waits,
            funnel: status.progress.funnel,
        })?;
    } else {
        tell(output, &status, acting.organisation.settings.time_zone)?;
    }
    Ok(Exit::Done)
}

/// Tells about a batch.
pub(super) fn tell(output: Output, status: &BatchStatus, zone: Tz) -> Result<(), Failure> {
    let batch = &status.batch;
    let confirmed = batch.confirmed.as_ref();
    let counts = |parts: Vec<String>| parts.join(", ");
    // What waited when it was stopped is swept in a while.
    let stopped = matches!(batch.state, BatchState::Cancelled | BatchState::Recalled);
    let states = status.progress.states.iter().map(|(state, count)| match state {
        DeliveryState::Queued if stopped => format!("{} that no longer go", grouped(*count)),
        _ => format!("{} {}", grouped(*count), words(state)),
    });
    let reasons =
        status.progress.reasons.iter().map(|(why, count)| format!("{} {}", grouped(*count), words(why)));
    let skip = batch.totals.skip.iter().map(|(why, count)| format!("{} {}", grouped(*count), why.text()));
    let funnel = status.progress.funnel;
    let held = confirmed.filter(|confirmed| confirmed.not_before > confirmed.at);
    output.fields(&[
        ("Batch", batch.id.to_string()),
        ("What", what(batch)),
        ("State", state(status).into()),
        ("Paused because", batch.paused_because.clone().unwrap_or_default()),
        ("Planned", format!("{}, by {}", time(batch.planned_at, zone), batch.inviter)),
        ("Confirmed", maybe_time(confirmed.map(|confirmed| confirmed.at), zone)),
        ("Not before", maybe_time(held.map(|confirmed| confirmed.not_before), zone)),
        ("Stopped", maybe_time(batch.stopped_at, zone)),
        ("Messages", counts(states.collect())),
        (
            "Waiting for",
            counts(status.progress.waits.iter().map(|(cause, waits)| waiting(*cause, waits, zone)).collect()),
        ),
        ("Ended because", counts(reasons.collect())),
        ("Skipped", counts(skip.collect())),
        (
            "People",
            format!(
                "{} selected → {} to get a message → {} sent → {} came",
                grouped(funnel.selected),
                grouped(funnel.recipients),
                grouped(funnel.sent),
                grouped(funnel.accepted)
            ),
        ),
    ])?;
    if batch.state == BatchState::Paused {
        output.note(format!("It goes on with `invite batch resume {}`.", batch.id));
    }
    Ok(())
}

/// Why messages wait, and until when.
fn waiting(cause: WaitCause, waits: &Waits, zone: Tz) -> String {
    let cause = match cause {
        WaitCause::Start => "the start",
        WaitCause::Paused => "the batch to be resumed",
        WaitCause::Pilot => "the end of the pilot",
        WaitCause::Sender => "their sender (`invite sender list`)",
        WaitCause::QuietHours => "the morning",
        WaitCause::SmsLimit => "fewer SMS within a day",
        WaitCause::NextAttempt => "the next attempt",
        WaitCause::SealingKey => "the key that they were sealed with (INVITE_SECRET_KEY)",
    };
    let until = waits.next_at.map_or_else(String::new, |at| format!(", {}", time(at, zone)));
    format!("{cause}{until}: {}", grouped(waits.messages))
}

/// Each message of a batch.
async fn messages(session: &Session, acting: &Acting, batch: BatchId) -> Result<(), Failure> {
    let output = session.output;
    let zone = acting.organisation.settings.time_zone;
    let mut after = None;
    loop {
        let page = session.invites.deliveries(&acting.actor, batch, after, 500).await?;
        if output.json() {
            page.rows.iter().try_for_each(|delivery| output.object(delivery))?;
        } else if !page.rows.is_empty() {
            let rows = page.rows.iter().map(|delivery| {
                let why = delivery.reason.map(words).unwrap_or_default();
                let answer = delivery.answer.as_ref().map(ToString::to_string).unwrap_or_default();
                vec![
                    delivery.address.clone().unwrap_or_default(),
                    delivery.channel.to_string(),
                    words(delivery.state),
                    [why, answer].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": "),
                    maybe_time(delivery.sent_at.or(delivery.next_attempt_at), zone),
                ]
            });
            output.table(&["TO", "CHANNEL", "STATE", "WHY", "SENT OR NEXT TRY"], rows.collect())?;
            output.say("")?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
