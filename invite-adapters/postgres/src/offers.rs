//! Offers to one person: a link that is handed over, a fresh credential that somebody asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::credential::{StoredForm, TokenDigest};
use invite_core::decision::begin::expires_at;
use invite_core::model::batch::{Batch, Totals};
use invite_core::model::credential::{CredentialKind, Generation};
use invite_core::model::delivery::EndReason;
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, CredentialId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::{Announcement, Decision, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::sender::SenderKey;
use invite_core::model::user::User;
use invite_core::policy::FRESH_WITHIN;
use invite_core::port::error::PortResult;
use invite_core::port::offers::{HandOverLink, LinkHandedOver, Offers, Refresh, Refreshed};
use invite_core::port::plans::{Confirm, Confirmed, NewPlan, PlanPage};

use crate::PgStore;
use crate::error::{Fault, Step};
use crate::invitations::{Credential, Invitation, NewCredential, open_invitations};
use crate::organisations::settings;
use crate::rows::{At, Columns, Key, delta};
use crate::write::Write;

#[async_trait]
impl Offers for PgStore {
    async fn hand_over_link(&self, hand_over: HandOverLink) -> PortResult<LinkHandedOver> {
        self.writing("hand over a link", &hand_over.policy, &hand_over, |write, hand_over| {
            Box::pin(write.hand_over_link(hand_over))
        })
        .await
    }

    async fn refresh(&self, refresh: Refresh) -> PortResult<Refreshed> {
        self.writing("refresh a credential", &refresh.policy, &refresh, |write, refresh| {
            Box::pin(write.refresh(refresh))
        })
        .await
    }
}

/// A batch of one person.
struct One {
    plan: NewPlan,
    page: PlanPage,
}

impl Write {
    async fn hand_over_link(&mut self, hand_over: &HandOverLink) -> Step<LinkHandedOver> {
        let HandOverLink { plan, user, facts, digest, resets, .. } = hand_over.clone();
        let actor = plan.actor.clone();
        let organisation = actor.organisation();
        self.hold_for_offer(organisation, facts.as_ref()).await?;
        let one = self.one(plan, (user, facts), BTreeMap::new());
        let decision = match self.decide_about_one(&one).await? {
            Decision::SendWithReset if !resets => Decision::Skip(SkipReason::SetUpNeedsConsent),
            decision => decision,
        };
        if !decision.wants_credential() {
            return Ok(LinkHandedOver::Refused(decision));
        }
        let batch = self.confirm_one(one, resets).await?;
        for earlier in open_invitations(self.db(), [(organisation, user)]).await? {
            self.revoke(&earlier, RevokeReason::Superseded).await?;
        }
        self.cancel_of_person(organisation, user).await?;
        let (invitation, expires_at) = self.begin_with_link(&batch, user, digest).await?;
        let details = if decision == Decision::SendWithReset { "with consent to a reset" } else { "" };
        self.audit(&actor, "link_handed_over", user, details).await?;
        self.event(organisation, Happening::LinkHandedOver { user, invitation, batch: batch.id });
        Ok(LinkHandedOver::Done { batch: Box::new(batch), invitation, expires_at })
    }

    /// Waits for whoever else confirms in this organisation, which is what an offer does, and for whoever is at this
    /// person; requests are counted one after the other.
    async fn hold_for_offer(&mut self, organisation: OrganisationId, user: Option<&User>) -> Step<()> {
        self.lock_confirmations(organisation).await?;
        self.hold(organisation, user.map(|user| user.id)).await?;
        self.look_at_the_clock().await
    }

    /// Cancels the unsent messages of a person that confirmed batches have.
    async fn cancel_of_person(&mut self, organisation: OrganisationId, user: UserId) -> Step<()> {
        let rows = self
            .query(
                "SELECT d.id FROM (
                 SELECT * FROM invite.delivery AS d WHERE d.organisation = $1 AND d.user_id = $2 OFFSET 0
             ) AS d
             JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
             WHERE d.state IN ('queued', 'claimed') AND b.confirmed_order IS NOT NULL",
            )
            .bind(organisation.uuid())
            .bind(user.uuid())
            .fetch_all(self.db().connection())
            .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<_>>>()?;
        self.cancel(ids, EndReason::InvitationClosed).await
    }

    /// Begins the invitation of a batch of one person, with a link that nobody seals.
    async fn begin_with_link(
        &mut self,
        batch: &Batch,
        user: UserId,
        digest: TokenDigest,
    ) -> Step<(InvitationId, At)> {
        let organisation = batch.organisation;
        let id = self.invitation_of_item(organisation, batch.id, user).await?;
        let lifetime = settings(self.db(), organisation).await?.credential_lifetime;
        let expires_at = expires_at(self.now, lifetime);
        let invitation = Invitation {
            organisation,
            id,
            user,
            batch: batch.id,
            stored: InvitationState::Pending,
            state: InvitationState::Pending,
            created_at: self.now,
            expires_at: Some(expires_at),
            announced: false,
            told: false,
            salt: None,
        };
        let credential = Credential {
            id: CredentialId::new(),
            batch: batch.id,
            kind: CredentialKind::SetUpLink,
            generation: Generation::first(),
            sealed: None,
            minted_at: self.now,
            expires_at,
            reservation: 0,
            used_at: None,
        };
        self.save_invitations([&invitation]).await?;
        let stored = StoredForm::Link(digest);
        self.save_credentials(&[NewCredential { organisation, invitation: id, credential, stored }]).await?;
        self.query(
            "UPDATE invite.item SET generation = $1 WHERE organisation = $2 AND batch = $3 AND user_id = $4",
        )
        .bind(i64::from(Generation::first().number()))
        .bind(organisation.uuid())
        .bind(batch.id.uuid())
        .bind(user.uuid())
        .execute(self.db().connection())
        .await?;
        Ok((id, expires_at))
    }

    async fn invitation_of_item(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        user: UserId,
    ) -> Step<InvitationId> {
        let row = self
            .query(
                "SELECT invitation FROM invite.item WHERE organisation = $1 AND batch = $2 AND user_id = $3",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(user.uuid())
            .fetch_one(self.db().connection())
            .await?;
        row.id("invitation")
    }

    async fn refresh(&mut self, refresh: &Refresh) -> Step<Refreshed> {
        let Refresh { plan, user, facts, senders, by, source, .. } = refresh.clone();
        let actor = plan.actor.clone();
        let organisation = actor.organisation();
        self.hold_for_offer(organisation, facts.as_ref()).await?;
        if !source.is_empty() {
            let source = format!("source {source}");
            let at_most = self.policy.fresh_of_source;
            if let Some(rest) = self.count_request(organisation, source, at_most).await? {
                return Ok(Refreshed::Wait(rest));
            }
        }
        let (person, at_most) = (format!("person {}", user.uuid()), self.policy.fresh_of_person);
        if self.count_request(organisation, person, at_most).await?.is_some() {
            return Ok(Refreshed::TooOften);
        }
        let known = facts.is_some();
        let one = self.one(plan, (user, facts), senders);
        let refreshed = match self.decide_about_one(&one).await? {
            Decision::Skip(reason) => Refreshed::Skipped(reason),
            _ => Refreshed::Confirmed(Box::new(self.confirm_one(one, true).await?)),
        };
        if known {
            let (batch, became) = match &refreshed {
                Refreshed::Confirmed(batch) => (Some(batch.id), "confirmed".to_owned()),
                Refreshed::Skipped(reason) => (None, format!("skipped: {reason}")),
                Refreshed::TooOften | Refreshed::Wait(_) => (None, String::new()),
            };
            let details = format!("by {}, {became}", by.as_str());
            self.audit(&actor, "fresh_requested", user, details).await?;
            self.event(organisation, Happening::FreshRequested { user, batch });
        }
        Ok(refreshed)
    }

    /// Counts a request; one beyond the limit of an hour is not counted, and told how long to wait.
    async fn count_request(
        &mut self,
        organisation: OrganisationId,
        asked: String,
        at_most: u32,
    ) -> Step<Option<Duration>> {
        let row = self
            .query(
                "SELECT count(*) AS requests, min(at) AS oldest
             FROM invite.fresh_request
             WHERE organisation = $1 AND asked = $2 AND at > $3",
            )
            .bind(organisation.uuid())
            .bind(asked.clone())
            .bind(self.now - delta(FRESH_WITHIN))
            .fetch_one(self.db().connection())
            .await?;
        if row.count("requests")? >= u64::from(at_most) {
            let oldest = row.maybe_at("oldest")?.unwrap_or(self.now);
            return Ok((oldest + delta(FRESH_WITHIN) - self.now).to_std().ok());
        }
        let now = self.now;
        self.query("INSERT INTO invite.fresh_request (organisation, asked, at) VALUES ($1, $2, $3)")
            .bind(organisation.uuid())
            .bind(asked)
            .bind(now)
            .execute(self.db().connection())
            .await?;
        Ok(None)
    }

    fn one(
        &self,
        plan: NewPlan,
        person: (UserId, Option<User>),
        senders: BTreeMap<Channel, (SenderKey, String)>,
    ) -> One {
        let page = PlanPage {
            organisation: plan.actor.organisation(),
            plan: plan.id,
            after: None,
            people: vec![person],
            senders,
            sms_sizes: BTreeMap::new(),
            last: true,
            policy: self.policy.clone(),
        };
        One { plan, page }
    }

    /// What a plan of this one person will decide.
    async fn decide_about_one(&mut self, one: &One) -> Step<Decision> {
        let mut batch = one.plan.clone().opened(self.now, self.now);
        self.decide_for_plan(&mut batch, &one.page).await?;
        Ok(decision(&batch.totals))
    }

    /// Plans and confirms a batch of one person, without a hold.
    async fn confirm_one(&mut self, one: One, resets: bool) -> Step<Batch> {
        let One { plan, page } = one;
        let (actor, id) = (plan.actor.clone(), plan.id);
        self.open_plan(plan).await?;
        self.plan_page(&page).await?;
        let policy = self.policy.clone();
        let confirm = Confirm {
            plan: id,
            actor,
            resets,
            hold: Some(Duration::ZERO),
            starts_in: Duration::ZERO,
            pilot: None,
            policy,
        };
        match self.confirm(&confirm).await? {
            Confirmed::Now(batch) => Ok(*batch),
            _ => Err(Fault::Refused("a plan that was opened just now cannot be confirmed".into())),
        }
    }
}

/// What was decided about the one person of a batch.
fn decision(totals: &Totals) -> Decision {
    match totals.skip.keys().next() {
        Some(reason) => Decision::Skip(*reason),
        None if totals.reset > 0 => Decision::SendWithReset,
        None if totals.send > 0 => Decision::Send,
        None => Decision::Announce(Announcement::Elsewhere),
    }
}
