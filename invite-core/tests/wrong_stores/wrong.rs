//! The memory store with one fault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use invite_core::credential::{StoredForm, TokenDigest};
use invite_core::decision::begin::Take;
use invite_core::decision::history::History;
use invite_core::decision::pace::Slots;
use invite_core::machine::batch::{BatchEvent, WrongBatchState};
use invite_core::memory::{ManualClock, MemoryStore};
use invite_core::model::actor::Actor;
use invite_core::model::batch::{Batch, BatchState, Progress, TemplatePins};
use invite_core::model::delivery::{Delivery, DeliveryState, EndReason};
use invite_core::model::event::{Event, EventCursor, Happening};
use invite_core::model::id::{
    BatchId, ClaimToken, CredentialId, DeliveryId, InvitationId, OrganisationId, UserId,
};
use invite_core::model::invitation::RevokeReason;
use invite_core::model::item::{Action, Item};
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::metrics::{Count, CountedOutcome, Metrics, OpenBatch};
use invite_core::model::organisation::{Alias, Organisation};
use invite_core::model::outcome::{Answer, Outcome, Receipt};
use invite_core::model::schedule::Due;
use invite_core::model::sender::{Covers, PauseKind, SenderPause};
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::suppression::Suppression;
use invite_core::model::template_key::TemplateKey;
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::bell::{Bell, Rings};
use invite_core::port::clock::Clock;
use invite_core::port::error::PortResult;
use invite_core::port::offers::{HandOverLink, LinkHandedOver, Offers, Refresh, Refreshed};
use invite_core::port::organisations::{
    OrganisationSaved, Organisations, SaveTemplate, StoredTemplate, TemplateSaved, TemplateVersion, TestSend,
};
use invite_core::port::plans::{
    BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans, Retried, RetryChunk,
};
use invite_core::port::queue::{
    Begin, Begun, Claim, Claimed, HandOver, HandOverResult, Queue, Record, RecordDelivery, Reported,
    ReserveSends, Waiting,
};
use invite_core::port::records::{
    Arrival, AuditEntry, Erase, Erased, EventsForgotten, KnownAddress, PersonRecord, Records, SenderStop,
    SuppressionAct, SuppressionChange, Traces,
};
use invite_core::port::redemption::{
    Close, Guess, Link, LinkState, OpenPassword, Redemption, Reserve, Reserved,
};
use invite_core::port::schedules::{ClaimedDue, Schedules, SettleDue};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Whatever token a worker shows is taken for the newest.
    NoFencing,
    /// The attempts that are shown are the claims.
    AttemptAtClaim,
    /// Every other transaction is on the clock of a worker that is ten minutes ahead.
    WorkersClock,
    /// Leases are a hundred times as long.
    LongLease,
    /// Renewing says yes and does nothing.
    RenewalForgotten,
    /// Begin records that the message was accepted.
    RecordedBeforeSent,
    /// Nobody is told when the next message is due.
    LostWakeUp,
    /// What is not found in the organisation is looked for in all.
    TenantIgnored,
    /// Eight octets of a digest are enough.
    TokenByPrefix,
    /// When nothing is left, a claim gives what the last one gave.
    ClaimsOverlap,
    /// Suspects are given as many as there are.
    SuspectsInGroups,
    /// The messages of the oldest batch go first.
    UnfairClaims,
    /// A deferred message is due at once.
    DueAtOnce,
    /// A sealed secret is never wiped.
    SealedForEver,
    /// A sealed secret is wiped with the first attempt.
    WipedTooEarly,
    /// Confirming again makes another batch.
    ConfirmedTwice,
    /// A page is written wherever the plan stands.
    PageTwice,
    /// Whoever confirms stays in the batch.
    ConfirmerKept,
    /// Consent is taken for given.
    ConsentIgnored,
    /// Nothing is held.
    HoldIgnored,
    /// Plans live for a year.
    PlanForEver,
    /// Cancelling and recalling wait for the sweep.
    StopsAtSweep,
    /// What was retired stays retired.
    RetiredForEver,
    /// A reset retires when it is begun.
    RetiredAtBegin,
    /// An invitation supersedes when it is begun.
    SupersedesAtBegin,
    /// A blocked sender is probed with every claim.
    ProbeAlways,
    /// A throttled attempt counts.
    ThrottleCharged,
    /// An attempt without transport counts.
    NotCalledCharged,
    /// Policy refusals stop no sender.
    NoBreaker,
    /// Failures stop no batch.
    NoBrake,
    /// Attempts have no limit.
    TriedForEver,
    /// Begin looks at the facts of the plan.
    StaleFacts,
    /// Begin answers again what it answered before.
    BegunTwice,
    /// Events come newest first.
    EventsReordered,
    /// Every third event is lost.
    EventsLost,
    /// What was read once is not given again.
    EventsOnce,
    /// The wait after guesses is a hundred days, for everybody.
    GuessesLockOut,
    /// Guesses of all addresses count together.
    GuessesOfAll,
    /// Every reservation has the number 1, and any number closes.
    NoNumber,
    /// A reservation is over at once.
    ReservedByAll,
    /// Reading a link reserves it.
    LinkReserves,
    /// All arrivals are taken to be of now.
    ArrivalsAreNow,
    /// Changes of people are not looked at.
    ChangesForgotten,
    /// Answers come in reverse.
    AnswersReversed,
    /// A sweep knows no limit.
    SweepsAll,
    /// A sweep always says that it did something.
    SweepsForEver,
    /// Only the newest version of a message is there.
    PinsForgotten,
    /// The audit is empty.
    AuditForgets,
    /// Settings are saved whatever messages were checked against them.
    TemplatesUnchecked,
    /// Messages are saved whatever settings they were checked for.
    SettingsUnchecked,
    /// Messages that went back to the built-in ones are in force.
    ResetsInForce,
    /// The versions of a message come in the order of their saving.
    VersionsOldestFirst,
    /// Test messages have no limit.
    TestsUncounted,
    /// All actors share the limit of test messages.
    TestsOfAll,
    /// Plans pin no versions.
    NothingPinned,
    /// People without consent and the confirmer still count where addresses are shared.
    SharedAsPlanned,
    /// The languages of those who are taken out of a plan still count.
    WordingAsPlanned,
    /// Erasing says yes and does nothing.
    ErasedLater,
    /// An address of an erased person is no longer suppressed.
    SuppressionErased,
    /// The export of a person has everybody's events.
    TracesOfAll,
    /// A pilot is confirmed for all at once.
    PilotIgnored,
    /// A start time is ignored.
    StartsAtOnce,
    /// A batch is resumed as soon as it pauses.
    ResumesItself,
    /// Every retry is a request of its own.
    RetryForgetsCursor,
    /// A retry takes the failed and the unknown, whatever was asked for.
    RetriesAll,
    /// A retry knows no limit.
    RetriesWithoutLimit,
    /// Nobody sleeps.
    NightIgnored,
    /// A message under a missing key is deferred.
    LockedCharged,
    /// A damaged secret is kept.
    DamagedKept,
    /// Reports that a message arrived say only that it did.
    LateAcceptanceForgotten,
    /// A sender that is stopped by hand is let go on at once.
    HandForgets,
    /// Nobody is told that an invitation expired.
    ExpiryUntold,
    /// Consent is taken for given where a link is handed over.
    LinkConsentIgnored,
    /// Links that are handed over go on working beside each other.
    LinksAddUp,
    /// A request for a fresh credential is an invitation by the system like any other.
    RequestsInvite,
    /// Requests for fresh credentials have no limit.
    RequestsUnlimited,
    /// Requests are not counted for their address.
    RequestsFromNowhere,
    /// Outcomes are not counted.
    OutcomesUncounted,
    /// Of outcomes that are unknown, those are counted that are so at present.
    OutcomesOfPresent,
    /// Messages of plans count as on their way.
    PlansOnTheirWay,
    /// What was put off is counted so when it has gone.
    PutOffForEver,
    /// Leases that lapse are not counted.
    LeasesUncounted,
    /// A batch that braked looks as if somebody had paused it.
    BrakesByHand,
    /// A throttle that is over is shown.
    ThrottlesForEver,
    /// What waits for a stopped sender or batch is shown as due.
    DueThoughStopped,
    /// Whoever reserves slots has a rate of their own.
    RateOfEach,
    /// All senders share one rate.
    RateOfAll,
    /// Slots are given as many as are wanted.
    SlotsWithoutEnd,
    /// Claims know nothing of rates.
    RateUnclaimed,
    /// Nobody is told when a sender has room again.
    RoomUntold,
    /// Of each claim the last message is given to nobody.
    ClaimsLost,
    /// Every outcome is answered as kept.
    LateOutcomeCounts,
    /// A message of a person begins whatever else of theirs has begun.
    PersonNotLocked,
    /// Whoever confirms again changes what was consented to.
    LastConfirmWins,
    /// Pausing says yes and does nothing.
    PauseForgotten,
    /// Closing says yes and does nothing.
    ClosedLater,
    /// How people sign in is saved and stays as it was.
    SsoForgotten,
    /// Events that a batch is finished are told twice.
    FinishedTwice,
    /// Every other guess is not counted.
    GuessesLost,
    /// Every version of a message is called 1.
    VersionsCollide,
    /// Some events can be read a moment after those that follow them.
    EventsLate,
    /// Whatever lasts lasts a microsecond longer.
    MicrosecondLate,
    /// Batches know milliseconds only.
    Milliseconds,
    /// What comes back to a stopped batch is put into the queue.
    ComesBack,
    /// Contacts of messages are never removed.
    ContactsForEver,
    /// Contacts of messages are removed when their batch has finished.
    ContactsAtOnce,
    /// Events are never removed.
    EventsForEver,
    /// Nobody is told that events were removed.
    EventsForgottenUntold,
    /// The audit is never removed.
    AuditForEver,
    /// What was stopped still waits.
    StoppedWaits,
    /// A provider that cannot tell has accepted.
    UnknownIsSent,
    /// Nobody is told of work.
    NeverRings,
    /// Whoever listens hears one ring and no other.
    RingsOnce,
    /// It rings before what it rings for can be seen.
    RingsTooEarly,
}

/// How much longer than asked for something lasts.
const LATE: Duration = Duration::from_micros(1);

/// A clock that every other reader sees ten minutes ahead.
#[derive(Debug)]
pub(super) struct TwoClocks {
    clock: Arc<ManualClock>,
    readings: AtomicU32,
}

impl TwoClocks {
    pub(super) const fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, readings: AtomicU32::new(0) }
    }
}

impl Clock for TwoClocks {
    fn now(&self) -> DateTime<Utc> {
        let ahead = self.readings.fetch_add(1, Ordering::Relaxed) % 2;
        self.clock.now() + TimeDelta::minutes(10) * i32::try_from(ahead).expect("0 or 1")
    }
}

/// The memory store with one fault.
#[derive(Debug)]
pub(super) struct Wrong {
    store: MemoryStore,
    fault: Fault,
    notes: Mutex<Notes>,
    /// What is heard instead of the store's.
    bell: Bell,
}

/// What the faults need to remember.
#[derive(Debug, Default)]
struct Notes {
    tokens: BTreeMap<DeliveryId, ClaimToken>,
    claims: BTreeMap<DeliveryId, u32>,
    owners: BTreeMap<DeliveryId, (OrganisationId, BatchId)>,
    last_claim: Option<Claimed>,
    digests: Vec<[u8; 32]>,
    plans: BTreeMap<BatchId, (NewPlan, Vec<PlanPage>)>,
    stops: Vec<BatchChange>,
    reset: BTreeSet<UserId>,
    begun: BTreeMap<UserId, Vec<InvitationId>>,
    handed_over: BTreeMap<DeliveryId, HandOver>,
    facts: BTreeMap<UserId, User>,
    guesses: BTreeMap<UserId, u32>,
    reservations: BTreeMap<CredentialId, u64>,
    read: EventCursor,
    resets: Vec<TemplateKey>,
    forgets_hashes: bool,
    put_off: BTreeMap<Count, u64>,
    due: Option<ClaimedDue>,
    throttled: bool,
    reservers: u32,
    told: BTreeSet<EventCursor>,
    waited: u64,
}

impl Wrong {
    pub(super) fn new(store: MemoryStore, fault: Fault) -> Self {
        Self { store, fault, notes: Mutex::default(), bell: Bell::new() }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// A message of this person that has begun, or begins within a tenth of a second.
    async fn other_that_began(&self, user: Option<UserId>) -> Option<HandOver> {
        for _ in 0..100 {
            let other = self.notes().handed_over.values().find(|other| Some(other.user.id) == user).cloned();
            if other.is_some() {
                return other;
            }
            std::thread::sleep(Duration::from_millis(1));
            tokio::task::yield_now().await;
        }
        None
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host's figures with those that the fault changes.
    fn policy(&self, mut policy: Policy) -> Policy {
        match self.fault {
            Fault::ProbeAlways => policy.probe_every = Duration::ZERO,
            Fault::NoBreaker => policy.breaker = u32::MAX,
            Fault::NoBrake => policy.brake_from = u32::MAX,
            Fault::TriedForEver => policy.email.at_most = u32::MAX,
            Fault::ReservedByAll => policy.reservation = Duration::ZERO,
            Fault::MicrosecondLate => {
                policy.probe_every += LATE;
                policy.reservation += LATE;
                policy.guess_wait += LATE;
                policy.invited_recently += LATE;
            }
            Fault::ContactsForEver => policy.contacts_kept = Duration::MAX,
            Fault::ContactsAtOnce => policy.contacts_kept = Duration::ZERO,
            Fault::EventsForEver => policy.events_kept = Duration::MAX,
            Fault::AuditForEver => policy.audit_kept = Duration::MAX,
            _ => {}
        }
        policy
    }

    async fn all_events(&self) -> PortResult<Vec<Event>> {
        Ok(self.store.events(EventCursor::default(), usize::MAX).await?.unwrap_or_default())
    }

    /// The messages of its own that an organisation has in force.
    async fn in_force(&self, organisation: OrganisationId) -> PortResult<TemplatePins> {
        let own = self.store.templates(organisation).await?;
        Ok(own.iter().map(|(key, version)| (key, version.version.as_str())).collect())
    }

    /// The organisations in which something is looked for: with a tenant that is ignored, all.
    async fn everywhere(&self, organisation: OrganisationId) -> PortResult<Vec<OrganisationId>> {
        let mut all = vec![organisation];
        if self.is(Fault::TenantIgnored) {
            all.extend(self.store.organisations(None, 1_000).await?.into_iter().map(|one| one.id));
        }
        Ok(all)
    }
}

#[async_trait]
impl Organisations for Wrong {
    async fn save_organisation(
        &self,
        mut organisation: Organisation,
        actor: Actor,
        templates: TemplatePins,
    ) -> PortResult<OrganisationSaved> {
        let settings = &mut organisation.settings;
        match self.fault {
            Fault::NightIgnored => settings.quiet_hours = None,
            Fault::SsoForgotten => settings.sign_in = SignInMethod::Password,
            Fault::MicrosecondLate => {
                settings.credential_lifetime += LATE;
                settings.reminders.gap += LATE;
            }
            _ => {}
        }
        let mut templates = templates;
        if self.is(Fault::TemplatesUnchecked) {
            templates = self.in_force(organisation.id).await?;
        }
        self.store.save_organisation(organisation, actor, templates).await
    }

    async fn organisation(&self, id: OrganisationId) -> PortResult<Option<Organisation>> {
        self.store.organisation(id).await
    }

    async fn by_alias(&self, alias: Alias) -> PortResult<Option<Organisation>> {
        self.store.by_alias(alias).await
    }

    async fn organisations(
        &self,
        after: Option<OrganisationId>,
        limit: usize,
    ) -> PortResult<Vec<Organisation>> {
        self.store.organisations(after, limit).await
    }

    async fn template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        version: Option<String>,
    ) -> PortResult<Option<StoredTemplate>> {
        let version = version.filter(|_| !self.is(Fault::PinsForgotten));
        self.store.template(organisation, key, version).await
    }

    async fn templates(
        &self,
        organisation: OrganisationId,
    ) -> PortResult<Vec<(TemplateKey, TemplateVersion)>> {
        let mut templates = self.store.templates(organisation).await?;
        if self.is(Fault::ResetsInForce) {
            let resets = self.notes().resets.clone();
            for key in resets {
                let versions = self.store.template_versions(organisation, key.clone(), None, 1).await?;
                templates.extend(versions.into_iter().map(|version| (key.clone(), version)));
            }
        }
        Ok(templates)
    }

    async fn template_versions(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        before: Option<String>,
        limit: usize,
    ) -> PortResult<Vec<TemplateVersion>> {
        let mut versions = self.store.template_versions(organisation, key, before, limit).await?;
        if self.is(Fault::VersionsOldestFirst) {
            versions.reverse();
        }
        Ok(versions)
    }

    async fn save_template(&self, mut save: SaveTemplate) -> PortResult<TemplateSaved> {
        if self.is(Fault::SettingsUnchecked)
            && let Some(organisation) = self.store.organisation(save.actor.organisation()).await?
        {
            save.credential = organisation.settings.credential;
        }
        if save.source.is_none() {
            self.notes().resets.push(save.key.clone());
        }
        let saved = self.store.save_template(save).await?;
        Ok(match saved {
            TemplateSaved::Done(_) if self.is(Fault::VersionsCollide) => TemplateSaved::Done("1".into()),
            saved => saved,
        })
    }

    async fn count_test_send(&self, mut send: TestSend) -> PortResult<Option<DateTime<Utc>>> {
        if self.is(Fault::MicrosecondLate) {
            send.within += LATE;
        }
        if self.is(Fault::TestsUncounted) {
            send.at_most = u32::MAX;
        }
        if self.is(Fault::TestsOfAll) {
            send.actor = Actor::system(send.actor.organisation());
        }
        self.store.count_test_send(send).await
    }
}

#[async_trait]
impl Plans for Wrong {
    async fn now(&self) -> PortResult<DateTime<Utc>> {
        self.store.now().await
    }

    async fn open_plan(&self, mut plan: NewPlan) -> PortResult<Batch> {
        if self.is(Fault::NothingPinned) {
            plan.templates = TemplatePins::default();
        }
        match self.fault {
            Fault::PlanForEver => plan.lifetime = Duration::from_hours(24 * 365),
            Fault::MicrosecondLate => plan.lifetime += LATE,
            _ => {}
        }
        self.notes().plans.insert(plan.id, (plan.clone(), Vec::new()));
        self.store.open_plan(plan).await
    }

    async fn plan_page(&self, mut page: PlanPage) -> PortResult<Batch> {
        page.policy = self.policy(page.policy);
        {
            let mut notes = self.notes();
            let facts = page.people.iter().filter_map(|(id, user)| Some((*id, user.clone()?)));
            notes.facts.extend(facts);
            if let Some((_, pages)) = notes.plans.get_mut(&page.plan) {
                if self.is(Fault::PageTwice) {
                    let last = pages.last().and_then(|page| page.people.last());
                    page.after = last.map(|(user, _)| *user);
                }
                pages.push(page.clone());
            }
        }
        self.store.plan_page(page).await
    }

    async fn confirm(&self, mut confirm: Confirm) -> PortResult<Confirmed> {
        confirm.policy = self.policy(confirm.policy);
        match self.fault {
            Fault::ConfirmerKept => confirm.actor = Actor::system(confirm.actor.organisation()),
            Fault::ConsentIgnored => confirm.resets = true,
            Fault::HoldIgnored => confirm.hold = Some(Duration::ZERO),
            Fault::PilotIgnored => confirm.pilot = None,
            Fault::StartsAtOnce => confirm.starts_in = Duration::ZERO,
            Fault::MicrosecondLate => {
                confirm.hold = confirm.hold.map(|hold| hold + LATE);
                confirm.starts_in += LATE;
            }
            _ => {}
        }
        if self.is(Fault::RingsTooEarly) {
            self.bell.ring();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let planned = self.store.batch(confirm.actor.organisation(), confirm.plan).await?;
        let mut confirmed = self.store.confirm(confirm.clone()).await?;
        if let (Some(planned), Confirmed::Now(batch)) = (planned, &mut confirmed) {
            let (planned, totals) = (planned.totals, &mut batch.totals);
            match self.fault {
                Fault::SharedAsPlanned => {
                    totals.shared_addresses = planned.shared_addresses;
                    totals.shared_addresses_with_resets = planned.shared_addresses_with_resets;
                }
                Fault::WordingAsPlanned => {
                    totals.wording = planned.wording;
                    totals.reset_wording = planned.reset_wording;
                }
                _ => {}
            }
        }
        if let (Fault::LastConfirmWins, Confirmed::Already(batch)) = (self.fault, &mut confirmed)
            && let Some(confirmation) = &mut batch.confirmed
        {
            confirmation.resets = confirm.resets;
        }
        if !self.is(Fault::ConfirmedTwice) || !matches!(confirmed, Confirmed::Already(_)) {
            return Ok(confirmed);
        }
        let Some((mut plan, pages)) = self.notes().plans.get(&confirm.plan).cloned() else {
            return Ok(confirmed);
        };
        plan.id = BatchId::new();
        confirm.plan = plan.id;
        self.store.open_plan(plan).await?;
        for page in pages {
            self.store.plan_page(PlanPage { plan: confirm.plan, ..page }).await?;
        }
        self.store.confirm(confirm).await
    }

    async fn change_batch(&self, change: BatchChange) -> PortResult<Option<Result<Batch, WrongBatchState>>> {
        if self.is(Fault::TenantIgnored) {
            for organisation in self.everywhere(change.actor.organisation()).await? {
                let change = BatchChange { actor: Actor::system(organisation), ..change.clone() };
                if let Some(changed) = self.store.change_batch(change).await? {
                    return Ok(Some(changed));
                }
            }
            return Ok(None);
        }
        if self.is(Fault::PauseForgotten) && change.event == BatchEvent::Pause {
            let batch = self.store.batch(change.actor.organisation(), change.batch).await?;
            return Ok(batch.map(|batch| Ok(Batch { state: BatchState::Paused, ..batch })));
        }
        let state = match change.event {
            BatchEvent::Cancel => BatchState::Cancelled,
            BatchEvent::Recall => BatchState::Recalled,
            _ => return self.store.change_batch(change).await,
        };
        if !self.is(Fault::StopsAtSweep) {
            return self.store.change_batch(change).await;
        }
        let batch = self.store.batch(change.actor.organisation(), change.batch).await?;
        self.notes().stops.push(change);
        Ok(batch.map(|batch| Ok(Batch { state, ..batch })))
    }

    async fn batch(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Option<Batch>> {
        for organisation in self.everywhere(organisation).await? {
            if let Some(mut found) = self.store.batch(organisation, batch).await? {
                if self.is(Fault::Milliseconds) {
                    let less =
                        TimeDelta::microseconds((found.planned_at.timestamp_subsec_micros() % 1000).into());
                    found.planned_at -= less;
                }
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn retry(&self, mut retry: RetryChunk) -> PortResult<Retried> {
        match self.fault {
            Fault::RetryForgetsCursor => retry.cursor = None,
            Fault::RetriesAll => (retry.failed, retry.unknown) = (true, true),
            Fault::RetriesWithoutLimit => retry.limit = usize::MAX,
            _ => {}
        }
        self.store.retry(retry).await
    }

    async fn batches(
        &self,
        organisation: OrganisationId,
        before: Option<BatchId>,
        limit: usize,
    ) -> PortResult<Vec<Batch>> {
        self.store.batches(organisation, before, limit).await
    }

    async fn items(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<UserId>,
        limit: usize,
    ) -> PortResult<Vec<Item>> {
        self.store.items(organisation, batch, after, limit).await
    }

    async fn deliveries(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        let mut deliveries = self.store.deliveries(organisation, batch, after, limit).await?;
        if self.is(Fault::ComesBack) {
            for delivery in &mut deliveries {
                if delivery.reason == Some(EndReason::BatchCancelled) {
                    delivery.state = DeliveryState::Queued;
                }
            }
        }
        if self.is(Fault::UnknownIsSent) {
            for delivery in deliveries.iter_mut().filter(|one| one.state == DeliveryState::Unknown) {
                delivery.sent_at.get_or_insert(delivery.changed_at);
            }
        }
        if self.is(Fault::AttemptAtClaim) {
            let notes = self.notes();
            for delivery in &mut deliveries {
                delivery.attempts = notes.claims.get(&delivery.id).copied().unwrap_or_default();
            }
        }
        Ok(deliveries)
    }

    async fn progress(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Progress> {
        self.store.progress(organisation, batch).await
    }
}

#[async_trait]
impl Queue for Wrong {
    async fn claim(&self, mut claim: Claim) -> PortResult<Claimed> {
        claim.policy = self.policy(claim.policy);
        let limit = claim.limit;
        match self.fault {
            Fault::LongLease => claim.lease *= 100,
            Fault::UnfairClaims => claim.limit = usize::MAX,
            Fault::MicrosecondLate => claim.lease += LATE,
            _ => {}
        }
        let mut claimed = self.store.claim(claim.clone()).await?;
        for delivery in &claimed.deliveries {
            let mut notes = self.notes();
            notes.tokens.insert(delivery.id, claimed.token);
            notes.owners.insert(delivery.id, (delivery.organisation, delivery.batch));
            *notes.claims.entry(delivery.id).or_default() += 1;
        }
        match self.fault {
            Fault::RoomUntold => claimed.room_in = None,
            Fault::UnfairClaims => {
                claimed.deliveries.sort_by_key(|delivery| (delivery.batch, delivery.id));
                let rest = claimed.deliveries.split_off(limit.min(claimed.deliveries.len()));
                let rest = rest.into_iter().map(|delivery| delivery.id).collect();
                self.store.release(claimed.token, rest).await?;
            }
            Fault::SuspectsInGroups if claimed.alone => loop {
                let more = self.store.claim(claim.clone()).await?;
                if more.deliveries.is_empty() {
                    break;
                }
                self.notes().tokens.extend(more.deliveries.iter().map(|one| (one.id, more.token)));
                claimed.deliveries.extend(more.deliveries);
            },
            Fault::ClaimsOverlap if claimed.deliveries.len() < limit => {
                let mut notes = self.notes();
                if let Some(last) = &notes.last_claim {
                    claimed.deliveries.extend(last.deliveries.iter().take(1).cloned());
                }
                notes.last_claim = Some(claimed.clone());
            }
            Fault::ClaimsLost if claimed.deliveries.len() > 1 => {
                claimed.deliveries.pop();
            }
            Fault::ClaimsOverlap => self.notes().last_claim = Some(claimed.clone()),
            Fault::WipedTooEarly => {
                for wish in claimed.deliveries.iter_mut().filter_map(|one| one.credential.as_mut()) {
                    if let Take::Saved(generation) = wish.take {
                        wish.take = Take::Mint(generation.next());
                    }
                }
            }
            _ => {}
        }
        Ok(claimed)
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        let late = if self.is(Fault::MicrosecondLate) { LATE } else { Duration::ZERO };
        let lease = lease + late;
        if self.is(Fault::RenewalForgotten) {
            return Ok(vec![true; claims.len()]);
        }
        self.store.renew(claims, lease).await
    }

    async fn begin(&self, mut begin: Begin) -> PortResult<Vec<Begun>> {
        begin.policy = self.policy(begin.policy);
        for delivery in &mut begin.deliveries {
            let mut notes = self.notes();
            if let Some(StoredForm::Link(digest)) = delivery.minted.as_ref().map(|minted| &minted.stored) {
                notes.digests.push(*digest.as_bytes());
            }
            if let (Fault::StaleFacts, Some(user)) = (self.fault, &delivery.user) {
                delivery.user = notes.facts.get(&user.id).cloned();
            }
        }
        let ids: Vec<_> = begin.deliveries.iter().map(|delivery| delivery.id).collect();
        let users: Vec<_> =
            begin.deliveries.iter().map(|one| one.user.as_ref().map(|user| user.id)).collect();
        let token = begin.token;
        let mut begun = Vec::new();
        for delivery in begin.deliveries {
            let token = self.token(token, delivery.id);
            let one = Begin { token, deliveries: vec![delivery], policy: begin.policy.clone() };
            begun.extend(self.store.begin(one).await?);
        }
        for ((id, user), begun) in ids.into_iter().zip(users).zip(&mut begun) {
            match begun {
                Begun::Stopped(EndReason::ChangedSincePlan) if self.is(Fault::PersonNotLocked) => {
                    if let Some(other) = self.other_that_began(user).await {
                        *begun = Begun::Go(Box::new(HandOver { id, ..other }));
                    }
                }
                Begun::Go(hand_over) => self.note(hand_over),
                Begun::Fenced if self.is(Fault::BegunTwice) => {
                    if let Some(hand_over) = self.notes().handed_over.get(&id) {
                        *begun = Begun::Go(Box::new(hand_over.clone()));
                    }
                }
                _ => {}
            }
            if let (Fault::RecordedBeforeSent, Begun::Go(_)) = (self.fault, &begun) {
                let result = HandOverResult::Outcome(Outcome::Accepted(Receipt("at begin".into())));
                let outcomes = vec![RecordDelivery { token, id, result }];
                self.store.record(Record { outcomes, policy: Policy::default() }).await?;
            }
        }
        Ok(begun)
    }

    async fn record(&self, mut record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        record.policy = self.policy(record.policy);
        for outcome in &mut record.outcomes {
            outcome.token = self.token(outcome.token, outcome.id);
            match (&mut outcome.result, self.fault) {
                (
                    HandOverResult::Outcome(Outcome::Throttled { retry_after, answer, .. }),
                    Fault::ThrottleCharged,
                ) => {
                    let deferred = Outcome::Deferred { retry_after: *retry_after, answer: answer.clone() };
                    outcome.result = HandOverResult::Outcome(deferred);
                }
                (HandOverResult::Locked(answer), Fault::LockedCharged)
                | (HandOverResult::Damaged(answer), Fault::DamagedKept) => {
                    let deferred = Outcome::Deferred { retry_after: None, answer: answer.clone() };
                    outcome.result = HandOverResult::Outcome(deferred);
                }
                (HandOverResult::NotCalled, Fault::NotCalledCharged) => {
                    let retry_after = Some(Duration::ZERO);
                    let deferred = Outcome::Deferred { retry_after, answer: Answer::default() };
                    outcome.result = HandOverResult::Outcome(deferred);
                }
                (
                    HandOverResult::Outcome(Outcome::Deferred { retry_after, .. }),
                    Fault::DueAtOnce | Fault::TriedForEver,
                ) => *retry_after = Some(Duration::ZERO),
                (
                    HandOverResult::Outcome(
                        Outcome::Deferred { retry_after, .. } | Outcome::Throttled { retry_after, .. },
                    ),
                    Fault::MicrosecondLate,
                ) => *retry_after = retry_after.map(|wait| wait + LATE),
                _ => {}
            }
        }
        let actor = record.outcomes.first().and_then(|one| self.notes().owners.get(&one.id).copied());
        let mut kept = self.store.record(record).await?;
        if self.is(Fault::LateOutcomeCounts) {
            kept.fill(Some(DeliveryState::Sent));
        }
        if let (Fault::ResumesItself, Some((organisation, batch))) = (self.fault, actor) {
            let actor = Actor::system(organisation);
            let resume = BatchChange { batch, actor, event: BatchEvent::Resume, because: None };
            self.store.change_batch(resume).await?.transpose().ok();
        }
        Ok(kept)
    }

    async fn reserve_sends(&self, mut reserve: ReserveSends) -> PortResult<Slots> {
        let wanted = reserve.wanted;
        match self.fault {
            Fault::RateOfEach => {
                let mut notes = self.notes();
                notes.reservers += 1;
                reserve.sender.0.push_str(&notes.reservers.to_string());
            }
            Fault::RateOfAll => reserve.sender.0 = "all".into(),
            Fault::RateUnclaimed => reserve.sender.0.push('!'),
            _ => {}
        }
        let mut slots = self.store.reserve_sends(reserve).await?;
        if self.is(Fault::SlotsWithoutEnd) {
            slots.count = wanted;
        }
        Ok(slots)
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        for id in deliveries {
            self.store.release(self.token(claim, id), vec![id]).await?;
        }
        Ok(())
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        self.store.report(reports, self.policy(policy)).await
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        let mut waiting = self.store.waiting().await?;
        waiting.next_in = waiting.next_in.filter(|_| !self.is(Fault::LostWakeUp));
        if self.is(Fault::StoppedWaits) {
            let mut notes = self.notes();
            notes.waited = notes.waited.max(waiting.later);
            waiting.later = notes.waited;
        }
        Ok(waiting)
    }

    async fn listen(&self) -> Rings {
        match self.fault {
            Fault::NeverRings | Fault::RingsTooEarly => self.bell.listen(),
            Fault::RingsOnce => {
                let mut rings = self.store.listen().await;
                let bell = Bell::new();
                let once = bell.listen();
                tokio::spawn(async move {
                    rings.next().await;
                    bell.ring();
                    // It stays, and rings no more.
                    bell.unheard().await;
                });
                once
            }
            _ => self.store.listen().await,
        }
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        let mut metrics = self.store.metrics().await?;
        match self.fault {
            Fault::OutcomesUncounted => {
                metrics.counts.retain(|count, _| !matches!(count, Count::Outcome(..)));
            }
            Fault::OutcomesOfPresent => {
                let unknown = Channel::ALL.map(|on| metrics.count(Count::Unknown(on))).iter().sum::<u64>();
                metrics.counts.retain(|count, _| {
                    unknown > 0 || !matches!(count, Count::Outcome(_, CountedOutcome::Unknown, _))
                });
            }
            Fault::PlansOnTheirWay => {
                let planned = self.notes().plans.len() as u64;
                *metrics.counts.entry(Count::OnTheirWay(Channel::Email)).or_default() += planned;
            }
            Fault::PutOffForEver => {
                let mut notes = self.notes();
                for (count, value) in &mut metrics.counts {
                    if matches!(count, Count::PutOff(..)) {
                        let most = notes.put_off.entry(*count).or_default();
                        *most = (*most).max(*value);
                        *value = *most;
                    }
                }
            }
            Fault::LeasesUncounted => {
                metrics.counts.retain(|count, _| !matches!(count, Count::LeaseLapsed { .. }));
            }
            Fault::BrakesByHand => {
                let braked = metrics.batches.remove(&OpenBatch::PausedByBrake).unwrap_or_default();
                *metrics.batches.entry(OpenBatch::PausedByHand).or_default() += braked;
            }
            Fault::ThrottlesForEver if self.notes().throttled => {
                metrics.senders_paused.entry(PauseKind::Throttled).or_insert(1);
            }
            Fault::DueThoughStopped => {
                let waiting = self.store.waiting().await?;
                let waits = waiting.due + waiting.later > 0;
                metrics.oldest_due = metrics.oldest_due.or(waits.then_some(Duration::ZERO));
            }
            _ => {}
        }
        self.notes().throttled |= metrics.senders_paused.contains_key(&PauseKind::Throttled);
        Ok(metrics)
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        let stops = std::mem::take(&mut self.notes().stops);
        for change in stops {
            self.store.change_batch(change).await?.transpose().ok();
        }
        let limit = if self.is(Fault::SweepsAll) { usize::MAX } else { limit };
        let rows = self.store.sweep(limit, self.policy(policy)).await?;
        Ok(if self.is(Fault::SweepsForEver) { rows.max(1) } else { rows })
    }
}

impl Wrong {
    /// The token that a worker shows, or the one that is taken for it.
    fn token(&self, shown: ClaimToken, delivery: DeliveryId) -> ClaimToken {
        match self.fault {
            Fault::NoFencing | Fault::SuspectsInGroups => {
                self.notes().tokens.get(&delivery).copied().unwrap_or(shown)
            }
            _ => shown,
        }
    }

    fn note(&self, hand_over: &HandOver) {
        let mut notes = self.notes();
        if hand_over.kind == MessageKind::Reset {
            notes.reset.insert(hand_over.user.id);
        }
        if let Some(credential) = &hand_over.credential {
            notes.begun.entry(hand_over.user.id).or_default().push(credential.invitation);
        }
        notes.handed_over.insert(hand_over.id, hand_over.clone());
    }
}

#[async_trait]
impl Redemption for Wrong {
    async fn open_passwords(
        &self,
        organisation: OrganisationId,
        user: UserId,
    ) -> PortResult<Vec<OpenPassword>> {
        let mut open = Vec::new();
        for organisation in self.everywhere(organisation).await? {
            open = self.store.open_passwords(organisation, user).await?;
            if !open.is_empty() {
                break;
            }
        }
        Ok(open)
    }

    async fn link(&self, digest: TokenDigest) -> PortResult<Option<Link>> {
        let mut digest = digest;
        if self.is(Fault::TokenByPrefix) {
            let octets = *digest.as_bytes();
            let alike = self.notes().digests.iter().find(|one| one[..8] == octets[..8]).copied();
            digest = alike.map_or(digest, TokenDigest::from_bytes);
        }
        let Some(mut link) = self.store.link(digest).await? else { return Ok(None) };
        if self.is(Fault::LinkReserves) {
            let user = self.notes().facts.get(&link.user).cloned();
            let (organisation, credential) = (link.organisation, link.credential);
            self.store.reserve(Reserve { organisation, credential, user, policy: Policy::default() }).await?;
        }
        if self.is(Fault::SupersedesAtBegin)
            && self.notes().begun[&link.user].last() != Some(&link.invitation)
        {
            link.state = LinkState::Revoked(RevokeReason::Superseded);
        }
        if self.is(Fault::LinksAddUp) && link.state == LinkState::Revoked(RevokeReason::Superseded) {
            link.state = LinkState::Open { until: self.store.now().await? };
        }
        Ok(Some(link))
    }

    async fn reserve(&self, mut reserve: Reserve) -> PortResult<Reserved> {
        reserve.policy = self.policy(reserve.policy);
        let credential = reserve.credential;
        let mut reserved = Reserved::Unknown;
        for organisation in self.everywhere(reserve.organisation).await? {
            reserved = self.store.reserve(Reserve { organisation, ..reserve.clone() }).await?;
            if reserved != Reserved::Unknown {
                break;
            }
        }
        if let (Fault::NoNumber, Reserved::Yours { reservation, .. }) = (self.fault, &mut reserved) {
            self.notes().reservations.insert(credential, *reservation);
            *reservation = 1;
        }
        Ok(reserved)
    }

    async fn close(&self, mut close: Close) -> PortResult<bool> {
        if self.is(Fault::ClosedLater) {
            return Ok(true);
        }
        if self.is(Fault::NoNumber) {
            let real = self.notes().reservations.get(&close.credential).copied();
            close.reservation = real.unwrap_or(close.reservation);
        }
        self.store.close(close).await
    }

    async fn own_password_counts(
        &self,
        organisation: OrganisationId,
        users: Vec<UserId>,
    ) -> PortResult<Vec<bool>> {
        let mut counts = self.store.own_password_counts(organisation, users.clone()).await?;
        match self.fault {
            Fault::LateAcceptanceForgotten => counts.fill(true),
            Fault::RetiredForEver => {
                let events = self.all_events().await?;
                for (counts, asked) in counts.iter_mut().zip(users) {
                    *counts &= !events.iter().any(|event| {
                        matches!(event.what, Happening::PasswordRetired { user, .. } if user == asked)
                    });
                }
            }
            Fault::RetiredAtBegin => {
                let notes = self.notes();
                for (counts, asked) in counts.iter_mut().zip(users) {
                    *counts &= !notes.reset.contains(&asked);
                }
            }
            Fault::AnswersReversed => counts.rotate_left(1),
            _ => {}
        }
        Ok(counts)
    }

    async fn count_guess(&self, mut guess: Guess) -> PortResult<Option<Duration>> {
        guess.policy = self.policy(guess.policy);
        match self.fault {
            Fault::GuessesLost => {
                let mut notes = self.notes();
                let guesses = notes.guesses.entry(guess.user).or_default();
                *guesses += 1;
                if guesses.is_multiple_of(2) {
                    return Ok(None);
                }
            }
            Fault::GuessesOfAll => guess.source.clear(),
            Fault::GuessesLockOut => {
                let mut notes = self.notes();
                let guesses = notes.guesses.entry(guess.user).or_default();
                *guesses += 1;
                let locked = *guesses > guess.policy.free_guesses;
                return Ok(locked.then(|| Duration::from_hours(2400)));
            }
            _ => {}
        }
        self.store.count_guess(guess).await
    }

    async fn forget_guesses(
        &self,
        organisation: OrganisationId,
        user: UserId,
        source: String,
    ) -> PortResult<()> {
        self.store.forget_guesses(organisation, user, source).await
    }
}

#[async_trait]
impl Offers for Wrong {
    async fn hand_over_link(&self, mut hand_over: HandOverLink) -> PortResult<LinkHandedOver> {
        if self.is(Fault::LinkConsentIgnored) {
            hand_over.resets = true;
        }
        self.store.hand_over_link(hand_over).await
    }

    async fn refresh(&self, mut refresh: Refresh) -> PortResult<Refreshed> {
        match self.fault {
            Fault::RequestsInvite => refresh.plan.action = Action::Invite,
            Fault::RequestsUnlimited => refresh.policy.fresh_of_person = u32::MAX,
            Fault::RequestsFromNowhere => refresh.source.clear(),
            _ => {}
        }
        self.store.refresh(refresh).await
    }
}

#[async_trait]
impl Records for Wrong {
    async fn histories(&self, organisation: OrganisationId, users: Vec<User>) -> PortResult<Vec<History>> {
        self.store.histories(organisation, users).await
    }

    async fn record_changes(
        &self,
        organisation: OrganisationId,
        people: Vec<(UserId, Option<User>)>,
    ) -> PortResult<()> {
        if self.is(Fault::ChangesForgotten) {
            return Ok(());
        }
        self.store.record_changes(organisation, people).await
    }

    async fn record_arrivals(
        &self,
        organisation: OrganisationId,
        mut arrivals: Vec<Arrival>,
    ) -> PortResult<()> {
        if self.is(Fault::ArrivalsAreNow) {
            let now = self.store.now().await?;
            for arrival in &mut arrivals {
                arrival.at = now + TimeDelta::seconds(1);
            }
        }
        self.store.record_arrivals(organisation, arrivals).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: usize,
    ) -> PortResult<Result<Vec<Event>, EventsForgotten>> {
        let mut events = match self.store.events(after, limit).await? {
            Err(_) if self.is(Fault::EventsForgottenUntold) => self.all_events().await?,
            events => match events {
                Ok(events) => events,
                Err(forgotten) => return Ok(Err(forgotten)),
            },
        };
        match self.fault {
            Fault::EventsReordered => events.reverse(),
            Fault::FinishedTwice => {
                let finished = |event: &&Event| matches!(event.what, Happening::BatchFinished { .. });
                let again: Vec<_> = events.iter().filter(finished).cloned().collect();
                events.extend(again);
            }
            Fault::EventsLate => {
                let mut notes = self.notes();
                events.retain(|event| event.cursor.0 % 5 != 2 || !notes.told.insert(event.cursor));
            }
            Fault::ExpiryUntold => events.retain(|event| {
                !matches!(event.what, Happening::Expired { .. } | Happening::ExpiresSoon { .. })
            }),

            Fault::EventsLost => events.retain(|event| event.cursor.0 % 3 != 0),
            Fault::EventsOnce => {
                let mut notes = self.notes();
                events.retain(|event| event.cursor > notes.read);
                notes.read = events.last().map_or(notes.read, |event| event.cursor);
            }
            _ => {}
        }
        Ok(Ok(events))
    }

    async fn audit(
        &self,
        organisation: OrganisationId,
        before: Option<u64>,
        limit: usize,
    ) -> PortResult<Vec<AuditEntry>> {
        let limit = if self.is(Fault::AuditForgets) { 0 } else { limit };
        self.store.audit(organisation, before, limit).await
    }

    async fn person(&self, organisation: OrganisationId, user: UserId) -> PortResult<PersonRecord> {
        let mut record = PersonRecord::default();
        for organisation in self.everywhere(organisation).await? {
            record = self.store.person(organisation, user).await?;
            if record != PersonRecord::default() {
                break;
            }
        }
        for credential in &mut record.credentials {
            match self.fault {
                Fault::SealedForEver => credential.sealed = true,
                Fault::WipedTooEarly => credential.sealed = false,
                _ => {}
            }
        }
        Ok(record)
    }

    async fn pause_sender(&self, pause: SenderStop) -> PortResult<()> {
        let covers = pause.covers.clone();
        self.store.pause_sender(pause).await?;
        if self.is(Fault::HandForgets) {
            let actor = Actor::system(OrganisationId::new());
            self.store.resume_sender(actor, covers).await?;
        }
        Ok(())
    }

    async fn resume_sender(&self, actor: Actor, covers: Covers) -> PortResult<bool> {
        self.store.resume_sender(actor, covers).await
    }

    async fn sender_pauses(&self) -> PortResult<Vec<SenderPause>> {
        self.store.sender_pauses().await
    }

    async fn suppressions(
        &self,
        organisation: OrganisationId,
        after: Option<(Channel, String)>,
        limit: usize,
    ) -> PortResult<Vec<Suppression>> {
        self.store.suppressions(organisation, after, limit).await
    }

    async fn suppress(&self, change: SuppressionChange) -> PortResult<()> {
        self.store.suppress(change).await
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        match self.fault {
            Fault::ErasedLater => Ok(Erased { found: true, ..Erased::default() }),
            Fault::SuppressionErased => {
                let organisation = erase.actor.organisation();
                let erased = Records::erase(&self.store, erase).await?;
                for other in self.store.suppressions(organisation, None, 100).await? {
                    let Suppression { channel, address, .. } = other;
                    let release = SuppressionChange {
                        actor: Actor::system(organisation),
                        channel,
                        address,
                        act: SuppressionAct::Release,
                    };
                    self.store.suppress(release).await?;
                }
                self.notes().forgets_hashes = true;
                Ok(erased)
            }
            _ => Records::erase(&self.store, erase).await,
        }
    }

    async fn has_hashed_suppressions(&self, organisation: OrganisationId) -> PortResult<bool> {
        self.store.has_hashed_suppressions(organisation).await
    }

    async fn recognise(&self, organisation: OrganisationId, addresses: Vec<KnownAddress>) -> PortResult<()> {
        if self.notes().forgets_hashes {
            return Ok(());
        }
        self.store.recognise(organisation, addresses).await
    }

    async fn traces(
        &self,
        organisation: OrganisationId,
        user: UserId,
        addresses: Vec<(Channel, String)>,
    ) -> PortResult<Traces> {
        let mut traces = self.store.traces(organisation, user, addresses).await?;
        if self.is(Fault::TracesOfAll) {
            traces.events = self.all_events().await?;
        }
        Ok(traces)
    }
}

#[async_trait]
impl Schedules for Wrong {
    async fn add_due(&self, organisation: OrganisationId, due: Vec<Due>) -> PortResult<()> {
        self.store.add_due(organisation, due).await
    }

    async fn claim_due(&self, limit: usize, lease: Duration) -> PortResult<Option<ClaimedDue>> {
        let lease = if self.is(Fault::LongLease) { lease * 100 } else { lease };
        let claimed = self.store.claim_due(limit, lease).await?;
        if self.is(Fault::ClaimsOverlap) {
            let mut notes = self.notes();
            if claimed.is_none() {
                return Ok(notes.due.clone());
            }
            notes.due.clone_from(&claimed);
        }
        Ok(claimed)
    }

    async fn settle_due(&self, settle: SettleDue) -> PortResult<()> {
        self.store.settle_due(settle).await
    }
}
