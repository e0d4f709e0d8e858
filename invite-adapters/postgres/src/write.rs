//! A transaction that writes: what happens in it, and what follows from it before it ends.

use std::collections::{BTreeMap, BTreeSet};

use invite_core::decision::fallback::falls_back;
use invite_core::decision::record::Brake;
use invite_core::machine::delivery::{self, DeliveryEvent, Standing};
use invite_core::model::actor::Actor;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, InvitationId, OrganisationId, UserId};
use invite_core::model::metrics::Count;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use serde_json::Value;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::Db;
use crate::deliveries::Delivery;
use crate::error::{Fault, Step};
use crate::rows::{At, Columns, Key, json, uuids, word};

/// Outcomes of one batch.
#[derive(Debug, Default)]
struct Tally {
    /// Of each, in order, whether it was a hard failure.
    outcomes: Vec<bool>,
    /// How many hard failures do not count any more.
    taken_back: u32,
}

/// A transaction that writes. Dropping it undoes it.
pub(crate) struct Write {
    db: Db,
    pub(crate) now: At,
    pub(crate) policy: Policy,
    doing: &'static str,
    events: Vec<(Option<OrganisationId>, Happening)>,
    /// For whoever operates the library: each count, in which of its rows.
    pub(crate) counts: BTreeMap<(Count, i16), i64>,
    /// Outcomes that count for the brakes of batches.
    tallies: BTreeMap<(OrganisationId, BatchId), Tally>,
    /// Batches of which a message is no longer on its way.
    finishing: BTreeSet<(OrganisationId, BatchId)>,
    /// Items of which a message is no longer on its way: their secret may have to be wiped.
    wiping: BTreeSet<(OrganisationId, BatchId, UserId)>,
    /// Invitations of which a message ended without arriving: a retirement may have to be lifted.
    lifting: BTreeSet<(OrganisationId, UserId, InvitationId)>,
    /// Items whose message did not arrive: another one may be held in reserve.
    pub(crate) missed: BTreeSet<(OrganisationId, BatchId, UserId)>,
    /// Batches that go on, finished or not.
    pub(crate) reopened: BTreeSet<(OrganisationId, BatchId)>,
    /// Whether workers are to look once this is committed.
    pub(crate) made_work: bool,
}

impl Write {
    pub(crate) fn new(db: Db, now: At, policy: Policy, doing: &'static str) -> Self {
        Self {
            db,
            now,
            policy,
            doing,
            events: Vec::new(),
            counts: BTreeMap::new(),
            tallies: BTreeMap::new(),
            finishing: BTreeSet::new(),
            wiping: BTreeSet::new(),
            lifting: BTreeSet::new(),
            missed: BTreeSet::new(),
            reopened: BTreeSet::new(),
            made_work: false,
        }
    }

    /// The transaction.
    pub(crate) const fn db(&mut self) -> &mut Db {
        &mut self.db
    }

    /// A statement in it.
    pub(crate) fn query(&self, text: &'static str) -> Query<'static, Postgres, PgArguments> {
        self.db.query(text)
    }

    /// Looks at the clock again: it may have been waited for a lock.
    pub(crate) async fn look_at_the_clock(&mut self) -> Step<()> {
        self.now = self.db.now().await?;
        Ok(())
    }

    /// Ends the transaction: commits what went well, with what follows from it, and undoes what did not.
    pub(crate) async fn end<T>(self, result: Step<T>) -> PortResult<T> {
        let doing = self.doing;
        self.try_end(result).await.map_err(|fault| fault.doing(doing))
    }

    /// The same, with what went wrong as it is.
    pub(crate) async fn try_end<T>(mut self, result: Step<T>) -> Step<T> {
        let value = result?;
        self.settle().await?;
        self.db.commit().await?;
        Ok(value)
    }

    /// Notes an event.
    pub(crate) fn event(&mut self, organisation: OrganisationId, what: Happening) {
        self.events.push((Some(organisation), what));
    }

    /// Notes an event that concerns all organisations.
    pub(crate) fn event_for_all(&mut self, what: Happening) {
        self.events.push((None, what));
    }

    /// Writes a line of the audit.
    pub(crate) async fn audit(
        &mut self,
        actor: &Actor,
        what: &str,
        subject: impl ToString,
        details: impl Into<String>,
    ) -> Step<()> {
        let now = self.now;
        self.query(
            "INSERT INTO invite.audit (organisation, at, actor, what, subject, details) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(actor.organisation().uuid())
        .bind(now)
        .bind(json(actor))
        .bind(what.to_owned())
        .bind(subject.to_string())
        .bind(details.into())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Counts an outcome for the brake of a batch.
    pub(crate) fn count(&mut self, organisation: OrganisationId, batch: BatchId, hard_failure: bool) {
        self.tallies.entry((organisation, batch)).or_default().outcomes.push(hard_failure);
    }

    /// Takes back a hard failure that was counted: it was its sender's.
    pub(crate) fn take_back(&mut self, organisation: OrganisationId, batch: BatchId) {
        self.tallies.entry((organisation, batch)).or_default().taken_back += 1;
    }

    /// Has workers look once this is committed. Not for what workers do all the time: of all transactions in which it is
    /// done, the server lets one commit at a time.
    pub(crate) const fn make_work(&mut self) {
        self.made_work = true;
    }

    /// Looks at a batch before the transaction ends: it may have finished.
    pub(crate) fn may_finish(&mut self, organisation: OrganisationId, batch: BatchId) {
        self.finishing.insert((organisation, batch));
    }

    /// Looks at a retirement before the transaction ends: it may have to be lifted.
    pub(crate) fn may_lift(&mut self, organisation: OrganisationId, user: UserId, invitation: InvitationId) {
        self.lifting.insert((organisation, user, invitation));
    }

    /// Moves a delivery on, in memory, and notes what follows from where it went. Gives where it stood before.
    ///
    /// One that would go back to the queue of a batch that was stopped is cancelled there and then, so that a sweep
    /// that is through need not come again.
    pub(crate) fn step(&mut self, delivery: &mut Delivery, event: DeliveryEvent<'_>) -> Standing {
        let whose = (delivery.id, delivery.channel);
        let before = delivery.standing.clone();
        let batch = delivery.batch.state;
        let after = delivery::next_in(batch, &before, event, whose, self.now, &self.policy);
        self.count_step(delivery, &before, &event, &after);
        if after != before {
            delivery.changed_at = self.now;
            self.note(delivery, before.state, after.state, after.reason);
        }
        let goes_on = matches!(batch, BatchState::Running | BatchState::Paused);
        if goes_on && falls_back(delivery.channel, &before, &after) {
            self.missed.insert((delivery.organisation, delivery.batch.id, delivery.user));
        }
        if !matches!(after.state, DeliveryState::Claimed | DeliveryState::HandingOver) {
            delivery.token = None;
            delivery.lease_until = None;
            delivery.alone = false;
        }
        delivery.standing = after;
        before
    }

    fn note(
        &mut self,
        delivery: &Delivery,
        from: DeliveryState,
        to: DeliveryState,
        reason: Option<EndReason>,
    ) {
        let Delivery { organisation, user, id, channel, .. } = *delivery;
        if from.is_on_its_way() && !to.is_on_its_way() {
            self.finishing.insert((organisation, delivery.batch.id));
            self.wiping.insert((organisation, delivery.batch.id, user));
        }
        if !to.is_on_its_way() && !to.has_arrived() {
            self.lifting.insert((organisation, user, delivery.invitation));
        }
        if from != to {
            match to {
                DeliveryState::Failed => {
                    let reason = reason.unwrap_or(EndReason::ReportedFailed);
                    self.event(organisation, Happening::Failed { user, delivery: id, channel, reason });
                }
                DeliveryState::Bounced => {
                    self.event(organisation, Happening::Bounced { user, delivery: id, channel });
                }
                _ => {}
            }
        }
    }

    async fn settle(&mut self) -> Step<()> {
        self.fall_back().await?;
        self.lift().await?;
        self.wipe().await?;
        self.hold_counters().await?;
        self.reopen().await?;
        self.brake().await?;
        self.finish().await?;
        self.keep_events().await?;
        self.keep_counts().await?;
        self.tell_of_work().await
    }

    /// Lifts retirements by invitations whose batch is recalled, or of which nothing is on its way or has arrived and no
    /// credential is used or reserved.
    async fn lift(&mut self) -> Step<()> {
        let lifting = std::mem::take(&mut self.lifting);
        if lifting.is_empty() {
            return Ok(());
        }
        let rows = self
            .query(include_str!("sql/to_lift.sql"))
            .bind(uuids(lifting.iter().map(|(organisation, _, _)| *organisation)))
            .bind(uuids(lifting.iter().map(|(_, user, _)| *user)))
            .bind(uuids(lifting.iter().map(|(_, _, invitation)| *invitation)))
            .fetch_all(self.db().connection())
            .await?;
        for row in rows {
            let (organisation, user) = (row.id("organisation")?, row.id("user_id")?);
            let invitation = row.id("retired_by")?;
            self.clear_retirement(organisation, user).await?;
            self.event(organisation, Happening::PasswordRestored { user, invitation });
        }
        Ok(())
    }

    /// The person's own password counts again.
    pub(crate) async fn clear_retirement(&mut self, organisation: OrganisationId, user: UserId) -> Step<()> {
        self.query(
            "UPDATE invite.person SET retired_by = NULL, retired_at = NULL WHERE organisation = $1 AND user_id = $2",
        )
        .bind(organisation.uuid())
        .bind(user.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Wipes sealed secrets that no message needs any more.
    async fn wipe(&mut self) -> Step<()> {
        let wiping = std::mem::take(&mut self.wiping);
        if wiping.is_empty() {
            return Ok(());
        }
        self.query(include_str!("sql/wipe.sql"))
            .bind(uuids(wiping.iter().map(|(organisation, _, _)| *organisation)))
            .bind(uuids(wiping.iter().map(|(_, batch, _)| *batch)))
            .bind(uuids(wiping.iter().map(|(_, _, user)| *user)))
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// Locks the rows of batches whose counters change or that may have finished. Of two that end the last messages of a
    /// batch at the same time, the second sees what the first has done.
    async fn hold_counters(&mut self) -> Step<()> {
        let changing = self.tallies.keys().chain(&self.finishing).chain(&self.reopened);
        let batches: BTreeSet<_> = changing.copied().collect();
        if batches.is_empty() {
            return Ok(());
        }
        self.query(
            "SELECT 1 FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             JOIN invite.batch AS b ON b.organisation = w.organisation AND b.id = w.id
             ORDER BY b.organisation, b.id FOR NO KEY UPDATE OF b",
        )
        .bind(uuids(batches.iter().map(|(organisation, _)| *organisation)))
        .bind(uuids(batches.iter().map(|(_, batch)| *batch)))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Counts outcomes, and stops batches of which too many have failed.
    async fn brake(&mut self) -> Step<()> {
        for ((organisation, batch), tally) in std::mem::take(&mut self.tallies) {
            let row = self
                .query(
                    "SELECT state, outcomes, hard_failures FROM invite.batch WHERE organisation = $1 AND id = $2",
                )
                .bind(organisation.uuid())
                .bind(batch.uuid())
                .fetch_one(self.db().connection())
                .await?;
            let mut brake = Brake {
                state: row.word("state")?,
                outcomes: row.small("outcomes")?,
                hard_failures: row.small("hard_failures")?,
            };
            let because =
                tally.outcomes.into_iter().filter_map(|hard| brake.count(hard, &self.policy)).last();
            (0..tally.taken_back).for_each(|_| brake.take_back());
            self.query(
                "UPDATE invite.batch SET state = $3, paused_because = coalesce($4, paused_because),
                     outcomes = $5, hard_failures = $6
                 WHERE organisation = $1 AND id = $2",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(word(&brake.state))
            .bind(because.clone())
            .bind(i64::from(brake.outcomes))
            .bind(i64::from(brake.hard_failures))
            .execute(self.db().connection())
            .await?;
            if let Some(because) = because {
                self.event(organisation, Happening::BatchPaused { batch, because });
                self.add(batch, Count::Brake, 1);
            }
        }
        Ok(())
    }

    async fn finish(&mut self) -> Step<()> {
        let finishing = std::mem::take(&mut self.finishing);
        if finishing.is_empty() {
            return Ok(());
        }
        for (organisation, batch) in &finishing {
            self.end_pilot(*organisation, *batch).await?;
        }
        let rows = self
            .query(include_str!("sql/finish.sql"))
            .bind(uuids(finishing.iter().map(|(organisation, _)| *organisation)))
            .bind(uuids(finishing.iter().map(|(_, batch)| *batch)))
            .bind(self.now)
            .fetch_all(self.db().connection())
            .await?;
        for row in rows {
            self.event(row.id("organisation")?, Happening::BatchFinished { batch: row.id("id")? });
        }
        Ok(())
    }

    async fn keep_events(&mut self) -> Step<()> {
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            return Ok(());
        }
        let (organisations, events): (Vec<Option<Uuid>>, Vec<Json<Value>>) =
            events.iter().map(|(organisation, what)| (organisation.map(Key::uuid), json(what))).unzip();
        self.query(
            "INSERT INTO invite.event (organisation, at, what)
             SELECT w.organisation, $3, w.what
             FROM unnest($1::uuid[], $2::jsonb[]) WITH ORDINALITY AS w (organisation, what, place) ORDER BY w.place",
        )
        .bind(organisations)
        .bind(events)
        .bind(self.now)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Value(error.to_string())
    }
}
