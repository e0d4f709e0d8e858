//! Sending again what failed, or what nobody knows the end of.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::Actor;
use crate::model::id::BatchId;
use crate::port::plans::{Retried, RetryChunk};

/// Messages in a chunk.
const CHUNK: usize = 1000;

/// Which messages of a batch are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Those that failed.
    Failed,
    /// Those that may have been sent, or not: whoever has one already gets a second one.
    Unknown,
    /// Both.
    Both,
}

/// How many messages are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RetryReport {
    /// Had failed.
    pub failed: u64,
    /// Were unknown.
    pub unknown: u64,
}

impl RetryReport {
    /// All of them.
    pub const fn queued(&self) -> u64 {
        self.failed + self.unknown
    }
}

impl Invites {
    /// Puts the failed or unknown messages of a batch back into the queue, with all their attempts. Each is decided
    /// about again before it goes: whoever has set up their account, has left or is suppressed gets nothing. It carries
    /// the next generation of its credential where the one before is wiped.
    ///
    /// Only of a batch that is confirmed, and neither cancelled nor recalled. Asking twice at the same time is asking
    /// once; what fails again takes another request. When this breaks off, ask again: what is queued stays so.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %batch, ?which))]
    pub async fn retry(&self, actor: &Actor, batch: BatchId, which: Retry) -> Result<RetryReport, Error> {
        self.authorise(actor).await?;
        let mut report = RetryReport::default();
        let mut chunk = RetryChunk {
            batch,
            actor: actor.clone(),
            failed: which != Retry::Unknown,
            unknown: which != Retry::Failed,
            cursor: None,
            limit: CHUNK,
        };
        loop {
            match self.inner.store.retry(chunk.clone()).await? {
                Retried::NotFound => return Err(Error::NotFound("batch")),
                Retried::Stopped(state) => return Err(Error::NothingToRetry(state)),
                Retried::Queued { failed, unknown, next } => {
                    report.failed += failed;
                    report.unknown += unknown;
                    self.inner.bell.ring();
                    if next.is_none() {
                        return Ok(report);
                    }
                    chunk.cursor = next;
                }
            }
        }
    }
}
