//! Messages that are sent again because somebody asked for it.

use super::state::following;
use super::transaction::Transaction;
use crate::machine::delivery::DeliveryEvent;
use crate::model::batch::BatchState;
use crate::model::delivery::DeliveryState;
use crate::model::id::DeliveryId;
use crate::port::plans::{Retried, RetryChunk, RetryCursor};

impl Transaction<'_> {
    pub(super) fn retry(&mut self, chunk: &RetryChunk) -> Retried {
        let organisation = chunk.actor.organisation();
        let Some(row) = self.state.batches.get(&(organisation, chunk.batch)) else {
            return Retried::NotFound;
        };
        match row.batch.state {
            BatchState::Running | BatchState::Paused => {}
            state => return Retried::Stopped(state),
        }
        let since = chunk.cursor.map_or(self.now, |cursor| cursor.since);
        let after = chunk.cursor.map(|cursor| cursor.after);
        let wanted = |state| match state {
            DeliveryState::Failed => chunk.failed,
            DeliveryState::Unknown => chunk.unknown,
            _ => false,
        };
        let found: Vec<DeliveryId> = row
            .deliveries
            .range(following(after, DeliveryId::from_uuid))
            .filter(|id| {
                let row = self.delivery((organisation, **id));
                wanted(row.standing.state) && row.changed_at <= since
            })
            .take(chunk.limit)
            .copied()
            .collect();
        let (mut failed, mut unknown) = (0, 0);
        for id in &found {
            let (before, _) = self.step((organisation, *id), DeliveryEvent::Retry);
            let counted = if before.state == DeliveryState::Failed { &mut failed } else { &mut unknown };
            *counted += 1;
        }
        if !found.is_empty() {
            let details = format!("{failed} failed, {unknown} unknown");
            self.audit(&chunk.actor, "messages_retried", &chunk.batch, details);
            self.make_work();
        }
        let next = found.last().filter(|_| found.len() == chunk.limit);
        Retried::Queued { failed, unknown, next: next.map(|id| RetryCursor { since, after: *id }) }
    }
}
