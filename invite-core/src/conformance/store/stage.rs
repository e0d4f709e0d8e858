//! What the behaviours of a store are told with: an organisation, its people, and a worker that does what it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Clockwork, StoreUnderTest};
use crate::conformance::workshop::Workshop;
use crate::conformance::{Checked, Failure};
use crate::credential::{LinkToken, MintOrder, Minted, Salt, SealContext, Secret, TokenDigest};
use crate::decision::begin::Take;
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::actor::Actor;
use crate::model::batch::{Batch, TemplatePins};
use crate::model::contact::PhoneNumber;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::event::{Event, EventCursor, Happening};
use crate::model::id::{BatchId, ClaimToken, DeliveryId, OrganisationId, UserId};
use crate::model::item::{Action, Decision, Item};
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, Organisation, Settings};
use crate::model::outcome::{Answer, Concerns, Outcome, Receipt, Refusal};
use crate::model::role::Role;
use crate::model::selection::Selection;
use crate::model::sender::SenderKey;
use crate::model::template_key::TemplateKey;
use crate::model::user::User;
use crate::policy::Policy;
use crate::port::InvitationStore;
use crate::port::organisations::{SaveTemplate, TemplateSaved};
use crate::port::plans::{BatchChange, Confirm, Confirmed, NewPlan, PlanPage};
use crate::port::queue::{
    Begin, BeginDelivery, Begun, Claim, Claimed, ClaimedDelivery, HandOver, HandOverResult, Record,
    RecordDelivery, Reported,
};
use crate::port::records::PersonRecord;
use crate::port::redemption::{OpenPassword, Reserve, Reserved};
use crate::template::sms::SmsSize;

/// A fresh store with one organisation, its administrator, and everything that a behaviour needs to be told in a few
/// lines.
pub(super) struct Stage {
    pub(super) store: Arc<dyn InvitationStore>,
    pub(super) clock: Arc<dyn Clockwork>,
    pub(super) policy: Policy,
    pub(super) org: Organisation,
    pub(super) admin: User,
    /// The channels of the plans that are made.
    pub(super) channels: ChannelRule,
    /// Whether the plans that are made are by filter instead of by id.
    pub(super) by_filter: bool,
    /// Whether the plans that are made are those of a schedule.
    pub(super) by_schedule: bool,
    /// The versions of messages that are pinned by the plans that are made.
    pub(super) templates: TemplatePins,
    /// What each channel sends with: key and account.
    pub(super) senders: BTreeMap<Channel, (SenderKey, String)>,
    people: Mutex<BTreeMap<UserId, User>>,
    number: AtomicU32,
}

/// A message that was handed over and waits for its outcome.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) token: ClaimToken,
    pub(super) claimed: ClaimedDelivery,
    pub(super) hand_over: HandOver,
}

impl Stage {
    pub(super) async fn new(subject: StoreUnderTest) -> Checked<Self> {
        let StoreUnderTest { store, clock } = subject;
        let mut admin = User::new(UserId::new());
        admin.role = Role::Administrator;
        admin.email = "admin@example.com".parse().ok();
        admin.has_password = true;
        let stage = Self {
            org: organisation("acme")?,
            store,
            clock,
            policy: Policy::default(),
            people: Mutex::new(BTreeMap::from([(admin.id, admin.clone())])),
            admin,
            channels: ChannelRule::Preferred,
            by_filter: false,
            by_schedule: false,
            templates: TemplatePins::default(),
            senders: Channel::ALL.into_iter().map(|channel| (channel, sender_of(channel))).collect(),
            number: AtomicU32::new(1),
        };
        stage.save(&stage.org).await?;
        Ok(stage)
    }

    /// The same store, seen from another organisation, with an administrator and people of its own.
    pub(super) async fn neighbour(&self, alias: &str) -> Checked<Self> {
        let subject = StoreUnderTest { store: Arc::clone(&self.store), clock: Arc::clone(&self.clock) };
        let mut admin = self.admin.clone();
        admin.id = UserId::new();
        let stage = Self {
            org: organisation(alias)?,
            store: subject.store,
            clock: subject.clock,
            policy: self.policy.clone(),
            people: Mutex::new(BTreeMap::from([(admin.id, admin.clone())])),
            admin,
            channels: self.channels,
            by_filter: self.by_filter,
            by_schedule: self.by_schedule,
            templates: self.templates.clone(),
            senders: self.senders.clone(),
            number: AtomicU32::new(1_000_000),
        };
        stage.save(&stage.org).await?;
        Ok(stage)
    }

    pub(super) fn id(&self) -> OrganisationId {
        self.org.id
    }

    pub(super) fn actor(&self) -> Actor {
        Actor::administrator(self.org.id, self.admin.id)
    }

    /// Changes the organisation's settings.
    pub(super) async fn set(&mut self, change: impl FnOnce(&mut Settings)) -> Checked {
        change(&mut self.org.settings);
        self.save(&self.org).await
    }

    async fn save(&self, organisation: &Organisation) -> Checked {
        let templates = self.in_force(organisation.id).await?;
        let actor = Actor::system(organisation.id);
        let saved = self.store.save_organisation(organisation.clone(), actor, templates).await?;
        same!(saved, crate::port::organisations::OrganisationSaved::Done, "saving an organisation");
        Ok(())
    }

    /// Saves the organisation's settings again as they were.
    pub(super) async fn put_back(&self) -> Checked {
        self.save(&self.org).await
    }

    /// The messages of its own that an organisation has in force.
    pub(super) async fn in_force(&self, organisation: OrganisationId) -> Checked<TemplatePins> {
        let own = self.store.templates(organisation).await?;
        Ok(own.iter().map(|(key, version)| (key, version.version.as_str())).collect())
    }

    /// Saves a version of a message, or goes back to the built-in one.
    pub(super) async fn save_template(&self, key: &TemplateKey, source: Option<&str>) -> Checked<String> {
        let save = self.template(key, source);
        let saved = self.store.save_template(save).await?;
        Ok(has_form!(saved, TemplateSaved::Done(version) => version, "saving {key}"))
    }

    /// A version of a message to be saved, checked under the settings in force.
    pub(super) fn template(&self, key: &TemplateKey, source: Option<&str>) -> SaveTemplate {
        SaveTemplate {
            actor: self.actor(),
            key: key.clone(),
            source: source.map(str::to_owned),
            credential: self.org.settings.credential,
        }
    }

    // People: what the host's table says. A worker reads them fresh before each begin.

    /// A new person with an e-mail address, not set up.
    pub(super) fn person(&self) -> User {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let mut user = User::new(UserId::new());
        user.first_name = format!("Person{number}");
        user.email = format!("Person-{number}@example.com").parse().ok();
        self.put(&user);
        user
    }

    /// A new person with a phone number alone.
    pub(super) fn person_by_phone(&self) -> User {
        let mut user = self.person_by_both();
        user.email = None;
        self.put(&user);
        user
    }

    /// A new person with an e-mail address and a phone number.
    pub(super) fn person_by_both(&self) -> User {
        let mut user = self.person();
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        user.phone = PhoneNumber::try_from(format!("+47{}", 91_000_000 + number)).ok();
        self.put(&user);
        user
    }

    /// A new person with a password of their own.
    pub(super) fn person_set_up(&self) -> User {
        let mut user = self.person();
        user.has_password = true;
        self.put(&user);
        user
    }

    pub(super) fn persons(&self, count: usize) -> Vec<User> {
        (0..count).map(|_| self.person()).collect()
    }

    /// From now on, the host's table says this about the person.
    pub(super) fn put(&self, user: &User) {
        self.people().insert(user.id, user.clone());
    }

    /// From now on, the host's table has nobody with this id.
    pub(super) fn erase(&self, user: UserId) {
        self.people().remove(&user);
    }

    pub(super) fn facts(&self, user: UserId) -> Option<User> {
        self.people().get(&user).cloned()
    }

    fn people(&self) -> MutexGuard<'_, BTreeMap<UserId, User>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Plans and batches.

    /// Opens a plan for these people and writes no page.
    pub(super) async fn open(&self, action: Action, people: &[User]) -> Checked<Batch> {
        let selection = if self.by_filter {
            Selection::all()
        } else {
            Selection::Ids(people.iter().map(|user| user.id).collect())
        };
        let plan = NewPlan {
            id: BatchId::new(),
            actor: self.actor(),
            inviter: "Ada Admin".into(),
            action,
            scheduled: self.by_schedule,
            selection,
            channels: self.channels,
            templates: self.templates.clone(),
            lifetime: self.policy.plan_lifetime,
        };
        Ok(self.store.open_plan(plan).await?)
    }

    /// One page of a plan.
    pub(super) fn page(&self, plan: BatchId, after: Option<UserId>, people: &[User], last: bool) -> PlanPage {
        PlanPage {
            organisation: self.id(),
            plan,
            after,
            people: people.iter().map(|user| (user.id, self.facts(user.id))).collect(),
            senders: self.senders.clone(),
            sms_sizes: people.iter().flat_map(|user| sms_sizes(user.id)).collect(),
            last,
            policy: self.policy.clone(),
        }
    }

    /// A complete plan for these people, who must be in ascending order of id, as [`Self::person`] makes them.
    pub(super) async fn plan(&self, action: Action, people: &[User]) -> Checked<Batch> {
        let plan = self.open(action, people).await?;
        Ok(self.store.plan_page(self.page(plan.id, None, people, true)).await?)
    }

    pub(super) fn confirmation(&self, plan: BatchId) -> Confirm {
        Confirm {
            plan,
            actor: self.actor(),
            resets: true,
            hold: Some(Duration::ZERO),
            starts_in: Duration::ZERO,
            pilot: None,
            policy: self.policy.clone(),
        }
    }

    /// Confirms with consent to resets and without a hold.
    pub(super) async fn confirm(&self, plan: BatchId) -> Checked<Batch> {
        let confirmed = self.store.confirm(self.confirmation(plan)).await?;
        Ok(*has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming a complete plan"))
    }

    /// A running batch that invites these people.
    pub(super) async fn invite(&self, people: &[User]) -> Checked<Batch> {
        let plan = self.plan(Action::Invite, people).await?;
        self.confirm(plan.id).await
    }

    /// A running batch that reminds these people.
    pub(super) async fn remind(&self, people: &[User]) -> Checked<Batch> {
        let plan = self.plan(Action::Remind, people).await?;
        self.confirm(plan.id).await
    }

    pub(super) async fn change(&self, batch: BatchId, event: BatchEvent) -> Checked<Batch> {
        let change = BatchChange { batch, actor: self.actor(), event, because: Some("a test".into()) };
        let changed = self.store.change_batch(change).await?;
        Ok(has_form!(changed, Some(Ok(batch)) => batch, "{event:?} of a batch"))
    }

    pub(super) async fn batch(&self, batch: BatchId) -> Checked<Batch> {
        let found = self.store.batch(self.id(), batch).await?;
        found.ok_or_else(|| Failure::new(format!("batch {batch} is not there any more")))
    }

    pub(super) async fn items(&self, batch: BatchId) -> Checked<Vec<Item>> {
        Ok(self.store.items(self.id(), batch, None, 10_000).await?)
    }

    pub(super) async fn decision(&self, batch: BatchId, user: UserId) -> Checked<Decision> {
        let items = self.items(batch).await?;
        let item = items.iter().find(|item| item.user == user);
        item.map(|item| item.decision).ok_or_else(|| Failure::new("the batch has no item of this person"))
    }

    pub(super) async fn deliveries(&self, batch: BatchId) -> Checked<Vec<Delivery>> {
        Ok(self.store.deliveries(self.id(), batch, None, 10_000).await?)
    }

    pub(super) async fn delivery(&self, batch: BatchId, id: DeliveryId) -> Checked<Delivery> {
        let found = self.deliveries(batch).await?.into_iter().find(|delivery| delivery.id == id);
        found.ok_or_else(|| Failure::new(format!("the batch has no delivery {id} any more")))
    }

    /// The states of a batch's messages, counted.
    pub(super) async fn states(&self, batch: BatchId) -> Checked<BTreeMap<DeliveryState, usize>> {
        let mut states = BTreeMap::new();
        for delivery in self.deliveries(batch).await? {
            *states.entry(delivery.state).or_default() += 1;
        }
        Ok(states)
    }

    // The worker.

    pub(super) async fn claim(&self, limit: usize) -> Checked<Claimed> {
        let claim = Claim {
            worker: "conformance".into(),
            limit,
            lease: self.policy.lease,
            policy: self.policy.clone(),
        };
        Ok(self.store.claim(claim).await?)
    }

    /// Claims exactly one message, which must be due.
    pub(super) async fn claim_one(&self) -> Checked<(ClaimToken, ClaimedDelivery)> {
        let mut claimed = self.claim(1).await?;
        same!(claimed.deliveries.len(), 1, "messages that were claimed where one is due");
        Ok((claimed.token, claimed.deliveries.remove(0)))
    }

    /// That nothing can be claimed now.
    pub(super) async fn nothing_is_due(&self, when: &str) -> Checked {
        let claimed = self.claim(100).await?;
        let due = claimed.deliveries.len();
        holds!(due == 0, "nothing can be claimed {when}, but {due} messages can");
        Ok(())
    }

    /// What a worker sends to begin this message, with what it minted.
    pub(super) fn beginning(&self, claimed: &ClaimedDelivery, minted: Option<Minted>) -> BeginDelivery {
        BeginDelivery {
            id: claimed.id,
            user: self.facts(claimed.user),
            minted,
            sender: self.senders[&claimed.channel].clone(),
        }
    }

    pub(super) async fn begin_with(
        &self,
        token: ClaimToken,
        deliveries: Vec<BeginDelivery>,
    ) -> Checked<Vec<Begun>> {
        let count = deliveries.len();
        let begun = self.store.begin(Begin { token, deliveries, policy: self.policy.clone() }).await?;
        same!(begun.len(), count, "answers to messages that are to be begun");
        Ok(begun)
    }

    /// Begins one message as a worker does: mints what the claim asks for, and once more if the answer asks for it.
    pub(super) async fn begin(&self, token: ClaimToken, claimed: &ClaimedDelivery) -> Checked<Begun> {
        let mut minted = match &claimed.credential {
            Some(wish) => match wish.take {
                Take::Mint(generation) => Some(self.mint(claimed, generation, wish.salt).await?),
                Take::Saved(_) => None,
            },
            None => None,
        };
        for _ in 0..2 {
            let begun = self.begin_with(token, vec![self.beginning(claimed, minted)]).await?;
            match begun.into_iter().next() {
                Some(Begun::Mint(generation, salt)) => {
                    minted = Some(self.mint(claimed, generation, salt).await?);
                }
                Some(begun) => return Ok(begun),
                None => break,
            }
        }
        Err(Failure::new("begin asked for another credential after it got the one that it asked for"))
    }

    pub(super) async fn mint(
        &self,
        claimed: &ClaimedDelivery,
        generation: Generation,
        salt: Option<Salt>,
    ) -> Checked<Minted> {
        let kind = claimed.credential.as_ref().map_or(CredentialKind::TemporaryPassword, |wish| wish.kind);
        let order = MintOrder {
            kind,
            organisation: claimed.organisation,
            user: claimed.user,
            invitation: claimed.invitation,
            generation,
            salt,
        };
        Workshop::open()?.mint(order).await
    }

    pub(super) async fn hand_over(&self, token: ClaimToken, claimed: ClaimedDelivery) -> Checked<InFlight> {
        let begun = self.begin(token, &claimed).await?;
        let hand_over = *has_form!(begun, Begun::Go(hand_over) => hand_over, "beginning a claimed message");
        Ok(InFlight { token, claimed, hand_over })
    }

    /// Claims one message and begins it.
    pub(super) async fn take_off(&self) -> Checked<InFlight> {
        let (token, claimed) = self.claim_one().await?;
        self.hand_over(token, claimed).await
    }

    /// Claims all that is due and begins it.
    pub(super) async fn take_off_all(&self) -> Checked<Vec<InFlight>> {
        let mut in_flight = Vec::new();
        loop {
            let claimed = self.claim(100).await?;
            if claimed.deliveries.is_empty() {
                return Ok(in_flight);
            }
            for delivery in claimed.deliveries {
                in_flight.push(self.hand_over(claimed.token, delivery).await?);
            }
        }
    }

    pub(super) async fn record_result(
        &self,
        (token, id): (ClaimToken, DeliveryId),
        result: HandOverResult,
    ) -> Checked<Option<DeliveryState>> {
        let outcomes = vec![RecordDelivery { token, id, result }];
        let kept = self.store.record(Record { outcomes, policy: self.policy.clone() }).await?;
        same!(kept.len(), 1, "answers to one outcome");
        Ok(kept[0])
    }

    /// Records an outcome, which must be kept.
    pub(super) async fn record(&self, in_flight: &InFlight, outcome: Outcome) -> Checked<DeliveryState> {
        let result = HandOverResult::Outcome(outcome);
        let kept = self.record_result((in_flight.token, in_flight.claimed.id), result).await?;
        kept.ok_or_else(|| {
            Failure::new("the outcome of a message that was handed over just now was not kept")
        })
    }

    /// Claims one message, hands it over and records this.
    pub(super) async fn send_one(&self, outcome: Outcome) -> Checked<InFlight> {
        let in_flight = self.take_off().await?;
        self.record(&in_flight, outcome).await?;
        Ok(in_flight)
    }

    /// Sends all that is due; providers accept it.
    pub(super) async fn send_all(&self) -> Checked<Vec<InFlight>> {
        let mut sent = Vec::new();
        loop {
            let in_flight = self.take_off_all().await?;
            if in_flight.is_empty() {
                return Ok(sent);
            }
            for one in in_flight {
                self.record(&one, accepted()).await?;
                sent.push(one);
            }
        }
    }

    /// Invites one person and sends their one message.
    pub(super) async fn invited(&self, user: &User) -> Checked<InFlight> {
        self.invite(std::slice::from_ref(user)).await?;
        let mut sent = self.send_all().await?;
        same!(sent.len(), 1, "messages of an invitation of one person on one channel");
        Ok(sent.remove(0))
    }

    pub(super) async fn report(&self, delivery: DeliveryId, report: Report) -> Checked<bool> {
        self.report_as(delivery, report, Concerns::Message).await
    }

    pub(super) async fn report_as(
        &self,
        delivery: DeliveryId,
        report: Report,
        concerns: Concerns,
    ) -> Checked<bool> {
        let reported = Reported { delivery, report, concerns, answer: Answer::new("", "as reported") };
        let known = self.store.report(vec![reported], self.policy.clone()).await?;
        same!(known.len(), 1, "answers to one report");
        Ok(known[0])
    }

    /// Sweeps until nothing is left.
    pub(super) async fn sweep(&self) -> Checked<u64> {
        let mut rows = 0;
        for _ in 0..10_000 {
            match self.store.sweep(100, self.policy.clone()).await? {
                0 => return Ok(rows),
                some => rows += some,
            }
        }
        Err(Failure::new("the sweep never comes to an end"))
    }

    // Time.

    pub(super) async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    /// A second goes by, so that what comes next is later.
    pub(super) async fn tick(&self) {
        self.advance(Duration::from_secs(1)).await;
    }

    pub(super) async fn now(&self) -> Checked<DateTime<Utc>> {
        Ok(self.store.now().await?)
    }

    // What there is to be seen.

    pub(super) async fn events(&self) -> Checked<Vec<Event>> {
        self.events_after(EventCursor::default(), 100_000).await
    }

    pub(super) async fn events_after(&self, after: EventCursor, limit: usize) -> Checked<Vec<Event>> {
        let events = self.store.events(after, limit).await?;
        events.map_err(|forgotten| Failure::new(forgotten.to_string()))
    }

    /// How many events are like this.
    pub(super) async fn count(&self, is: impl Fn(&Happening) -> bool) -> Checked<usize> {
        Ok(self.events().await?.iter().filter(|event| is(&event.what)).count())
    }

    pub(super) async fn story(&self, user: &User) -> Checked<PersonRecord> {
        Ok(self.store.person(self.id(), user.id).await?)
    }

    pub(super) async fn own_password_counts(&self, user: &User) -> Checked<bool> {
        let counts = self.store.own_password_counts(self.id(), vec![user.id]).await?;
        same!(counts.len(), 1, "answers about one person's own password");
        Ok(counts[0])
    }

    pub(super) async fn open_passwords(&self, user: &User) -> Checked<Vec<OpenPassword>> {
        Ok(self.store.open_passwords(self.id(), user.id).await?)
    }

    pub(super) async fn link_state(
        &self,
        digest: TokenDigest,
    ) -> Checked<crate::port::redemption::LinkState> {
        let link = self.store.link(digest).await?;
        link.map(|link| link.state).ok_or_else(|| Failure::new("a link that was sent leads nowhere"))
    }

    /// Reserves the credential of a link that was sent, for a person as they are now.
    pub(super) async fn reserve_link(&self, digest: TokenDigest) -> Checked<Reserved> {
        let link = self.store.link(digest).await?;
        let link = link.ok_or_else(|| Failure::new("a link that was sent leads nowhere"))?;
        let reserve = Reserve {
            organisation: link.organisation,
            credential: link.credential,
            user: self.facts(link.user),
            policy: self.policy.clone(),
        };
        Ok(self.store.reserve(reserve).await?)
    }

    /// Comes by a link that was sent, from the first to the last step.
    pub(super) async fn come_by(&self, digest: TokenDigest) -> Checked {
        let reserved = self.reserve_link(digest).await?;
        let reservation = has_form!(reserved, Reserved::Yours { reservation, .. } => reservation,
            "reserving an open credential");
        let link = self.store.link(digest).await?;
        let credential = link.map(|link| link.credential).ok_or_else(|| Failure::new("no link"))?;
        let close = crate::port::redemption::Close { organisation: self.id(), credential, reservation };
        holds!(self.store.close(close).await?, "a reservation can be closed");
        Ok(())
    }
}

impl InFlight {
    pub(super) fn id(&self) -> DeliveryId {
        self.claimed.id
    }

    pub(super) fn key(&self) -> (ClaimToken, DeliveryId) {
        (self.token, self.claimed.id)
    }

    /// The secret that the message carries, opened.
    pub(super) fn secret(&self) -> Checked<Secret> {
        let credential = self.hand_over.credential.as_ref();
        let credential = credential.ok_or_else(|| Failure::new("the message carries no credential"))?;
        let context = SealContext {
            organisation: self.hand_over.organisation,
            invitation: credential.invitation,
            generation: credential.generation,
        };
        Workshop::open()?.unseal(&credential.sealed, &context)
    }

    /// The digest of the token that the message carries.
    pub(super) fn digest(&self) -> Checked<TokenDigest> {
        let token = LinkToken::parse(self.secret()?.expose());
        token.map(|token| token.digest()).ok_or_else(|| Failure::new("the message carries no link"))
    }
}

pub(super) fn accepted() -> Outcome {
    Outcome::Accepted(Receipt("receipt-1".into()))
}

pub(super) fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused { refusal, answer: Answer::new("550", "no") }
}

pub(super) fn deferred(retry_after: Option<Duration>) -> Outcome {
    Outcome::Deferred { retry_after, answer: Answer::new("451", "later") }
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown { answer: Answer::new("", "time-out") }
}

/// What a channel sends with, where a behaviour says nothing else: key and account.
pub(super) fn sender_of(channel: Channel) -> (SenderKey, String) {
    (SenderKey(format!("{channel}-sender")), format!("{channel}-account"))
}

/// Whether two instants are the same but for the moments that a database's own clock goes on.
pub(super) fn near(a: DateTime<Utc>, b: DateTime<Utc>) -> bool {
    (a - b).abs() <= TimeDelta::seconds(20)
}

pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);

fn organisation(alias: &str) -> Checked<Organisation> {
    let wrong = |what: &dyn std::fmt::Display| Failure::new(format!("{alias}: {what}"));
    let mut settings = Settings::new(alias.to_uppercase());
    settings.channels = Channel::ALL.into();
    // It is any time of day where the suite runs.
    settings.quiet_hours = None;
    settings.country = "NO".parse().ok();
    settings.link_pattern = "https://app.example.com/welcome#{token}".parse().ok();
    let alias = alias.parse().map_err(|error| wrong(&error))?;
    Ok(Organisation { id: OrganisationId::new(), alias, settings })
}

/// The size of a text message to anybody: as many segments as its kind has in the list of kinds, and UCS-2 for resets.
pub(super) fn sms_size(kind: MessageKind) -> SmsSize {
    let segments = 1 + MessageKind::ALL.into_iter().position(|one| one == kind).unwrap_or_default();
    if kind == MessageKind::Reset {
        SmsSize::of(&"ж".repeat(67 * segments))
    } else {
        SmsSize::of(&"a".repeat(153 * segments))
    }
}

fn sms_sizes(user: UserId) -> impl Iterator<Item = ((UserId, MessageKind), SmsSize)> {
    MessageKind::ALL.into_iter().map(move |kind| ((user, kind), sms_size(kind)))
}
