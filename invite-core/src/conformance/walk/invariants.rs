//! What must always hold, looked at in the store under test alone: the rules of ARCHITECTURE.md that can be seen.
//!
//! Rules 2, 9 and 17 are also looked at where the walk begins, records and reserves; rule 4 at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::sight::{SeenBatch, SeenPerson, Sight};
use crate::conformance::Checked;
use crate::model::batch::{Batch, BatchState, Totals, behind};
use crate::model::delivery::DeliveryState;
use crate::model::event::{EventCursor, Happening};
use crate::model::id::{BatchId, CredentialId, InvitationId, UserId};
use crate::model::invitation::InvitationState;
use crate::model::item::{Decision, Item};
use crate::model::message::Channel;
use crate::model::outcome::Outcome;
use crate::port::queue::{HandOver, HandOverResult};
use crate::port::redemption::LinkState;

/// What was seen so far, as far as the rules need it.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// How often each message may have reached its person, since it was last asked for.
    may_have_gone: BTreeMap<String, u32>,
    batches: BTreeMap<String, BatchId>,
    cursor: EventCursor,
    confirmed: BTreeMap<BatchId, Totals>,
    reservations: BTreeMap<CredentialId, u64>,
    deactivated: BTreeSet<UserId>,
    /// The secrets that messages carried.
    pub(super) secrets: BTreeSet<String>,
}

impl Witness {
    /// Rule 8: a message is handed over again only where it certainly was not sent; an e-mail once more where nobody knows.
    pub(super) fn handed_over(&mut self, name: &str, hand_over: &HandOver) -> Checked {
        let times = self.may_have_gone.entry(name.to_owned()).or_default();
        *times += 1;
        let most = if hand_over.channel == Channel::Email { 2 } else { 1 };
        holds!(*times <= most, "{name} may reach its person at most {most} times, this is number {times}");
        self.batches.insert(name.to_owned(), hand_over.batch);
        Ok(())
    }

    pub(super) fn recorded(&mut self, name: &str, result: &HandOverResult) {
        let may = matches!(result, HandOverResult::Outcome(Outcome::Accepted(_) | Outcome::Unknown { .. }));
        if let Some(times) = self.may_have_gone.get_mut(name).filter(|_| !may) {
            *times = times.saturating_sub(1);
        }
    }

    /// Messages of this batch were asked for again.
    pub(super) fn asked_again(&mut self, batch: BatchId) {
        let of_batch = self.batches.iter().filter(|(_, of)| **of == batch);
        for (name, _) in of_batch {
            self.may_have_gone.remove(name);
        }
    }

    /// Rule 17: of two who are let in by a credential the later has the higher number.
    pub(super) fn reserved(&mut self, credential: CredentialId, number: u64) -> Checked {
        let before = self.reservations.insert(credential, number);
        holds!(
            before < Some(number),
            "the number of a reservation is higher than all before: {before:?}, {number}"
        );
        Ok(())
    }

    /// A person changed; whether the store knows by now that they have left.
    pub(super) fn changed(&mut self, id: UserId, known_to_have_left: bool) {
        if known_to_have_left {
            self.deactivated.insert(id);
        } else {
            self.deactivated.remove(&id);
        }
    }

    pub(super) fn look(&mut self, sight: &Sight, names: &Names) -> Checked {
        self.events(sight)?;
        for seen in &sight.batches {
            self.batch(seen, names)?;
        }
        let batches: BTreeMap<BatchId, &SeenBatch> =
            sight.batches.iter().map(|seen| (seen.batch.id, seen)).collect();
        for person in &sight.people {
            self.person(person, &batches, names)?;
        }
        links(sight, &batches)?;
        waiting(sight)?;
        Ok(())
    }

    /// Events ascend, and none of the past comes later.
    fn events(&mut self, sight: &Sight) -> Checked {
        for event in &sight.events {
            holds!(event.cursor > self.cursor, "events ascend: {:?} after {:?}", event.cursor, self.cursor);
            self.cursor = event.cursor;
            if let Happening::PasswordRetired { user, invitation } = event.what {
                consented(sight, user, invitation)?;
            }
        }
        Ok(())
    }

    fn batch(&mut self, seen: &SeenBatch, names: &Names) -> Checked {
        let SeenBatch { batch, items, messages, .. } = seen;
        let name = names.of(batch.id.as_uuid());
        if batch.complete {
            let count = |is: fn(&Item) -> bool| items.iter().filter(|item| is(item)).count() as u64;
            let Totals { send, reset, announce, .. } = batch.totals;
            let found = [
                count(|item| item.decision == Decision::Send),
                count(|item| item.decision == Decision::SendWithReset),
                count(|item| matches!(item.decision, Decision::Announce(_))),
                count(|item| item.decision.skip_reason().is_some()),
            ];
            same!([send, reset, announce, batch.totals.skipped()], found, "the totals of {name}");
        }
        let Some(confirmation) = &batch.confirmed else {
            let waits = messages.iter().all(|message| match message.state {
                DeliveryState::Planned | DeliveryState::Cancelled => true,
                // A plan that was stopped, and not swept yet.
                DeliveryState::Queued => batch.state != BatchState::Planned,
                _ => false,
            });
            holds!(waits, "nothing of a plan leaves before it is confirmed: {name}");
            return Ok(());
        };
        // Rule 3.
        for user in behind(&batch.planned_by, Some(&confirmation.by)) {
            let own = items.iter().find(|item| item.user == user);
            holds!(
                own.is_none_or(|item| item.decision.skip_reason().is_some()),
                "who planned or confirmed {name} is not in it"
            );
            holds!(!messages.iter().any(|message| message.user == user), "{name} has no message to them");
        }
        // Rule 1.
        let resets = items.iter().any(|item| item.decision == Decision::SendWithReset);
        holds!(confirmation.resets || !resets, "{name} resets nobody without consent");
        // Rule 13: what was confirmed stays as it was confirmed.
        let confirmed = self.confirmed.entry(batch.id).or_insert_with(|| batch.totals.clone());
        same!(batch.totals, *confirmed, "the totals of {name} since it was confirmed");
        for message in messages {
            holds!(message.state != DeliveryState::Planned, "no message of {name} is planned any more");
        }
        Ok(())
    }

    fn person(&self, person: &SeenPerson, batches: &BTreeMap<BatchId, &SeenBatch>, names: &Names) -> Checked {
        let record = &person.record;
        if let Some((invitation, _)) = record.retired {
            let begun = record.invitations.iter().find(|one| one.id == invitation);
            let batch = begun.and_then(|one| batches.get(&one.batch));
            let by = |batch: &&SeenBatch| {
                batch.batch.confirmed.as_ref().is_some_and(|confirmation| confirmation.resets)
            };
            holds!(batch.is_some_and(by), "a password is retired by {invitation} under consent alone");
        } else {
            holds!(person.own_password_counts, "an own password that is not retired counts");
        }
        // Rule 18.
        let left =
            person.facts.as_ref().is_some_and(|user| user.deactivated && self.deactivated.contains(&user.id));
        for message in record.deliveries.iter().filter(|_| left) {
            let waits = matches!(message.state, DeliveryState::Queued | DeliveryState::Claimed);
            holds!(!waits, "{} waits for nobody who has left", names.of(message.id.as_uuid()));
        }
        for invitation in record.invitations.iter().filter(|_| left) {
            let open = invitation.state == InvitationState::Pending;
            holds!(!open, "{} of somebody who has left is closed", names.of(invitation.id.as_uuid()));
        }
        holds!(!left || person.passwords.is_empty(), "no password of somebody who has left works");
        Ok(())
    }

    /// Rule 6: no secret stands in anything that can be seen.
    pub(super) fn no_secret_in(&self, lines: &[super::names::Words]) -> Checked {
        for line in lines {
            let shown = self.secrets.iter().any(|secret| line.text.contains(secret.as_str()));
            holds!(!shown, "no secret is shown, but one is in a line that begins {:.40}", line.text);
        }
        Ok(())
    }
}

/// Rule 7: after everything was let go on and there was time, all that was confirmed has ended or was stopped.
pub(super) fn nothing_is_left(sight: &Sight, names: &Names) -> Checked {
    for SeenBatch { batch, messages, .. } in &sight.batches {
        let goes_on = batch.confirmed.is_some() && batch.state == BatchState::Running;
        for message in messages.iter().filter(|_| goes_on) {
            holds!(
                !message.state.is_on_its_way(),
                "{} ends in the end, but it is {}",
                names.of(message.id.as_uuid()),
                message.state
            );
        }
    }
    Ok(())
}

/// Rule 1: who is reset was counted as a reset, under consent.
fn consented(sight: &Sight, user: UserId, invitation: InvitationId) -> Checked {
    let counted = |seen: &SeenBatch| {
        let consent = seen.batch.confirmed.as_ref().is_some_and(|confirmation| confirmation.resets);
        consent && seen.items.iter().any(|item| item.user == user && item.decision == Decision::SendWithReset)
    };
    let begun = |batch: &Batch, items: &[Item]| {
        batch.action.begins_invitation() && items.iter().any(|item| item.invitation == Some(invitation))
    };
    let by = sight.batches.iter().find(|seen| begun(&seen.batch, &seen.items));
    holds!(by.is_some_and(counted), "a password is retired only where a confirmed plan counted a reset");
    Ok(())
}

/// Rule 5: a link that was sent works while its invitation is open, and does not when it is closed.
fn links(sight: &Sight, batches: &BTreeMap<BatchId, &SeenBatch>) -> Checked {
    for link in sight.links.iter().flatten() {
        let invitations = sight.people.iter().flat_map(|person| &person.record.invitations);
        let Some(invitation) = invitations.into_iter().find(|one| one.id == link.invitation) else {
            continue;
        };
        let recalled =
            batches.get(&invitation.batch).is_some_and(|seen| seen.batch.state == BatchState::Recalled);
        let open = matches!(link.state, LinkState::Open { .. });
        match invitation.state {
            InvitationState::Accepted => holds!(!open, "a link of an accepted invitation does not work"),
            InvitationState::Revoked(_) => holds!(!open, "a link of a revoked invitation does not work"),
            InvitationState::Pending => holds!(!(open && recalled), "a recalled link does not work"),
            InvitationState::Expired => {}
        }
    }
    Ok(())
}

/// What waits is what is queued.
fn waiting(sight: &Sight) -> Checked {
    let confirmed = sight.batches.iter().filter(|seen| seen.batch.confirmed.is_some());
    let messages: Vec<_> = confirmed.flat_map(|seen| &seen.messages).collect();
    let count =
        |of: &[DeliveryState]| messages.iter().filter(|message| of.contains(&message.state)).count() as u64;
    let leased = count(&[DeliveryState::Claimed, DeliveryState::HandingOver]);
    same!(sight.waiting.leased, leased, "messages that a worker has");
    let queued = count(&[DeliveryState::Queued]);
    let waits = sight.waiting.due + sight.waiting.later;
    holds!(waits <= queued, "no more than {queued} messages wait, but {waits} do");
    Ok(())
}
