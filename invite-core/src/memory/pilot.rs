//! Pilots: a batch goes to its first people, and pauses itself when that is done.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use super::transaction::Transaction;
use crate::decision::pilot;
use crate::model::batch::{BatchState, Pilot};
use crate::model::delivery::DeliveryState;
use crate::model::id::{BatchId, OrganisationId};

impl Transaction<'_> {
    /// Cuts a batch that is being confirmed off after its first people.
    pub(super) fn begin_pilot(&mut self, place: (OrganisationId, BatchId), people: Option<NonZeroU64>) {
        let row = &self.state.batches[&place];
        let Some(people) = people.map(NonZeroU64::get).filter(|n| *n < row.batch.totals.recipients()) else {
            return;
        };
        let nth = usize::try_from(people - 1).unwrap_or(usize::MAX);
        let recipients = row.items.values().filter(|item| item.item.decision.skip_reason().is_none());
        let Some(last) = recipients.map(|item| item.item.user).nth(nth) else { return };
        let messages = self.messages_to(place.0, last).into_iter();
        let until = messages.filter(|key| self.delivery(*key).batch == place.1).map(|key| key.1).max();
        let row = self.state.batches.get_mut(&place).expect("it was there");
        row.pilot_until = until;
        if let Some(confirmed) = &mut row.batch.confirmed {
            confirmed.pilot = Some(Pilot { people, over: false });
        }
    }

    /// Lets the rest of a batch go on, if its pilot is out.
    pub(super) fn resume_pilot(&mut self, organisation: OrganisationId, batch: BatchId) {
        if self.pilot_is_out(organisation, batch).is_none() {
            return;
        }
        let row = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        row.pilot_until = None;
        if let Some(pilot) = row.batch.confirmed.as_mut().and_then(|confirmed| confirmed.pilot.as_mut()) {
            pilot.over = true;
        }
    }

    /// Pauses a batch whose pilot is out.
    pub(super) fn end_pilot(&mut self, organisation: OrganisationId, batch: BatchId) {
        let Some(row) = self.state.batches.get(&(organisation, batch)) else { return };
        let pilot = row.batch.confirmed.as_ref().and_then(|confirmed| confirmed.pilot);
        let (Some(pilot), BatchState::Running) = (pilot, row.batch.state) else { return };
        if row.on_their_way > 0
            && let Some(messages) = self.pilot_is_out(organisation, batch)
        {
            let because = pilot::because(pilot.people, &messages);
            self.pause_batch(organisation, batch, Some(because));
        }
    }

    /// The messages of a pilot by their state, if none of them is on its way any more and the rest still waits for it.
    fn pilot_is_out(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
    ) -> Option<BTreeMap<DeliveryState, u64>> {
        let row = self.batch_row(organisation, batch);
        let mut states = BTreeMap::new();
        for id in row.deliveries.range(..=row.pilot_until?) {
            let state = self.delivery((organisation, *id)).standing.state;
            if state.is_on_its_way() {
                return None;
            }
            *states.entry(state).or_default() += 1;
        }
        Some(states)
    }
}
