//! `invite work`: sends what is queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use invite_core::model::message::Channel;
use invite_core::model::rate::Rate;
use invite_core::service::{Builder, WorkReport};
use serde::Serialize;
use tokio::sync::Notify;

use crate::arguments::Globals;
use crate::database::Store;
use crate::duration;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::log;
use crate::output::{Output, counted, grouped};
use crate::session::{Needs, Session};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// End when nothing is due; what waits for a time, a sender or a person is counted
    #[arg(long)]
    until_idle: bool,
    /// So many messages are on their way to the provider at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// So many e-mails a second at most, by all workers on the database together
    #[arg(long, value_name = "N", env = "INVITE_EMAIL_RATE")]
    email_rate: Option<Rate>,
    /// So many SMS a second at most, by all workers on the database together
    #[arg(long, value_name = "N", env = "INVITE_SMS_RATE")]
    sms_rate: Option<Rate>,
}

/// The waits before a database that is not there is looked for again, doubling.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What a worker did, for scripts.
#[derive(Serialize)]
struct Line {
    sent: u64,
    failed: u64,
    waiting: u64,
    unknown: u64,
    cancelled: u64,
    put_off: u64,
    not_kept: u64,
    next_in_seconds: Option<u64>,
    stopped: bool,
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let rates = |builder: Builder| {
        let builder = match arguments.email_rate {
            Some(rate) => builder.email_rate(rate),
            None => builder,
        };
        match arguments.sms_rate {
            Some(rate) => builder.sms_rate(rate),
            None => builder,
        }
    };
    let session = opened(globals, output, arguments.until_idle, rates).await?;
    match (session.url(Channel::Email), session.url(Channel::Sms)) {
        (None, None) => {
            return Err(Failure::wrong(
                "there is nothing to send with: give --email (INVITE_EMAIL) or --sms (INVITE_SMS), such as --email \
                 file:outbox",
            ));
        }
        (Some(_), Some(_)) => {}
        (None, _) => output.note("No --email: e-mails wait."),
        (_, None) => output.note("No --sms: SMS wait."),
    }
    let stop = Arc::new(Stop::default());
    tokio::spawn(stop.clone().listen());
    let worker = session.invites.worker().concurrency(usize::from(arguments.concurrency));
    let told = stop.clone();
    let shutdown = async move { told.begun.notified().await };
    let bar = output.is_watched().then(|| tokio::spawn(show(session.store.clone(), session.counts.clone())));
    let report = if arguments.until_idle {
        worker.run_until_idle_or(shutdown).await
    } else {
        worker.run_until(shutdown).await
    };
    if let Some(bar) = bar {
        bar.abort();
        // Aborting is how it ends.
        let _ = bar.await;
        log::below(None);
    }
    tell(output, &report?, stop.told.load(Ordering::Relaxed))
}

/// Opens the database. A worker that runs all the time waits for one that is not there yet, as it does for one that goes
/// away later; one that refuses is an error at once.
async fn opened(
    globals: &Globals,
    output: Output,
    until_idle: bool,
    with: impl Fn(Builder) -> Builder,
) -> Result<Session, Failure> {
    let mut wait = FIRST_WAIT;
    loop {
        let away = match Session::open_with(globals, output, Needs::Sending, &with).await {
            Err(Failure::Away(message)) if !until_idle => message,
            Ok(session) if wait > FIRST_WAIT => {
                tracing::warn!("the database is there now");
                return Ok(session);
            }
            session => return session,
        };
        if wait == FIRST_WAIT {
            tracing::error!("{away}. Trying again until it is there");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn tell(output: Output, report: &WorkReport, stopped: bool) -> Done {
    let waiting = report.waiting.due + report.waiting.leased + report.waiting.later;
    if output.json() {
        output.object(&Line {
            sent: report.sent,
            failed: report.failed,
            waiting,
            unknown: report.unknown,
            cancelled: report.cancelled,
            put_off: report.put_off,
            not_kept: report.not_kept,
            next_in_seconds: report.waiting.next_in.map(|next| next.as_secs()),
            stopped,
        })?;
    } else {
        let mut parts = vec![
            counted(report.sent, "message sent", "messages sent"),
            format!("{} failed", grouped(report.failed)),
        ];
        let others = [
            (report.unknown, "unknown"),
            (report.not_kept, "not kept (the log says why)"),
            (report.cancelled, "no longer wanted"),
            (waiting, "waiting"),
        ];
        parts.extend(
            others
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{} {what}", grouped(*count))),
        );
        output.say(format!("{}{}.", if stopped { "Stopped. " } else { "" }, parts.join(", ")))?;
        if stopped && waiting > 0 {
            output.note(
                "The next `invite work` goes on; `invite batch show --latest` says what waits for what.",
            );
        } else if let Some(next) = report.waiting.next_in.filter(|_| waiting > 0) {
            let next = duration::text(Duration::from_secs(next.as_secs().max(1)));
            output.note(format!("The next of those that wait is due in {next}; `invite batch show --latest` says what waits for what."));
        } else if waiting > 0 {
            output.note("They wait for somebody: `invite batch show --latest` says for what.");
        }
        if report.failed + report.unknown > 0 {
            output.note("Who it is: `invite users --failed`; why: `invite user why USER`.");
        }
    }
    Ok(Exit::failed_if(report.failed + report.unknown + report.not_kept > 0))
}

/// Ctrl-C and SIGTERM: the first stops cleanly, the second at once.
#[derive(Debug, Default)]
struct Stop {
    begun: Notify,
    told: AtomicBool,
}

impl Stop {
    async fn listen(self: Arc<Self>) {
        if !signal().await {
            return;
        }
        self.told.store(true, Ordering::Relaxed);
        tracing::info!("stopping: what is on its way to the provider is still sent and recorded");
        self.begun.notify_one();
        if signal().await {
            // What is on its way is found again by the next worker, as after a crash.
            std::process::exit(130);
        }
    }
}

/// Completes with the next signal to stop; false where signals cannot be had.
async fn signal() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
            _ = terminate.recv() => true,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.is_ok()
}

/// A bar of what was handed over and what is left, until it is aborted.
async fn show(queue: Arc<dyn Store>, counts: Arc<crate::transports::Counts>) {
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len}  {wide_msg}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let _shown = Shown(bar.clone());
    log::below(Some(bar.clone()));
    bar.enable_steady_tick(Duration::from_millis(200));
    loop {
        let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (sent, refused, unknown) = (of(&counts.accepted), of(&counts.refused), of(&counts.unknown));
        let done = sent + refused + unknown;
        if let Ok(waiting) = queue.waiting().await {
            bar.set_length(done + waiting.due + waiting.leased);
            let mut text = format!("{} sent", grouped(sent));
            for (count, what) in [
                (refused, "refused"),
                (unknown, "unknown"),
                (of(&counts.put_off), "put off"),
                (waiting.later, "waiting"),
            ] {
                if count > 0 {
                    text.push_str(&format!(", {} {what}", grouped(count)));
                }
            }
            bar.set_message(text);
        }
        bar.set_position(done);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Takes the bar away whenever its task ends.
struct Shown(ProgressBar);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
