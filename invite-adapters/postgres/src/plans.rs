//! Plans and batches.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::machine::batch::WrongBatchState;
use invite_core::model::actor::Actor;
use invite_core::model::batch::{Batch, BatchState, Confirmation, Progress};
use invite_core::model::delivery::{Delivery, DeliveryState, EndReason};
use invite_core::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use invite_core::model::item::{Decision, Item};
use invite_core::model::message::Channel;
use invite_core::model::outcome::Receipt;
use invite_core::model::wording::ItemWording;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::plans::{
    BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans, Retried, RetryChunk,
};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::PgStore;
use crate::db::Db;
use crate::error::Step;
use crate::pilot::read_pilot;
use crate::progress::progress;
use crate::rows::{Columns, Key, cursor, limit, missing};
use crate::source::Single;
use crate::waits::waits_of;

#[async_trait]
impl Plans for PgStore {
    async fn now(&self) -> PortResult<DateTime<Utc>> {
        self.clock_time().await.map_err(|fault| fault.doing("read the clock"))
    }

    async fn open_plan(&self, plan: NewPlan) -> PortResult<Batch> {
        let policy = Policy::default();
        self.writing("open a plan", &policy, &plan, |write, plan| Box::pin(write.open_plan(plan.clone())))
            .await
    }

    async fn plan_page(&self, page: PlanPage) -> PortResult<Batch> {
        self.writing("plan a page", &page.policy, &page, |write, page| Box::pin(write.plan_page(page))).await
    }

    async fn confirm(&self, confirm: Confirm) -> PortResult<Confirmed> {
        self.writing("confirm a plan", &confirm.policy, &confirm, |write, confirm| {
            Box::pin(write.confirm(confirm))
        })
        .await
    }

    async fn change_batch(&self, change: BatchChange) -> PortResult<Option<Result<Batch, WrongBatchState>>> {
        let policy = Policy::default();
        self.writing("change a batch", &policy, &change, |write, change| {
            Box::pin(write.change_batch(change.clone()))
        })
        .await
    }

    async fn retry(&self, retry: RetryChunk) -> PortResult<Retried> {
        let policy = Policy::default();
        self.writing("queue messages again", &policy, &retry, |write, retry| {
            Box::pin(write.retry_chunk(retry))
        })
        .await
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
            .rows(&self.source)
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
        .rows(&self.source)
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
            .rows(&self.source)
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

fn read_all<T>(rows: Step<Vec<PgRow>>, read: fn(&PgRow) -> Step<T>) -> Step<Vec<T>> {
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

pub(crate) fn written_channels(channels: &[Channel]) -> String {
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
