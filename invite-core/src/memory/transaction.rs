//! One transaction: the state, the one instant at which all of it happens, and the steps of a message with everything
//! that hangs on them.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::state::{BatchRow, DeliveryRow, InvitationRow, ItemRow, Person, State};
use crate::decision::counts::of_step;
use crate::decision::fallback::falls_back;
use crate::decision::history::{InvitationFact, MessageFact, PersonRows};
use crate::machine;
use crate::machine::delivery::{DeliveryEvent, Standing};
use crate::machine::invitation::InvitationEvent;
use crate::model::actor::Actor;
use crate::model::batch::BatchState;
use crate::model::delivery::{Delivery, DeliveryState, EndReason};
use crate::model::event::{Event, EventCursor, Happening};
use crate::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::organisation::Settings;
use crate::model::user::User;
use crate::policy::Policy;
use crate::port::records::AuditEntry;

/// A message's key.
pub(super) type DeliveryKey = (OrganisationId, DeliveryId);

pub(super) struct Transaction<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: DateTime<Utc>,
    pub(super) policy: Policy,
    /// Batch, person and invitation of each message that has moved: looked at when the transaction ends.
    touched: BTreeSet<(OrganisationId, BatchId, UserId, InvitationId)>,
    /// Messages that did not arrive, whose people may have an SMS in reserve: looked at when the transaction ends.
    missed: BTreeSet<DeliveryKey>,
    /// Whether workers are to look when the transaction has ended.
    made_work: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(state: &'a mut State, now: DateTime<Utc>, policy: Policy) -> Self {
        Self { state, now, policy, touched: BTreeSet::new(), missed: BTreeSet::new(), made_work: false }
    }

    /// What follows once all steps are done: secrets that no message needs are wiped, retirements without a reason
    /// lifted, batches finished. Says whether workers are to look.
    pub(super) fn settle(mut self) -> bool {
        for key in std::mem::take(&mut self.missed) {
            self.fall_back(key);
        }
        for (organisation, batch, user, invitation) in std::mem::take(&mut self.touched) {
            self.wipe(organisation, user, invitation);
            self.lift(organisation, user, invitation);
            self.end_pilot(organisation, batch);
            self.finish(organisation, batch);
        }
        self.made_work
    }

    /// Has workers look when the transaction has ended.
    pub(super) const fn make_work(&mut self) {
        self.made_work = true;
    }

    /// Has an invitation looked at when the transaction ends, although no message of it moves.
    pub(super) fn touch(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        user: UserId,
        invitation: InvitationId,
    ) {
        self.touched.insert((organisation, batch, user, invitation));
    }

    /// Takes one step of a message; gives where it stood and where it stands.
    pub(super) fn step(&mut self, key: DeliveryKey, event: DeliveryEvent<'_>) -> (Standing, Standing) {
        let row = self.delivery(key);
        let before = row.standing.clone();
        let (whose, channel) = ((key.1, row.channel), row.channel);
        let batch = self.batch_row(key.0, row.batch);
        let (state, confirmed) = (batch.batch.state, batch.order.is_some());
        let after = machine::delivery::next_in(state, &before, event, whose, self.now, &self.policy);
        if confirmed {
            for (count, added) in of_step(channel, &before, &event, &after) {
                self.count(count, added);
            }
        }
        if after != before {
            self.stand(key, after.clone());
        }
        if falls_back(channel, &before, &after) {
            self.missed.insert(key);
        }
        (before, after)
    }

    /// Keeps where a message stands, in the indices as well.
    pub(super) fn stand(&mut self, key: DeliveryKey, after: Standing) {
        let (organisation, id) = key;
        let now = self.now;
        let state = &mut *self.state;
        let row = state.deliveries.get_mut(&key).expect("a delivery stays");
        let batch_key = (organisation, row.batch);
        let batch = state.batches.get_mut(&batch_key).expect("a delivery has its batch");
        let before = std::mem::replace(&mut row.standing, after);
        let after = &row.standing;
        row.changed_at = now;

        if before.state == DeliveryState::Queued {
            batch.queue.remove(&(before.due_at, id));
            state.suspects.remove(&(before.due_at, organisation, id));
        }
        if after.state == DeliveryState::Queued {
            if after.suspect {
                state.suspects.insert((after.due_at, organisation, id));
            } else {
                batch.queue.insert((after.due_at, id));
            }
        }
        match (before.state.is_on_its_way(), after.state.is_on_its_way()) {
            (true, false) => batch.on_their_way -= 1,
            (false, true) => {
                batch.on_their_way += 1;
                if let Some(finished_at) = batch.finished_at.take() {
                    state.finished.remove(&(finished_at, organisation, row.batch));
                }
                state.going_on.insert(batch_key);
            }
            _ => {}
        }
        if matches!(batch.batch.state, BatchState::Cancelled | BatchState::Recalled)
            && after.state.is_on_its_way()
        {
            state.stopped.insert(batch_key);
        }
        if !matches!(after.state, DeliveryState::Claimed | DeliveryState::HandingOver)
            && let Some(token) = row.claim.take()
            && let Some(claim) = state.claims.get_mut(&token)
        {
            claim.deliveries.remove(&key);
            if claim.deliveries.is_empty() {
                state.claims.remove(&token);
            }
        }
        self.touched.insert((organisation, row.batch, row.user, row.invitation));
    }

    /// Cancels the unsent messages of an invitation; those that are being handed over are left to their outcome.
    pub(super) fn cancel_messages(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
        invitation: InvitationId,
        reason: EndReason,
    ) {
        for key in self.messages_of(organisation, user, invitation) {
            self.cancel_unsent(key, reason);
        }
    }

    /// Cancels a message that is not being handed over; says whether it did.
    pub(super) fn cancel_unsent(&mut self, key: DeliveryKey, reason: EndReason) -> bool {
        let unsent =
            matches!(self.delivery(key).standing.state, DeliveryState::Queued | DeliveryState::Claimed);
        if unsent {
            self.step(key, DeliveryEvent::Cancel(reason));
        }
        unsent
    }

    /// Takes one step of an invitation; says whether its state changed.
    pub(super) fn step_invitation(
        &mut self,
        organisation: OrganisationId,
        id: InvitationId,
        event: InvitationEvent,
    ) -> bool {
        let now = self.now;
        let Some(row) = self.state.invitations.get_mut(&(organisation, id)) else { return false };
        let after = machine::invitation::next(row.state, event);
        let changed = after != row.state;
        if changed {
            row.state = after;
            row.closed_at = (!machine::invitation::is_open(after)).then_some(now);
            let (batch, user) = (row.batch, row.user);
            self.touch(organisation, batch, user, id);
        }
        changed
    }

    pub(super) fn event(&mut self, organisation: Option<OrganisationId>, what: Happening) {
        let cursor = EventCursor(self.state.events_removed + self.state.events.len() as u64 + 1);
        self.state.events.push_back(Event { cursor, organisation, at: self.now, what });
    }

    pub(super) fn audit(
        &mut self,
        actor: &Actor,
        what: &str,
        subject: &dyn fmt::Display,
        details: impl Into<String>,
    ) {
        self.state.audited += 1;
        let entry = AuditEntry {
            number: self.state.audited,
            at: self.now,
            actor: actor.clone(),
            what: what.to_owned(),
            subject: subject.to_string(),
            details: details.into(),
        };
        self.state.audit_order.push_back((self.now, actor.organisation(), entry.number));
        self.state.audit.insert((actor.organisation(), entry.number), entry);
    }

    pub(super) fn settings(&self, organisation: OrganisationId) -> Option<&Settings> {
        self.state.organisations.get(&organisation).map(|found| &found.settings)
    }

    pub(super) fn delivery(&self, key: DeliveryKey) -> &DeliveryRow {
        self.state.deliveries.get(&key).expect("a delivery that is referred to is there")
    }

    pub(super) fn batch_row(&self, organisation: OrganisationId, batch: BatchId) -> &BatchRow {
        self.state.batches.get(&(organisation, batch)).expect("a batch that is referred to is there")
    }

    pub(super) fn item(&self, organisation: OrganisationId, batch: BatchId, user: UserId) -> &ItemRow {
        self.batch_row(organisation, batch).items.get(&user).expect("a message has its item")
    }

    pub(super) fn person_mut(&mut self, organisation: OrganisationId, user: UserId) -> &mut Person {
        self.state.persons.entry((organisation, user)).or_default()
    }

    pub(super) fn is_recalled(&self, organisation: OrganisationId, batch: BatchId) -> bool {
        self.batch_row(organisation, batch).batch.state == BatchState::Recalled
    }

    /// The state of an invitation as everybody sees it: one whose batch is recalled is revoked, swept or not.
    pub(super) fn seen_state(&self, organisation: OrganisationId, row: &InvitationRow) -> InvitationState {
        if self.is_recalled(organisation, row.batch) {
            machine::invitation::next(row.state, InvitationEvent::Revoke(RevokeReason::Recalled))
        } else {
            row.state
        }
    }

    /// The invitations of a person that can still be accepted, now or after a reminder.
    pub(super) fn open_invitations(&self, organisation: OrganisationId, user: UserId) -> Vec<InvitationId> {
        let Some(person) = self.state.persons.get(&(organisation, user)) else { return Vec::new() };
        let is_open = |id: &&InvitationId| {
            let row = &self.state.invitations[&(organisation, **id)];
            machine::invitation::is_open(self.seen_state(organisation, row))
        };
        person.invitations.iter().filter(is_open).copied().collect()
    }

    /// The messages of a person.
    pub(super) fn messages_to(&self, organisation: OrganisationId, user: UserId) -> Vec<DeliveryKey> {
        let person = self.state.persons.get(&(organisation, user));
        person.into_iter().flat_map(|person| &person.deliveries).map(|id| (organisation, *id)).collect()
    }

    /// The messages of an invitation of a person.
    pub(super) fn messages_of(
        &self,
        organisation: OrganisationId,
        user: UserId,
        invitation: InvitationId,
    ) -> Vec<DeliveryKey> {
        let mut keys = self.messages_to(organisation, user);
        keys.retain(|key| self.delivery(*key).invitation == invitation);
        keys
    }

    /// Everything that the decision wants to know about a person, whose present addresses are those of `present`.
    pub(super) fn rows(
        &self,
        organisation: OrganisationId,
        user: UserId,
        present: Option<&User>,
    ) -> PersonRows {
        let suppressed = Channel::ALL
            .into_iter()
            .filter(|channel| {
                present.and_then(|user| user.address(*channel)).is_some_and(|address| {
                    let key = (organisation, *channel, compared(address));
                    self.state.suppressions.contains_key(&key)
                })
            })
            .collect();
        let Some(person) = self.state.persons.get(&(organisation, user)) else {
            return PersonRows { suppressed, ..PersonRows::default() };
        };
        let message = |id: &DeliveryId| {
            let row = self.delivery((organisation, *id));
            let batch = self.batch_row(organisation, row.batch);
            MessageFact {
                batch: row.batch,
                action: batch.batch.action,
                confirmed: batch.order,
                batch_goes_on: matches!(batch.batch.state, BatchState::Running | BatchState::Paused),
                invitation: row.invitation,
                channel: row.channel,
                state: row.standing.state,
                sent_at: row.sent_at,
                changed_at: row.changed_at,
            }
        };
        let invitation = |id: &InvitationId| {
            let row = &self.state.invitations[&(organisation, *id)];
            InvitationFact {
                id: *id,
                batch: row.batch,
                state: self.seen_state(organisation, row),
                created_at: row.created_at,
                expires_at: row.expires_at,
                handed_over: self.batch_row(organisation, row.batch).batch.action == Action::HandOver,
            }
        };
        PersonRows {
            messages: person.deliveries.iter().map(message).collect(),
            invitations: person.invitations.iter().map(invitation).collect(),
            came_at: person.came_at,
            retired: self.retired_by(organisation, user).is_some(),
            suppressed,
        }
    }

    /// A message as a reader sees it.
    pub(super) fn view(&self, key: DeliveryKey) -> Delivery {
        let row = self.delivery(key).clone();
        let planned = self.batch_row(key.0, row.batch).batch.state == BatchState::Planned;
        let state = match row.standing.state {
            DeliveryState::Queued if planned => DeliveryState::Planned,
            state => state,
        };
        Delivery {
            id: key.1,
            batch: row.batch,
            user: row.user,
            invitation: row.invitation,
            channel: row.channel,
            address: Some(row.address).filter(|address| !address.is_empty()),
            state,
            reason: row.standing.reason,
            answer: row.answer,
            receipt: row.receipt,
            attempts: row.standing.attempts,
            next_attempt_at: (state == DeliveryState::Queued).then_some(row.standing.due_at),
            waits_for: row.standing.waits_for.filter(|_| state == DeliveryState::Queued),
            sent_at: row.sent_at,
            changed_at: row.changed_at,
        }
    }
}

/// An address in the form in which addresses are compared; a phone number has one form only.
pub(super) fn compared(address: &str) -> String {
    address.chars().flat_map(char::to_lowercase).collect()
}

/// A century stands for everything longer: an instant must stay one.
pub(super) fn delta(duration: Duration) -> TimeDelta {
    const CENTURY: TimeDelta = TimeDelta::days(36_525);
    TimeDelta::from_std(duration).unwrap_or(CENTURY).min(CENTURY)
}
