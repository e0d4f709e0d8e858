//! Deliveries with what stands around them: their batch, item, lane and invitation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::db::Db;
use invite_core::decision::Request;
use invite_core::machine::delivery::Standing;
use invite_core::machine::invitation::{self, InvitationEvent};
use invite_core::model::actor::Actor;
use invite_core::model::batch::BatchState;
use invite_core::model::credential::{CredentialKind, Generation};
use invite_core::model::delivery::EndReason;
use invite_core::model::id::{BatchId, ClaimToken, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::{Action, Decision};
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, Settings};
use invite_core::model::outcome::{Answer, Receipt};
use invite_core::model::sender::{Covers, SenderKey};
use serde_json::Value;
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::types::Json;
use uuid::Uuid;

use crate::alone::Alone;
use crate::error::Step;
use crate::organisations::lasting_settings;
use crate::rows::{At, Columns, Key, json, missing, uuids, word};
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
}

impl BatchFacts {
    /// What was asked for.
    pub(crate) fn request(&self) -> Request {
        Request { action: self.action, by_id: self.by_id, channels: self.channels, scheduled: self.scheduled }
    }

    /// Why its messages are cancelled, if it was stopped for good.
    pub(crate) const fn stopped_because(&self) -> Option<EndReason> {
        match self.state {
            BatchState::Cancelled => Some(EndReason::BatchCancelled),
            BatchState::Recalled => Some(EndReason::BatchRecalled),
            BatchState::Planned | BatchState::Running | BatchState::Paused => None,
        }
    }

    fn read(row: &PgRow) -> Step<Self> {
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
        })
    }
}

/// What batches have to say. $1: organisations, $2: batches, place by place
macro_rules! batch_facts {
    () => {
        "SELECT b.organisation, b.id, b.state, b.action, b.by_id, b.scheduled, b.channels, b.confirmed_order, b.resets,
             b.planned_by, b.confirmed_by
         FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
         JOIN invite.batch AS b ON b.organisation = w.organisation AND b.id = w.id
         ORDER BY b.organisation, b.id"
    };
}

/// Where a delivery belongs, which never changes.
#[derive(Debug, Clone, Copy)]
struct Place {
    id: DeliveryId,
    organisation: OrganisationId,
    batch: BatchId,
    user: UserId,
}

impl Write {
    /// Takes deliveries, with what is decided by and what follows from them: their batches stay in their states, and what
    /// is known of their people stays as it is, until the transaction ends. In the order of their ids.
    pub(crate) async fn hold_deliveries(
        &mut self,
        ids: impl IntoIterator<Item = DeliveryId>,
    ) -> Step<Vec<Delivery>> {
        let places = self.places(ids).await?;
        self.hold_places(places).await
    }

    /// The same, with the settings of their organisations, which stay so as well.
    pub(crate) async fn hold_deliveries_and_settings(
        &mut self,
        ids: impl IntoIterator<Item = DeliveryId>,
    ) -> Step<(Vec<Delivery>, HashMap<OrganisationId, Settings>)> {
        let places = self.places(ids).await?;
        let organisations: BTreeSet<_> = places.iter().map(|place| place.organisation).collect();
        let mut all_settings = HashMap::new();
        for organisation in organisations {
            let settings = lasting_settings(self.db(), organisation).await?;
            let settings = settings.ok_or_else(|| missing("settings"))?;
            all_settings.insert(organisation, settings);
        }
        Ok((self.hold_places(places).await?, all_settings))
    }

    /// Takes deliveries whose lease is over; none while somebody else does.
    pub(crate) async fn hold_lapsed(
        &mut self,
        most: i64,
    ) -> Step<(Vec<Delivery>, HashMap<OrganisationId, Settings>)> {
        let rows = self
            .query("SELECT id FROM invite.delivery WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2")
            .bind(self.now)
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        if rows.is_empty() || !self.db().try_alone(Alone::TakingBack).await? {
            return Ok((Vec::new(), HashMap::new()));
        }
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<DeliveryId>>>()?;
        let (mut rows, settings) = self.hold_deliveries_and_settings(ids).await?;
        rows.retain(|delivery| delivery.lease_until.is_some_and(|until| until <= self.now));
        Ok((rows, settings))
    }

    async fn places(&mut self, ids: impl IntoIterator<Item = DeliveryId>) -> Step<Vec<Place>> {
        let rows = self
            .query(
                "SELECT d.id, d.organisation, d.batch, d.user_id FROM unnest($1::uuid[]) AS w (id)
                 JOIN invite.delivery AS d ON d.id = w.id",
            )
            .bind(uuids(ids))
            .fetch_all(self.db().connection())
            .await?;
        let place = |row: &PgRow| {
            Ok(Place {
                id: row.id("id")?,
                organisation: row.id("organisation")?,
                batch: row.id("batch")?,
                user: row.id("user_id")?,
            })
        };
        rows.iter().map(place).collect()
    }

    async fn hold_places(&mut self, places: Vec<Place>) -> Step<Vec<Delivery>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let batches: BTreeSet<_> = places.iter().map(|place| (place.organisation, place.batch)).collect();
        let batches = self.hold_batches(&batches).await?;
        let mut people: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for place in &places {
            people.entry(place.organisation).or_default().insert(place.user);
        }
        for (organisation, people) in people {
            self.hold(organisation, people).await?;
        }
        let rows = rows(self.db(), places.iter().map(|place| place.id)).await?;
        rows.iter().map(|row| delivery(row, &batches)).collect()
    }

    /// Keeps batches in the states in which they are.
    pub(crate) async fn hold_batches(&mut self, keys: &BTreeSet<BatchKey>) -> Step<Batches> {
        let held = self.query(concat!(batch_facts!(), " FOR KEY SHARE OF b"));
        let rows = for_batches(held, keys).fetch_all(self.db().connection()).await?;
        read_batches(&rows)
    }
}

/// Takes deliveries, with what stands around them, in the order of their ids. What is decided by what stands around them
/// asks for [`Write::hold_deliveries`].
pub(crate) async fn deliveries(
    db: &mut Db,
    ids: impl IntoIterator<Item = DeliveryId>,
) -> Step<Vec<Delivery>> {
    let rows = rows(db, ids).await?;
    let keys = rows.iter().map(|row| Ok((row.id("organisation")?, row.id("batch")?)));
    let keys: BTreeSet<BatchKey> = keys.collect::<Step<_>>()?;
    let batches = for_batches(db.query(batch_facts!()), &keys).fetch_all(db.connection()).await?;
    let batches = read_batches(&batches)?;
    rows.iter().map(|row| delivery(row, &batches)).collect()
}

async fn rows(db: &mut Db, ids: impl IntoIterator<Item = DeliveryId>) -> Step<Vec<PgRow>> {
    Ok(db.query(include_str!("sql/deliveries.sql")).bind(uuids(ids)).fetch_all(db.connection()).await?)
}

pub(crate) type BatchKey = (OrganisationId, BatchId);

pub(crate) type Batches = HashMap<BatchKey, Arc<BatchFacts>>;

fn for_batches<'q>(
    query: Query<'q, Postgres, PgArguments>,
    keys: &BTreeSet<BatchKey>,
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(uuids(keys.iter().map(|(organisation, _)| *organisation)))
        .bind(uuids(keys.iter().map(|(_, batch)| *batch)))
}

fn read_batches(rows: &[PgRow]) -> Step<Batches> {
    let facts =
        |row: &PgRow| Ok(((row.id("organisation")?, row.id("id")?), Arc::new(BatchFacts::read(row)?)));
    rows.iter().map(facts).collect()
}

fn delivery(row: &PgRow, batches: &Batches) -> Step<Delivery> {
    let batch = batches.get(&(row.id("organisation")?, row.id("batch")?)).ok_or_else(|| missing("batch"))?;
    let reason = row.maybe_text("skip_reason")?;
    let decision = Decision::from_parts(&row.text("decision")?, reason.as_deref());
    Ok(Delivery {
        organisation: row.id("organisation")?,
        id: row.id("id")?,
        user: row.id("user_id")?,
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
        batch: Arc::clone(batch),
        decision: decision.ok_or_else(|| missing("decision"))?,
        credential: row.maybe_word("credential")?,
        generation: row.maybe_generation("generation")?,
        invitation_state: invitation_state(row)?,
    })
}

fn standing(row: &PgRow) -> Step<Standing> {
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
fn invitation_state(row: &PgRow) -> Step<Option<InvitationState>> {
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
        let columns = Columned::of(deliveries);
        if columns.id.is_empty() {
            return Ok(());
        }
        self.query(include_str!("sql/save_deliveries.sql"))
            .bind(columns.id)
            .bind(columns.lane)
            .bind(columns.state)
            .bind(columns.reason)
            .bind(columns.attempts)
            .bind(columns.unseen)
            .bind(columns.suspect)
            .bind(columns.first_attempt_at)
            .bind(columns.due_at)
            .bind(columns.waits_for)
            .bind(columns.early)
            .bind(columns.token)
            .bind(columns.lease_until)
            .bind(columns.alone)
            .bind(columns.answer)
            .bind(columns.receipt)
            .bind(columns.sent_at)
            .bind(columns.changed_at)
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// The number of a lane, which is made if need be.
    pub(crate) async fn lane(&mut self, sender: &SenderKey, account: &str) -> Step<i64> {
        let found = self
            .query("SELECT number FROM invite.lane WHERE sender = $1 AND account = $2")
            .bind(sender.0.clone())
            .bind(account.to_owned())
            .fetch_optional(self.db().connection())
            .await?;
        if let Some(row) = found {
            return row.plain("number");
        }
        let row = self
            .query(
                "INSERT INTO invite.lane (sender, account, sender_key, account_key, destination_prefix)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (sender, account) DO UPDATE SET sender = excluded.sender RETURNING number",
            )
            .bind(sender.0.clone())
            .bind(account.to_owned())
            .bind(Covers::Sender(sender.clone()).key())
            .bind(Covers::Account(account.to_owned()).key())
            .bind(Covers::Destination(sender.clone(), String::new()).key())
            .fetch_one(self.db().connection())
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
        self.query("INSERT INTO invite.batch_lane (organisation, batch, lane) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(lane)
            .execute(self.db().connection())
            .await?;
        Ok(())
    }
}

/// Deliveries column by column, for `unnest`.
#[derive(Debug, Default)]
struct Columned {
    id: Vec<Uuid>,
    lane: Vec<i64>,
    state: Vec<String>,
    reason: Vec<Option<String>>,
    attempts: Vec<i64>,
    unseen: Vec<i64>,
    suspect: Vec<bool>,
    first_attempt_at: Vec<Option<At>>,
    due_at: Vec<At>,
    waits_for: Vec<Option<String>>,
    early: Vec<Option<String>>,
    token: Vec<Option<Uuid>>,
    lease_until: Vec<Option<At>>,
    alone: Vec<bool>,
    answer: Vec<Option<Json<Value>>>,
    receipt: Vec<Option<String>>,
    sent_at: Vec<Option<At>>,
    changed_at: Vec<At>,
}

impl Columned {
    fn of<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Self {
        let mut columns = Self::default();
        for delivery in deliveries {
            let standing = &delivery.standing;
            columns.id.push(delivery.id.uuid());
            columns.lane.push(delivery.lane);
            columns.state.push(word(&standing.state));
            columns.reason.push(standing.reason.as_ref().map(word));
            columns.attempts.push(standing.attempts.into());
            columns.unseen.push(standing.unseen.into());
            columns.suspect.push(standing.suspect);
            columns.first_attempt_at.push(standing.first_attempt_at);
            columns.due_at.push(standing.due_at);
            columns.waits_for.push(standing.waits_for.as_ref().map(word));
            columns.early.push(standing.early.as_ref().map(word));
            columns.token.push(delivery.token.map(Key::uuid));
            columns.lease_until.push(delivery.lease_until);
            columns.alone.push(delivery.alone);
            // An answer may quote an address that was removed.
            let kept = delivery.address.is_some();
            columns.answer.push(delivery.answer.as_ref().filter(|_| kept).map(json));
            let receipt = delivery.receipt.as_ref().filter(|_| kept);
            columns.receipt.push(receipt.map(|receipt| receipt.0.clone()));
            columns.sent_at.push(delivery.sent_at);
            columns.changed_at.push(delivery.changed_at);
        }
        columns
    }
}
