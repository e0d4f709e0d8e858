//! Batches: how far they are, and stopping them.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use crate::machine::batch::BatchEvent;
use crate::model::actor::Actor;
use crate::model::batch::{Batch, Progress};
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{BatchId, DeliveryId};
use crate::port::plans::BatchChange;

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchStatus {
    /// The batch, with its totals.
    pub batch: Batch,
    /// What became of its messages and people.
    pub progress: Progress,
    /// Whether it was confirmed, and nothing of it is on its way any more.
    pub finished: bool,
}

impl BatchStatus {
    fn new(batch: Batch, progress: Progress) -> Self {
        let on_their_way: u64 = DeliveryState::ALL
            .iter()
            .filter(|state| state.is_on_its_way())
            .filter_map(|state| progress.states.get(state))
            .sum();
        let finished = batch.confirmed.is_some() && on_their_way == 0;
        Self { batch, progress, finished }
    }
}

impl Invites {
    /// How far a plan or batch is.
    pub async fn batch(&self, actor: &Actor, batch: BatchId) -> Result<BatchStatus, Error> {
        self.authorise(actor).await?;
        let organisation = actor.organisation();
        let found = self.inner.store.batch(organisation, batch).await?.ok_or(Error::NotFound("batch"))?;
        let progress = self.inner.store.progress(organisation, batch).await?;
        Ok(BatchStatus::new(found, progress))
    }

    /// Plans and batches, the newest first, those before the cursor.
    pub async fn batches(
        &self,
        actor: &Actor,
        before: Option<BatchId>,
        limit: usize,
    ) -> Result<Page<Batch, BatchId>, Error> {
        self.authorise(actor).await?;
        let rows = self.inner.store.batches(actor.organisation(), before, limit).await?;
        Ok(Page::new(rows, limit, |batch| batch.id))
    }

    /// The messages of a batch, in ascending order of id, after the cursor.
    pub async fn deliveries(
        &self,
        actor: &Actor,
        batch: BatchId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page<Delivery, DeliveryId>, Error> {
        self.authorise(actor).await?;
        let rows = self.inner.store.deliveries(actor.organisation(), batch, after, limit).await?;
        Ok(Page::new(rows, limit, |delivery| delivery.id))
    }

    /// Stops a batch for now, for this reason in words.
    pub async fn pause(
        &self,
        actor: &Actor,
        batch: BatchId,
        because: impl Into<String> + Send,
    ) -> Result<Batch, Error> {
        self.change_batch(actor, batch, BatchEvent::Pause, Some(because.into())).await
    }

    /// Lets a paused batch go on. After its pilot, to all the others; while the pilot is still on its way, the pilot goes on.
    pub async fn resume(&self, actor: &Actor, batch: BatchId) -> Result<Batch, Error> {
        self.change_batch(actor, batch, BatchEvent::Resume, None).await
    }

    /// Stops a plan or batch for good. What was sent goes on working.
    pub async fn cancel(&self, actor: &Actor, batch: BatchId) -> Result<Batch, Error> {
        self.change_batch(actor, batch, BatchEvent::Cancel, None).await
    }

    /// Stops a batch for good and takes back what it did: nothing that it sent works any more, and passwords that it
    /// reset count again.
    pub async fn recall(&self, actor: &Actor, batch: BatchId) -> Result<Batch, Error> {
        self.change_batch(actor, batch, BatchEvent::Recall, None).await
    }

    #[instrument(skip_all, fields(organisation = %actor.organisation(), %batch, ?event))]
    async fn change_batch(
        &self,
        actor: &Actor,
        batch: BatchId,
        event: BatchEvent,
        because: Option<String>,
    ) -> Result<Batch, Error> {
        self.authorise(actor).await?;
        let change = BatchChange { batch, actor: actor.clone(), event, because };
        let changed = self.inner.store.change_batch(change).await?.ok_or(Error::NotFound("batch"))?;
        if event != BatchEvent::Pause {
            self.inner.bell.ring();
        }
        Ok(changed?)
    }
}
