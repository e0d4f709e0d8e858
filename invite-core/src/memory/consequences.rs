//! What an outcome changes beyond its message, and what follows when a transaction ends.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use uuid::Uuid;

use super::transaction::{DeliveryKey, Transaction, compared, delta};
use crate::decision::leave::end_reason;
use crate::decision::record::{self, Brake, Consequences, Recorded, Stops, Suppress};
use crate::machine::delivery::{DeliveryEvent, Standing};
use crate::machine::invitation::InvitationEvent;
use crate::model::batch::BatchState;
use crate::model::credential::Generation;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::RevokeReason;
use crate::model::message::Channel;
use crate::model::metrics::Count;
use crate::model::organisation::Settings;
use crate::model::outcome::{Outcome, Receipt};
use crate::model::sender::{Covers, PauseKind, SenderKey, SenderPause, matching};
use crate::model::suppression::{Suppression, SuppressionReason};

/// What putting an address on the suppression list changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there now.
    Added,
    /// It was there, for a weaker reason.
    Strengthened,
    /// It was there.
    Unchanged,
}

impl Transaction<'_> {
    /// Everything that follows from an outcome that led a message from `before` to `after`.
    pub(super) fn follow_outcome(
        &mut self,
        key: DeliveryKey,
        before: &Standing,
        after: &Standing,
        outcome: &Outcome,
    ) {
        let organisation = key.0;
        let row = self.delivery(key);
        let (batch, user, invitation) = (row.batch, row.user, row.invitation);
        let Some(recorded) = self.recorded(key, before, after, outcome) else { return };
        let also = record::consequences(&recorded, &self.policy);
        if also.policy_refusal.as_deref().is_some_and(|text| self.is_blocked_for(key, text)) {
            // A probe, or one that was under way when the sender was paused: not the message's failure either.
            self.tell_end(key, before, after);
            self.step(key, DeliveryEvent::Retry);
            return;
        }
        if matches!(outcome, Outcome::Accepted(_)) {
            self.tell_invited(organisation, batch, user, invitation);
        }
        if also.supersedes {
            self.supersede(organisation, user, invitation);
        }
        if also.retires {
            self.retire(organisation, user, invitation);
        }
        self.follow_for_sender(key, &also);
        self.tell_end(key, before, after);
        self.count_outcome(organisation, batch, also.is_outcome, also.hard_failure);
        if let Some(text) = also.policy_refusal {
            self.refused_by_policy(key, text);
        }
    }

    fn recorded<'a>(
        &self,
        (organisation, id): DeliveryKey,
        before: &'a Standing,
        after: &'a Standing,
        outcome: &'a Outcome,
    ) -> Option<Recorded<'a>> {
        let row = self.delivery((organisation, id));
        let retirement = self.settings(organisation).map(Settings::retirement)?;
        let invited = self.state.invitations.get(&(organisation, row.invitation))?;
        Some(Recorded {
            before,
            after,
            outcome,
            action: self.batch_row(organisation, row.batch).batch.action,
            decision: self.item(organisation, row.batch, row.user).item.decision,
            invitation: self.seen_state(organisation, invited),
            retirement,
            retired: self.retired_by(organisation, row.user).is_some(),
        })
    }

    /// What follows from a report which shows that a provider had accepted a message after all.
    pub(super) fn follow_late_acceptance(&mut self, key: DeliveryKey, before: &Standing, after: &Standing) {
        let accepted = Outcome::Accepted(Receipt(String::new()));
        let recorded = self.recorded(key, before, after, &accepted);
        let Some(also) = recorded.and_then(|recorded| record::late_acceptance(&recorded)) else { return };
        let row = self.delivery(key);
        let (batch, user, invitation) = (row.batch, row.user, row.invitation);
        self.tell_invited(key.0, batch, user, invitation);
        if also.supersedes {
            self.supersede(key.0, user, invitation);
        }
        if also.retires {
            self.retire(key.0, user, invitation);
        }
    }

    /// Everything that follows where a message moved without a transport's answer.
    pub(super) fn follow(&mut self, key: DeliveryKey, before: &Standing, after: &Standing) {
        self.tell_end(key, before, after);
        let ended = before.state.is_on_its_way() && !after.state.is_on_its_way();
        let batch = self.delivery(key).batch;
        self.count_outcome(key.0, batch, ended, ended && after.state == DeliveryState::Failed);
    }

    /// Tells the host that a message failed or came back.
    pub(super) fn tell_end(&mut self, key: DeliveryKey, before: &Standing, after: &Standing) {
        if before.state == after.state {
            return;
        }
        let row = self.delivery(key);
        let (user, delivery, channel) = (row.user, key.1, row.channel);
        match (after.state, after.reason) {
            (DeliveryState::Failed, Some(reason)) => {
                self.event(Some(key.0), Happening::Failed { user, delivery, channel, reason });
            }
            (DeliveryState::Bounced, _) => {
                self.event(Some(key.0), Happening::Bounced { user, delivery, channel });
            }
            _ => {}
        }
    }

    /// Puts the address of a message on the suppression list; one that is there stays as it is.
    pub(super) fn suppress_address(&mut self, key: DeliveryKey, reason: SuppressionReason) {
        let row = self.delivery(key);
        let (user, channel, address) = (row.user, row.channel, compared(&row.address));
        // It was erased while the message was handed over.
        if address.is_empty() {
            return;
        }
        if self.put_suppression(key.0, channel, address, reason) == Put::Added {
            self.event(Some(key.0), Happening::Suppressed { user, channel });
        }
    }

    /// Puts an address, in the form in which it is compared, on the suppression list; a stronger reason that is there
    /// stays.
    pub(super) fn put_suppression(
        &mut self,
        organisation: OrganisationId,
        channel: Channel,
        address: String,
        reason: SuppressionReason,
    ) -> Put {
        match self.state.suppressions.entry((organisation, channel, address.clone())) {
            Entry::Vacant(place) => {
                place.insert(Suppression { channel, address, reason, since: self.now });
                Put::Added
            }
            Entry::Occupied(there) if there.get().reason < reason => {
                there.into_mut().reason = reason;
                Put::Strengthened
            }
            Entry::Occupied(_) => Put::Unchanged,
        }
    }

    /// Pauses a batch that runs.
    pub(super) fn pause_batch(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        because: Option<String>,
    ) {
        let row = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        row.batch.state = BatchState::Paused;
        row.batch.paused_because.clone_from(&because);
        let because = because.unwrap_or_default();
        self.event(Some(organisation), Happening::BatchPaused { batch, because });
    }

    /// Wipes the sealed secrets of an invitation that no message needs any more.
    pub(super) fn wipe(&mut self, organisation: OrganisationId, user: UserId, invitation: InvitationId) {
        let needed: BTreeSet<Generation> = self
            .messages_of(organisation, user, invitation)
            .into_iter()
            .map(|key| self.delivery(key))
            .filter(|row| row.standing.state.is_on_its_way())
            .filter_map(|row| self.item(organisation, row.batch, user).generation)
            .collect();
        if let Some(row) = self.state.invitations.get_mut(&(organisation, invitation)) {
            for (generation, credential) in &mut row.credentials {
                if !needed.contains(generation) {
                    credential.sealed = None;
                }
            }
        }
    }

    /// Lifts the retirement of a person's own password by an invitation that has come to nothing, or was recalled.
    pub(super) fn lift(&mut self, organisation: OrganisationId, user: UserId, invitation: InvitationId) {
        let retired = self.state.persons.get(&(organisation, user)).and_then(|person| person.retired);
        if retired.is_none_or(|(by, _)| by != invitation) {
            return;
        }
        let row = &self.state.invitations[&(organisation, invitation)];
        let taken = row.credentials.values().any(|one| one.used_at.is_some() || one.reservation > 0);
        let stands = self.messages_of(organisation, user, invitation).into_iter().any(|key| {
            let state = self.delivery(key).standing.state;
            state.is_on_its_way() || state.has_arrived()
        });
        if self.is_recalled(organisation, row.batch) || !(taken || stands) {
            self.person_mut(organisation, user).retired = None;
            self.event(Some(organisation), Happening::PasswordRestored { user, invitation });
        }
    }

    /// Notes that nothing of a confirmed batch is on its way any more.
    pub(super) fn finish(&mut self, organisation: OrganisationId, batch: BatchId) {
        let Some(row) = self.state.batches.get_mut(&(organisation, batch)) else { return };
        if row.order.is_some() && row.on_their_way == 0 && row.finished_at.is_none() {
            row.finished_at = Some(self.now);
            self.state.finished.insert((self.now, organisation, batch));
            self.state.going_on.remove(&(organisation, batch));
            self.event(Some(organisation), Happening::BatchFinished { batch });
        }
    }

    fn tell_invited(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        user: UserId,
        invitation: InvitationId,
    ) {
        let invites = self.batch_row(organisation, batch).batch.action.begins_invitation();
        let row = self.state.invitations.get_mut(&(organisation, invitation)).expect("it was begun");
        if invites && !std::mem::replace(&mut row.told, true) {
            self.event(Some(organisation), Happening::Invited { user, invitation, batch });
        }
    }

    /// Revokes the open invitations of a person that were begun before this one.
    fn supersede(&mut self, organisation: OrganisationId, user: UserId, invitation: InvitationId) {
        let place = |of: &Self, id| (of.state.invitations[&(organisation, id)].created_at, id);
        let own = place(self, invitation);
        for other in self.open_invitations(organisation, user) {
            if place(self, other) < own {
                self.revoke(organisation, user, other, RevokeReason::Superseded);
            }
        }
    }

    /// Revokes an open invitation and cancels its unsent messages.
    pub(super) fn revoke(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
        invitation: InvitationId,
        reason: RevokeReason,
    ) -> bool {
        let revoked = self.step_invitation(organisation, invitation, InvitationEvent::Revoke(reason));
        if revoked {
            self.cancel_messages(organisation, user, invitation, end_reason(reason));
        }
        revoked
    }

    fn retire(&mut self, organisation: OrganisationId, user: UserId, invitation: InvitationId) {
        let now = self.now;
        let person = self.person_mut(organisation, user);
        if person.retired.is_none_or(|(by, _)| by != invitation) {
            person.retired = Some((invitation, now));
            self.event(Some(organisation), Happening::PasswordRetired { user, invitation });
        }
    }

    /// The address and the sender.
    fn follow_for_sender(&mut self, key: DeliveryKey, also: &Consequences) {
        match also.suppresses {
            Some(Suppress::Now(reason)) => self.suppress_address(key, reason),
            Some(Suppress::AfterASecondBatch) if self.refused_in_an_earlier_batch(key) => {
                self.suppress_address(key, SuppressionReason::Refused);
            }
            _ => {}
        }
        if let Some(stops) = &also.stops {
            self.stop(key, stops);
        }
        if also.sender_works {
            let row = self.delivery(key);
            let keys = matching(&row.sender, &row.account, &row.destination);
            let sender = row.sender.clone();
            self.state.refusals.remove(&sender);
            for key in keys {
                if self.state.pauses.get(&key).is_some_and(|pause| pause.kind == PauseKind::Blocked)
                    && let Some(pause) = self.state.pauses.remove(&key)
                {
                    self.event(None, Happening::SenderResumed { covers: pause.covers });
                }
            }
        }
    }

    fn refused_in_an_earlier_batch(&self, key: DeliveryKey) -> bool {
        let row = self.delivery(key);
        let own = self.batch_row(key.0, row.batch).order;
        self.messages_at(key.0, row.channel, &row.address).any(|other| {
            let other = self.delivery(other);
            other.standing.state == DeliveryState::Failed
                && other.standing.reason == Some(EndReason::RecipientRefused)
                && self.batch_row(key.0, other.batch).order < own
        })
    }

    pub(super) fn messages_at(
        &self,
        organisation: OrganisationId,
        channel: Channel,
        address: &str,
    ) -> impl Iterator<Item = DeliveryKey> {
        let address = compared(address);
        let first = DeliveryId::from_uuid(Uuid::nil());
        self.state
            .addresses
            .range((organisation, channel, address.clone(), first)..)
            .take_while(move |(o, c, a, _)| *o == organisation && *c == channel && *a == address)
            .map(|(organisation, _, _, id)| (*organisation, *id))
    }

    pub(super) fn stop(&mut self, key: DeliveryKey, stops: &Stops) {
        let row = self.delivery(key);
        let covers = Covers::of(stops.scope, &row.sender, &row.account, &row.destination);
        self.stop_sender(SenderPause {
            covers,
            kind: stops.kind,
            answer: stops.answer.clone(),
            since: self.now,
            next_at: Some(self.now + delta(stops.pause)),
        });
    }

    /// A block that is there keeps its beginning, and a throttle never replaces it. What a hand stopped stays as it is.
    fn stop_sender(&mut self, mut pause: SenderPause) {
        let key = pause.covers.key();
        let there = self.state.pauses.get(&key);
        if there.is_some_and(|there| there.kind == PauseKind::ByHand) {
            return;
        }
        let blocked_since = there.filter(|there| there.kind == PauseKind::Blocked).map(|there| there.since);
        match (pause.kind, blocked_since) {
            (PauseKind::Throttled, Some(_)) => return,
            (PauseKind::Throttled, None) => {}
            (_, Some(since)) => pause.since = since,
            (_, None) => {
                let (covers, answer) = (pause.covers.clone(), pause.answer.to_string());
                self.event(None, Happening::SenderPaused { covers, answer });
            }
        }
        self.state.pauses.insert(key, pause);
    }

    /// Counts for the brake.
    fn count_outcome(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        is_outcome: bool,
        hard_failure: bool,
    ) {
        let row = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        if !is_outcome {
            return;
        }
        let (state, outcomes, hard_failures) = (row.batch.state, row.outcomes, row.hard_failures);
        let mut brake = Brake { state, outcomes, hard_failures };
        let because = brake.count(hard_failure, &self.policy);
        (row.outcomes, row.hard_failures) = (brake.outcomes, brake.hard_failures);
        if because.is_some() {
            self.pause_batch(organisation, batch, because);
            self.count(Count::Brake, 1);
        }
    }

    /// Whether the sender of a message is blocked for this policy refusal already.
    fn is_blocked_for(&self, key: DeliveryKey, text: &str) -> bool {
        let pause = self.state.pauses.get(&Covers::Sender(self.delivery(key).sender.clone()).key());
        pause.is_some_and(|pause| pause.kind == PauseKind::Blocked && pause.answer.to_string() == text)
    }

    /// Counts identical policy refusals in a row; enough of them block the sender and go back to the queue.
    fn refused_by_policy(&mut self, key: DeliveryKey, text: String) {
        let sender: SenderKey = self.delivery(key).sender.clone();
        let run = self.state.refusals.entry(sender.clone()).or_default();
        if run.text != text {
            run.text = text;
            run.deliveries.clear();
        }
        run.deliveries.push(key);
        if run.deliveries.len() < self.policy.breaker as usize {
            return;
        }
        let deliveries = std::mem::take(&mut run.deliveries);
        self.state.refusals.remove(&sender);
        let answer = self.delivery(key).answer.clone().unwrap_or_default();
        self.stop_sender(SenderPause {
            covers: Covers::Sender(sender),
            kind: PauseKind::Blocked,
            answer,
            since: self.now,
            next_at: Some(self.now + delta(self.policy.probe_every)),
        });
        for key in deliveries {
            if self.delivery(key).standing.reason == Some(EndReason::PolicyRefused) {
                self.step(key, DeliveryEvent::Retry);
                // They were the sender's failures, not the batch's.
                let batch = self.delivery(key).batch;
                let row = self.state.batches.get_mut(&(key.0, batch)).expect("a batch stays");
                row.outcomes = row.outcomes.saturating_sub(1);
                row.hard_failures = row.hard_failures.saturating_sub(1);
            }
        }
    }
}
