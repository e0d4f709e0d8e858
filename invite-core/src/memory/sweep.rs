//! The work that nobody waits for, in chunks.

use chrono::{DateTime, TimeDelta, Utc};

use super::state::{following, following_in};
use super::transaction::{DeliveryKey, Transaction, delta};
use crate::machine::batch::stopped_because;
use crate::machine::invitation::InvitationEvent;
use crate::model::batch::BatchState;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::{BatchId, OrganisationId, UserId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::sign_in::SignInMethod;
use crate::policy::FRESH_WITHIN;

/// Guesses are forgotten after so long.
const GUESSES_KEPT: TimeDelta = TimeDelta::days(1);

impl Transaction<'_> {
    /// Changes at most about `limit` rows; gives how many. What recalls revoke comes before what expires.
    pub(super) fn sweep(&mut self, limit: usize) -> u64 {
        let limit = limit as u64;
        let mut changed = self.take_back_lapsed();
        let steps = [
            Self::sweep_stopped,
            Self::sweep_notices,
            Self::sweep_expired,
            Self::sweep_under_sso,
            Self::sweep_plans,
            Self::sweep_guesses,
            Self::sweep_imports,
            Self::sweep_requests,
            Self::sweep_text_messages,
            Self::sweep_contacts,
            Self::sweep_events,
            Self::sweep_audit,
        ];
        for step in steps {
            if changed < limit {
                changed += step(self, limit - changed);
            }
        }
        changed
    }

    /// Text messages that count for no limit any more.
    fn sweep_text_messages(&mut self, limit: u64) -> u64 {
        let before = self.now - delta(self.policy.sms_within);
        let old = self.state.text_messages.iter().filter(|(_, (at, _))| *at <= before).map(|(key, _)| *key);
        let old: Vec<_> = old.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        for key in &old {
            self.state.text_messages.remove(key);
        }
        old.len() as u64
    }

    /// Messages of cancelled batches, messages and invitations of recalled ones.
    fn sweep_stopped(&mut self, limit: u64) -> u64 {
        let mut changed = 0;
        for (organisation, batch) in self.state.stopped.clone() {
            changed += self.sweep_batch(organisation, batch, limit - changed);
            if changed >= limit {
                return changed;
            }
            self.state.stopped.remove(&(organisation, batch));
        }
        changed
    }

    fn sweep_batch(&mut self, organisation: OrganisationId, id: BatchId, limit: u64) -> u64 {
        let row = self.batch_row(organisation, id);
        let (state, action) = (row.batch.state, row.batch.action);
        let reason = stopped_because(state).unwrap_or(EndReason::BatchCancelled);
        let mut changed = 0;
        for key in self.unsent_of(organisation, id, limit) {
            changed += u64::from(self.cancel_unsent(key, reason));
        }
        if state == BatchState::Recalled && action.begins_invitation() {
            changed += self.sweep_recalled(organisation, id, limit - changed);
        }
        changed
    }

    /// Revokes the invitations of a recalled batch, and lifts the retirements by them.
    fn sweep_recalled(&mut self, organisation: OrganisationId, id: BatchId, limit: u64) -> u64 {
        let mut changed = 0;
        while changed < limit {
            let row = self.state.batches.get_mut(&(organisation, id)).expect("a batch stays");
            let next = row.items.range(following(row.swept, UserId::from_uuid)).next();
            let Some((user, invitation)) = next.map(|(user, row)| (*user, row.item.invitation)) else {
                break;
            };
            row.swept = Some(user);
            let Some(invitation) = invitation else { continue };
            if self.state.invitations.contains_key(&(organisation, invitation)) {
                self.touch(organisation, id, user, invitation);
                changed += u64::from(self.revoke(organisation, user, invitation, RevokeReason::Recalled));
            }
        }
        changed
    }

    /// Messages of a batch that are queued or claimed, at most so many.
    fn unsent_of(&self, organisation: OrganisationId, id: BatchId, limit: u64) -> Vec<DeliveryKey> {
        let row = self.batch_row(organisation, id);
        let of_batch = |key: &DeliveryKey| self.delivery(*key).batch == id && key.0 == organisation;
        let queued = row.queue.iter().map(|(_, id)| (organisation, *id));
        let suspects = self.state.suspects.iter().map(|(_, organisation, id)| (*organisation, *id));
        let held = self.state.claims.values().flat_map(|claim| claim.deliveries.iter().copied());
        let claimed = held.filter(|key| self.delivery(*key).standing.state == DeliveryState::Claimed);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        queued.chain(suspects.filter(of_batch)).chain(claimed.filter(of_batch)).take(limit).collect()
    }

    fn sweep_expired(&mut self, limit: u64) -> u64 {
        let mut changed = 0;
        while changed < limit
            && let Some((at, organisation, invitation)) = self.state.expiring.first().copied()
            && at <= self.now
        {
            self.state.expiring.pop_first();
            let row = &self.state.invitations[&(organisation, invitation)];
            let user = row.user;
            // A reminder may have given it more time.
            let expired = row.expires_at.is_some_and(|at| at <= self.now)
                && self.seen_state(organisation, row) == InvitationState::Pending;
            if expired && self.step_invitation(organisation, invitation, InvitationEvent::Expire) {
                self.event(Some(organisation), Happening::Expired { user, invitation });
                changed += 1;
            }
        }
        changed
    }

    /// Our own people who came under SSO with their organisation.
    fn sweep_under_sso(&mut self, limit: u64) -> u64 {
        let mut changed = 0;
        while changed < limit
            && let Some((organisation, last)) = self.state.under_sso.first_key_value().map(|(o, l)| (*o, *l))
        {
            let by_default =
                self.settings(organisation).is_some_and(|settings| settings.sign_in == SignInMethod::Sso);
            let following = following_in(organisation, last, UserId::from_uuid);
            let next = self.state.accounts.range(following).next().filter(|_| by_default);
            let Some(user) = next.map(|(_, account)| account.user.clone()) else {
                self.state.under_sso.remove(&organisation);
                continue;
            };
            self.state.under_sso.insert(organisation, Some(user.id));
            if user.sign_in.is_none() {
                changed += self.depart(organisation, user.id, Some(&user));
            }
        }
        changed
    }

    /// Plans that nobody confirmed in time, with all their rows.
    fn sweep_plans(&mut self, limit: u64) -> u64 {
        let mut changed = 0;
        while changed < limit
            && let Some((expires_at, organisation, plan)) = self.state.plans.first().copied()
            && expires_at < self.now
        {
            let row = self.state.batches.get_mut(&(organisation, plan)).expect("the plan is there");
            if let Some(delivery) = row.deliveries.first().copied() {
                self.delete_message(organisation, delivery);
            } else if let Some((user, _)) = row.items.pop_first() {
                self.person_mut(organisation, user).batches.remove(&plan);
            } else {
                self.state.batches.remove(&(organisation, plan));
                self.state.plans.pop_first();
            }
            changed += 1;
        }
        changed
    }

    fn sweep_guesses(&mut self, limit: u64) -> u64 {
        let before: DateTime<Utc> = self.now - GUESSES_KEPT;
        let old = self.state.guesses.iter().filter(|(_, guesses)| guesses.last_at < before);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let old: Vec<_> = old.map(|(key, _)| key.clone()).take(limit).collect();
        for key in &old {
            self.state.guesses.remove(key);
        }
        old.len() as u64
    }

    fn sweep_requests(&mut self, limit: u64) -> u64 {
        let before = self.now - FRESH_WITHIN;
        let mut changed = 0;
        for times in self.state.requests.values_mut() {
            while changed < limit && times.pop_front_if(|at| *at <= before).is_some() {
                changed += 1;
            }
        }
        self.state.requests.retain(|_, times| !times.is_empty());
        changed
    }
}
