//! What is kept too long goes.

use super::state::following;
use super::transaction::{Transaction, compared, delta};
use crate::model::id::{BatchId, DeliveryId, OrganisationId};

impl Transaction<'_> {
    /// Contacts of messages of batches that finished long ago.
    pub(super) fn sweep_contacts(&mut self, limit: u64) -> u64 {
        let before = self.now - delta(self.policy.contacts_kept);
        let mut changed = 0;
        while changed < limit
            && let Some((finished_at, organisation, batch)) = self.state.finished.first().copied()
            && finished_at <= before
        {
            let removed = self.remove_contacts(organisation, batch, limit - changed);
            if removed < limit - changed {
                self.state.finished.pop_first();
            }
            changed += removed;
        }
        changed
    }

    fn remove_contacts(&mut self, organisation: OrganisationId, batch: BatchId, limit: u64) -> u64 {
        let Some(row) = self.state.batches.get_mut(&(organisation, batch)) else { return 0 };
        let next = row.deliveries.range(following(row.contacts_removed, DeliveryId::from_uuid));
        let ids: Vec<DeliveryId> = next.copied().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        row.contacts_removed = ids.last().copied().or(row.contacts_removed);
        for item in row.items.values_mut() {
            item.reserve = None;
        }
        for id in &ids {
            let row = self.state.deliveries.get_mut(&(organisation, *id)).expect("a message stays");
            let address = compared(&std::mem::take(&mut row.address));
            (row.answer, row.receipt) = (None, None);
            row.destination.clear();
            self.state.addresses.remove(&(organisation, row.channel, address, *id));
        }
        ids.len() as u64
    }

    pub(super) fn sweep_events(&mut self, limit: u64) -> u64 {
        let before = self.now - delta(self.policy.events_kept);
        let mut removed = 0;
        while removed < limit && self.state.events.pop_front_if(|event| event.at <= before).is_some() {
            removed += 1;
        }
        self.state.events_removed += removed;
        removed
    }

    pub(super) fn sweep_audit(&mut self, limit: u64) -> u64 {
        let before = self.now - delta(self.policy.audit_kept);
        let mut removed = 0;
        while removed < limit
            && let Some((_, organisation, number)) =
                self.state.audit_order.pop_front_if(|(at, ..)| *at <= before)
        {
            self.state.audit.remove(&(organisation, number));
            removed += 1;
        }
        removed
    }
}
