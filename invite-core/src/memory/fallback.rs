//! E-mail, and SMS if it does not arrive.

use super::transaction::{DeliveryKey, Transaction};
use crate::machine::invitation::is_open;
use crate::model::batch::BatchState;
use crate::model::metrics::Count;

impl Transaction<'_> {
    /// Sends the SMS that is held in reserve for a message that did not arrive, if there is one, its batch goes on and
    /// its invitation is open. The credential of that message is revoked; the SMS carries the next generation.
    pub(super) fn fall_back(&mut self, key: DeliveryKey) {
        let organisation = key.0;
        let row = self.delivery(key);
        let (batch, user, invitation) = (row.batch, row.user, row.invitation);
        let found = self.batch_row(organisation, batch);
        let goes_on = matches!(found.batch.state, BatchState::Running | BatchState::Paused);
        let begun = self.state.invitations.get(&(organisation, invitation));
        if !goes_on || begun.is_some_and(|begun| !is_open(self.seen_state(organisation, begun))) {
            return;
        }
        let found = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        let Some(item) = found.items.get_mut(&user) else { return };
        let Some(reserve) = item.reserve.take() else { return };
        let generation = item.generation;
        if let Some(finished_at) = found.finished_at.take() {
            self.state.finished.remove(&(finished_at, organisation, batch));
        }
        self.state.going_on.insert((organisation, batch));
        let now = self.now;
        let begun = self.state.invitations.get_mut(&(organisation, invitation));
        let credential = begun.zip(generation).and_then(|(begun, of)| begun.credentials.get_mut(&of));
        if let Some(credential) = credential {
            credential.expires_at = credential.expires_at.min(now);
            credential.sealed = None;
        }
        self.count(Count::OnTheirWay(reserve.channel), 1);
        self.add_message(organisation, batch, (user, invitation), reserve);
        self.touch(organisation, batch, user, invitation);
        self.make_work();
    }
}
