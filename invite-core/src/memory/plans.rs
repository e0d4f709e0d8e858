//! Plans and batches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::state::{BatchRow, DeliveryRow, ItemRow, Reserve, following, preceding_in};
use super::transaction::{Transaction, compared, delta};
use crate::decision::history::{History, View};
use crate::decision::{Case, Request, decide};
use crate::machine;
use crate::machine::batch::{BatchEvent, WrongBatchState};
use crate::machine::delivery::Standing;
use crate::model::batch::{Batch, BatchState, Confirmation, Progress, Totals, behind};
use crate::model::contact::{EmailAddress, PhoneNumber};
use crate::model::credential::CredentialKind;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::InvitationState;
use crate::model::item::{Action, Decision, Item, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::Settings;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::model::wording::ItemWording;
use crate::port::error::{PortError, PortErrorKind, PortResult};
use crate::port::plans::{BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans, Retried, RetryChunk};

#[async_trait]
impl Plans for MemoryStore {
    async fn now(&self) -> PortResult<DateTime<Utc>> {
        Ok(self.clock.now())
    }

    async fn open_plan(&self, plan: NewPlan) -> PortResult<Batch> {
        self.transact(|transaction| transaction.open_plan(plan))
    }

    async fn plan_page(&self, page: PlanPage) -> PortResult<Batch> {
        self.transact_with(page.policy.clone(), |transaction| transaction.plan_page(&page))?
    }

    async fn confirm(&self, confirm: Confirm) -> PortResult<Confirmed> {
        self.transact_with(confirm.policy.clone(), |transaction| transaction.confirm(&confirm))
    }

    async fn change_batch(&self, change: BatchChange) -> PortResult<Option<Result<Batch, WrongBatchState>>> {
        self.transact(|transaction| transaction.change_batch(change))
    }

    async fn retry(&self, retry: RetryChunk) -> PortResult<Retried> {
        self.transact(|transaction| transaction.retry(&retry))
    }

    async fn batch(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Option<Batch>> {
        self.transact(|transaction| {
            Some(transaction.state.batches.get(&(organisation, batch))?.batch.clone())
        })
    }

    async fn batches(
        &self,
        organisation: OrganisationId,
        before: Option<BatchId>,
        limit: usize,
    ) -> PortResult<Vec<Batch>> {
        self.transact(|transaction| {
            transaction
                .state
                .batches
                .range(preceding_in(organisation, before, BatchId::from_uuid))
                .rev()
                .map(|(_, row)| row.batch.clone())
                .take(limit)
                .collect()
        })
    }

    async fn items(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<UserId>,
        limit: usize,
    ) -> PortResult<Vec<Item>> {
        self.transact(|transaction| {
            let row = transaction.state.batches.get(&(organisation, batch));
            let items = row.into_iter().flat_map(|row| row.items.range(following(after, UserId::from_uuid)));
            items.map(|(_, row)| row.item.clone()).take(limit).collect()
        })
    }

    async fn deliveries(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        self.transact(|transaction| {
            let row = transaction.state.batches.get(&(organisation, batch));
            let ids =
                row.into_iter().flat_map(|row| row.deliveries.range(following(after, DeliveryId::from_uuid)));
            ids.take(limit).map(|id| transaction.view((organisation, *id))).collect()
        })
    }

    async fn progress(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Progress> {
        self.transact(|transaction| transaction.progress(organisation, batch))
    }
}

impl Transaction<'_> {
    pub(super) fn open_plan(&mut self, plan: NewPlan) -> Batch {
        let organisation = plan.actor.organisation();
        let expires_at = self.now + delta(plan.lifetime);
        let batch = plan.opened(self.now, expires_at);
        self.state.plans.insert((batch.expires_at, organisation, batch.id));
        self.state.batches.insert((organisation, batch.id), BatchRow::of(batch.clone()));
        batch
    }

    pub(super) fn plan_page(&mut self, page: &PlanPage) -> PortResult<Batch> {
        let refused = |why: &str| PortError::new(PortErrorKind::Refused, format!("plan a page: {why}"));
        let organisation = page.organisation;
        let row =
            self.state.batches.get(&(organisation, page.plan)).ok_or_else(|| refused("no such plan"))?;
        let batch = row.batch.clone();
        if batch.state != BatchState::Planned || batch.complete || row.cursor != page.after {
            return Ok(batch);
        }
        let settings = self.settings(organisation).ok_or_else(|| refused("no such organisation"))?.clone();
        let behind = behind(&batch.planned_by, None);
        let decided = page.people.iter().map(|(id, user)| {
            let user = user.as_ref().filter(|user| user.id == *id);
            let mut row = self.decide_for_plan(&batch, &settings, &behind, (*id, user), &page.senders);
            // Of a batch of one person, who was not planned for, nobody looks at languages and sizes.
            let counted = matches!(batch.action, Action::Invite | Action::Remind);
            let kind = row.item.decision.message_kind(batch.action).filter(|_| counted);
            if let (Some(user), Some(kind)) = (user, kind) {
                let message = (kind, row.item.channels.as_slice());
                row.wording = page.wording(user, message, &settings, &batch.templates)?;
            }
            Ok(row)
        });
        let decided: Vec<_> = decided.collect::<PortResult<_>>()?;
        let channels = decided.iter().flat_map(|planned| &planned.item.channels);
        if let Some(channel) = channels.into_iter().find(|channel| !page.senders.contains_key(channel)) {
            return Err(refused(&format!("no sender for {channel}")));
        }
        for ((_, user), row) in page.people.iter().zip(decided) {
            self.add_item(organisation, page.plan, page, user.as_ref(), row);
        }
        let row = self.state.batches.get_mut(&(organisation, page.plan)).expect("it was there");
        row.cursor = page.people.last().map(|(id, _)| *id).or(row.cursor);
        row.batch.complete = page.last;
        if page.last {
            self.count_shared(organisation, page.plan);
        }
        Ok(self.batch_row(organisation, page.plan).batch.clone())
    }

    pub(super) fn decide_for_plan(
        &self,
        batch: &Batch,
        settings: &Settings,
        behind: &[UserId],
        (id, user): (UserId, Option<&User>),
        senders: &BTreeMap<Channel, (SenderKey, String)>,
    ) -> ItemRow {
        let rows = self.rows(batch.organisation, id, user);
        let history = History::fold(&rows, View::Planning(batch.id), user.and_then(|user| user.returned_at));
        let request = Request {
            action: batch.action,
            by_id: batch.selection.is_by_id(),
            channels: batch.channels,
            scheduled: batch.scheduled,
        };
        let case =
            Case { user, history: &history, request, settings, policy: &self.policy, behind, now: self.now };
        let decided = decide(&case);
        let invitation = match (decided.decision, batch.action) {
            (Decision::Skip(_), _) => None,
            (_, Action::Remind) => history.last_invitation.map(|last| last.id),
            (_, Action::Invite | Action::HandOver | Action::Refresh) => Some(InvitationId::new()),
        };
        ItemRow {
            reserve: user.zip(decided.fallback).and_then(|(user, channel)| {
                let (sender, account) = senders.get(&channel)?.clone();
                let (address, destination) = (user.address(channel)?.to_owned(), destination(user, channel));
                Some(Reserve { channel, address, destination, sender, account })
            }),
            item: Item { user: id, decision: decided.decision, channels: decided.channels, invitation },
            administrator: user.is_some_and(|user| user.role.is_administrator()),
            wording: ItemWording::default(),
            credential: decided.decision.wants_credential().then_some(match batch.action {
                Action::HandOver => CredentialKind::SetUpLink,
                Action::Invite | Action::Remind | Action::Refresh => settings.credential,
            }),
            generation: None,
        }
    }

    fn add_item(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        page: &PlanPage,
        user: Option<&User>,
        row: ItemRow,
    ) {
        let item = row.item.clone();
        let place = (organisation, plan);
        let person = self.person_mut(organisation, item.user);
        person.batches.insert(plan);
        let batch = self.state.batches.get_mut(&place).expect("the plan is there");
        batch.batch.totals.count(
            item.decision,
            &item.channels,
            row.reserve.is_some(),
            row.administrator,
            &row.wording,
        );
        batch.items.insert(item.user, row);
        let (Some(user), Some(invitation)) = (user, item.invitation) else { return };
        for channel in item.channels {
            let (Some(address), Some((sender, account))) =
                (user.address(channel), page.senders.get(&channel))
            else {
                continue;
            };
            let reserve = Reserve {
                channel,
                address: address.to_owned(),
                destination: destination(user, channel),
                sender: sender.clone(),
                account: account.clone(),
            };
            self.add_message(organisation, plan, (item.user, invitation), reserve);
        }
    }

    /// Adds a message to a batch, queued from now on.
    pub(super) fn add_message(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        (user, invitation): (UserId, InvitationId),
        to: Reserve,
    ) {
        let (now, id) = (self.now, DeliveryId::new());
        let Reserve { channel, address, destination, sender, account } = to;
        self.state.addresses.insert((organisation, channel, compared(&address), id));
        let row = DeliveryRow {
            batch,
            user,
            invitation,
            channel,
            address,
            destination,
            sender,
            account,
            standing: Standing::queued(now),
            claim: None,
            answer: None,
            receipt: None,
            sent_at: None,
            changed_at: now,
        };
        self.state.delivery_organisations.insert(id, organisation);
        self.state.deliveries.insert((organisation, id), row);
        self.person_mut(organisation, user).deliveries.insert(id);
        let row = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        row.deliveries.insert(id);
        row.queue.insert((now, id));
        row.on_their_way += 1;
    }

    pub(super) fn confirm(&mut self, confirm: &Confirm) -> Confirmed {
        let organisation = confirm.actor.organisation();
        let place = (organisation, confirm.plan);
        let Some(BatchRow { batch, .. }) = self.state.batches.get(&place) else {
            return Confirmed::NotFound;
        };
        match batch.state {
            BatchState::Running | BatchState::Paused => return Confirmed::Already(Box::new(batch.clone())),
            BatchState::Cancelled | BatchState::Recalled => return Confirmed::Stopped,
            BatchState::Planned if !batch.complete => return Confirmed::Incomplete,
            BatchState::Planned if self.now > batch.expires_at => return Confirmed::Expired,
            BatchState::Planned => {}
        }
        let expires_at = batch.expires_at;
        if !confirm.resets && batch.totals.reset > 0 {
            let row = &self.state.batches[&place];
            let resets = row.items.values().filter(|row| row.item.decision == Decision::SendWithReset);
            for user in resets.map(|row| row.item.user).collect::<Vec<_>>() {
                self.skip(organisation, confirm.plan, user, SkipReason::SetUpNeedsConsent);
            }
        }
        if let Some(user) = confirm.actor.user() {
            self.skip(organisation, confirm.plan, user, SkipReason::Yourself);
        }
        self.count_shared(organisation, confirm.plan);
        self.state.confirmations += 1;
        self.state.plans.remove(&(expires_at, organisation, confirm.plan));
        let row = self.state.batches.get_mut(&place).expect("it was there");
        let held = row.batch.totals.recipients() > self.policy.hold_above;
        let hold = confirm.hold.unwrap_or(if held { self.policy.hold } else { Duration::ZERO });
        row.order = Some(self.state.confirmations);
        row.batch.state = BatchState::Running;
        row.batch.confirmed = Some(Confirmation {
            by: confirm.actor.clone(),
            at: self.now,
            resets: confirm.resets,
            not_before: self.now + delta(hold.max(confirm.starts_in)),
            pilot: None,
        });
        self.begin_pilot(place, confirm.pilot);
        let row = self.state.batches.get_mut(&place).expect("it was there");
        self.state.going_on.insert(place);
        let batch = row.batch.clone();
        self.count_confirmed(organisation, confirm.plan);
        let Totals { send, reset, announce, .. } = batch.totals;
        let details = format!("{send} sent, {reset} sent with reset, {announce} announced");
        self.audit(&confirm.actor, "batch_confirmed", &confirm.plan, details);
        self.finish(organisation, confirm.plan);
        self.make_work();
        Confirmed::Now(Box::new(batch))
    }

    /// Counts the recipients of a plan who share the address of a message.
    fn count_shared(&mut self, organisation: OrganisationId, plan: BatchId) {
        let row = self.batch_row(organisation, plan);
        let is_reset = |user: &UserId| row.items[user].item.decision == Decision::SendWithReset;
        let mut sharing: BTreeMap<(Channel, String), Vec<UserId>> = BTreeMap::new();
        for id in &row.deliveries {
            let delivery = self.delivery((organisation, *id));
            let address = (delivery.channel, compared(&delivery.address));
            sharing.entry(address).or_default().push(delivery.user);
        }
        let shared = |counts: &dyn Fn(&UserId) -> bool| {
            let counted = sharing.values().map(|users| users.iter().filter(|user| counts(user)));
            let sharing = counted.filter(|users| users.clone().nth(1).is_some()).flatten();
            sharing.collect::<BTreeSet<_>>().len() as u64
        };
        let (without, with) = (shared(&|user| !is_reset(user)), shared(&|_| true));
        let row = self.state.batches.get_mut(&(organisation, plan)).expect("the plan is there");
        row.batch.totals.shared_addresses = without;
        row.batch.totals.shared_addresses_with_resets = with;
    }

    /// Turns a person's item into a skip, takes its messages away, and counts again.
    fn skip(&mut self, organisation: OrganisationId, plan: BatchId, user: UserId, reason: SkipReason) {
        let batch = self.state.batches.get_mut(&(organisation, plan)).expect("the plan is there");
        let Some(row) = batch.items.get_mut(&user) else { return };
        let decision = Decision::Skip(reason);
        let none = ItemWording::default();
        let wording = std::mem::take(&mut row.wording);
        let reserve = row.reserve.take().is_some();
        let (item, administrator) = (&row.item, row.administrator);
        batch.batch.totals.uncount(item.decision, &item.channels, reserve, administrator, &wording);
        batch.batch.totals.count(decision, &[], false, administrator, &none);
        row.item = Item { user, decision, channels: Vec::new(), invitation: None };
        row.credential = None;
        for (organisation, id) in self.messages_to(organisation, user) {
            if self.delivery((organisation, id)).batch == plan {
                self.delete_message(organisation, id);
            }
        }
    }

    /// Takes a message away that was never claimed.
    pub(super) fn delete_message(&mut self, organisation: OrganisationId, id: DeliveryId) {
        let Some(row) = self.state.deliveries.remove(&(organisation, id)) else { return };
        self.state.delivery_organisations.remove(&id);
        self.state.addresses.remove(&(organisation, row.channel, compared(&row.address), id));
        self.person_mut(organisation, row.user).deliveries.remove(&id);
        let batch = self.state.batches.get_mut(&(organisation, row.batch)).expect("its batch is there");
        batch.deliveries.remove(&id);
        batch.queue.remove(&(row.standing.due_at, id));
        batch.on_their_way -= u64::from(row.standing.state.is_on_its_way());
    }

    fn change_batch(&mut self, change: BatchChange) -> Option<Result<Batch, WrongBatchState>> {
        let BatchChange { batch, actor, event, because } = change;
        let organisation = actor.organisation();
        let place = (organisation, batch);
        let from = self.state.batches.get(&place)?.batch.state;
        // Confirming is a step of its own: it needs a complete plan and consent.
        if event == BatchEvent::Confirm && from == BatchState::Planned {
            return Some(Err(WrongBatchState { from, event }));
        }
        let to = match machine::batch::next(from, event) {
            Err(wrong) => return Some(Err(wrong)),
            Ok(to) if to == from => return Some(Ok(self.batch_row(organisation, batch).batch.clone())),
            Ok(to) => to,
        };
        let what = match to {
            BatchState::Planned => return Some(Err(WrongBatchState { from, event })),
            BatchState::Running => {
                self.resume(organisation, batch);
                "batch_resumed"
            }
            BatchState::Paused => {
                self.pause_batch(organisation, batch, because.clone());
                "batch_paused"
            }
            BatchState::Cancelled => {
                self.stop_batch(organisation, batch, to);
                "batch_cancelled"
            }
            BatchState::Recalled => {
                self.stop_batch(organisation, batch, to);
                "batch_recalled"
            }
        };
        self.audit(&actor, what, &batch, because.unwrap_or_default());
        if to != BatchState::Paused {
            self.make_work();
        }
        Some(Ok(self.batch_row(organisation, batch).batch.clone()))
    }

    /// Lets a batch go on; the brake counts anew.
    fn resume(&mut self, organisation: OrganisationId, batch: BatchId) {
        let row = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        row.batch.state = BatchState::Running;
        row.batch.paused_because = None;
        (row.outcomes, row.hard_failures) = (0, 0);
        self.resume_pilot(organisation, batch);
    }

    fn stop_batch(&mut self, organisation: OrganisationId, batch: BatchId, to: BatchState) {
        let now = self.now;
        let row = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        row.batch.state = to;
        row.batch.paused_because = None;
        row.batch.stopped_at = Some(now);
        self.state.plans.remove(&(row.batch.expires_at, organisation, batch));
        self.state.stopped.insert((organisation, batch));
        if row.order.is_none() {
            self.state.finished.insert((now, organisation, batch));
        }
    }

    fn progress(&self, organisation: OrganisationId, batch: BatchId) -> Progress {
        let mut progress = Progress::default();
        let Some(row) = self.state.batches.get(&(organisation, batch)) else { return progress };
        let mut reached: BTreeMap<UserId, bool> = BTreeMap::new();
        for id in &row.deliveries {
            let delivery = self.view((organisation, *id));
            *progress.states.entry(delivery.state).or_default() += 1;
            if let Some(reason) = delivery.reason {
                *progress.reasons.entry(reason).or_default() += 1;
            }
            if delivery.sent_at.is_some() {
                let arrived = matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Complained);
                *reached.entry(delivery.user).or_default() |= arrived;
            }
        }
        let accepted = |row: &&ItemRow| {
            let invitation =
                row.item.invitation.and_then(|id| self.state.invitations.get(&(organisation, id)));
            invitation.is_some_and(|row| row.state == InvitationState::Accepted)
        };
        progress.funnel.selected = row.batch.totals.people();
        progress.funnel.recipients = row.batch.totals.recipients();
        progress.funnel.sent = reached.len() as u64;
        progress.funnel.delivered = reached.values().filter(|arrived| **arrived).count() as u64;
        progress.funnel.accepted = row.items.values().filter(accepted).count() as u64;
        progress.waits = self.waits(organisation, row);
        progress
    }
}

impl BatchRow {
    fn of(batch: Batch) -> Self {
        Self {
            batch,
            cursor: None,
            order: None,
            items: BTreeMap::new(),
            deliveries: BTreeSet::new(),
            queue: BTreeSet::new(),
            pilot_until: None,
            on_their_way: 0,
            finished_at: None,
            contacts_removed: None,
            outcomes: 0,
            hard_failures: 0,
            swept: None,
        }
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
