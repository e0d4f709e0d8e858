//! Plan: what would happen, for whom, and why not for the others. Nothing is sent before it is confirmed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use super::sms_sizes::SmsSizes;
use super::summary;
use crate::model::actor::Actor;
use crate::model::batch::{Batch, BatchState, Totals};
use crate::model::credential::CredentialKind;
use crate::model::id::{BatchId, OrganisationId, UserId};
use crate::model::item::{Action, Item};
use crate::model::message::Channel;
use crate::model::organisation::{ChannelRule, Organisation};
use crate::model::selection::{Filter, HistoryFilter, PeopleFilter, Selection};
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::port::accounts::UserPage;
use crate::port::plans::{NewPlan, PlanPage};

/// People a page, and so a transaction.
const PAGE: usize = 1000;

/// What a plan is asked for; made by [`Invite`] and [`Remind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    action: Action,
    selection: Selection,
    channels: ChannelRule,
    scheduled: bool,
}

impl PlanRequest {
    /// On these channels, among those that the organisation uses.
    #[must_use]
    pub fn channels(self, channels: ChannelRule) -> Self {
        Self { channels, ..self }
    }

    /// As the organisation's schedule asks for it.
    pub(super) fn scheduled(self) -> Self {
        Self { scheduled: true, ..self }
    }
}

/// Begins an invitation for each person, replacing an earlier one.
///
/// By e-mail, and by SMS for those who have no e-mail address, unless [`PlanRequest::channels`] says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Invite;

impl Invite {
    /// Everybody who was never invited.
    pub fn never_invited() -> PlanRequest {
        let history = HistoryFilter { never_invited: true, ..HistoryFilter::default() };
        Self::matching(Filter { history, ..Filter::default() })
    }

    /// Everybody.
    pub fn all() -> PlanRequest {
        Self::matching(Filter::default())
    }

    /// These people, ticked one by one.
    pub fn users(ids: impl IntoIterator<Item = UserId>) -> PlanRequest {
        Self::select(Selection::Ids(ids.into_iter().collect()))
    }

    /// Everybody in this group.
    pub fn group(name: impl Into<String>) -> PlanRequest {
        Self::matching(in_group(name))
    }

    /// Everybody who matches.
    pub fn matching(filter: Filter) -> PlanRequest {
        Self::select(Selection::Matching(filter))
    }

    fn select(selection: Selection) -> PlanRequest {
        PlanRequest { action: Action::Invite, selection, channels: ChannelRule::default(), scheduled: false }
    }
}

/// Adds a message to each person's last invitation; what they received before goes on working.
///
/// On every channel on which the invitation arrived, unless [`PlanRequest::channels`] says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Remind;

impl Remind {
    /// Everybody who has never signed in.
    pub fn never_signed_in() -> PlanRequest {
        let history = HistoryFilter { never_signed_in: true, ..HistoryFilter::default() };
        Self::matching(Filter { history, ..Filter::default() })
    }

    /// These people, ticked one by one.
    pub fn users(ids: impl IntoIterator<Item = UserId>) -> PlanRequest {
        Self::select(Selection::Ids(ids.into_iter().collect()))
    }

    /// Everybody in this group.
    pub fn group(name: impl Into<String>) -> PlanRequest {
        Self::matching(in_group(name))
    }

    /// Everybody who matches.
    pub fn matching(filter: Filter) -> PlanRequest {
        Self::select(Selection::Matching(filter))
    }

    fn select(selection: Selection) -> PlanRequest {
        PlanRequest { action: Action::Remind, selection, channels: ChannelRule::Both, scheduled: false }
    }
}

fn in_group(name: impl Into<String>) -> Filter {
    let people = PeopleFilter { group: Some(name.into()), ..PeopleFilter::default() };
    Filter { people, ..Filter::default() }
}

/// A complete plan, to be shown and then confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    batch: Batch,
    credential: CredentialKind,
}

impl Plan {
    /// What to confirm.
    pub const fn id(&self) -> BatchId {
        self.batch.id
    }

    /// Who gets what, in figures.
    pub const fn totals(&self) -> &Totals {
        &self.batch.totals
    }

    /// All that is stored of it.
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Who gets what, who does not and why, in lines for an administrator; with consent to resets, and without.
    pub fn summary(&self) -> String {
        summary::of(&self.batch, self.credential)
    }
}

impl Invites {
    /// Plans: looks at everybody in the selection, page by page, and decides about each. It is stored, and expires
    /// unused after 24 hours; [`confirm`](Self::confirm) carries it out.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), action = request.action.as_str()))]
    pub async fn plan(&self, actor: &Actor, request: PlanRequest) -> Result<Plan, Error> {
        let administrator = self.authorise(actor).await?;
        let organisation = Arc::new(self.organisation(actor.organisation()).await?);
        let senders = self.senders_for(&organisation, request.channels).await?;
        let settings = &organisation.settings;
        let new = NewPlan {
            id: BatchId::new(),
            actor: actor.clone(),
            inviter: administrator.map_or_else(|| settings.name.clone(), |user| user.display_name()),
            action: request.action,
            scheduled: request.scheduled,
            selection: request.selection.clone(),
            channels: request.channels,
            templates: self.pins(organisation.id).await?,
            lifetime: self.inner.policy.plan_lifetime,
        };
        let batch = self.inner.store.open_plan(new).await?;
        let sizes = SmsSizes::new(self, organisation.clone(), &batch);
        let hashed = self.has_hashed_suppressions(organisation.id).await?;
        let mut pages = Pages {
            invites: self,
            organisation: organisation.id,
            batch,
            senders,
            sizes,
            hashed,
            cursor: None,
        };
        match request.selection {
            Selection::Ids(ids) => pages.of_ids(ids).await?,
            Selection::Matching(filter) => pages.of_filter(filter).await?,
        }
        Ok(Plan { batch: pages.batch, credential: settings.credential })
    }

    /// A plan that was made before and is not confirmed yet.
    pub async fn planned(&self, actor: &Actor, plan: BatchId) -> Result<Plan, Error> {
        self.authorise(actor).await?;
        let organisation = self.organisation(actor.organisation()).await?;
        let batch = self.inner.store.batch(organisation.id, plan).await?;
        let batch = batch.filter(|batch| batch.state == BatchState::Planned && batch.complete);
        let batch = batch.ok_or(Error::NotFound("plan"))?;
        Ok(Plan { batch, credential: organisation.settings.credential })
    }

    /// What a plan or batch decided for each person, in ascending order of user id, after the cursor.
    pub async fn items(
        &self,
        actor: &Actor,
        batch: BatchId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<Item>, Error> {
        self.authorise(actor).await?;
        let rows = self.inner.store.items(actor.organisation(), batch, after, limit).await?;
        Ok(Page::new(rows, limit, |item| item.user))
    }

    /// What each channel that may be used sends with.
    pub(super) async fn senders_for(
        &self,
        organisation: &Arc<Organisation>,
        rule: ChannelRule,
    ) -> Result<BTreeMap<Channel, (SenderKey, String)>, Error> {
        let mut senders = BTreeMap::new();
        for channel in
            organisation.settings.channels.iter().copied().filter(|channel| may_use(rule, *channel))
        {
            let sender = self.inner.senders.sender(organisation.clone(), channel).await?;
            let sender = sender.ok_or(Error::NoSender(channel))?;
            if channel == Channel::Email && sender.from_for(&organisation.settings).is_none() {
                return Err(Error::NoFrom);
            }
            senders.insert(channel, (sender.key, sender.account));
        }
        if senders.is_empty() { Err(Error::ChannelNotInUse) } else { Ok(senders) }
    }
}

const fn may_use(rule: ChannelRule, channel: Channel) -> bool {
    match rule {
        ChannelRule::Email => matches!(channel, Channel::Email),
        ChannelRule::Sms => matches!(channel, Channel::Sms),
        ChannelRule::Preferred | ChannelRule::Both => true,
    }
}

/// The pages of a plan that is being made.
struct Pages<'a> {
    invites: &'a Invites,
    organisation: OrganisationId,
    batch: Batch,
    senders: BTreeMap<Channel, (SenderKey, String)>,
    sizes: SmsSizes<'a>,
    /// Whether addresses of erased people are suppressed.
    hashed: bool,
    /// The last person who was added.
    cursor: Option<UserId>,
}

impl Pages<'_> {
    async fn of_ids(&mut self, mut ids: Vec<UserId>) -> Result<(), Error> {
        ids.sort_unstable();
        ids.dedup();
        let mut left = ids.as_slice();
        loop {
            let (page, rest) = left.split_at(left.len().min(PAGE));
            let facts = self.invites.inner.accounts.facts(self.organisation, page.to_vec()).await?;
            self.add(page.iter().copied().zip(facts).collect(), rest.is_empty()).await?;
            if rest.is_empty() {
                return Ok(());
            }
            left = rest;
        }
    }

    async fn of_filter(&mut self, filter: Filter) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page =
                UserPage { organisation: self.organisation, filter: filter.clone(), after, limit: PAGE };
            let mut people = self.invites.inner.accounts.page(page).await?;
            let is_last = people.len() < PAGE;
            after = people.last().map(|user| user.id).or(after);
            if !filter.history.is_empty() {
                let known = self.invites.with_histories(self.organisation, people).await?;
                let matching = known.into_iter().filter(|(user, known)| known.matches(&filter.history, user));
                people = matching.map(|(user, _)| user).collect();
            }
            if is_last || !people.is_empty() {
                self.add(people.into_iter().map(|user| (user.id, Some(user))).collect(), is_last).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn add(&mut self, people: Vec<(UserId, Option<User>)>, last: bool) -> Result<(), Error> {
        let cursor = people.last().map(|(id, _)| *id);
        if self.hashed {
            let known = people.iter().filter_map(|(_, user)| user.as_ref());
            self.invites.recognise(self.organisation, known).await?;
        }
        let sms_sizes = self.sizes.of(&people).await?;
        let page = PlanPage {
            organisation: self.organisation,
            plan: self.batch.id,
            after: self.cursor,
            people,
            senders: self.senders.clone(),
            sms_sizes,
            last,
            policy: self.invites.inner.policy.clone(),
        };
        self.batch = self.invites.inner.store.plan_page(page).await?;
        self.cursor = cursor.or(self.cursor);
        Ok(())
    }
}
