//! Offers to one person: a link that is handed over, a fresh credential that somebody asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::Asked;
use super::transaction::Transaction;
use crate::credential::StoredForm;
use crate::model::batch::{Batch, behind};
use crate::model::credential::Generation;
use crate::model::delivery::EndReason;
use crate::model::event::Happening;
use crate::model::id::{OrganisationId, UserId};
use crate::model::invitation::RevokeReason;
use crate::model::item::{Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::policy::FRESH_WITHIN;
use crate::port::error::{PortError, PortErrorKind, PortResult};
use crate::port::offers::{HandOverLink, LinkHandedOver, Offers, Refresh, Refreshed};
use crate::port::plans::{Confirm, Confirmed, NewPlan, PlanPage};

#[async_trait]
impl Offers for MemoryStore {
    async fn hand_over_link(&self, hand_over: HandOverLink) -> PortResult<LinkHandedOver> {
        self.transact_with(hand_over.policy.clone(), |transaction| transaction.hand_over_link(hand_over))?
    }

    async fn refresh(&self, refresh: Refresh) -> PortResult<Refreshed> {
        self.transact_with(refresh.policy.clone(), |transaction| transaction.refresh(refresh))?
    }
}

/// A batch of one person.
struct One {
    plan: NewPlan,
    user: UserId,
    facts: Option<User>,
    senders: BTreeMap<Channel, (SenderKey, String)>,
}

impl Transaction<'_> {
    fn hand_over_link(&mut self, hand_over: HandOverLink) -> PortResult<LinkHandedOver> {
        let HandOverLink { plan, user, facts, digest, resets, .. } = hand_over;
        let actor = plan.actor.clone();
        let organisation = actor.organisation();
        let one = One { plan, user, facts, senders: BTreeMap::new() };
        let decision = match self.decide_about_one(&one)? {
            Decision::SendWithReset if !resets => Decision::Skip(SkipReason::SetUpNeedsConsent),
            decision => decision,
        };
        if !decision.wants_credential() {
            return Ok(LinkHandedOver::Refused(decision));
        }
        let batch = self.confirm_one(one, resets)?;
        for earlier in self.open_invitations(organisation, user) {
            self.revoke(organisation, user, earlier, RevokeReason::Superseded);
        }
        for key in self.messages_to(organisation, user) {
            let batch = self.delivery(key).batch;
            if self.batch_row(organisation, batch).order.is_some() {
                self.cancel_unsent(key, EndReason::InvitationClosed);
            }
        }
        let invitation = self.item(organisation, batch.id, user).item.invitation;
        let invitation = invitation.ok_or_else(|| refused("the plan begins no invitation"))?;
        self.add_invitation(organisation, batch.id, user, invitation);
        let (stored, generation) = (StoredForm::Link(digest), Generation::first());
        let place = (batch.id, user, invitation);
        let expires_at = self.add_credential(organisation, place, generation, (stored, None));
        let details = if decision == Decision::SendWithReset { "with consent to a reset" } else { "" };
        self.audit(&actor, "link_handed_over", &user, details);
        let happening = Happening::LinkHandedOver { user, invitation, batch: batch.id };
        self.event(Some(organisation), happening);
        Ok(LinkHandedOver::Done { batch: Box::new(batch), invitation, expires_at })
    }

    fn refresh(&mut self, refresh: Refresh) -> PortResult<Refreshed> {
        let Refresh { plan, user, facts, senders, by, source, .. } = refresh;
        let actor = plan.actor.clone();
        let organisation = actor.organisation();
        if !source.is_empty() {
            let source = Asked::Source(source);
            if let Some(rest) = self.count_request(organisation, source, self.policy.fresh_of_source) {
                return Ok(Refreshed::Wait(rest));
            }
        }
        let person = Asked::Person(user);
        if self.count_request(organisation, person, self.policy.fresh_of_person).is_some() {
            return Ok(Refreshed::TooOften);
        }
        let known = facts.is_some();
        let one = One { plan, user, facts, senders };
        let refreshed = match self.decide_about_one(&one)? {
            Decision::Skip(reason) => Refreshed::Skipped(reason),
            _ => Refreshed::Confirmed(Box::new(self.confirm_one(one, true)?)),
        };
        if known {
            let (batch, became) = match &refreshed {
                Refreshed::Confirmed(batch) => (Some(batch.id), "confirmed".to_owned()),
                Refreshed::Skipped(reason) => (None, format!("skipped: {reason}")),
                Refreshed::TooOften | Refreshed::Wait(_) => (None, String::new()),
            };
            self.audit(&actor, "fresh_requested", &user, format!("by {}, {became}", by.as_str()));
            self.event(Some(organisation), Happening::FreshRequested { user, batch });
        }
        Ok(refreshed)
    }

    /// Counts a request; one beyond the limit of an hour is not counted, and told how long to wait.
    fn count_request(
        &mut self,
        organisation: OrganisationId,
        asked: Asked,
        at_most: u32,
    ) -> Option<Duration> {
        let now = self.now;
        let times = self.state.requests.entry((organisation, asked)).or_default();
        while times.pop_front_if(|at| *at + FRESH_WITHIN <= now).is_some() {}
        if times.len() >= at_most as usize {
            return times.front().and_then(|at| (*at + FRESH_WITHIN - now).to_std().ok());
        }
        times.push_back(now);
        None
    }

    /// What a plan of this one person will decide; that it can be carried out as well.
    fn decide_about_one(&self, one: &One) -> PortResult<Decision> {
        let batch = one.plan.clone().opened(self.now, self.now);
        let settings = self.settings(batch.organisation).ok_or_else(|| refused("no such organisation"))?;
        let behind = behind(&batch.planned_by, None);
        let facts = one.facts.as_ref().filter(|facts| facts.id == one.user);
        let item = self.decide_for_plan(&batch, settings, &behind, (one.user, facts), &BTreeMap::new()).item;
        match item.channels.iter().find(|channel| !one.senders.contains_key(channel)) {
            Some(channel) => Err(refused(&format!("no sender for {channel}"))),
            None => Ok(item.decision),
        }
    }

    /// Plans and confirms a batch of one person, without a hold.
    fn confirm_one(&mut self, one: One, resets: bool) -> PortResult<Batch> {
        let One { plan, user, facts, senders } = one;
        let actor = plan.actor.clone();
        let plan = self.open_plan(plan).id;
        self.plan_page(&PlanPage {
            organisation: actor.organisation(),
            plan,
            after: None,
            people: vec![(user, facts)],
            senders,
            sms_sizes: BTreeMap::new(),
            last: true,
            policy: self.policy.clone(),
        })?;
        let (hold, policy) = (Some(Duration::ZERO), self.policy.clone());
        match self.confirm(&Confirm {
            plan,
            actor,
            resets,
            hold,
            starts_in: Duration::ZERO,
            pilot: None,
            policy,
        }) {
            Confirmed::Now(batch) => Ok(*batch),
            _ => Err(refused("a plan that was opened just now cannot be confirmed")),
        }
    }
}

fn refused(why: &str) -> PortError {
    PortError::new(PortErrorKind::Refused, format!("make an offer: {why}"))
}
