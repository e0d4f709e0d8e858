//! Plans and batches.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::error::{Fault, Step};
use crate::histories::{People, address_key};
use crate::organisations::settings;
use crate::pilot::read_pilot;
use crate::rows::{Columns, Key, cursor, delta, json, limit, micros, missing, word};
use crate::waits::waits_of;
use crate::write::Write;

#[async_trait]
impl Plans for SqliteStore {
    async fn now(&self) -> PortResult<DateTime<Utc>> {
        Ok(self.instant())
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
        let found = async { maybe_batch(&mut *self.read().await?, organisation, batch).await }.await;
        found.map_err(|fault| fault.doing("read a batch"))
    }

    async fn batches(
        &self,
        organisation: OrganisationId,
        before: Option<BatchId>,
        most: usize,
    ) -> PortResult<Vec<Batch>> {
        let rows = sqlx::query(
            "SELECT b.*, s.selection FROM invite_batch AS b
             JOIN invite_selection AS s ON s.organisation = b.organisation AND s.batch = b.id
             WHERE b.organisation = ? AND b.id < ? ORDER BY b.id DESC LIMIT ?",
        )
        .bind(organisation.blob())
        // 17 octets are after all ids.
        .bind(before.map_or_else(|| vec![0xff; 17], Key::blob))
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
        let rows = sqlx::query(
            "SELECT * FROM invite_item WHERE organisation = ? AND batch = ? AND user > ? ORDER BY user LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
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
        let rows = sqlx::query(
            "SELECT d.*, b.state AS batch_state FROM invite_delivery AS d
             JOIN invite_batch AS b ON b.organisation = d.organisation AND b.id = d.batch
             WHERE d.organisation = ? AND d.batch = ? AND d.id > ? ORDER BY d.id LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .bind(cursor(after))
        .bind(limit(most))
        .fetch_all(&self.pool)
        .await;
        read_all(rows, read_delivery).map_err(|fault| fault.doing("list the messages of a batch"))
    }

    async fn progress(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Progress> {
        let now = self.instant();
        let progress = async {
            let mut read = self.read().await?;
            let progress = progress(&mut read, organisation, batch).await?;
            Ok(Progress { waits: waits_of(&mut read, organisation, batch, now).await?, ..progress })
        };
        let progress: Step<_> = progress.await;
        progress.map_err(|fault| fault.doing("read the progress of a batch"))
    }
}

fn read_all<T>(rows: Result<Vec<SqliteRow>, sqlx::Error>, read: fn(&SqliteRow) -> Step<T>) -> Step<Vec<T>> {
    rows?.iter().map(read).collect()
}

pub(crate) async fn maybe_batch(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    batch: BatchId,
) -> Step<Option<Batch>> {
    let row = sqlx::query(
        "SELECT b.*, s.selection FROM invite_batch AS b
         JOIN invite_selection AS s ON s.organisation = b.organisation AND s.batch = b.id
         WHERE b.organisation = ? AND b.id = ?",
    )
    .bind(organisation.blob())
    .bind(batch.blob())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read_batch).transpose()
}

/// A batch with its selection.
pub(crate) fn read_batch(row: &SqliteRow) -> Step<Batch> {
    Ok(Batch {
        id: row.id("id")?,
        organisation: row.id("organisation")?,
        action: row.word("action")?,
        scheduled: row.flag("scheduled")?,
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
pub(crate) fn read_item(row: &SqliteRow) -> Step<Item> {
    let reason = row.maybe_text("reason")?;
    let decision = Decision::from_parts(&row.text("decision")?, reason.as_deref());
    Ok(Item {
        user: row.id("user")?,
        decision: decision.ok_or_else(|| missing("decision"))?,
        channels: read_channels(&row.text("channels")?)?,
        invitation: row.maybe_id("invitation")?,
    })
}

/// What the totals have counted of the languages and sizes of an item's messages.
pub(crate) fn read_wording(row: &SqliteRow) -> Step<ItemWording> {
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
pub(crate) fn read_delivery(row: &SqliteRow) -> Step<Delivery> {
    let planned = row.word::<BatchState>("batch_state")? == BatchState::Planned;
    let state = match row.word("state")? {
        DeliveryState::Queued if planned => DeliveryState::Planned,
        state => state,
    };
    let due_at = row.at("due_at")?;
    Ok(Delivery {
        id: row.id("id")?,
        batch: row.id("batch")?,
        user: row.id("user")?,
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

async fn progress(db: &mut SqliteConnection, organisation: OrganisationId, batch: BatchId) -> Step<Progress> {
    let mut progress = Progress::default();
    let row = sqlx::query("SELECT state, totals FROM invite_batch WHERE organisation = ? AND id = ?")
        .bind(organisation.blob())
        .bind(batch.blob())
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(progress) };
    let planned = row.word::<BatchState>("state")? == BatchState::Planned;
    let totals: Totals = row.json("totals")?;
    let rows = sqlx::query(
        "SELECT state, reason, count(*) AS messages FROM invite_delivery
         WHERE organisation = ? AND batch = ? GROUP BY state, reason",
    )
    .bind(organisation.blob())
    .bind(batch.blob())
    .fetch_all(&mut *db)
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
    let row = sqlx::query(
        "SELECT count(DISTINCT user) AS sent,
                count(DISTINCT CASE WHEN state IN ('delivered', 'complained') THEN user END) AS delivered
         FROM invite_delivery WHERE organisation = ? AND batch = ? AND sent_at IS NOT NULL",
    )
    .bind(organisation.blob())
    .bind(batch.blob())
    .fetch_one(&mut *db)
    .await?;
    progress.funnel.sent = row.count("sent")?;
    progress.funnel.delivered = row.count("delivered")?;
    let row = sqlx::query(
        "SELECT count(*) AS accepted FROM invite_item AS i
         JOIN invite_invitation AS v ON v.organisation = i.organisation AND v.id = i.invitation
         WHERE i.organisation = ? AND i.batch = ? AND v.state = 'accepted'",
    )
    .bind(organisation.blob())
    .bind(batch.blob())
    .fetch_one(db)
    .await?;
    progress.funnel.accepted = row.count("accepted")?;
    progress.funnel.selected = totals.people();
    progress.funnel.recipients = totals.recipients();
    Ok(progress)
}

/// What a page of a plan is written as.
#[derive(Debug, Default)]
pub(crate) struct PageRows {
    pub(crate) items: Vec<Value>,
    pub(crate) deliveries: Vec<Value>,
    /// Messages that go where others do not arrive.
    fallbacks: Vec<Value>,
}

impl Write {
    pub(crate) async fn open_plan(&mut self, plan: NewPlan) -> Step<Batch> {
        let organisation = plan.actor.organisation();
        let expires_at = self.now + delta(plan.lifetime);
        let batch = plan.opened(self.now, expires_at);
        sqlx::query(
            "INSERT INTO invite_batch (organisation, id, action, by_id, channels, state, planned_by, inviter,
                 planned_at, complete, expires_at, templates, totals, scheduled)
             VALUES (?, ?, ?, ?, ?, 'planned', ?, ?, ?, 0, ?, ?, ?, ?)",
        )
        .bind(organisation.blob())
        .bind(batch.id.blob())
        .bind(batch.action.as_str())
        .bind(i64::from(batch.selection.is_by_id()))
        .bind(word(&batch.channels))
        .bind(json(&batch.planned_by))
        .bind(batch.inviter.clone())
        .bind(micros(batch.planned_at))
        .bind(micros(batch.expires_at))
        .bind(json(&batch.templates))
        .bind(json(&batch.totals))
        .bind(i64::from(batch.scheduled))
        .execute(self.db())
        .await?;
        sqlx::query("INSERT INTO invite_selection (organisation, batch, selection) VALUES (?, ?, ?)")
            .bind(organisation.blob())
            .bind(batch.id.blob())
            .bind(json(&batch.selection))
            .execute(self.db())
            .await?;
        Ok(batch)
    }

    pub(crate) async fn plan_page(&mut self, page: PlanPage) -> Step<Batch> {
        let organisation = page.organisation;
        let batch = maybe_batch(self.db(), organisation, page.plan).await?;
        let mut batch = batch.ok_or_else(|| Fault::Refused("there is no such plan".into()))?;
        let row = sqlx::query("SELECT last_user FROM invite_batch WHERE organisation = ? AND id = ?")
            .bind(organisation.blob())
            .bind(page.plan.blob())
            .fetch_one(self.db())
            .await?;
        let last: Option<UserId> = row.maybe_id("last_user")?;
        if batch.state != BatchState::Planned || batch.complete || last != page.after {
            return Ok(batch);
        }
        let rows = self.decide_for_plan(&mut batch, &page).await?;
        self.insert_page(organisation, page.plan, rows).await?;
        batch.complete = page.last;
        if batch.complete {
            self.count_sharing(&mut batch).await?;
        }
        sqlx::query(
            "UPDATE invite_batch SET last_user = ?, complete = ?, totals = ? WHERE organisation = ? AND id = ?",
        )
        .bind(page.people.last().map(|(id, _)| *id).or(last).map(Key::blob))
        .bind(i64::from(batch.complete))
        .bind(json(&batch.totals))
        .bind(organisation.blob())
        .bind(page.plan.blob())
        .execute(self.db())
        .await?;
        Ok(batch)
    }

    /// Decides about the people of a page, and counts them; gives the rows that come of it.
    pub(crate) async fn decide_for_plan(&mut self, batch: &mut Batch, page: &PlanPage) -> Step<PageRows> {
        let settings = settings(self.db(), page.organisation).await?;
        let users = page.people.iter().filter_map(|(id, user)| user.as_ref().filter(|user| user.id == *id));
        let people = People::read(self.db(), page.organisation, users).await?;
        let mut lanes = BTreeMap::new();
        let behind = behind(&batch.planned_by, None);
        let credential = match batch.action {
            Action::HandOver => CredentialKind::SetUpLink,
            Action::Invite | Action::Remind | Action::Refresh => settings.credential,
        };
        let mut rows = PageRows::default();
        for (id, user) in &page.people {
            let user = user.as_ref().filter(|user| user.id == *id);
            let history =
                user.map_or_else(History::default, |user| people.history(user, View::Planning(batch.id)));
            let request = invite_core::decision::Request {
                action: batch.action,
                by_id: batch.selection.is_by_id(),
                channels: batch.channels,
                scheduled: batch.scheduled,
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
            let fallback = decided.fallback;
            batch.totals.count(
                decided.decision,
                &decided.channels,
                fallback.is_some(),
                administrator,
                &wording,
            );
            rows.items.push(json!({
                "user": id.hex(),
                "decision": decided.decision.as_str(),
                "reason": decided.decision.skip_reason().map(SkipReason::as_str),
                "channels": written_channels(&decided.channels),
                "invitation": invitation.map(Key::hex),
                "credential": decided.decision.wants_credential().then_some(credential),
                "administrator": i64::from(administrator),
                "wording": (wording != ItemWording::default()).then_some(wording),
            }));
            let (Some(user), Some(invitation)) = (user, invitation) else { continue };
            for channel in decided.channels.into_iter().chain(fallback) {
                if let Entry::Vacant(place) = lanes.entry(channel) {
                    place.insert(self.lane_of_plan(page, channel).await?);
                }
                let rows = if Some(channel) == fallback { &mut rows.fallbacks } else { &mut rows.deliveries };
                rows.push(json!({
                    "id": DeliveryId::new().hex(),
                    "user": id.hex(),
                    "invitation": invitation.hex(),
                    "channel": channel,
                    "address": user.address(channel),
                    "address_key": user.address(channel).map(address_key),
                    "destination": destination(user, channel),
                    "lane": lanes[&channel],
                }));
            }
        }
        Ok(rows)
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
        let row = sqlx::query(include_str!("sql/sharing.sql"))
            .bind(batch.organisation.blob())
            .bind(batch.id.blob())
            .bind(i64::from(batch.totals.reset > 0))
            .fetch_one(self.db())
            .await?;
        batch.totals.shared_addresses = row.count("without_resets")?;
        batch.totals.shared_addresses_with_resets = row.count("with_resets")?;
        Ok(())
    }

    async fn insert_page(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        PageRows { items, deliveries, fallbacks }: PageRows,
    ) -> Step<()> {
        sqlx::query(include_str!("sql/insert_items.sql"))
            .bind(organisation.blob())
            .bind(plan.blob())
            .bind(json(&items))
            .execute(self.db())
            .await?;
        self.insert_deliveries(organisation, plan, &deliveries).await?;
        self.insert_fallbacks(organisation, plan, &fallbacks).await
    }

    /// Adds messages to a batch, queued from now on.
    pub(crate) async fn insert_deliveries(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        deliveries: &[Value],
    ) -> Step<()> {
        let queued = Standing::queued(self.now);
        sqlx::query(include_str!("sql/insert_deliveries.sql"))
            .bind(organisation.blob())
            .bind(batch.blob())
            .bind(json(&deliveries))
            .bind(queued.state.as_str())
            .bind(micros(queued.due_at))
            .execute(self.db())
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
