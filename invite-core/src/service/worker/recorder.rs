//! Keeps outcomes, many in a transaction: whatever has gathered while the last one was written.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lease::Lease;
use super::report::Tally;
use crate::model::delivery::DeliveryState;
use crate::model::id::DeliveryId;
use crate::policy::Policy;
use crate::port::InvitationStore;
use crate::port::error::PortErrorKind;
use crate::port::queue::{HandOverResult, Record, RecordDelivery};

/// At most so many outcomes in a transaction.
const BATCH: usize = 256;

/// One outcome on its way to the store; its lease is held until it is there.
pub(super) struct Finished {
    pub(super) id: DeliveryId,
    pub(super) result: HandOverResult,
    pub(super) lease: Arc<Lease>,
}

/// The recorder's end of the pipe, and the task that writes; it ends when the pipe does, or when this is dropped.
pub(super) struct Recorder {
    pub(super) pipe: mpsc::Sender<Finished>,
    pub(super) task: JoinSet<()>,
}

impl Recorder {
    pub(super) fn start(store: Arc<dyn InvitationStore>, policy: Policy, tally: Arc<Tally>) -> Self {
        let (pipe, outcomes) = mpsc::channel(2 * BATCH);
        let mut task = JoinSet::new();
        task.spawn(run(outcomes, store, policy, tally));
        Self { pipe, task }
    }
}

async fn run(
    mut outcomes: mpsc::Receiver<Finished>,
    store: Arc<dyn InvitationStore>,
    policy: Policy,
    tally: Arc<Tally>,
) {
    let mut gathered = Vec::with_capacity(BATCH);
    while outcomes.recv_many(&mut gathered, BATCH).await > 0 {
        let record = Record {
            outcomes: gathered
                .iter()
                .map(|one| RecordDelivery { token: one.lease.token, id: one.id, result: one.result.clone() })
                .collect(),
            policy: policy.clone(),
        };
        let kept = write(&*store, record).await;
        gathered.clear();
        for state in kept {
            tally.count(state);
        }
    }
}

/// An outcome that cannot be written now is kept in memory and tried again: to lose it would send an e-mail twice. When
/// the store refuses them for good, each is tried by itself, so that one cannot keep the others; one that is refused by
/// itself is given up with an error, and its lease lapses: it is then shown as unknown.
async fn write(store: &dyn InvitationStore, record: Record) -> Vec<Option<DeliveryState>> {
    if let Some(kept) = write_together(store, &record).await {
        return kept;
    }
    let mut kept = Vec::with_capacity(record.outcomes.len());
    for one in record.outcomes {
        let alone = Record { outcomes: vec![one], policy: record.policy.clone() };
        kept.push(write_together(store, &alone).await.and_then(|states| states.first().copied().flatten()));
    }
    kept
}

/// None where the store refuses for good.
async fn write_together(store: &dyn InvitationStore, record: &Record) -> Option<Vec<Option<DeliveryState>>> {
    let mut wait = Duration::from_millis(50);
    loop {
        let error = match store.record(record.clone()).await {
            Ok(kept) => return Some(kept),
            Err(error) => error,
        };
        tracing::error!(%error, outcomes = record.outcomes.len(), "outcomes not recorded");
        if matches!(error.kind(), PortErrorKind::Refused | PortErrorKind::Corrupt) {
            return None;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}
