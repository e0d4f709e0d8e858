//! A queue that says what phase it is in, and a store with another queue in front; otherwise they do what the store within
//! does.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::credential::TokenDigest;
use invite_core::decision::history::History;
use invite_core::decision::pace::Slots;
use invite_core::machine::batch::WrongBatchState;
use invite_core::model::actor::Actor;
use invite_core::model::batch::{Batch, Progress, TemplatePins};
use invite_core::model::delivery::{Delivery, DeliveryState};
use invite_core::model::event::{Event, EventCursor};
use invite_core::model::id::{BatchId, ClaimToken, DeliveryId, OrganisationId, UserId};
use invite_core::model::item::Item;
use invite_core::model::message::Channel;
use invite_core::model::metrics::Metrics;
use invite_core::model::organisation::{Alias, Organisation};
use invite_core::model::schedule::Due;
use invite_core::model::sender::{Covers, SenderPause};
use invite_core::model::suppression::Suppression;
use invite_core::model::template_key::TemplateKey;
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::InvitationStore;
use invite_core::port::bell::Rings;
use invite_core::port::error::PortResult;
use invite_core::port::offers::{HandOverLink, LinkHandedOver, Offers, Refresh, Refreshed};
use invite_core::port::organisations::{
    OrganisationSaved, Organisations, SaveTemplate, StoredTemplate, TemplateSaved, TemplateVersion, TestSend,
};
use invite_core::port::plans::{
    BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans, Retried, RetryChunk,
};
use invite_core::port::queue::{
    Begin, Begun, Claim, Claimed, Queue, Record, RecordDelivery, Reported, ReserveSends, Waiting,
};
use invite_core::port::records::{
    Arrival, AuditEntry, Erase, Erased, EventsForgotten, KnownAddress, PersonRecord, Records, SenderStop,
    SuppressionChange, Traces,
};
use invite_core::port::redemption::{Close, Guess, Link, OpenPassword, Redemption, Reserve, Reserved};
use invite_core::port::schedules::{ClaimedDue, Schedules, SettleDue};

use crate::phase::{InFlight, Phase};

/// A store whose queue is looked at.
#[derive(Debug)]
pub(crate) struct Observed<S> {
    store: S,
    in_flight: Arc<InFlight>,
    /// The last claim's, if it was one.
    suspect: Mutex<Option<DeliveryId>>,
}

impl<S> Observed<S> {
    pub(crate) const fn new(store: S, in_flight: Arc<InFlight>) -> Self {
        Self { store, in_flight, suspect: Mutex::new(None) }
    }
}

/// A store with another queue in front of its own.
#[derive(Debug)]
pub(crate) struct Fronted<S, Q> {
    store: S,
    queue: Q,
}

impl<S, Q> Fronted<S, Q> {
    pub(crate) const fn new(store: S, queue: Q) -> Self {
        Self { store, queue }
    }
}

#[async_trait]
impl<S: InvitationStore> Queue for Observed<S> {
    async fn claim(&self, claim: Claim) -> PortResult<Claimed> {
        let claiming = self.in_flight.enter(Phase::Claim);
        let claimed = self.store.claim(claim).await?;
        drop(claiming);
        let ids: Vec<DeliveryId> = claimed.deliveries.iter().map(|delivery| delivery.id).collect();
        // Rule 11: a suspect is alone in its worker until it is recorded.
        let mut suspect = self.suspect.lock().unwrap_or_else(PoisonError::into_inner);
        let held = suspect.is_some_and(|suspect| self.in_flight.has(suspect));
        assert!(!held || ids.is_empty(), "messages were claimed while a suspect was at work");
        *suspect = ids.first().copied().filter(|_| claimed.alone);
        self.in_flight.prepare(ids);
        Ok(claimed)
    }

    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>> {
        let ids: Vec<DeliveryId> = begin.deliveries.iter().map(|delivery| delivery.id).collect();
        self.in_flight.prepared(&ids);
        self.in_flight.hand_over(&ids);
        let beginning = self.in_flight.enter(Phase::Begin);
        let begun = self.store.begin(begin).await?;
        drop(beginning);
        for (id, begun) in ids.into_iter().zip(&begun) {
            if !matches!(begun, Begun::Go(_)) {
                self.in_flight.handed_over(&[id]);
            }
            if matches!(begun, Begun::Mint(..)) {
                self.in_flight.prepare([id]);
            }
        }
        Ok(begun)
    }

    async fn record(&self, record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        let ids: Vec<DeliveryId> = record.outcomes.iter().map(|RecordDelivery { id, .. }| *id).collect();
        let _recording = self.in_flight.enter(Phase::Record);
        let kept = self.store.record(record).await?;
        self.in_flight.handed_over(&ids);
        Ok(kept)
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        self.in_flight.prepared(&deliveries);
        self.in_flight.handed_over(&deliveries);
        self.store.release(claim, deliveries).await
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        self.store.renew(claims, lease).await
    }

    async fn reserve_sends(&self, reserve: ReserveSends) -> PortResult<Slots> {
        self.store.reserve_sends(reserve).await
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        self.store.report(reports, policy).await
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        self.store.waiting().await
    }

    async fn listen(&self) -> Rings {
        self.store.listen().await
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        self.store.metrics().await
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        self.store.sweep(limit, policy).await
    }
}

/// An impl of a port whose methods do what the queue or the store within does.
macro_rules! delegate {
    ($port:ident to $part:ident { $(fn $method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* } $($more:tt)*) => {
        #[async_trait]
        impl<S: InvitationStore, Q: Queue + Debug> $port for Fronted<S, Q> {
            $(async fn $method(&self, $($argument: $type),*) -> PortResult<$answer> {
                self.$part.$method($($argument),*).await
            })*
            $($more)*
        }
    };
}

delegate! { Queue to queue {
    fn claim(claim: Claim) -> Claimed;
    fn begin(begin: Begin) -> Vec<Begun>;
    fn record(record: Record) -> Vec<Option<DeliveryState>>;
    fn release(claim: ClaimToken, deliveries: Vec<DeliveryId>) -> ();
    fn renew(claims: Vec<ClaimToken>, lease: Duration) -> Vec<bool>;
    fn report(reports: Vec<Reported>, policy: Policy) -> Vec<bool>;
    fn waiting() -> Waiting;
    fn reserve_sends(wish: ReserveSends) -> Slots;
    fn metrics() -> Metrics;
    fn sweep(limit: usize, policy: Policy) -> u64;
}
async fn listen(&self) -> Rings {
    self.queue.listen().await
}}

delegate! { Organisations to store {
    fn save_organisation(
        organisation: Organisation, actor: Actor, templates: TemplatePins
    ) -> OrganisationSaved;
    fn organisation(id: OrganisationId) -> Option<Organisation>;
    fn by_alias(alias: Alias) -> Option<Organisation>;
    fn organisations(after: Option<OrganisationId>, limit: usize) -> Vec<Organisation>;
    fn template(organisation: OrganisationId, key: TemplateKey, version: Option<String>) -> Option<StoredTemplate>;
    fn templates(organisation: OrganisationId) -> Vec<(TemplateKey, TemplateVersion)>;
    fn template_versions(
        organisation: OrganisationId, key: TemplateKey, before: Option<String>, limit: usize
    ) -> Vec<TemplateVersion>;
    fn save_template(save: SaveTemplate) -> TemplateSaved;
    fn count_test_send(send: TestSend) -> Option<DateTime<Utc>>;
}}

delegate! { Plans to store {
    fn now() -> DateTime<Utc>;
    fn open_plan(plan: NewPlan) -> Batch;
    fn plan_page(page: PlanPage) -> Batch;
    fn confirm(confirm: Confirm) -> Confirmed;
    fn change_batch(change: BatchChange) -> Option<Result<Batch, WrongBatchState>>;
    fn batch(organisation: OrganisationId, batch: BatchId) -> Option<Batch>;
    fn batches(organisation: OrganisationId, before: Option<BatchId>, limit: usize) -> Vec<Batch>;
    fn items(organisation: OrganisationId, batch: BatchId, after: Option<UserId>, limit: usize) -> Vec<Item>;
    fn deliveries(
        organisation: OrganisationId, batch: BatchId, after: Option<DeliveryId>, limit: usize
    ) -> Vec<Delivery>;
    fn progress(organisation: OrganisationId, batch: BatchId) -> Progress;
    fn retry(retry: RetryChunk) -> Retried;
}}

delegate! { Offers to store {
    fn hand_over_link(hand_over: HandOverLink) -> LinkHandedOver;
    fn refresh(refresh: Refresh) -> Refreshed;
}}

delegate! { Redemption to store {
    fn open_passwords(organisation: OrganisationId, user: UserId) -> Vec<OpenPassword>;
    fn link(digest: TokenDigest) -> Option<Link>;
    fn reserve(reserve: Reserve) -> Reserved;
    fn close(close: Close) -> bool;
    fn own_password_counts(organisation: OrganisationId, users: Vec<UserId>) -> Vec<bool>;
    fn count_guess(guess: Guess) -> Option<Duration>;
    fn forget_guesses(organisation: OrganisationId, user: UserId, source: String) -> ();
}}

delegate! { Records to store {
    fn histories(organisation: OrganisationId, users: Vec<User>) -> Vec<History>;
    fn record_changes(organisation: OrganisationId, people: Vec<(UserId, Option<User>)>) -> ();
    fn record_arrivals(organisation: OrganisationId, arrivals: Vec<Arrival>) -> ();
    fn events(after: EventCursor, limit: usize) -> Result<Vec<Event>, EventsForgotten>;
    fn audit(organisation: OrganisationId, before: Option<u64>, limit: usize) -> Vec<AuditEntry>;
    fn person(organisation: OrganisationId, user: UserId) -> PersonRecord;
    fn sender_pauses() -> Vec<SenderPause>;
    fn suppressions(
        organisation: OrganisationId, after: Option<(Channel, String)>, limit: usize
    ) -> Vec<Suppression>;
    fn suppress(change: SuppressionChange) -> ();
    fn pause_sender(pause: SenderStop) -> ();
    fn resume_sender(actor: Actor, covers: Covers) -> bool;
    fn erase(erase: Erase) -> Erased;
    fn has_hashed_suppressions(organisation: OrganisationId) -> bool;
    fn recognise(organisation: OrganisationId, addresses: Vec<KnownAddress>) -> ();
    fn traces(organisation: OrganisationId, user: UserId, addresses: Vec<(Channel, String)>) -> Traces;
}}

delegate! { Schedules to store {
    fn add_due(organisation: OrganisationId, due: Vec<Due>) -> ();
    fn claim_due(limit: usize, lease: Duration) -> Option<ClaimedDue>;
    fn settle_due(settle: SettleDue) -> ();
}}
