//! Why the messages of a batch wait.

use std::collections::BTreeMap;

use super::state::BatchRow;
use super::transaction::Transaction;
use crate::decision::waits::{Queued, waits};
use crate::model::batch::Waits;
use crate::model::delivery::{DeliveryState, WaitCause};
use crate::model::id::OrganisationId;
use crate::model::sender::{SenderPause, matching};

impl Transaction<'_> {
    pub(super) fn waits(&self, organisation: OrganisationId, row: &BatchRow) -> BTreeMap<WaitCause, Waits> {
        let mut found: BTreeMap<WaitCause, Waits> = BTreeMap::new();
        let Some(confirmed) = &row.batch.confirmed else { return found };
        for id in &row.deliveries {
            let delivery = self.delivery((organisation, *id));
            let standing = &delivery.standing;
            if standing.state != DeliveryState::Queued {
                continue;
            }
            let stops = matching(&delivery.sender, &delivery.account, &delivery.destination);
            let stops: Vec<_> = stops.iter().filter_map(|key| self.state.pauses.get(key)).collect();
            let queued = Queued {
                batch: row.batch.state,
                not_before: confirmed.not_before,
                beyond_pilot: row.pilot_until.is_some_and(|until| *id > until),
                stopped: SenderPause::stopped(stops, self.now),
                due_at: standing.due_at,
                waits_for: standing.waits_for,
            };
            if let Some((cause, until)) = waits(&queued, self.now) {
                found.entry(cause).or_default().add(1, until);
            }
        }
        found
    }
}
