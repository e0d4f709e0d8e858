//! Whether a port is away, told once when it goes and once when it is back.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::port::error::{PortError, PortErrorKind};

/// A store is back when it answers, and has failed in nothing for so long: longer than the longest call and the longest wait
/// before it is tried again, so that a database that answers some calls and fails in others, being read-only or nearly full,
/// is one outage and not many.
pub(super) const STEADY: Duration = Duration::from_mins(1);

/// One port of a worker, and whether it is away.
#[derive(Debug)]
pub(super) struct Outage {
    /// The port, as people call it.
    port: &'static str,
    /// It is back when it answers and has not failed for so long.
    steady: Duration,
    /// Whether the worker ends where it cannot be written to: the error is then its answer.
    ends: bool,
    away: Mutex<Option<Away>>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    failed_at: Instant,
    /// What was told of it.
    told: Vec<PortErrorKind>,
}

impl Outage {
    pub(super) const fn new(port: &'static str, steady: Duration, ends: bool) -> Self {
        Self { port, steady, ends, away: Mutex::new(None) }
    }

    /// Whether it is away, as far as is known.
    pub(super) fn is_on(&self) -> bool {
        self.away.lock().expect("nobody panics with it").is_some()
    }

    /// A call was answered.
    pub(super) fn answered(&self) {
        let mut place = self.away.lock().expect("nobody panics with it");
        let Some(away) = place.take_if(|away| away.failed_at.elapsed() >= self.steady) else { return };
        drop(place);
        let seconds = (away.failed_at - away.since).as_secs();
        tracing::info!(away_seconds = seconds, "{} answers again", self.port);
    }

    /// A call failed. An error of another kind than these is about what was asked, and the port is there.
    pub(super) fn failed(&self, error: &PortError) {
        let kind = error.kind();
        if !matches!(kind, PortErrorKind::Unavailable | PortErrorKind::NotWritable) {
            return;
        }
        let now = Instant::now();
        let mut place = self.away.lock().expect("nobody panics with it");
        let away = place.get_or_insert_with(|| Away { since: now, failed_at: now, told: Vec::new() });
        away.failed_at = now;
        let known = away.told.contains(&kind);
        if !known {
            away.told.push(kind);
        }
        drop(place);
        if known || (self.ends && kind == PortErrorKind::NotWritable) {
            tracing::debug!(%error, "{} is away", self.port);
        } else if kind == PortErrorKind::NotWritable {
            tracing::error!(
                ?kind,
                %error,
                "{} cannot be written to; the worker waits and goes on by itself: make room on its disc, or make it \
                 writable again",
                self.port
            );
        } else {
            tracing::error!(
                ?kind,
                %error,
                "{} is not available; the worker waits and goes on by itself: look whether its database runs and can be \
                 reached",
                self.port
            );
        }
    }
}
