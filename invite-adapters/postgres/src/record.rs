//! Keeping what became of messages, with everything that follows from it.

use std::collections::{BTreeSet, HashMap};

use invite_core::decision::record::{
    Consequences, Recorded, Suppress, consequences, late_acceptance, report_stops, report_suppresses,
};
use invite_core::machine::delivery::{DeliveryEvent, Standing, shows_acceptance};
use invite_core::model::delivery::DeliveryState;
use invite_core::model::event::Happening;
use invite_core::model::id::{DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Answer, Outcome, Receipt};
use invite_core::model::suppression::SuppressionReason;
use invite_core::port::queue::{HandOverResult, RecordDelivery, Reported};

use crate::deliveries::Delivery;
use crate::error::Step;
use crate::histories::address_key;
use crate::invitations::{Begun, Invitation, open_invitations};
use crate::rows::{Key, uuids};
use crate::write::Write;

/// A delivery that has moved on by an outcome.
struct Change {
    delivery: Delivery,
    before: Standing,
    outcome: Outcome,
}

impl Change {
    /// What follows is worked out from this.
    fn recorded(&self, ledger: &Ledger, retired: bool) -> Recorded<'_> {
        let Self { delivery, before, outcome } = self;
        let key = (delivery.organisation, delivery.invitation);
        let invitation = ledger.begun.invitations.get(&key).map(|invitation| invitation.state);
        Recorded {
            before,
            after: &delivery.standing,
            outcome,
            action: delivery.batch.action,
            decision: delivery.decision,
            invitation: invitation.or(delivery.invitation_state).unwrap_or(InvitationState::Pending),
            retirement: ledger.settings[&delivery.organisation].retirement(),
            retired,
        }
    }
}

/// What putting an address on the suppression list changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there now.
    Added,
    /// It was there, for a weaker reason.
    Strengthened,
    /// It was there.
    Unchanged,
}

/// What the consequences of outcomes are worked out on, and what has to be kept at the end.
struct Ledger {
    settings: HashMap<OrganisationId, Settings>,
    begun: Begun,
    /// Open invitations of the people whose messages were accepted.
    open: Vec<Invitation>,
    /// Invitations whose first message is accepted now.
    told: BTreeSet<(OrganisationId, InvitationId)>,
}

impl Write {
    /// Keeps outcomes; answers where each message stands then, in the order asked.
    pub(crate) async fn record(&mut self, outcomes: &[RecordDelivery]) -> Step<Vec<Option<DeliveryState>>> {
        let ids = outcomes.iter().map(|outcome| outcome.id);
        let (rows, settings) = self.hold_deliveries_and_settings(ids).await?;
        self.look_at_the_clock().await?;
        let mut rows: HashMap<DeliveryId, Delivery> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut kept = Vec::with_capacity(outcomes.len());
        let (mut changes, mut stayed_behind) = (Vec::new(), Vec::new());
        for RecordDelivery { token, id, result } in outcomes {
            let holds = |delivery: &&mut Delivery| {
                delivery.token == Some(*token) && delivery.standing.state == DeliveryState::HandingOver
            };
            let Some(delivery) = rows.get_mut(id).filter(holds) else {
                kept.push(None);
                continue;
            };
            if result.stayed_behind() && delivery.channel == Channel::Sms {
                stayed_behind.push((delivery.organisation, delivery.id));
            }
            let damaged = matches!(result, HandOverResult::Damaged(_));
            if let Some((before, outcome)) = self.record_one(delivery, result.clone()) {
                changes.push(Change { delivery: delivery.clone(), before, outcome });
            }
            if damaged {
                self.wipe_damaged(&delivery.clone()).await?;
            }
            kept.push(Some(*id));
        }
        self.forget_text_messages(stayed_behind).await?;
        self.save_deliveries(rows.values()).await?;
        let again = self.follow(changes, settings).await?;
        Ok(kept
            .into_iter()
            .map(|id| {
                let id = id?;
                let state = rows.get(&id).map(|delivery| delivery.standing.state);
                if again.contains(&id) { Some(DeliveryState::Queued) } else { state }
            })
            .collect())
    }

    /// The sealed secret of a message is of no use: the next attempt mints another one.
    async fn wipe_damaged(&mut self, delivery: &Delivery) -> Step<()> {
        self.query(
            "UPDATE invite.credential SET sealed = NULL WHERE organisation = $1 AND invitation = $2 AND generation = $3",
        )
        .bind(delivery.organisation.uuid())
        .bind(delivery.invitation.uuid())
        .bind(delivery.generation.map(|generation| i64::from(generation.number())))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Moves one delivery on, in memory. Gives where it stood and what the consequences follow from, if any can.
    fn record_one(&mut self, delivery: &mut Delivery, result: HandOverResult) -> Option<(Standing, Outcome)> {
        match result {
            HandOverResult::NotCalled => {
                self.step(delivery, DeliveryEvent::NotCalled);
                None
            }
            HandOverResult::Locked(answer) => {
                self.step(delivery, DeliveryEvent::Locked);
                delivery.answer = Some(answer);
                None
            }
            HandOverResult::Damaged(answer) => {
                let deferred = Outcome::Deferred { retry_after: None, answer: answer.clone() };
                let before = self.step(delivery, DeliveryEvent::Outcome(&deferred));
                delivery.answer = Some(answer.clone());
                Some((before, Outcome::Unknown { answer }))
            }
            HandOverResult::NotRendered(answer) => {
                let before = self.step(delivery, DeliveryEvent::NotRendered);
                delivery.answer = Some(answer.clone());
                Some((before, Outcome::Unknown { answer }))
            }
            HandOverResult::Outcome(outcome) => {
                let before = self.step(delivery, DeliveryEvent::Outcome(&outcome));
                match &outcome {
                    Outcome::Accepted(receipt) => {
                        delivery.receipt = Some(receipt.clone());
                        delivery.sent_at.get_or_insert(self.now);
                    }
                    Outcome::Refused { answer, .. }
                    | Outcome::Deferred { answer, .. }
                    | Outcome::Throttled { answer, .. }
                    | Outcome::Blocked { answer, .. }
                    | Outcome::Unknown { answer } => delivery.answer = Some(answer.clone()),
                }
                Some((before, outcome))
            }
        }
    }

    /// Takes back what workers were not heard of in time about. How many.
    pub(crate) async fn take_back_lapsed(&mut self, most: i64) -> Step<usize> {
        let (mut rows, settings) = self.hold_lapsed(most).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut changes = Vec::new();
        for delivery in &mut rows {
            let before = self.step(delivery, DeliveryEvent::LeaseLost { alone: delivery.alone });
            let handed_over = before.state == DeliveryState::HandingOver;
            let outcome = if handed_over && shows_acceptance(delivery.standing.state) {
                delivery.sent_at.get_or_insert(self.now);
                Outcome::Accepted(Receipt(String::new()))
            } else {
                Outcome::Unknown { answer: Answer::default() }
            };
            changes.push(Change { delivery: delivery.clone(), before, outcome });
        }
        self.save_deliveries(&rows).await?;
        self.follow(changes, settings).await?;
        Ok(rows.len())
    }

    /// Everything that follows from outcomes. Gives the messages that go back to the queue.
    async fn follow(
        &mut self,
        changes: Vec<Change>,
        settings: HashMap<OrganisationId, Settings>,
    ) -> Step<Vec<DeliveryId>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut ledger = self.open_ledger(&changes, settings).await?;
        let mut all = Vec::with_capacity(changes.len());
        for change in &changes {
            all.push((&change.delivery, self.follow_one(change, &mut ledger).await?));
        }
        self.tell_first_acceptances(&ledger).await?;
        self.follow_for_senders(&all).await
    }

    async fn open_ledger(
        &mut self,
        changes: &[Change],
        settings: HashMap<OrganisationId, Settings>,
    ) -> Step<Ledger> {
        let accepted = || {
            changes
                .iter()
                .filter(|change| matches!(change.outcome, Outcome::Accepted(_)))
                .map(|change| &change.delivery)
        };
        let keys = accepted().map(|delivery| (delivery.organisation, delivery.invitation));
        let begun = Begun::read(self.db(), keys).await?;
        let people = accepted().map(|delivery| (delivery.organisation, delivery.user));
        let open = open_invitations(self.db(), people).await?;
        Ok(Ledger { settings, begun, open, told: BTreeSet::new() })
    }

    async fn follow_one(&mut self, change: &Change, ledger: &mut Ledger) -> Step<Consequences> {
        let Change { delivery, outcome, .. } = change;
        let organisation = delivery.organisation;
        let retired = self.retired_for(delivery).await?;
        let also = consequences(&change.recorded(ledger, retired), &self.policy);
        if matches!(outcome, Outcome::Accepted(_)) {
            self.follow_acceptance(delivery, &also, ledger).await?;
        }
        if let Some(suppress) = also.suppresses {
            self.suppress_after(delivery, suppress).await?;
        }
        if also.may_lift {
            self.may_lift(organisation, delivery.user, delivery.invitation);
        }
        let failed = delivery.standing.state == DeliveryState::Failed;
        if also.is_outcome || failed {
            self.count(organisation, delivery.batch.id, also.hard_failure || failed);
        }
        Ok(also)
    }

    async fn follow_acceptance(
        &mut self,
        delivery: &Delivery,
        also: &Consequences,
        ledger: &mut Ledger,
    ) -> Step<()> {
        self.tell(delivery, ledger);
        if also.supersedes {
            self.supersede(delivery, ledger).await?;
        }
        if also.retires {
            self.retire(delivery.organisation, delivery.user, delivery.invitation).await?;
        }
        Ok(())
    }

    /// What follows from reports which show that providers had accepted messages after all.
    async fn follow_late_acceptances(
        &mut self,
        changes: Vec<Change>,
        settings: HashMap<OrganisationId, Settings>,
    ) -> Step<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut ledger = self.open_ledger(&changes, settings).await?;
        for change in &changes {
            let retired = self.retired_for(&change.delivery).await?;
            if let Some(also) = late_acceptance(&change.recorded(&ledger, retired)) {
                self.follow_acceptance(&change.delivery, &also, &mut ledger).await?;
            }
        }
        self.tell_first_acceptances(&ledger).await
    }

    /// Whether the person's own password is retired, where that is looked at.
    async fn retired_for(&mut self, delivery: &Delivery) -> Step<bool> {
        let looked_at = delivery.batch.action == Action::Refresh;
        Ok(looked_at && self.is_retired(delivery.organisation, delivery.user).await?)
    }

    fn tell(&mut self, delivery: &Delivery, ledger: &mut Ledger) {
        let key = (delivery.organisation, delivery.invitation);
        let told = ledger.begun.invitations.get(&key).is_some_and(|invitation| invitation.told);
        if delivery.batch.action.begins_invitation() && !told && ledger.told.insert(key) {
            let (user, invitation, batch) = (delivery.user, delivery.invitation, delivery.batch.id);
            self.event(delivery.organisation, Happening::Invited { user, invitation, batch });
        }
    }

    /// Keeps of which invitations it was told that their first message was accepted.
    async fn tell_first_acceptances(&mut self, ledger: &Ledger) -> Step<()> {
        if ledger.told.is_empty() {
            return Ok(());
        }
        self.query(
            "UPDATE invite.invitation AS v SET told = true
             FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             WHERE v.organisation = w.organisation AND v.id = w.id",
        )
        .bind(uuids(ledger.told.iter().map(|(organisation, _)| *organisation)))
        .bind(uuids(ledger.told.iter().map(|(_, invitation)| *invitation)))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Revokes the person's open invitations that were begun before this one.
    async fn supersede(&mut self, delivery: &Delivery, ledger: &mut Ledger) -> Step<()> {
        let own = ledger.begun.invitations.get(&(delivery.organisation, delivery.invitation));
        let Some(own) = own.map(|own| (own.created_at, own.id)) else { return Ok(()) };
        let earlier: Vec<Invitation> = ledger
            .open
            .extract_if(.., |one| {
                (one.organisation, one.user) == (delivery.organisation, delivery.user)
                    && (one.created_at, one.id) < own
            })
            .collect();
        for invitation in earlier {
            self.revoke(&invitation, RevokeReason::Superseded).await?;
            if let Some(seen) = ledger.begun.invitations.get_mut(&(invitation.organisation, invitation.id)) {
                seen.state = InvitationState::Revoked(RevokeReason::Superseded);
            }
        }
        Ok(())
    }

    /// Whether the person's own password is retired at present.
    async fn is_retired(&mut self, organisation: OrganisationId, user: UserId) -> Step<bool> {
        let retired = self
            .query(
                "SELECT 1 FROM invite.person AS p
             JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE p.organisation = $1 AND p.user_id = $2 AND b.state <> 'recalled'",
            )
            .bind(organisation.uuid())
            .bind(user.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        Ok(retired.is_some())
    }

    /// Retires the person's own password by this invitation.
    pub(crate) async fn retire(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
        invitation: InvitationId,
    ) -> Step<()> {
        let now = self.now;
        let done = self.query(
            "INSERT INTO invite.person (organisation, user_id, retired_by, retired_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organisation, user_id) DO UPDATE
             SET retired_by = excluded.retired_by, retired_at = excluded.retired_at
             WHERE person.retired_by IS DISTINCT FROM excluded.retired_by",
        )
        .bind(organisation.uuid())
        .bind(user.uuid())
        .bind(invitation.uuid())
        .bind(now)
        .execute(self.db().connection())
        .await?;
        if done.rows_affected() > 0 {
            self.event(organisation, Happening::PasswordRetired { user, invitation });
        }
        Ok(())
    }

    async fn suppress_after(&mut self, delivery: &Delivery, suppress: Suppress) -> Step<()> {
        let Some(address) = delivery.address.as_deref() else { return Ok(()) };
        let reason = match suppress {
            Suppress::Now(reason) => reason,
            Suppress::AfterASecondBatch => {
                let earlier = self
                    .query(
                        "SELECT 1 FROM invite.delivery AS d
                     JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
                     WHERE d.organisation = $1 AND d.channel = $2 AND d.address_key = $3
                         AND d.reason = 'recipient_refused' AND d.state = 'failed' AND b.confirmed_order < $4
                     LIMIT 1",
                    )
                    .bind(delivery.organisation.uuid())
                    .bind(delivery.channel.as_str())
                    .bind(address_key(address))
                    .bind(delivery.batch.order.and_then(|order| i64::try_from(order).ok()))
                    .fetch_optional(self.db().connection())
                    .await?;
                if earlier.is_none() {
                    return Ok(());
                }
                SuppressionReason::Refused
            }
        };
        self.suppress_address(delivery, address, reason).await
    }

    /// Puts the address of a message on the suppression list; where it was not there, the host is told.
    async fn suppress_address(
        &mut self,
        delivery: &Delivery,
        address: &str,
        reason: SuppressionReason,
    ) -> Step<()> {
        let Delivery { organisation, channel, user, .. } = *delivery;
        if self.suppress(organisation, channel, address, reason).await? == Put::Added {
            self.event(organisation, Happening::Suppressed { user, channel });
        }
        Ok(())
    }

    /// Puts an address on the suppression list; a stronger reason that is there stays.
    pub(crate) async fn suppress(
        &mut self,
        organisation: OrganisationId,
        channel: Channel,
        address: &str,
        reason: SuppressionReason,
    ) -> Step<Put> {
        let now = self.now;
        let done = self
            .query(
                "INSERT INTO invite.suppression (organisation, channel, address_key, reason, since_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind(organisation.uuid())
            .bind(channel.as_str())
            .bind(address_key(address))
            .bind(reason.as_str())
            .bind(now)
            .execute(self.db().connection())
            .await?;
        if done.rows_affected() > 0 {
            return Ok(Put::Added);
        }
        let weaker = SuppressionReason::ALL.iter().filter(|other| **other < reason);
        let weaker: Vec<_> = weaker.map(|other| other.as_str()).collect();
        let done = self
            .query(
                "UPDATE invite.suppression SET reason = $1
                 WHERE organisation = $2 AND channel = $3 AND address_key = $4 AND reason = ANY($5)",
            )
            .bind(reason.as_str())
            .bind(organisation.uuid())
            .bind(channel.as_str())
            .bind(address_key(address))
            .bind(weaker)
            .execute(self.db().connection())
            .await?;
        Ok(if done.rows_affected() > 0 { Put::Strengthened } else { Put::Unchanged })
    }

    /// Keeps what providers report. Whether there are such messages, in the order asked.
    pub(crate) async fn report(&mut self, reports: &[Reported]) -> Step<Vec<bool>> {
        let ids = reports.iter().map(|report| report.delivery);
        let (rows, settings) = self.hold_deliveries_and_settings(ids).await?;
        let mut rows: HashMap<DeliveryId, Delivery> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut known = Vec::with_capacity(reports.len());
        let (mut arrived, mut stopped) = (Vec::new(), Vec::new());
        for Reported { delivery, report, concerns, answer } in reports {
            let row = rows.get_mut(delivery);
            known.push(row.is_some());
            let Some(row) = row else { continue };
            let before = self.step(row, DeliveryEvent::Report(*report));
            if before != row.standing {
                row.answer = Some(answer.clone());
                let stops = report_stops(*concerns, answer, &self.policy);
                if stops.is_some() {
                    stopped.push((row.clone(), Consequences { stops, ..Consequences::default() }));
                }
                if shows_acceptance(row.standing.state) {
                    row.sent_at.get_or_insert(self.now);
                    let outcome = Outcome::Accepted(Receipt(String::new()));
                    arrived.push(Change { delivery: row.clone(), before, outcome });
                }
            }
            if let (Some(reason), Some(address)) =
                (report_suppresses(*report, *concerns), row.address.clone())
            {
                self.suppress_address(row, &address, reason).await?;
            }
        }
        self.save_deliveries(rows.values()).await?;
        self.follow_late_acceptances(arrived, settings).await?;
        if !stopped.is_empty() {
            let stopped: Vec<_> = stopped.iter().map(|(row, also)| (row, also.clone())).collect();
            self.follow_for_senders(&stopped).await?;
        }
        Ok(known)
    }
}
