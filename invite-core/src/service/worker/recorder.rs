//! Keeps outcomes, many in a transaction: whatever has gathered while the last one was written.
//!
//! An outcome that cannot be written now is kept in memory and tried again, for as long as the worker lives: to lose it would
//! send an e-mail twice. A worker that is told to end goes on trying for as long as a lease stands from then on. What is not
//! kept by then falls to its lease, as after a crash.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lease::Lease;
use super::ports::Ports;
use super::report::Tally;
use super::stop::Stop;
use crate::model::delivery::DeliveryState;
use crate::model::id::DeliveryId;
use crate::policy::Policy;
use crate::port::InvitationStore;
use crate::port::error::{PortError, PortErrorKind};
use crate::port::queue::{HandOverResult, Record, RecordDelivery};

/// At most so many outcomes in a transaction.
const BATCH: usize = 256;
/// The waits before an outcome is tried again, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// One outcome on its way to the store; its lease is held until it is there.
pub(super) struct Finished {
    pub(super) id: DeliveryId,
    pub(super) result: HandOverResult,
    pub(super) lease: Arc<Lease>,
}

impl Finished {
    fn was_handed_over(&self) -> bool {
        self.result != HandOverResult::NotCalled
    }
}

/// The recorder's end of the pipe, and the task that writes; it ends when the pipe does, or when this is dropped. It gives
/// why outcomes were not kept, if some were not.
pub(super) struct Recorder {
    pub(super) pipe: mpsc::Sender<Finished>,
    pub(super) task: JoinSet<Result<(), PortError>>,
}

/// What writes.
pub(super) struct Writer {
    pub(super) store: Arc<dyn InvitationStore>,
    pub(super) ports: Ports,
    pub(super) policy: Policy,
    pub(super) tally: Arc<Tally>,
    pub(super) stop: Stop,
}

/// What became of an attempt to write.
enum Written {
    /// It is kept; where each message stands now.
    Kept(Vec<Option<DeliveryState>>),
    /// The store refuses what was to be written, for good.
    Refused(PortError),
    /// The worker ends, and the store is still away.
    GivenUp(PortErrorKind),
}

impl Recorder {
    pub(super) fn start(writer: Writer) -> Self {
        let (pipe, outcomes) = mpsc::channel(2 * BATCH);
        let mut task = JoinSet::new();
        task.spawn(writer.run(outcomes));
        Self { pipe, task }
    }
}

impl Writer {
    async fn run(self, mut outcomes: mpsc::Receiver<Finished>) -> Result<(), PortError> {
        let mut gathered = Vec::with_capacity(BATCH);
        let mut lost = None;
        while outcomes.recv_many(&mut gathered, BATCH).await > 0 {
            if let Some((count, why)) = self.write(&gathered).await {
                lost = Some((lost.map_or(0, |(before, _)| before) + count, why));
            }
            gathered.clear();
        }
        lost.map_or(Ok(()), |(count, why)| Err(not_kept(count, why)))
    }

    /// Writes outcomes; gives how many were given up, and why. Where the store refuses them together, each is tried by
    /// itself, so that one cannot keep the others.
    async fn write(&self, outcomes: &[Finished]) -> Option<(usize, PortErrorKind)> {
        let mut left = outcomes;
        let mut given_up = None;
        let mut together = true;
        while let Some(one) = left.first() {
            let (now, rest) = if together { (left, &left[..0]) } else { left.split_at(1) };
            match self.try_to_write(now).await {
                Written::Kept(states) => {
                    for (one, state) in now.iter().zip(states) {
                        self.count(one, state);
                    }
                }
                Written::Refused(_) if now.len() > 1 => {
                    together = false;
                    continue;
                }
                Written::Refused(error) => {
                    tracing::error!(delivery = %one.id, %error, "this outcome cannot be kept: its lease lapses, and the message is sent once more or shown as unknown");
                    self.tally.not_kept();
                }
                Written::GivenUp(why) => {
                    let handed_over = left.iter().filter(|one| one.was_handed_over()).count();
                    given_up = (handed_over > 0).then_some((handed_over, why));
                    break;
                }
            }
            left = rest;
        }
        self.ports.behind(None);
        given_up
    }

    async fn try_to_write(&self, outcomes: &[Finished]) -> Written {
        let mut wait = FIRST_WAIT;
        loop {
            let record = Record {
                outcomes: outcomes
                    .iter()
                    .map(|one| RecordDelivery {
                        token: one.lease.token,
                        id: one.id,
                        result: one.result.clone(),
                    })
                    .collect(),
                policy: self.policy.clone(),
            };
            let error = match self.ports.store("record outcomes", self.store.record(record)).await {
                Ok(kept) => return Written::Kept(kept),
                Err(error) => error,
            };
            if matches!(error.kind(), PortErrorKind::Refused | PortErrorKind::Corrupt) {
                if outcomes.len() > 1 || self.takes_anything_else(&outcomes[0]).await {
                    return Written::Refused(error);
                }
                self.ports.tell(&error);
            }
            self.ports.behind(Some(error.kind()));
            if self.stop.was_told_before(self.policy.lease) {
                return Written::GivenUp(error.kind());
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Whether the store that refused an outcome takes another write about the same message. One that refuses everything,
    /// since its password was changed, say, is waited for.
    async fn takes_anything_else(&self, refused: &Finished) -> bool {
        let Policy { lease, renewal, .. } = self.policy;
        let renewed = self.store.renew(slice::from_ref(&refused.lease.token).to_vec(), lease);
        self.ports.renewal(renewal, renewed).await.is_ok()
    }

    fn count(&self, one: &Finished, state: Option<DeliveryState>) {
        // Nothing was handed over, so there was no outcome that could have been kept.
        if state.is_some() || one.was_handed_over() {
            self.tally.count(state);
        }
    }
}

fn not_kept(count: usize, why: PortErrorKind) -> PortError {
    PortError::new(why, "record outcomes before the worker ends").caused_by(format!(
        "{count} outcomes of messages that were handed over are not kept: when their leases lapse, their e-mails are sent \
         once more and their SMS are shown as unknown"
    ))
}
