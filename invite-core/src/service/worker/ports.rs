//! The ports as a worker asks them: each call has an end, an outage is told once, and nothing is claimed while outcomes
//! wait to be kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::outage::{Outage, STEADY};
use super::stop::Stop;
use crate::port::error::{PortError, PortErrorKind, PortResult};

/// A call that takes longer is given up: on a connection whose other end is gone without a word it would never end. Longer
/// than stores themselves wait by default, so that their own error, which says more, comes first: 30 s for a connection of
/// a pool of sqlx, 10 s for another process's lock on SQLite.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(40);
/// The same for a sweep, which many rows may take long and nobody waits for.
const SWEEP_WITHIN: Duration = Duration::from_mins(5);
/// What somebody has to mend is told again after this.
const TOLD_AGAIN: Duration = Duration::from_mins(10);
/// So many different errors are told within that time.
const TOLD: usize = 16;

/// The ports of a worker. Clones share what is known of them.
#[derive(Debug, Clone)]
pub(super) struct Ports(Arc<Known>);

#[derive(Debug)]
struct Known {
    store: Outage,
    /// None where the people are the store's.
    people: Option<Outage>,
    senders: Outage,
    /// What was told for somebody to mend, and when.
    told: Mutex<Vec<(String, Instant)>>,
    /// Why outcomes could not be kept yet, where some wait for it.
    behind: watch::Sender<Option<PortErrorKind>>,
    /// Whether the worker ends with an error that does not pass by itself.
    ends: bool,
}

impl Ports {
    /// Where the worker `ends` with an error that does not pass by itself, such an error is its answer and not told.
    pub(super) fn new(people_in_store: bool, ends: bool) -> Self {
        let others = |port| Outage::new(port, Duration::ZERO, ends);
        Self(Arc::new(Known {
            store: Outage::new("the store", STEADY, ends),
            people: (!people_in_store).then(|| others("the people's database")),
            senders: others("what the host finds senders with"),
            told: Mutex::default(),
            behind: watch::Sender::new(None),
            ends,
        }))
    }

    /// Asks the store.
    pub(super) async fn store<T>(
        &self,
        doing: &str,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        ask(&self.0.store, (doing, ANSWER_WITHIN), call).await
    }

    /// A call that was not asked here has failed.
    pub(super) fn store_failed(&self, error: &PortError) {
        self.0.store.failed(error);
    }

    /// Asks the store to renew a lease, which is asked again before long.
    pub(super) async fn renewal<T>(
        &self,
        every: Duration,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        ask(&self.0.store, ("renew a lease", every.min(ANSWER_WITHIN)), call).await
    }

    /// Asks the store to sweep.
    pub(super) async fn sweep<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        ask(&self.0.store, ("sweep", SWEEP_WITHIN), call).await
    }

    /// Asks for people.
    pub(super) async fn people<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        let port = self.0.people.as_ref().unwrap_or(&self.0.store);
        ask(port, ("look up people", ANSWER_WITHIN), call).await
    }

    /// Asks what is sent with.
    pub(super) async fn senders<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        ask(&self.0.senders, ("find what to send with", ANSWER_WITHIN), call).await
    }

    /// Tells of an error that stops work: of an outage not again, of one that somebody has to mend now and then.
    pub(super) fn tell(&self, error: &PortError) {
        let Known { store, people, senders, told, .. } = &*self.0;
        let passes = matches!(error.kind(), PortErrorKind::Unavailable | PortErrorKind::NotWritable);
        let away = [Some(store), people.as_ref(), Some(senders)].into_iter().flatten().any(Outage::is_on);
        let mut told = told.lock().expect("nobody panics with it");
        told.retain(|(_, at)| at.elapsed() < TOLD_AGAIN);
        let words = error.to_string();
        if (passes && away) || told.len() >= TOLD || told.iter().any(|(known, _)| *known == words) {
            tracing::debug!(%error, "waiting to go on");
            return;
        }
        told.push((words, Instant::now()));
        drop(told);
        tracing::error!(kind = ?error.kind(), %error, "waiting to go on");
    }

    /// Outcomes could not be kept, for this reason, and wait until they can; or none waits any more.
    pub(super) fn behind(&self, why: Option<PortErrorKind>) {
        self.0.behind.send_if_modified(|behind| std::mem::replace(behind, why) != why);
    }

    /// Waits until no outcome waits to be kept, or it is to stop. A claim or a sweep before that could take back a message
    /// whose lease lapsed meanwhile, and it would go twice although it is known what became of it.
    ///
    /// Where the worker ends with an error that does not pass by itself, that is the answer.
    pub(super) async fn caught_up(&self, stop: &Stop) -> PortResult<()> {
        let ends = self.0.ends;
        let over = |behind: &Option<PortErrorKind>| {
            behind.is_none_or(|why| ends && why != PortErrorKind::Unavailable)
        };
        let mut behind = self.0.behind.subscribe();
        tokio::select! {
            why = behind.wait_for(over) => match why.map(|why| *why) {
                Ok(Some(why)) => Err(PortError::new(why, "record outcomes")),
                // Without a sender there is no worker.
                Ok(None) | Err(_) => Ok(()),
            },
            () = stop.told() => Ok(()),
        }
    }
}

async fn ask<T>(
    port: &Outage,
    (doing, limit): (&str, Duration),
    call: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    let answer = timeout(limit, call).await.unwrap_or_else(|_| {
        let late = format!("no answer within {} s", limit.as_secs_f64());
        Err(PortError::new(PortErrorKind::Unavailable, doing).caused_by(late))
    });
    match &answer {
        Ok(_) => port.answered(),
        Err(error) => port.failed(error),
    }
    answer
}
