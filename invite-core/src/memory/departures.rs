//! People who leave, change their address or come under SSO, and people who come.

use super::transaction::{DeliveryKey, Transaction};
use crate::decision::leave::{end_reason, leaving};
use crate::machine::invitation::InvitationEvent;
use crate::model::delivery::EndReason;
use crate::model::event::Happening;
use crate::model::id::{InvitationId, OrganisationId, UserId};
use crate::model::invitation::RevokeReason;
use crate::model::message::Channel;
use crate::model::user::User;

impl Transaction<'_> {
    /// Revokes what a person, as they are now, must not have any more, and cancels their unsent messages; says how many
    /// invitations and messages that were not begun it was.
    pub(super) fn depart(&mut self, organisation: OrganisationId, id: UserId, user: Option<&User>) -> u64 {
        let mut changed = 0;
        for invitation in self.open_invitations(organisation, id) {
            if let Some(reason) = self.reason_to_leave(organisation, invitation, user) {
                changed += u64::from(self.revoke(organisation, id, invitation, reason));
            }
        }
        for key in self.messages_to(organisation, id) {
            if let Some(reason) = self.reason_not_to_begin(key, user) {
                changed += u64::from(self.cancel_unsent(key, end_reason(reason)));
            }
        }
        changed
    }

    /// Why an invitation must be revoked, seen from its person as they are now.
    pub(super) fn reason_to_leave(
        &self,
        organisation: OrganisationId,
        invitation: InvitationId,
        user: Option<&User>,
    ) -> Option<RevokeReason> {
        let row = &self.state.invitations[&(organisation, invitation)];
        let addresses: Vec<(Channel, &str)> = self
            .messages_of(organisation, row.user, invitation)
            .into_iter()
            .map(|key| self.delivery(key))
            .filter(|row| row.standing.state.is_on_its_way() || row.standing.state.has_arrived())
            // Of one whose address was removed nobody can say that it is another.
            .filter(|row| !row.address.is_empty())
            .map(|row| (row.channel, row.address.as_str()))
            .collect();
        leaving(user, self.settings(organisation)?, addresses, row.is_announced())
    }

    /// Accepts an invitation, tells so, and cancels its unsent messages for this reason.
    pub(super) fn accept(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
        invitation: InvitationId,
        reason: EndReason,
        tell: bool,
    ) {
        let accepted = self.step_invitation(organisation, invitation, InvitationEvent::Come);
        if accepted && tell {
            self.event(Some(organisation), Happening::Accepted { user, invitation });
        }
        self.cancel_messages(organisation, user, invitation, reason);
    }

    /// Why a message whose invitation is not begun yet must not go.
    fn reason_not_to_begin(&self, key: DeliveryKey, user: Option<&User>) -> Option<RevokeReason> {
        let row = self.delivery(key);
        if self.state.invitations.contains_key(&(key.0, row.invitation)) {
            return None;
        }
        let announced = self.item(key.0, row.batch, row.user).credential.is_none();
        leaving(user, self.settings(key.0)?, [(row.channel, row.address.as_str())], announced)
    }
}
