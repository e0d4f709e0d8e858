//! Holds what the database says against what the provider has, and against where the kills fell.

use std::collections::{HashMap, HashSet};
use std::error::Error;

use invite_core::model::actor::Actor;
use invite_core::model::delivery::{Delivery, DeliveryState};
use invite_core::model::event::{EventCursor, Happening};
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::Channel;
use invite_core::service::Invites;

use crate::journal::Accepted;

const PAGE: usize = 1_000;

/// What became of the messages.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) deliveries: usize,
    pub(crate) sent: usize,
    /// Unknown, and the provider has it; e-mail and SMS.
    pub(crate) unknown_there: [usize; 2],
    /// Unknown, and the provider does not have it; e-mail and SMS.
    pub(crate) unknown_not_there: [usize; 2],
    pub(crate) lost: usize,
    pub(crate) ghosts: usize,
    pub(crate) email_twice: usize,
    pub(crate) sms_twice: usize,
    /// Each thing that must not be, in words.
    pub(crate) faults: Vec<String>,
}

/// A message, and whose it is.
pub(crate) type Owned = (OrganisationId, Delivery);

/// Every delivery of the organisations' batches.
pub(crate) async fn deliveries(
    invites: &Invites,
    organisations: &[OrganisationId],
) -> Result<HashMap<DeliveryId, (OrganisationId, Delivery)>, Box<dyn Error>> {
    let mut all = HashMap::new();
    for organisation in organisations {
        let actor = Actor::system(*organisation);
        for batch in invites.batches(&actor, None, PAGE).await?.rows {
            let mut after = None;
            loop {
                let page = invites.deliveries(&actor, batch.id, after, PAGE).await?;
                all.extend(page.rows.into_iter().map(|one| (one.id, (*organisation, one))));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
    Ok(all)
}

/// Judges every message.
pub(crate) fn judge(
    deliveries: &HashMap<DeliveryId, (OrganisationId, Delivery)>,
    journal: &[Accepted],
    kills_on: &HashMap<DeliveryId, u32>,
) -> Verdict {
    let mut copies: HashMap<DeliveryId, u32> = HashMap::new();
    for accepted in journal {
        *copies.entry(accepted.delivery).or_default() += 1;
    }
    let mut verdict = Verdict { deliveries: deliveries.len(), ..Verdict::default() };
    for id in copies.keys().filter(|id| !deliveries.contains_key(id)) {
        verdict.ghosts += 1;
        verdict.faults.push(format!("{id}: the provider has it, and it is no delivery of ours"));
    }
    for (_, delivery) in deliveries.values() {
        let copies = copies.get(&delivery.id).copied().unwrap_or_default();
        let kills = kills_on.get(&delivery.id).copied().unwrap_or_default();
        verdict.add(delivery, copies, kills);
    }
    verdict
}

impl Verdict {
    fn add(&mut self, delivery: &Delivery, copies: u32, kills: u32) {
        let Delivery { id, state, channel, .. } = delivery;
        let mut fault = |what: &str| {
            let reason = delivery.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            let attempts = delivery.attempts;
            self.faults.push(format!(
                "{id}: {what}: {channel}, {state}{reason}, {attempts} attempts, {copies} copies, {kills} kills on it"
            ));
        };
        match (state, copies) {
            (DeliveryState::Sent, 1..) => self.sent += 1,
            (DeliveryState::Unknown, 1..) => self.unknown_there[*channel as usize] += 1,
            (DeliveryState::Unknown, 0) => self.unknown_not_there[*channel as usize] += 1,
            (_, 1..) => {
                self.ghosts += 1;
                fault("the provider has it, and we do not know");
            }
            (_, 0) => {
                self.lost += 1;
                fault("lost");
            }
        }
        // Rule 8: an e-mail goes once more where a fault fell in its hand-over, an SMS never.
        let hand_overs = if *channel == Channel::Email { 2 } else { 1 };
        if copies > 1 {
            match channel {
                Channel::Email => self.email_twice += 1,
                Channel::Sms => self.sms_twice += 1,
            }
        }
        if copies > hand_overs {
            fault("too many copies");
        }
        if copies > 1 && kills == 0 {
            fault("twice, and no kill fell on it");
        }
        if *state == DeliveryState::Unknown && kills < hand_overs {
            fault("unknown, and too few kills fell on it");
        }
    }
}

/// Every batch finished once, and nobody was invited twice by one invitation.
pub(crate) async fn events(invites: &Invites, batches: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let (mut finished, mut invited) = (HashMap::new(), HashSet::new());
    let (mut faults, mut cursor) = (Vec::new(), EventCursor::default());
    loop {
        let page = invites.events(cursor, PAGE).await?;
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        for event in page {
            match event.what {
                Happening::BatchFinished { batch } => *finished.entry(batch).or_insert(0) += 1,
                Happening::Invited { invitation, .. } if !invited.insert(invitation) => {
                    faults.push(format!("invitation {invitation}: told to be invited twice"));
                }
                _ => {}
            }
        }
    }
    if finished.len() != batches || finished.values().any(|times| *times != 1) {
        faults.push(format!("of {batches} batches these are told to be finished, so often: {finished:?}"));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use invite_core::model::id::{BatchId, InvitationId, UserId};

    use super::*;

    #[test]
    fn what_rule_8_allows_is_no_fault() {
        for (channel, state, copies, kills) in [
            (Channel::Email, DeliveryState::Sent, 1, 0),
            (Channel::Email, DeliveryState::Sent, 2, 1),
            (Channel::Email, DeliveryState::Unknown, 2, 2),
            (Channel::Email, DeliveryState::Unknown, 0, 2),
            (Channel::Sms, DeliveryState::Sent, 1, 3),
            (Channel::Sms, DeliveryState::Unknown, 0, 1),
            (Channel::Sms, DeliveryState::Unknown, 1, 1),
        ] {
            assert_eq!(faults(channel, state, copies, kills), 0, "{channel} {state} {copies} {kills}");
        }
    }

    #[test]
    fn everything_else_is_a_fault() {
        for (channel, state, copies, kills) in [
            (Channel::Email, DeliveryState::Sent, 0, 1),
            (Channel::Email, DeliveryState::Sent, 2, 0),
            (Channel::Email, DeliveryState::Sent, 3, 2),
            (Channel::Email, DeliveryState::Queued, 0, 1),
            (Channel::Email, DeliveryState::HandingOver, 1, 1),
            (Channel::Email, DeliveryState::Failed, 0, 1),
            (Channel::Email, DeliveryState::Unknown, 1, 1),
            (Channel::Sms, DeliveryState::Sent, 2, 1),
            (Channel::Sms, DeliveryState::Unknown, 1, 0),
        ] {
            assert_ne!(faults(channel, state, copies, kills), 0, "{channel} {state} {copies} {kills}");
        }
    }

    #[test]
    fn a_message_of_nobody_is_a_ghost() {
        let delivery = DeliveryId::new();
        let accepted = accepted(delivery, Channel::Sms);
        assert_eq!(judge(&HashMap::new(), &[accepted], &HashMap::new()).ghosts, 1);
    }

    fn accepted(delivery: DeliveryId, channel: Channel) -> Accepted {
        let (to, text, worker) = Default::default();
        Accepted { delivery, channel, to, text, worker, number: 0, conversation: 0 }
    }

    fn faults(channel: Channel, state: DeliveryState, copies: usize, kills: u32) -> usize {
        let id = DeliveryId::new();
        let delivery = Delivery {
            id,
            batch: BatchId::new(),
            user: UserId::new(),
            invitation: InvitationId::new(),
            channel,
            address: None,
            state,
            reason: None,
            answer: None,
            receipt: None,
            attempts: 1,
            next_attempt_at: None,
            waits_for: None,
            sent_at: None,
            changed_at: DateTime::UNIX_EPOCH,
        };
        let journal: Vec<Accepted> = (0..copies).map(|_| accepted(id, channel)).collect();
        let deliveries = HashMap::from([(id, (OrganisationId::new(), delivery))]);
        judge(&deliveries, &journal, &HashMap::from([(id, kills)])).faults.len()
    }
}
