//! Deliveries with what stands around them: their batch, item, lane and invitation.

use std::collections::HashMap;
use std::sync::Arc;

use invite_core::decision::Request;
use invite_core::machine::delivery::Standing;
use invite_core::machine::invitation::{self, InvitationEvent};
use invite_core::model::actor::Actor;
use invite_core::model::batch::BatchState;
use invite_core::model::credential::{CredentialKind, Generation};
use invite_core::model::id::{BatchId, ClaimToken, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::{Action, Decision};
use invite_core::model::message::Channel;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::outcome::{Answer, Receipt};
use invite_core::model::sender::{Covers, SenderKey};
use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::error::Step;
use crate::rows::{At, Columns, Key, hex_list, json, micros, missing, word};
use crate::write::Write;

/// A delivery, with what stands around it.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) organisation: OrganisationId,
    pub(crate) id: DeliveryId,
    pub(crate) user: UserId,
    pub(crate) invitation: InvitationId,
    pub(crate) channel: Channel,
    pub(crate) address: Option<String>,
    pub(crate) destination: String,
    pub(crate) lane: i64,
    pub(crate) sender: SenderKey,
    pub(crate) account: String,
    pub(crate) standing: Standing,
    pub(crate) token: Option<ClaimToken>,
    pub(crate) lease_until: Option<At>,
    /// Whether its claim is of one suspect.
    pub(crate) alone: bool,
    pub(crate) answer: Option<Answer>,
    pub(crate) receipt: Option<Receipt>,
    pub(crate) sent_at: Option<At>,
    pub(crate) changed_at: At,
    pub(crate) batch: Arc<BatchFacts>,
    pub(crate) decision: Decision,
    /// The kind of credential that was planned.
    pub(crate) credential: Option<CredentialKind>,
    /// The generation that its item's messages share.
    pub(crate) generation: Option<Generation>,
    /// None while it is not begun. One of a recalled batch is revoked.
    pub(crate) invitation_state: Option<InvitationState>,
}

/// What a batch has to say about its messages.
#[derive(Debug, Clone)]
pub(crate) struct BatchFacts {
    pub(crate) id: BatchId,
    pub(crate) state: BatchState,
    pub(crate) action: Action,
    pub(crate) by_id: bool,
    pub(crate) scheduled: bool,
    pub(crate) channels: ChannelRule,
    /// Its place in the order of confirmations.
    pub(crate) order: Option<u64>,
    pub(crate) resets: bool,
    pub(crate) planned_by: Actor,
    pub(crate) confirmed_by: Option<Actor>,
    pub(crate) outcomes: u32,
    pub(crate) hard_failures: u32,
}

impl BatchFacts {
    /// What was asked for.
    pub(crate) fn request(&self) -> Request {
        Request { action: self.action, by_id: self.by_id, channels: self.channels, scheduled: self.scheduled }
    }

    fn read(row: &SqliteRow) -> Step<Self> {
        Ok(Self {
            id: row.id("id")?,
            state: row.word("state")?,
            action: row.word("action")?,
            by_id: row.flag("by_id")?,
            scheduled: row.flag("scheduled")?,
            channels: row.word("channels")?,
            order: row.plain::<Option<i64>>("confirmed_order")?.and_then(|order| u64::try_from(order).ok()),
            resets: row.flag("resets")?,
            planned_by: row.json("planned_by")?,
            confirmed_by: row.maybe_json("confirmed_by")?,
            outcomes: row.small("outcomes")?,
            hard_failures: row.small("hard_failures")?,
        })
    }
}

/// The deliveries that are there, in the order of their ids given.
pub(crate) async fn deliveries(
    db: &mut SqliteConnection,
    ids: impl IntoIterator<Item = DeliveryId>,
) -> Step<Vec<Delivery>> {
    let rows =
        sqlx::query(include_str!("sql/deliveries.sql")).bind(hex_list(ids)).fetch_all(&mut *db).await?;
    let mut keys = Vec::new();
    for row in &rows {
        let key: (OrganisationId, BatchId) = (row.id("organisation")?, row.id("batch")?);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let batches = batches(db, &keys).await?;
    rows.iter()
        .map(|row| {
            let key = (row.id("organisation")?, row.id("batch")?);
            let batch = batches.get(&key).ok_or_else(|| missing("batch"))?;
            delivery(row, Arc::clone(batch))
        })
        .collect()
}

async fn batches(
    db: &mut SqliteConnection,
    keys: &[(OrganisationId, BatchId)],
) -> Step<HashMap<(OrganisationId, BatchId), Arc<BatchFacts>>> {
    let list: Vec<_> = keys.iter().map(|(o, b)| json!([o.hex(), b.hex()])).collect();
    let rows = sqlx::query(
        "SELECT b.organisation, b.id, b.state, b.action, b.by_id, b.scheduled, b.channels, b.confirmed_order, b.resets,
                b.planned_by, b.confirmed_by, b.outcomes, b.hard_failures
         FROM json_each(?1) AS w
         CROSS JOIN invite_batch AS b ON b.organisation = unhex(w.value ->> 0) AND b.id = unhex(w.value ->> 1)",
    )
    .bind(json(&list))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok(((row.id("organisation")?, row.id("id")?), Arc::new(BatchFacts::read(row)?))))
        .collect()
}

fn delivery(row: &SqliteRow, batch: Arc<BatchFacts>) -> Step<Delivery> {
    let reason = row.maybe_text("skip_reason")?;
    let decision = Decision::from_parts(&row.text("decision")?, reason.as_deref());
    Ok(Delivery {
        organisation: row.id("organisation")?,
        id: row.id("id")?,
        user: row.id("user")?,
        invitation: row.id("invitation")?,
        channel: row.word("channel")?,
        address: row.maybe_text("address")?,
        destination: row.text("destination")?,
        lane: row.plain("lane")?,
        sender: SenderKey(row.text("sender")?),
        account: row.text("account")?,
        standing: standing(row)?,
        token: row.maybe_id("token")?,
        lease_until: row.maybe_at("lease_until")?,
        alone: row.flag("alone")?,
        answer: row.maybe_json("answer")?,
        receipt: row.maybe_text("receipt")?.map(Receipt),
        sent_at: row.maybe_at("sent_at")?,
        changed_at: row.at("changed_at")?,
        batch,
        decision: decision.ok_or_else(|| missing("decision"))?,
        credential: row.maybe_word("credential")?,
        generation: row.maybe_generation("generation")?,
        invitation_state: invitation_state(row)?,
    })
}

fn standing(row: &SqliteRow) -> Step<Standing> {
    Ok(Standing {
        state: row.word("state")?,
        reason: row.maybe_word("reason")?,
        attempts: row.small("attempts")?,
        unseen: row.small("unseen")?,
        suspect: row.flag("suspect")?,
        first_attempt_at: row.maybe_at("first_attempt_at")?,
        due_at: row.at("due_at")?,
        waits_for: row.maybe_word("waits_for")?,
        early: row.maybe_word("early")?,
    })
}

/// The state in the columns `invitation_state`, `invitation_reason` and `invitation_batch_state`; none where there is
/// no invitation.
fn invitation_state(row: &SqliteRow) -> Step<Option<InvitationState>> {
    let Some(state) = row.maybe_text("invitation_state")? else { return Ok(None) };
    let reason = row.maybe_text("invitation_reason")?;
    let state = InvitationState::from_parts(&state, reason.as_deref());
    let state = state.ok_or_else(|| missing("invitation_state"))?;
    Ok(Some(seen(state, row.word("invitation_batch_state")?)))
}

/// The state of an invitation as everybody sees it: one whose batch is recalled is revoked, swept or not.
pub(crate) const fn seen(state: InvitationState, batch: BatchState) -> InvitationState {
    match batch {
        BatchState::Recalled => invitation::next(state, InvitationEvent::Revoke(RevokeReason::Recalled)),
        _ => state,
    }
}

impl Write {
    /// Keeps deliveries as they are in memory now.
    pub(crate) async fn save_deliveries<'a>(
        &mut self,
        deliveries: impl IntoIterator<Item = &'a Delivery>,
    ) -> Step<()> {
        let list: Vec<_> = deliveries.into_iter().map(columns).collect();
        if list.is_empty() {
            return Ok(());
        }
        sqlx::query(include_str!("sql/save_deliveries.sql")).bind(json(&list)).execute(self.db()).await?;
        Ok(())
    }

    /// The number of a lane, which is made if need be.
    pub(crate) async fn lane(&mut self, sender: &SenderKey, account: &str) -> Step<i64> {
        let found = sqlx::query("SELECT number FROM invite_lane WHERE sender = ? AND account = ?")
            .bind(sender.0.clone())
            .bind(account.to_owned())
            .fetch_optional(self.db())
            .await?;
        if let Some(row) = found {
            return row.plain("number");
        }
        let row = sqlx::query(
            "INSERT INTO invite_lane (sender, account, sender_key, account_key, destination_prefix)
             VALUES (?, ?, ?, ?, ?) RETURNING number",
        )
        .bind(sender.0.clone())
        .bind(account.to_owned())
        .bind(Covers::Sender(sender.clone()).key())
        .bind(Covers::Account(account.to_owned()).key())
        .bind(Covers::Destination(sender.clone(), String::new()).key())
        .fetch_one(self.db())
        .await?;
        row.plain("number")
    }

    /// Notes that a batch has messages on a lane.
    pub(crate) async fn batch_uses_lane(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        lane: i64,
    ) -> Step<()> {
        sqlx::query("INSERT INTO invite_batch_lane (organisation, batch, lane) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(organisation.blob())
            .bind(batch.blob())
            .bind(lane)
            .execute(self.db())
            .await?;
        Ok(())
    }
}

fn columns(delivery: &Delivery) -> serde_json::Value {
    let Standing { state, reason, attempts, unseen, suspect, first_attempt_at, due_at, waits_for, early } =
        &delivery.standing;
    json!({
        "id": delivery.id.hex(),
        "lane": delivery.lane,
        "state": state,
        "reason": reason,
        "attempts": attempts,
        "unseen": unseen,
        "suspect": i64::from(*suspect),
        "first_attempt_at": first_attempt_at.map(micros),
        "due_at": micros(*due_at),
        "waits_for": waits_for,
        "early": early.as_ref().map(word),
        "token": delivery.token.map(Key::hex),
        "lease_until": delivery.lease_until.map(micros),
        "alone": i64::from(delivery.alone),
        // An answer may quote an address that was removed.
        "answer": delivery.answer.as_ref().filter(|_| delivery.address.is_some()).map(json),
        "receipt": delivery.receipt.as_ref().filter(|_| delivery.address.is_some()).map(|receipt| &receipt.0),
        "sent_at": delivery.sent_at.map(micros),
        "changed_at": micros(delivery.changed_at),
    })
}
