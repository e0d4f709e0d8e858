//! A transaction that writes: what happens in it, and what follows from it before it ends.

use std::collections::{BTreeMap, BTreeSet};

use invite_core::decision::fallback::falls_back;
use invite_core::machine::delivery::{self, DeliveryEvent, Standing};
use invite_core::model::actor::Actor;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::id::{BatchId, InvitationId, OrganisationId, UserId};
use invite_core::model::metrics::Count;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use serde_json::json;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::OwnedMutexGuard;

use crate::deliveries::Delivery;
use crate::error::{Fault, Step};
use crate::ringing::Told;
use crate::rows::{At, Columns, Key, json, micros};

/// A transaction that writes. Dropping it undoes it.
pub(crate) struct Write {
    transaction: Transaction<'static, Sqlite>,
    _turn: OwnedMutexGuard<()>,
    told: Told,
    pub(crate) now: At,
    pub(crate) policy: Policy,
    doing: &'static str,
    events: Vec<(Option<OrganisationId>, Happening)>,
    /// For whoever operates the library.
    pub(crate) counts: BTreeMap<Count, i64>,
    /// Batches of which a message is no longer on its way.
    finishing: BTreeSet<(OrganisationId, BatchId)>,
    /// Items of which a message is no longer on its way: their secret may have to be wiped.
    wiping: BTreeSet<(OrganisationId, BatchId, UserId)>,
    /// Invitations of which a message ended without arriving: a retirement may have to be lifted.
    lifting: BTreeSet<(OrganisationId, UserId, InvitationId)>,
    /// Items whose message did not arrive: another one may be held in reserve.
    pub(crate) missed: BTreeSet<(OrganisationId, BatchId, UserId)>,
    /// Whether workers are to look once this is committed.
    pub(crate) made_work: bool,
}

impl Write {
    pub(crate) fn new(
        transaction: Transaction<'static, Sqlite>,
        turn: OwnedMutexGuard<()>,
        told: Told,
        now: At,
        policy: Policy,
        doing: &'static str,
    ) -> Self {
        Self {
            transaction,
            _turn: turn,
            told,
            now,
            policy,
            doing,
            events: Vec::new(),
            counts: BTreeMap::new(),
            finishing: BTreeSet::new(),
            wiping: BTreeSet::new(),
            lifting: BTreeSet::new(),
            missed: BTreeSet::new(),
            made_work: false,
        }
    }

    /// The connection.
    pub(crate) fn db(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Ends the transaction: commits what went well, with what follows from it, and undoes what did not.
    pub(crate) async fn end<T>(mut self, result: Step<T>) -> PortResult<T> {
        let doing = self.doing;
        let ended: Step<T> = async {
            let value = result?;
            self.settle().await?;
            let work = self.count_work().await?;
            self.transaction.commit().await?;
            self.told.tell(work);
            Ok(value)
        }
        .await;
        ended.map_err(|fault| fault.doing(doing))
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
        let now = micros(self.now);
        sqlx::query(
            "INSERT INTO invite_audit (organisation, at, actor, what, subject, details) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(actor.organisation().blob())
        .bind(now)
        .bind(json(actor))
        .bind(what.to_owned())
        .bind(subject.to_string())
        .bind(details.into())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Has workers look once this is committed.
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
        self.finish().await?;
        self.keep_counts().await?;
        self.keep_events().await
    }

    /// Lifts retirements by invitations whose batch is recalled, or of which nothing is on its way or has arrived and no
    /// credential is used or reserved.
    async fn lift(&mut self) -> Step<()> {
        let lifting = std::mem::take(&mut self.lifting);
        if lifting.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = lifting.iter().map(|(o, u, i)| json!([o.hex(), u.hex(), i.hex()])).collect();
        let rows =
            sqlx::query(include_str!("sql/to_lift.sql")).bind(json(&list)).fetch_all(self.db()).await?;
        for row in rows {
            let (organisation, user) = (row.id("organisation")?, row.id("user")?);
            let invitation = row.id("retired_by")?;
            self.clear_retirement(organisation, user).await?;
            self.event(organisation, Happening::PasswordRestored { user, invitation });
        }
        Ok(())
    }

    /// The person's own password counts again.
    pub(crate) async fn clear_retirement(&mut self, organisation: OrganisationId, user: UserId) -> Step<()> {
        sqlx::query(
            "UPDATE invite_person SET retired_by = NULL, retired_at = NULL WHERE organisation = ? AND user = ?",
        )
        .bind(organisation.blob())
        .bind(user.blob())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Wipes sealed secrets that no message needs any more.
    async fn wipe(&mut self) -> Step<()> {
        let wiping = std::mem::take(&mut self.wiping);
        if wiping.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = wiping.iter().map(|(o, b, u)| json!([o.hex(), b.hex(), u.hex()])).collect();
        sqlx::query(include_str!("sql/wipe.sql")).bind(json(&list)).execute(self.db()).await?;
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
        let list: Vec<_> = finishing.iter().map(|(o, b)| json!([o.hex(), b.hex()])).collect();
        let now = micros(self.now);
        let rows = sqlx::query(include_str!("sql/finish.sql"))
            .bind(json(&list))
            .bind(now)
            .fetch_all(self.db())
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
        let list: Vec<_> = events
            .iter()
            .map(|(organisation, what)| json!([organisation.map(Key::hex), json(what)]))
            .collect();
        let now = micros(self.now);
        sqlx::query(
            "INSERT INTO invite_event (organisation, at, what)
             SELECT unhex(value ->> 0), ?2, value ->> 1 FROM json_each(?1) ORDER BY key",
        )
        .bind(json(&list))
        .bind(now)
        .execute(self.db())
        .await?;
        Ok(())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Value(error.to_string())
    }
}
