//! Figures for whoever operates the library.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::queue::Way;
use super::transaction::Transaction;
use crate::decision::counts::open_batch;
use crate::model::id::{BatchId, OrganisationId};
use crate::model::metrics::{Count, Metrics, OpenBatch};
use crate::model::sender::{PauseKind, SenderPause};

impl Transaction<'_> {
    /// Counts for whoever operates the library.
    pub(super) fn count(&mut self, count: Count, added: i64) {
        *self.state.counts.entry(count).or_default() += added;
    }

    /// Counts the messages of a batch that is confirmed now.
    pub(super) fn count_confirmed(&mut self, organisation: OrganisationId, batch: BatchId) {
        for id in self.batch_row(organisation, batch).deliveries.clone() {
            let row = self.delivery((organisation, id));
            if row.standing.state.is_on_its_way() {
                self.count(Count::OnTheirWay(row.channel), 1);
            }
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        for (count, value) in &self.state.counts {
            metrics.keep(&count.to_string(), *value);
        }
        metrics.oldest_due = self.oldest_due().and_then(|since| (self.now - since).to_std().ok());
        metrics.senders_paused = self.senders_paused();
        metrics.batches = self.open_batches();
        metrics
    }

    /// Since when the message is due that could be claimed now and was due first.
    fn oldest_due(&self) -> Option<DateTime<Utc>> {
        let queued = self.state.going_on.iter().filter_map(|(organisation, id)| {
            let batch = self.batch_row(*organisation, *id);
            let is_free = |id| matches!(self.way(self.delivery((*organisation, id))), Way::Free);
            let mut due = self.queued(*organisation, batch).filter(|_| self.sends(batch));
            // Those of a pilot come in another order.
            let since = match batch.pilot_until {
                None => due.find(|(_, id)| is_free(*id)).map(|(due_at, _)| due_at),
                Some(_) => due.filter(|(_, id)| is_free(*id)).map(|(due_at, _)| due_at).min(),
            };
            Some(since?.max(batch.batch.confirmed.as_ref()?.not_before))
        });
        let suspects = self.state.suspects.iter().take_while(|(due_at, ..)| *due_at <= self.now);
        let suspects = suspects.filter_map(|(due_at, organisation, id)| {
            let row = self.delivery((*organisation, *id));
            let batch = self.batch_row(*organisation, row.batch);
            let leaves = self.sends(batch) && batch.pilot_until.is_none_or(|until| *id <= until);
            let not_before = batch.batch.confirmed.as_ref()?.not_before;
            (leaves && matches!(self.way(row), Way::Free)).then_some((*due_at).max(not_before))
        });
        queued.chain(suspects).min()
    }

    fn senders_paused(&self) -> BTreeMap<PauseKind, u64> {
        let mut paused = BTreeMap::new();
        for pause in self.state.pauses.values() {
            if SenderPause::stopped([pause], self.now).is_some() {
                *paused.entry(pause.kind).or_default() += 1;
            }
        }
        paused
    }

    fn open_batches(&self) -> BTreeMap<OpenBatch, u64> {
        let mut open = BTreeMap::new();
        for (organisation, id) in &self.state.going_on {
            let row = self.batch_row(*organisation, *id);
            let Some(confirmed) = &row.batch.confirmed else { continue };
            let because = row.batch.paused_because.as_deref();
            let pilot = row.pilot_until.is_some();
            if let Some(stands) = open_batch(row.batch.state, because, confirmed.not_before, pilot, self.now)
            {
                *open.entry(stands).or_default() += 1;
            }
        }
        open
    }
}
