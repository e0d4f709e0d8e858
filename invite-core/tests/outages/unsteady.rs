//! The memory store behind a switch: while it is set, methods fail, never answer, or lose their answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::credential::TokenDigest;
use invite_core::decision::history::History;
use invite_core::decision::pace::Slots;
use invite_core::machine::batch::WrongBatchState;
use invite_core::memory::MemoryStore;
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
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::bell::Rings;
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::port::offers::{HandOverLink, LinkHandedOver, Offers, Refresh, Refreshed};
use invite_core::port::organisations::{
    OrganisationSaved, Organisations, SaveTemplate, StoredTemplate, TemplateSaved, TemplateVersion, TestSend,
};
use invite_core::port::plans::{
    BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans, Retried, RetryChunk,
};
use invite_core::port::queue::{
    Begin, Begun, Claim, Claimed, Queue, Record, Reported, ReserveSends, Waiting,
};
use invite_core::port::records::{
    Arrival, AuditEntry, Erase, Erased, EventsForgotten, KnownAddress, PersonRecord, Records, SenderStop,
    SuppressionChange, Traces,
};
use invite_core::port::redemption::{Close, Guess, Link, OpenPassword, Redemption, Reserve, Reserved};
use invite_core::port::schedules::{ClaimedDue, Schedules, SettleDue};

/// What a method does instead of what it should.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing, and says so.
    Fails(PortErrorKind),
    /// Nothing, and never answers.
    Silent,
    /// What it should, and says that it could not.
    LosesAnswer,
}

/// What is wrong now.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    faults: Mutex<BTreeMap<&'static str, Fault>>,
    refused: Mutex<Option<(DeliveryId, PortErrorKind)>>,
}

impl Switch {
    /// These methods are faulty from now on; `*` are all.
    pub(crate) fn set(&self, methods: &[&'static str], fault: Fault) {
        self.faults.lock().unwrap().extend(methods.iter().map(|method| (*method, fault)));
    }

    /// An outcome of this message is refused, with all that come with it.
    pub(crate) fn refuse_outcome(&self, of: DeliveryId, kind: PortErrorKind) {
        *self.refused.lock().unwrap() = Some((of, kind));
    }

    /// Nothing is wrong any more.
    pub(crate) fn mend(&self) {
        self.faults.lock().unwrap().clear();
        *self.refused.lock().unwrap() = None;
    }

    fn of(&self, method: &str) -> Option<Fault> {
        let faults = self.faults.lock().unwrap();
        faults.get(method).or_else(|| faults.get("*")).copied()
    }
}

/// The store.
#[derive(Debug, Clone)]
pub(crate) struct Unsteady {
    pub(crate) store: MemoryStore,
    pub(crate) switch: Arc<Switch>,
}

impl Unsteady {
    async fn through<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        match self.switch.of(method) {
            None => call.await,
            Some(Fault::Fails(kind)) => Err(PortError::new(kind, method)),
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::LosesAnswer) => {
                call.await?;
                Err(PortError::new(PortErrorKind::Unavailable, method).caused_by("connection reset"))
            }
        }
    }
}

/// Methods that do what the memory store does, through the switch.
macro_rules! through {
    ($port:ident: $(fn $method:ident($($name:ident: $of:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for Unsteady {
            $(async fn $method(&self, $($name: $of),*) -> PortResult<$answer> {
                self.through(stringify!($method), $port::$method(&self.store, $($name),*)).await
            })*
        }
    };
}

through! { Accounts:
    fn page(page: UserPage) -> Vec<User>;
    fn facts(organisation: OrganisationId, users: Vec<UserId>) -> Vec<Option<User>>;
    fn set_password(request: SetPassword) -> PasswordSet;
}

through! { Organisations:
    fn save_organisation(organisation: Organisation, actor: Actor, templates: TemplatePins) -> OrganisationSaved;
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
}

through! { Plans:
    fn now() -> DateTime<Utc>;
    fn open_plan(plan: NewPlan) -> Batch;
    fn plan_page(page: PlanPage) -> Batch;
    fn confirm(confirm: Confirm) -> Confirmed;
    fn change_batch(change: BatchChange) -> Option<Result<Batch, WrongBatchState>>;
    fn retry(retry: RetryChunk) -> Retried;
    fn batch(organisation: OrganisationId, batch: BatchId) -> Option<Batch>;
    fn batches(organisation: OrganisationId, before: Option<BatchId>, limit: usize) -> Vec<Batch>;
    fn items(organisation: OrganisationId, batch: BatchId, after: Option<UserId>, limit: usize) -> Vec<Item>;
    fn deliveries(
        organisation: OrganisationId, batch: BatchId, after: Option<DeliveryId>, limit: usize
    ) -> Vec<Delivery>;
    fn progress(organisation: OrganisationId, batch: BatchId) -> Progress;
}

#[async_trait]
impl Queue for Unsteady {
    async fn claim(&self, claim: Claim) -> PortResult<Claimed> {
        self.through("claim", self.store.claim(claim)).await
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        self.through("renew", self.store.renew(claims, lease)).await
    }

    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>> {
        self.through("begin", self.store.begin(begin)).await
    }

    async fn record(&self, record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        let refused = *self.switch.refused.lock().unwrap();
        if let Some((bad, kind)) = refused
            && record.outcomes.iter().any(|one| one.id == bad)
        {
            return Err(PortError::new(kind, "record"));
        }
        self.through("record", self.store.record(record)).await
    }

    async fn reserve_sends(&self, reserve: ReserveSends) -> PortResult<Slots> {
        self.through("reserve_sends", self.store.reserve_sends(reserve)).await
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        self.through("release", self.store.release(claim, deliveries)).await
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        self.through("report", self.store.report(reports, policy)).await
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        self.through("waiting", self.store.waiting()).await
    }

    async fn listen(&self) -> Rings {
        self.store.listen().await
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        self.through("metrics", self.store.metrics()).await
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        self.through("sweep", self.store.sweep(limit, policy)).await
    }
}

through! { Redemption:
    fn open_passwords(organisation: OrganisationId, user: UserId) -> Vec<OpenPassword>;
    fn link(digest: TokenDigest) -> Option<Link>;
    fn reserve(reserve: Reserve) -> Reserved;
    fn close(close: Close) -> bool;
    fn own_password_counts(organisation: OrganisationId, users: Vec<UserId>) -> Vec<bool>;
    fn count_guess(guess: Guess) -> Option<Duration>;
    fn forget_guesses(organisation: OrganisationId, user: UserId, source: String) -> ();
}

through! { Offers:
    fn hand_over_link(hand_over: HandOverLink) -> LinkHandedOver;
    fn refresh(refresh: Refresh) -> Refreshed;
}

through! { Records:
    fn histories(organisation: OrganisationId, users: Vec<User>) -> Vec<History>;
    fn record_changes(organisation: OrganisationId, people: Vec<(UserId, Option<User>)>) -> ();
    fn record_arrivals(organisation: OrganisationId, arrivals: Vec<Arrival>) -> ();
    fn events(after: EventCursor, limit: usize) -> Result<Vec<Event>, EventsForgotten>;
    fn audit(organisation: OrganisationId, before: Option<u64>, limit: usize) -> Vec<AuditEntry>;
    fn person(organisation: OrganisationId, user: UserId) -> PersonRecord;
    fn sender_pauses() -> Vec<SenderPause>;
    fn pause_sender(pause: SenderStop) -> ();
    fn resume_sender(actor: Actor, covers: Covers) -> bool;
    fn suppressions(
        organisation: OrganisationId, after: Option<(Channel, String)>, limit: usize
    ) -> Vec<Suppression>;
    fn suppress(change: SuppressionChange) -> ();
    fn erase(erase: Erase) -> Erased;
    fn has_hashed_suppressions(organisation: OrganisationId) -> bool;
    fn recognise(organisation: OrganisationId, addresses: Vec<KnownAddress>) -> ();
    fn traces(organisation: OrganisationId, user: UserId, addresses: Vec<(Channel, String)>) -> Traces;
}

through! { Schedules:
    fn add_due(organisation: OrganisationId, due: Vec<Due>) -> ();
    fn claim_due(limit: usize, lease: Duration) -> Option<ClaimedDue>;
    fn settle_due(settle: SettleDue) -> ();
}
