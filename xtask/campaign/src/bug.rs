//! Deliberate bugs: what a store or a worker could do wrong, done wrong on purpose, to see that the campaign finds it.
//! They are in front of the store, in worker processes of the campaign alone.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::decision::pace::Slots;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{ClaimToken, DeliveryId};
use invite_core::model::metrics::Metrics;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::policy::Policy;
use invite_core::port::InvitationStore;
use invite_core::port::bell::Rings;
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::port::queue::{
    Begin, Begun, Claim, Claimed, HandOverResult, Queue, Record, RecordDelivery, Reported, ReserveSends,
    Waiting,
};

use crate::database::Rows;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A worker whose claim has passed on records all the same.
    NoFencing,
    /// Attempts are counted when the outcome is recorded.
    AttemptCountedElsewhere,
    /// The store takes the time from the worker.
    WorkersClock,
    /// A message is recorded as sent before it is.
    RecordedBeforeSending,
    /// Rows that were read are written after a while, without looking at them again under the lock.
    NoRecheck,
}

impl Bug {
    pub(crate) const ALL: [Self; 5] = [
        Self::NoFencing,
        Self::AttemptCountedElsewhere,
        Self::WorkersClock,
        Self::RecordedBeforeSending,
        Self::NoRecheck,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoFencing => "no-fencing",
            Self::AttemptCountedElsewhere => "attempt-counted-elsewhere",
            Self::WorkersClock => "workers-clock",
            Self::RecordedBeforeSending => "recorded-before-sending",
            Self::NoRecheck => "no-recheck",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, Box<dyn Error>> {
        Self::ALL.into_iter().find(|bug| bug.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("--bug {name}: there are {names}").into()
        })
    }
}

/// A queue with a bug.
#[derive(Debug)]
pub(crate) struct Bugged<S> {
    store: S,
    rows: Arc<dyn Rows>,
    bug: Option<Bug>,
}

impl<S> Bugged<S> {
    pub(crate) const fn new(store: S, rows: Arc<dyn Rows>, bug: Option<Bug>) -> Self {
        Self { store, rows, bug }
    }
}

#[async_trait]
impl<S: InvitationStore> Queue for Bugged<S> {
    async fn claim(&self, claim: Claim) -> PortResult<Claimed> {
        if self.bug == Some(Bug::NoRecheck) {
            let due = self.rows.due(4).await.map_err(wrong)?;
            // As long as a lock may be waited for.
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.rows.put_back(&due).await.map_err(wrong)?;
        }
        self.store.claim(claim).await
    }

    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>> {
        let (token, policy) = (begin.token, begin.policy.clone());
        let ids: Vec<DeliveryId> = begin.deliveries.iter().map(|one| one.id).collect();
        let begun = self.store.begin(begin).await?;
        let gone = ids.into_iter().zip(&begun).filter(|(_, begun)| matches!(begun, Begun::Go(_)));
        let gone: Vec<DeliveryId> = gone.map(|(id, _)| id).collect();
        match self.bug {
            Some(Bug::AttemptCountedElsewhere) => self.rows.add_attempts(&gone, -1).await.map_err(wrong)?,
            Some(Bug::RecordedBeforeSending) => {
                let result = HandOverResult::Outcome(Outcome::Accepted(Receipt(String::new())));
                let recorded = |id| RecordDelivery { token, id, result: result.clone() };
                let outcomes = gone.into_iter().map(recorded).collect();
                self.store.record(Record { outcomes, policy }).await?;
            }
            _ => {}
        }
        Ok(begun)
    }

    async fn record(&self, mut record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        match self.bug {
            Some(Bug::NoFencing) => {
                for outcome in &mut record.outcomes {
                    let now = self.rows.token(outcome.id).await.map_err(wrong)?;
                    outcome.token = now.unwrap_or(outcome.token);
                }
            }
            Some(Bug::AttemptCountedElsewhere) => {
                let ids: Vec<DeliveryId> = record.outcomes.iter().map(|outcome| outcome.id).collect();
                self.rows.add_attempts(&ids, 1).await.map_err(wrong)?;
            }
            _ => {}
        }
        self.store.record(record).await
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        self.store.release(claim, deliveries).await
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        self.store.renew(claims, lease).await
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        self.store.report(reports, policy).await
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        self.store.waiting().await
    }

    async fn listen(&self) -> Rings {
        self.store.listen().await
    }

    async fn reserve_sends(&self, wish: ReserveSends) -> PortResult<Slots> {
        self.store.reserve_sends(wish).await
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        self.store.metrics().await
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        self.store.sweep(limit, policy).await
    }
}

fn wrong(error: sqlx::Error) -> PortError {
    PortError::new(PortErrorKind::Unavailable, "do it wrong").caused_by(error)
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
