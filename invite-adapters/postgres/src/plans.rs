//! Plans and batches.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::db::Db;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::decision::history::{History, View};
use invite_core::decision::{Case, decide};
use invite_core::machine::batch::WrongBatchState;
use invite_core::machine::delivery::Standing;
use invite_core::model::actor::Actor;
use invite_core::model::batch::{Batch, BatchState, Confirmation, Progress, Totals, behind};
use invite_core::model::contact::{EmailAddress, PhoneNumber};
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::{Delivery, DeliveryState, EndReason};
use invite_core::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::item::{Action, Decision, Item, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::outcome::Receipt;
use invite_core::model::user::User;
use invite_core::model::wording::ItemWording;
use invite_core::port::error::PortResult;
use invite_core::port::plans::{
    BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans, Retried, RetryChunk,
};
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::PgStore;
use crate::error::{Fault, Step};
use crate::histories::{People, address_key};
use crate::organisations::settings;
use crate::pilot::read_pilot;
use crate::rows::{Columns, Key, cursor, delta, json, limit, missing, word};
use crate::waits::waits_of;
use crate::write::Write;

#[async_trait]
impl Plans for PgStore {
    async fn now(&self) -> PortResult<DateTime<Utc>> {
        self.clock_time().await.map_err(|fault| fault.doing("read the clock"))
    }

    async fn open_plan(&self, plan: NewPlan) -> PortResult<Batch> {
        let mut write = self.write("open a plan").await?;
        let opened = write.open_plan(plan).await;
        write.end(opened).await
    }

    async fn plan_page(&self, page: PlanPage) -> PortResult<Batch> {
        let mut write = self.write_under("plan a page", page.policy.clone()).await?;
        let planned = write.plan_page(page).await;
        write.end(planned).await
    }

    async fn confirm(&self, confirm: Confirm) -> PortResult<Confirmed> {
        let mut write = self.write_under("confirm a plan", confirm.policy.clone()).await?;
        let confirmed = write.confirm(&confirm).await;
        write.end(confirmed).await
    }

    async fn change_batch(&self, change: BatchChange) -> PortResult<Option<Result<Batch, WrongBatchState>>> {
        let mut write = self.write("change a batch").await?;
        let changed = write.change_batch(change).await;
        write.end(changed).await
    }

    async fn retry(&self, retry: RetryChunk) -> PortResult<Retried> {
        let mut write = self.write("queue messages again").await?;
        let retried = write.retry_chunk(&retry).await;
        write.end(retried).await
    }

    async fn batch(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Option<Batch>> {
        let found = async { maybe_batch(&mut self.read().await?, organisation, batch).await }.await;
        found.map_err(|fault| fault.doing("read a batch"))
    }

    async fn batches(
        &self,
        organisation: OrganisationId,
        before: Option<BatchId>,
        most: usize,
    ) -> PortResult<Vec<Batch>> {
        let rows = self
            .schema
            .query(
                "SELECT b.*, s.selection FROM invite.batch AS b
             JOIN invite.selection AS s ON s.organisation = b.organisation AND s.batch = b.id
             WHERE b.organisation = $1 AND b.id < $2 ORDER BY b.id DESC LIMIT $3",
            )
            .bind(organisation.uuid())
            .bind(before.map_or(Uuid::max(), Key::uuid))
            .bind(limit(most))
            .fetch_all(&self.pool)
            .await;
        read_all(rows, read_batch).map_err(|fault| fault.doing("list batches"))
    }

    async fn items(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<UserId>,
        most: usize,
    ) -> PortResult<Vec<Item>> {
        let rows = self.schema.query(
            "SELECT * FROM invite.item WHERE organisation = $1 AND batch = $2 AND user_id > $3 ORDER BY user_id LIMIT $4",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .bind(cursor(after))
        .bind(limit(most))
        .fetch_all(&self.pool)
        .await;
        read_all(rows, read_item).map_err(|fault| fault.doing("list the people of a batch"))
    }

    async fn deliveries(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<DeliveryId>,
        most: usize,
    ) -> PortResult<Vec<Delivery>> {
        let rows = self
            .schema
            .query(
                "SELECT d.*, b.state AS batch_state FROM invite.delivery AS d
             JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
             WHERE d.organisation = $1 AND d.batch = $2 AND d.id > $3 ORDER BY d.id LIMIT $4",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(cursor(after))
            .bind(limit(most))
            .fetch_all(&self.pool)
            .await;
        read_all(rows, read_delivery).map_err(|fault| fault.doing("list the messages of a batch"))
    }

    async fn progress(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Progress> {
        let progress = async {
            let mut read = self.read().await?;
            let now = self.instant(&mut read).await?;
            let progress = progress(&mut read, organisation, batch).await?;
            Ok(Progress { waits: waits_of(&mut read, organisation, batch, now).await?, ..progress })
        };
        let progress: Step<_> = progress.await;
        progress.map_err(|fault| fault.doing("read the progress of a batch"))
    }
}

fn read_all<T>(rows: Result<Vec<PgRow>, sqlx::Error>, read: fn(&PgRow) -> Step<T>) -> Step<Vec<T>> {
    rows?.iter().map(read).collect()
}

pub(crate) async fn maybe_batch(
    db: &mut Db,
    organisation: OrganisationId,
    batch: BatchId,
) -> Step<Option<Batch>> {
    let row = db
        .query(
            "SELECT b.*, s.selection FROM invite.batch AS b
         JOIN invite.selection AS s ON s.organisation = b.organisation AND s.batch = b.id
         WHERE b.organisation = $1 AND b.id = $2",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_optional(db.connection())
        .await?;
    row.as_ref().map(read_batch).transpose()
}

/// A batch with its selection.
pub(crate) fn read_batch(row: &PgRow) -> Step<Batch> {
    Ok(Batch {
        id: row.id("id")?,
        organisation: row.id("organisation")?,
        action: row.word("action")?,
        selection: row.json("selection")?,
        channels: row.word("channels")?,
        state: row.word("state")?,
        paused_because: row.maybe_text("paused_because")?,
        planned_by: row.json("planned_by")?,
        inviter: row.text("inviter")?,
        planned_at: row.at("planned_at")?,
        complete: row.flag("complete")?,
        expires_at: row.at("expires_at")?,
        confirmed: match row.maybe_json::<Actor>("confirmed_by")? {
            None => None,
            Some(by) => Some(Confirmation {
                by,
                at: row.at("confirmed_at")?,
                resets: row.flag("resets")?,
                not_before: row.at("not_before")?,
                pilot: read_pilot(row)?,
            }),
        },
        stopped_at: row.maybe_at("stopped_at")?,
        templates: row.json("templates")?,
        totals: row.json("totals")?,
    })
}

/// An item.
pub(crate) fn read_item(row: &PgRow) -> Step<Item> {
    let reason = row.maybe_text("reason")?;
    let decision = Decision::from_parts(&row.text("decision")?, reason.as_deref());
    Ok(Item {
        user: row.id("user_id")?,
        decision: decision.ok_or_else(|| missing("decision"))?,
        channels: read_channels(&row.text("channels")?)?,
        invitation: row.maybe_id("invitation")?,
    })
}

/// What the totals have counted of the languages and sizes of an item's messages.
pub(crate) fn read_wording(row: &PgRow) -> Step<ItemWording> {
    Ok(row.maybe_json("wording")?.unwrap_or_default())
}

fn read_channels(words: &str) -> Step<Vec<Channel>> {
    let channel =
        |word| Channel::ALL.into_iter().find(|one| one.as_str() == word).ok_or_else(|| missing("channels"));
    words.split_whitespace().map(channel).collect()
}

fn written_channels(channels: &[Channel]) -> String {
    channels.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(" ")
}

/// A delivery, with the state of its batch in `batch_state`.
pub(crate) fn read_delivery(row: &PgRow) -> Step<Delivery> {
    let planned = row.word::<BatchState>("batch_state")? == BatchState::Planned;
    let state = match row.word("state")? {
        DeliveryState::Queued if planned => DeliveryState::Planned,
        state => state,
    };
    let due_at = row.at("due_at")?;
    Ok(Delivery {
        id: row.id("id")?,
        batch: row.id("batch")?,
        user: row.id("user_id")?,
        invitation: row.id("invitation")?,
        channel: row.word("channel")?,
        address: row.maybe_text("address")?,
        state,
        reason: row.maybe_word::<EndReason>("reason")?,
        answer: row.maybe_json("answer")?,
        receipt: row.maybe_text("receipt")?.map(Receipt),
        attempts: row.small("attempts")?,
        next_attempt_at: (state == DeliveryState::Queued).then_some(due_at),
        waits_for: row.maybe_word("waits_for")?.filter(|_| state == DeliveryState::Queued),
        sent_at: row.maybe_at("sent_at")?,
        changed_at: row.at("changed_at")?,
    })
}

async fn progress(db: &mut Db, organisation: OrganisationId, batch: BatchId) -> Step<Progress> {
    let mut progress = Progress::default();
    let row = db
        .query("SELECT state, totals FROM invite.batch WHERE organisation = $1 AND id = $2")
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_optional(db.connection())
        .await?;
    let Some(row) = row else { return Ok(progress) };
    let planned = row.word::<BatchState>("state")? == BatchState::Planned;
    let totals: Totals = row.json("totals")?;
    let rows = db
        .query(
            "SELECT state, reason, count(*) AS messages FROM invite.delivery
         WHERE organisation = $1 AND batch = $2 GROUP BY state, reason",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_all(db.connection())
        .await?;
    for row in rows {
        let messages = row.count("messages")?;
        let state = match row.word("state")? {
            DeliveryState::Queued if planned => DeliveryState::Planned,
            state => state,
        };
        *progress.states.entry(state).or_default() += messages;
        if let Some(reason) = row.maybe_word("reason")? {
            *progress.reasons.entry(reason).or_default() += messages;
        }
    }
    let row = db
        .query(
            "SELECT count(DISTINCT user_id) AS sent,
                count(DISTINCT CASE WHEN state IN ('delivered', 'complained') THEN user_id END) AS delivered
         FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND sent_at IS NOT NULL",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_one(db.connection())
        .await?;
    progress.funnel.sent = row.count("sent")?;
    progress.funnel.delivered = row.count("delivered")?;
    let row = db
        .query(
            "SELECT count(*) AS accepted FROM invite.item AS i
         JOIN invite.invitation AS v ON v.organisation = i.organisation AND v.id = i.invitation
         WHERE i.organisation = $1 AND i.batch = $2 AND v.state = 'accepted'",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_one(db.connection())
        .await?;
    progress.funnel.accepted = row.count("accepted")?;
    progress.funnel.selected = totals.people();
    progress.funnel.recipients = totals.recipients();
    Ok(progress)
}

impl Write {
    pub(crate) async fn open_plan(&mut self, plan: NewPlan) -> Step<Batch> {
        let organisation = plan.actor.organisation();
        let expires_at = self.now + delta(plan.lifetime);
        let batch = plan.opened(self.now, expires_at);
        self.query(
            "INSERT INTO invite.batch (organisation, id, action, by_id, channels, state, planned_by, inviter,
                 planned_at, complete, expires_at, templates, totals)
             VALUES ($1, $2, $3, $4, $5, 'planned', $6, $7, $8, false, $9, $10, $11)",
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

    pub(crate) async fn plan_page(&mut self, page: PlanPage) -> Step<Batch> {
        let organisation = page.organisation;
        let batch = maybe_batch(self.db(), organisation, page.plan).await?;
        let mut batch = batch.ok_or_else(|| Fault::Refused("there is no such plan".into()))?;
        let row = self
            .query("SELECT last_user FROM invite.batch WHERE organisation = $1 AND id = $2")
            .bind(organisation.uuid())
            .bind(page.plan.uuid())
            .fetch_one(self.db().connection())
            .await?;
        let last: Option<UserId> = row.maybe_id("last_user")?;
        if batch.state != BatchState::Planned || batch.complete || last != page.after {
            return Ok(batch);
        }
        let (items, deliveries) = self.decide_for_plan(&mut batch, &page).await?;
        self.insert_page(organisation, page.plan, items, deliveries).await?;
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

    /// Decides about the people of a page, and counts them; gives the columns of their items and messages.
    pub(crate) async fn decide_for_plan(
        &mut self,
        batch: &mut Batch,
        page: &PlanPage,
    ) -> Step<(Vec<Value>, Vec<Value>)> {
        let settings = settings(self.db(), page.organisation).await?;
        let users = page.people.iter().filter_map(|(id, user)| user.as_ref().filter(|user| user.id == *id));
        let people = People::read(self.db(), page.organisation, users).await?;
        let mut lanes = BTreeMap::new();
        let behind = behind(&batch.planned_by, None);
        let credential = match batch.action {
            Action::HandOver => CredentialKind::SetUpLink,
            Action::Invite | Action::Remind | Action::Refresh => settings.credential,
        };
        let (mut items, mut deliveries) = (Vec::new(), Vec::new());
        for (id, user) in &page.people {
            let user = user.as_ref().filter(|user| user.id == *id);
            let history =
                user.map_or_else(History::default, |user| people.history(user, View::Planning(batch.id)));
            let request = invite_core::decision::Request {
                action: batch.action,
                by_id: batch.selection.is_by_id(),
                channels: batch.channels,
            };
            let case = Case {
                user,
                history: &history,
                request,
                settings: &settings,
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
                    page.wording(user, message, &settings, &batch.templates).map_err(Fault::Port)?
                }
                _ => ItemWording::default(),
            };
            batch.totals.count(decided.decision, &decided.channels, administrator, &wording);
            items.push(json!({
                "user": id.uuid(),
                "decision": decided.decision.as_str(),
                "reason": decided.decision.skip_reason().map(SkipReason::as_str),
                "channels": written_channels(&decided.channels),
                "invitation": invitation.map(Key::uuid),
                "credential": decided.decision.wants_credential().then_some(credential),
                "administrator": i64::from(administrator),
                "wording": (wording != ItemWording::default()).then_some(wording),
            }));
            let (Some(user), Some(invitation)) = (user, invitation) else { continue };
            for channel in decided.channels {
                if let Entry::Vacant(place) = lanes.entry(channel) {
                    place.insert(self.lane_of_plan(page, channel).await?);
                }
                deliveries.push(json!({
                    "id": DeliveryId::new().uuid(),
                    "user": id.uuid(),
                    "invitation": invitation.uuid(),
                    "channel": channel,
                    "address": user.address(channel),
                    "address_key": user.address(channel).map(address_key),
                    "destination": destination(user, channel),
                    "lane": lanes[&channel],
                }));
            }
        }
        Ok((items, deliveries))
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

    async fn insert_page(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        items: Vec<Value>,
        deliveries: Vec<Value>,
    ) -> Step<()> {
        self.query(include_str!("sql/insert_items.sql"))
            .bind(organisation.uuid())
            .bind(plan.uuid())
            .bind(json(&items))
            .execute(self.db().connection())
            .await?;
        let queued = Standing::queued(self.now);
        self.query(include_str!("sql/insert_deliveries.sql"))
            .bind(organisation.uuid())
            .bind(plan.uuid())
            .bind(json(&deliveries))
            .bind(queued.state.as_str())
            .bind(queued.due_at)
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
