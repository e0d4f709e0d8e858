//! Following a batch: a bar on a terminal, a line a change otherwise.

use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use invite_core::model::batch::BatchState;
use invite_core::model::id::BatchId;
use invite_core::service::BatchStatus;
use serde::Serialize;

use super::show::{Figures, state, tell};
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, grouped};
use crate::session::{Acting, Session};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How far a batch is, for scripts.
#[derive(Serialize, PartialEq, Eq)]
struct Line {
    batch: BatchId,
    state: &'static str,
    paused_because: Option<String>,
    sent: u64,
    failed: u64,
    waiting: u64,
    unknown: u64,
}

impl Line {
    fn of(status: &BatchStatus) -> Self {
        let Figures { sent, failed, waiting, unknown } = Figures::of(status);
        let paused_because = status.batch.paused_because.clone();
        Self { batch: status.batch.id, state: state(status), paused_because, sent, failed, waiting, unknown }
    }
}

pub(super) async fn watch(session: &Session, acting: &Acting, batch: BatchId) -> Done {
    let output = session.output;
    let bar = output.is_watched().then(bar);
    let mut last = None;
    // One for all rounds: a signal that comes between two of them would be lost.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let status = loop {
        let status = session.invites.batch(&acting.actor, batch).await?;
        let line = Line::of(&status);
        if last.as_ref() != Some(&line) {
            match &bar {
                Some(bar) => draw(bar, &status, &line),
                None => print(output, &line)?,
            }
            last = Some(line);
        }
        let stopped = matches!(status.batch.state, BatchState::Cancelled | BatchState::Recalled);
        if status.finished || stopped {
            break status;
        }
        if status.batch.confirmed.is_none() {
            return Err(Failure::wrong("this plan is not confirmed, so there is nothing to watch"));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = &mut interrupted => break status,
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
        tell(output, &status, acting.organisation.settings.time_zone)?;
    }
    let figures = Figures::of(&status);
    Ok(Exit::failed_if(figures.failed + figures.unknown > 0))
}

fn print(output: Output, line: &Line) -> Result<(), Failure> {
    if output.json() {
        return output.object(line);
    }
    let because = line.paused_because.as_ref().map_or_else(String::new, |because| format!(" ({because})"));
    output.say(format!(
        "{}{because}: {} sent, {} failed, {} waiting, {} unknown",
        line.state, line.sent, line.failed, line.waiting, line.unknown
    ))
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len}  {wide_msg}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn draw(bar: &ProgressBar, status: &BatchStatus, line: &Line) {
    let figures = Figures::of(status);
    bar.set_length(figures.all());
    bar.set_position(figures.all() - figures.waiting);
    let mut text = format!("{}, {} sent", line.state, grouped(line.sent));
    for (count, what) in [(line.failed, "failed"), (line.unknown, "unknown")] {
        if count > 0 {
            text.push_str(&format!(", {} {what}", grouped(count)));
        }
    }
    if let Some(because) = &line.paused_because {
        text.push_str(&format!(" ({because})"));
    }
    bar.set_message(text);
}
