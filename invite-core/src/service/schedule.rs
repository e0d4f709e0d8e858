//! Rollouts that run by themselves: what is due by the schedules of organisations is done as the system, by the same
//! plans and batches that administrators make.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::plan::{Invite, PlanRequest, Remind};
use crate::decision::history::History;
use crate::decision::schedule::{
    Step, due_on_import, due_on_review, is_to_be_invited, look_after_reminding, step,
};
use crate::decision::{Case, Request};
use crate::model::actor::Actor;
use crate::model::id::{OrganisationId, UserId};
use crate::model::item::Action;
use crate::model::organisation::{ChannelRule, Settings};
use crate::model::schedule::{Due, DueKind, InviteNew};
use crate::model::selection::Filter;
use crate::model::user::User;
use crate::policy::Policy;
use crate::port::accounts::UserPage;
use crate::port::error::PortResult;
use crate::port::schedules::{ClaimedDue, SettleDue};

/// People of one organisation who are looked at together: a batch of a schedule is no larger, but for one that invites
/// everybody.
const AT_ONCE: usize = 500;
/// How long whoever claimed due work has it. A worker that dies in it delays it by so much.
const LEASE: Duration = Duration::from_mins(10);

impl Invites {
    /// Tells that these people are new in the host's own users table: where the organisation's schedule invites new people
    /// at import, they are invited. Any number of times; whoever was invited already is not invited again. What
    /// [`import`](Self::import) adds needs no telling.
    #[instrument(skip_all, fields(%organisation, people = users.len()))]
    pub async fn record_added(&self, organisation: OrganisationId, users: &[UserId]) -> Result<(), Error> {
        let settings = self.organisation(organisation).await?.settings;
        let now = self.inner.store.now().await?;
        for page in users.chunks(AT_ONCE) {
            let due = due_on_import(&settings, page, now);
            if !due.is_empty() {
                self.inner.store.add_due(organisation, due).await?;
            }
        }
        Ok(())
    }

    /// Does a piece of what is due by schedules.
    pub(super) async fn do_what_is_due(&self, claimed: ClaimedDue) -> Result<(), Error> {
        let (organisation, token) = (claimed.organisation, claimed.token);
        let settle = SettleDue {
            organisation,
            token,
            kind: claimed.kind,
            done: claimed.subjects.clone(),
            next: self.carry_out_due(&claimed).await?,
        };
        Ok(self.inner.store.settle_due(settle).await?)
    }

    /// Takes work that is due, if there is any.
    pub(super) async fn claim_what_is_due(&self) -> PortResult<Option<ClaimedDue>> {
        self.inner.store.claim_due(AT_ONCE, LEASE).await
    }

    /// Carries out due work; gives what comes after it.
    #[instrument(skip_all, fields(organisation = %claimed.organisation, kind = %claimed.kind))]
    async fn carry_out_due(&self, claimed: &ClaimedDue) -> Result<Vec<Due>, Error> {
        let organisation = claimed.organisation;
        let Some(found) = self.inner.store.organisation(organisation).await? else { return Ok(Vec::new()) };
        let settings = found.settings;
        let now = self.inner.store.now().await?;
        let Some(schedule) = &settings.schedule else { return Ok(Vec::new()) };
        let people = claimed.subjects.iter().map(|subject| UserId::from_uuid(*subject));
        match claimed.kind {
            DueKind::InviteAll => match schedule.invite {
                InviteNew::At(at) if at > now => Ok(claimed
                    .subjects
                    .iter()
                    .map(|subject| Due { kind: claimed.kind, subject: *subject, at })
                    .collect()),
                InviteNew::At(_) => {
                    self.send_by_schedule(organisation, Invite::never_invited()).await?;
                    Ok(Vec::new())
                }
                InviteNew::ByHand | InviteNew::AtImport => Ok(Vec::new()),
            },
            DueKind::Invite => {
                let look = self.look(organisation, people.collect(), &settings, now).await?;
                let invited =
                    look.that(Action::Invite, |case| is_to_be_invited(case).then_some(case.user?.id));
                self.send_to(organisation, Invite::users, invited).await?;
                Ok(Vec::new())
            }
            DueKind::Remind => {
                let look = self.look(organisation, people.collect(), &settings, now).await?;
                let steps = look.that(Action::Remind, |case| {
                    Some((case.user?.id, step(case), look_after_reminding(case)))
                });
                let reminded =
                    steps.iter().filter(|(_, step, _)| *step == Step::Send).map(|(user, ..)| *user);
                self.send_to(organisation, Remind::users, reminded.collect()).await?;
                let next = steps.into_iter().filter_map(|(user, step, after)| {
                    let at = match step {
                        Step::Send => after?,
                        Step::LookAt(at) => at,
                        Step::Nothing => return None,
                    };
                    Some(Due { kind: DueKind::Remind, subject: user.as_uuid(), at })
                });
                Ok(next.collect())
            }
            DueKind::Review => self.review(claimed, &settings, now).await,
            // The store's sweep tells of those.
            DueKind::ExpiryNotice => Ok(Vec::new()),
        }
    }

    /// Looks through a page of people after each subject, since the schedule has changed.
    async fn review(
        &self,
        claimed: &ClaimedDue,
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> Result<Vec<Due>, Error> {
        let organisation = claimed.organisation;
        let mut due = Vec::new();
        // Of several reviews, the one that is behind looks at everybody whom the others would.
        let Some(after) = claimed.subjects.iter().min() else { return Ok(due) };
        let after = (!after.is_nil()).then(|| UserId::from_uuid(*after));
        let page = UserPage { organisation, filter: Filter::default(), after, limit: AT_ONCE };
        let people = self.inner.accounts.page(page).await?;
        if let Some(last) = people.last().filter(|_| people.len() == AT_ONCE) {
            due.push(Due { kind: DueKind::Review, subject: last.id.as_uuid(), at: now });
        }
        let people = self.with_histories(organisation, people).await?;
        let look = Look { people, settings, policy: &self.inner.policy, now };
        due.extend(look.that(Action::Remind, |case| Some(due_on_review(case))).into_iter().flatten());
        Ok(due)
    }

    /// These people as they are now, those who are not there any more left out.
    async fn look<'a>(
        &'a self,
        organisation: OrganisationId,
        users: Vec<UserId>,
        settings: &'a Settings,
        now: DateTime<Utc>,
    ) -> Result<Look<'a>, Error> {
        let facts = self.inner.accounts.facts(organisation, users).await?;
        let people = self.with_histories(organisation, facts.into_iter().flatten().collect()).await?;
        Ok(Look { people, settings, policy: &self.inner.policy, now })
    }

    async fn send_to(
        &self,
        organisation: OrganisationId,
        request: fn(Vec<UserId>) -> PlanRequest,
        people: Vec<UserId>,
    ) -> Result<(), Error> {
        if people.is_empty() { Ok(()) } else { self.send_by_schedule(organisation, request(people)).await }
    }

    /// Plans and confirms as the system, without consent to resets.
    async fn send_by_schedule(
        &self,
        organisation: OrganisationId,
        request: PlanRequest,
    ) -> Result<(), Error> {
        let actor = Actor::system(organisation);
        let plan = self.plan(&actor, request.scheduled()).await?;
        if plan.totals().clone().without_consent().recipients() == 0 {
            // Others were faster. The plan expires unused.
            return Ok(());
        }
        let batch = self.confirm(&actor, plan.id()).await?;
        tracing::info!(batch = %batch.id, recipients = batch.totals.recipients(), "a schedule made a batch");
        Ok(())
    }
}

/// People as they are now, and what is decided about them by.
struct Look<'a> {
    people: Vec<(User, History)>,
    settings: &'a Settings,
    policy: &'a Policy,
    now: DateTime<Utc>,
}

impl Look<'_> {
    /// What is found of each person's case, in ascending order of their ids.
    fn that<T>(&self, action: Action, find: impl Fn(&Case<'_>) -> Option<T>) -> Vec<T> {
        let channels = match action {
            Action::Remind => ChannelRule::Both,
            Action::Invite | Action::HandOver | Action::Refresh => ChannelRule::default(),
        };
        let request = Request { action, by_id: true, channels, scheduled: true };
        let people: BTreeMap<UserId, _> =
            self.people.iter().map(|(user, history)| (user.id, (user, history))).collect();
        let case = |(user, history)| Case {
            user: Some(user),
            history,
            request,
            settings: self.settings,
            policy: self.policy,
            behind: &[],
            now: self.now,
        };
        people.into_values().filter_map(|person| find(&case(person))).collect()
    }
}
