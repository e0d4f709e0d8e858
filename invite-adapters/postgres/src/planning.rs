//! Making a plan: its pages, decided about one by one and written as sets.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use invite_core::decision::history::{History, View};
use invite_core::decision::{Case, Request, decide};
use invite_core::machine::delivery::Standing;
use invite_core::model::batch::{Batch, BatchState, behind};
use invite_core::model::contact::{EmailAddress, PhoneNumber};
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::item::{Action, Decision, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::organisation::Settings;
use invite_core::model::user::User;
use invite_core::model::wording::ItemWording;
use invite_core::port::plans::{NewPlan, PlanPage};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::{Fault, Step};
use crate::histories::{People, address_key};
use crate::organisations::lasting_settings;
use crate::plans::{maybe_batch, written_channels};
use crate::rows::{Columns, Key, delta, json, word};
use crate::write::Write;

/// The items of a page, column by column.
#[derive(Debug, Default)]
struct Items {
    users: Vec<Uuid>,
    decisions: Vec<&'static str>,
    reasons: Vec<Option<&'static str>>,
    channels: Vec<String>,
    invitations: Vec<Option<Uuid>>,
    credentials: Vec<Option<String>>,
    administrators: Vec<bool>,
    wordings: Vec<Option<Json<Value>>>,
}

/// What a page of a plan is written as.
#[derive(Debug, Default)]
struct PageRows {
    items: Items,
    messages: Messages,
    /// Messages that go where others do not arrive.
    fallbacks: Messages,
}

/// Messages, column by column.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) users: Vec<Uuid>,
    pub(crate) invitations: Vec<Uuid>,
    pub(crate) channels: Vec<&'static str>,
    pub(crate) addresses: Vec<Option<String>>,
    pub(crate) address_keys: Vec<Option<String>>,
    pub(crate) destinations: Vec<String>,
    pub(crate) lanes: Vec<i64>,
}

impl Write {
    pub(crate) async fn open_plan(&mut self, plan: NewPlan) -> Step<Batch> {
        let organisation = plan.actor.organisation();
        let expires_at = self.now + delta(plan.lifetime);
        let batch = plan.opened(self.now, expires_at);
        self.query(
            "INSERT INTO invite.batch (organisation, id, action, by_id, channels, state, planned_by, inviter,
                 planned_at, complete, expires_at, templates, totals, scheduled)
             VALUES ($1, $2, $3, $4, $5, 'planned', $6, $7, $8, false, $9, $10, $11, $12)",
        )
        .bind(organisation.uuid())
        .bind(batch.id.uuid())
        .bind(batch.action.as_str())
        .bind(batch.selection.is_by_id())
        .bind(word(&batch.channels))
        .bind(json(&batch.planned_by))
        .bind(batch.inviter.clone())
        .bind(batch.planned_at)
        .bind(batch.expires_at)
        .bind(json(&batch.templates))
        .bind(json(&batch.totals))
        .bind(batch.scheduled)
        .execute(self.db().connection())
        .await?;
        self.query("INSERT INTO invite.selection (organisation, batch, selection) VALUES ($1, $2, $3)")
            .bind(organisation.uuid())
            .bind(batch.id.uuid())
            .bind(json(&batch.selection))
            .execute(self.db().connection())
            .await?;
        Ok(batch)
    }

    pub(crate) async fn plan_page(&mut self, page: &PlanPage) -> Step<Batch> {
        let organisation = page.organisation;
        // Before the batch, as everywhere; settings cannot change until the page is written.
        let settings = self.settings_as_they_stay(organisation).await?;
        let last = self.lock_plan(organisation, page.plan).await?;
        let batch = maybe_batch(self.db(), organisation, page.plan).await?;
        let mut batch = batch.ok_or_else(|| Fault::Refused("there is no such plan".into()))?;
        if batch.state != BatchState::Planned || batch.complete || last != page.after {
            return Ok(batch);
        }
        let PageRows { items, messages, fallbacks } = self.decide_about(&mut batch, page, &settings).await?;
        self.insert_items(organisation, page.plan, items).await?;
        self.insert_messages(organisation, page.plan, messages).await?;
        self.insert_fallbacks(organisation, page.plan, fallbacks).await?;
        batch.complete = page.last;
        if batch.complete {
            self.count_sharing(&mut batch).await?;
        }
        self.query(
            "UPDATE invite.batch SET last_user = $1, complete = $2, totals = $3 WHERE organisation = $4 AND id = $5",
        )
        .bind(page.people.last().map(|(id, _)| *id).or(last).map(Key::uuid))
        .bind(batch.complete)
        .bind(json(&batch.totals))
        .bind(organisation.uuid())
        .bind(page.plan.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(batch)
    }

    /// Waits for whoever is writing a page of the plan; gives the last person of the page that was written last.
    async fn lock_plan(&mut self, organisation: OrganisationId, plan: BatchId) -> Step<Option<UserId>> {
        let row = self
            .query("SELECT last_user FROM invite.batch WHERE organisation = $1 AND id = $2 FOR UPDATE")
            .bind(organisation.uuid())
            .bind(plan.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        row.map_or(Ok(None), |row| row.maybe_id("last_user"))
    }

    async fn settings_as_they_stay(&mut self, organisation: OrganisationId) -> Step<Settings> {
        let settings = lasting_settings(self.db(), organisation).await?;
        settings.ok_or_else(|| Fault::Refused("there is no such organisation".into()))
    }

    /// Counts in a plan what is decided about the people of a page, and writes nothing.
    pub(crate) async fn decide_for_plan(&mut self, batch: &mut Batch, page: &PlanPage) -> Step<()> {
        let settings = self.settings_as_they_stay(page.organisation).await?;
        self.decide_about(batch, page, &settings).await.map(drop)
    }

    /// Decides about the people of a page, and counts them; gives the rows that come of it.
    async fn decide_about(
        &mut self,
        batch: &mut Batch,
        page: &PlanPage,
        settings: &Settings,
    ) -> Step<PageRows> {
        let users = page.people.iter().filter_map(|(id, user)| user.as_ref().filter(|user| user.id == *id));
        let people = People::read(self.db(), page.organisation, users).await?;
        let mut lanes = BTreeMap::new();
        let behind = behind(&batch.planned_by, None);
        let credential = match batch.action {
            Action::HandOver => CredentialKind::SetUpLink,
            Action::Invite | Action::Remind | Action::Refresh => settings.credential,
        };
        let credential = word(&credential);
        let PageRows { mut items, mut messages, mut fallbacks } = PageRows::default();
        for (id, user) in &page.people {
            let user = user.as_ref().filter(|user| user.id == *id);
            let history =
                user.map_or_else(History::default, |user| people.history(user, View::Planning(batch.id)));
            let request = Request {
                action: batch.action,
                by_id: batch.selection.is_by_id(),
                channels: batch.channels,
                scheduled: batch.scheduled,
            };
            let case = Case {
                user,
                history: &history,
                request,
                settings,
                policy: &self.policy,
                behind: &behind,
                now: self.now,
            };
            let decided = decide(&case);
            let invitation = match (decided.decision, batch.action) {
                (Decision::Skip(_), _) => None,
                (_, Action::Remind) => history.last_invitation.as_ref().map(|last| last.id),
                (_, Action::Invite | Action::HandOver | Action::Refresh) => Some(InvitationId::new()),
            };
            let administrator = user.is_some_and(|user| user.role.is_administrator());
            // Of a batch of one person, who was not planned for, nobody looks at languages and sizes.
            let counted = matches!(batch.action, Action::Invite | Action::Remind);
            let wording = match (user, decided.decision.message_kind(batch.action).filter(|_| counted)) {
                (Some(user), Some(kind)) => {
                    let message = (kind, decided.channels.as_slice());
                    page.wording(user, message, settings, &batch.templates).map_err(Fault::Port)?
                }
                _ => ItemWording::default(),
            };
            let fallback = decided.fallback;
            batch.totals.count(
                decided.decision,
                &decided.channels,
                fallback.is_some(),
                administrator,
                &wording,
            );
            items.users.push(id.uuid());
            items.decisions.push(decided.decision.as_str());
            items.reasons.push(decided.decision.skip_reason().map(SkipReason::as_str));
            items.channels.push(written_channels(&decided.channels));
            items.invitations.push(invitation.map(Key::uuid));
            items.credentials.push(decided.decision.wants_credential().then(|| credential.clone()));
            items.administrators.push(administrator);
            items.wordings.push((wording != ItemWording::default()).then(|| json(&wording)));
            let (Some(user), Some(invitation)) = (user, invitation) else { continue };
            for channel in decided.channels.into_iter().chain(fallback) {
                if let Entry::Vacant(place) = lanes.entry(channel) {
                    place.insert(self.lane_of_plan(page, channel).await?);
                }
                let address = user.address(channel);
                let messages = if Some(channel) == fallback { &mut fallbacks } else { &mut messages };
                messages.ids.push(DeliveryId::new().uuid());
                messages.users.push(id.uuid());
                messages.invitations.push(invitation.uuid());
                messages.channels.push(channel.as_str());
                messages.addresses.push(address.map(ToOwned::to_owned));
                messages.address_keys.push(address.map(address_key));
                messages.destinations.push(destination(user, channel));
                messages.lanes.push(lanes[&channel]);
            }
        }
        Ok(PageRows { items, messages, fallbacks })
    }

    async fn lane_of_plan(&mut self, page: &PlanPage, channel: Channel) -> Step<i64> {
        let sender = page.senders.get(&channel);
        let (sender, account) =
            sender.ok_or_else(|| Fault::Refused(format!("there is no sender for {channel}")))?;
        let lane = self.lane(sender, account).await?;
        self.batch_uses_lane(page.organisation, page.plan, lane).await?;
        Ok(lane)
    }

    /// Counts the recipients of a plan who share the address of a message.
    pub(crate) async fn count_sharing(&mut self, batch: &mut Batch) -> Step<()> {
        let row = self
            .query(include_str!("sql/sharing.sql"))
            .bind(batch.organisation.uuid())
            .bind(batch.id.uuid())
            .bind(batch.totals.reset > 0)
            .fetch_one(self.db().connection())
            .await?;
        batch.totals.shared_addresses = row.count("without_resets")?;
        batch.totals.shared_addresses_with_resets = row.count("with_resets")?;
        Ok(())
    }

    async fn insert_items(&mut self, organisation: OrganisationId, plan: BatchId, items: Items) -> Step<()> {
        if items.users.is_empty() {
            return Ok(());
        }
        self.query(include_str!("sql/insert_items.sql"))
            .bind(organisation.uuid())
            .bind(plan.uuid())
            .bind(items.users)
            .bind(items.decisions)
            .bind(items.reasons)
            .bind(items.channels)
            .bind(items.invitations)
            .bind(items.credentials)
            .bind(items.administrators)
            .bind(items.wordings)
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    pub(crate) async fn insert_messages(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        messages: Messages,
    ) -> Step<()> {
        if messages.ids.is_empty() {
            return Ok(());
        }
        let queued = Standing::queued(self.now);
        self.query(include_str!("sql/insert_deliveries.sql"))
            .bind(organisation.uuid())
            .bind(plan.uuid())
            .bind(queued.state.as_str())
            .bind(queued.due_at)
            .bind(messages.ids)
            .bind(messages.users)
            .bind(messages.invitations)
            .bind(messages.channels)
            .bind(messages.addresses)
            .bind(messages.address_keys)
            .bind(messages.destinations)
            .bind(messages.lanes)
            .execute(self.db().connection())
            .await?;
        Ok(())
    }
}

/// What a sender's pause may be limited to: the domain of an e-mail address, the country of a number.
fn destination(user: &User, channel: Channel) -> String {
    match channel {
        Channel::Email => user.email.as_ref().map(EmailAddress::domain),
        Channel::Sms => user.phone.as_ref().and_then(PhoneNumber::country).map(|country| country.to_string()),
    }
    .unwrap_or_default()
}
