//! A store with an organisation, a clock that stands, and a worker whose every step a test takes itself.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::{
    ChosenPassword, HashCost, Hasher, MintOrder, Minted, Salt, SealingKey, Secret, mint, random,
};
use crate::decision::begin::Take;
use crate::machine::batch::BatchEvent;
use crate::memory::{ManualClock, MemoryStore};
use crate::model::actor::Actor;
use crate::model::batch::{Batch, TemplatePins};
use crate::model::credential::Generation;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::event::{EventCursor, Happening};
use crate::model::id::{BatchId, ClaimToken, CredentialId, DeliveryId, InvitationId, OrganisationId, UserId};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, Organisation, Settings};
use crate::model::outcome::{Answer, Outcome, Receipt, Refusal};
use crate::model::selection::Selection;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::policy::Policy;
use crate::port::accounts::{Accounts, NewPassword, PasswordSet, SetPassword};
use crate::port::organisations::Organisations;
use crate::port::people::{People, SaveUsers};
use crate::port::plans::{BatchChange, Confirm, Confirmed, NewPlan, PlanPage, Plans};
use crate::port::queue::{
    Begin, BeginDelivery, Begun, Claim, Claimed, HandOverResult, Queue, Record, RecordDelivery,
};
use crate::port::records::{PersonRecord, Records};
use crate::template::sms::SmsSize;

pub(super) struct World {
    pub(super) store: MemoryStore,
    pub(super) clock: Arc<ManualClock>,
    pub(super) organisation: OrganisationId,
    pub(super) policy: Policy,
    hasher: Hasher,
    key: SealingKey,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(set: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
        let store = MemoryStore::with_clock(clock.clone());
        let organisation = OrganisationId::new();
        let world = Self {
            store,
            clock,
            organisation,
            policy: Policy { hold_above: u64::MAX, ..Policy::default() },
            hasher: Hasher::with_threads(HashCost::weak_for_tests(), NonZeroUsize::MIN).unwrap(),
            key: SealingKey::generate(&mut random::system_random().unwrap()),
        };
        world.set(set).await;
        world
    }

    /// Changes the organisation's settings.
    pub(super) async fn set(&self, set: impl FnOnce(&mut Settings)) {
        let there = self.store.organisation(self.organisation).await.unwrap();
        let mut settings = there.map_or_else(|| Settings::new("Rema"), |there| there.settings);
        set(&mut settings);
        let organisation = Organisation { id: self.organisation, alias: "rema".parse().unwrap(), settings };
        self.store.save_organisation(organisation, self.system(), TemplatePins::default()).await.unwrap();
    }

    /// The same store, seen by another organisation.
    pub(super) async fn neighbour(&self) -> Self {
        let organisation = OrganisationId::new();
        let alias = format!("o-{organisation}").parse().unwrap();
        let neighbour = Organisation { id: organisation, alias, settings: Settings::new("Kiwi") };
        self.store
            .save_organisation(neighbour, Actor::system(organisation), TemplatePins::default())
            .await
            .unwrap();
        Self {
            store: self.store.clone(),
            clock: self.clock.clone(),
            organisation,
            policy: self.policy.clone(),
            hasher: self.hasher.clone(),
            key: self.key.clone(),
        }
    }

    pub(super) fn system(&self) -> Actor {
        Actor::system(self.organisation)
    }

    pub(super) fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_mins(minutes));
    }

    /// So many people with an e-mail address and a phone.
    pub(super) async fn people(&self, count: usize) -> Vec<UserId> {
        let users: Vec<User> = (0..count)
            .map(|n| {
                let mut user = User::new(UserId::new());
                user.email = Some(format!("p{n}@example.com").parse().unwrap());
                user.phone = Some(format!("+4791{n:06}").try_into().unwrap());
                user
            })
            .collect();
        let ids = users.iter().map(|user| user.id).collect();
        self.save(users).await;
        ids
    }

    pub(super) async fn save(&self, users: Vec<User>) {
        let save = SaveUsers { organisation: self.organisation, actor: self.system(), users };
        self.store.save(save).await.unwrap();
    }

    pub(super) async fn change(&self, user: UserId, change: impl FnOnce(&mut User)) {
        let mut user = self.user(user).await;
        change(&mut user);
        self.save(vec![user]).await;
    }

    pub(super) async fn user(&self, user: UserId) -> User {
        self.store.facts(self.organisation, vec![user]).await.unwrap().remove(0).unwrap()
    }

    pub(super) async fn set_password(
        &self,
        user: UserId,
        credential: CredentialId,
        reservation: u64,
    ) -> PasswordSet {
        let chosen = ChosenPassword::parse(&Secret::new("correct horse battery".into())).unwrap();
        let password = NewPassword::new(chosen, self.hasher.clone());
        let organisation = self.organisation;
        let request = SetPassword { organisation, user, password, credential, reservation };
        self.store.set_password(request).await.unwrap()
    }

    /// Plans and confirms with consent, on e-mail.
    pub(super) async fn batch(&self, action: Action, people: &[UserId]) -> BatchId {
        self.batch_on(action, ChannelRule::Email, people).await
    }

    pub(super) async fn batch_on(&self, action: Action, channels: ChannelRule, people: &[UserId]) -> BatchId {
        let plan = self.plan(action, channels, people).await;
        assert!(plan.complete);
        self.confirm(plan.id).await;
        plan.id
    }

    pub(super) async fn plan(&self, action: Action, channels: ChannelRule, people: &[UserId]) -> Batch {
        let plan = NewPlan {
            id: BatchId::new(),
            actor: self.system(),
            inviter: "Berit".into(),
            action,
            scheduled: false,
            selection: Selection::Ids(people.to_vec()),
            channels,
            templates: TemplatePins::default(),
            lifetime: self.policy.plan_lifetime,
        };
        let plan = self.store.open_plan(plan).await.unwrap();
        let facts = self.store.facts(self.organisation, people.to_vec()).await.unwrap();
        let page = PlanPage {
            organisation: self.organisation,
            plan: plan.id,
            after: None,
            people: people.iter().copied().zip(facts).collect(),
            senders: Channel::ALL.map(|channel| (channel, sender())).into(),
            sms_sizes: people.iter().flat_map(|id| sizes(*id)).collect(),
            last: true,
            policy: self.policy.clone(),
        };
        self.store.plan_page(page).await.unwrap()
    }

    pub(super) async fn confirm(&self, plan: BatchId) -> Batch {
        let (actor, policy) = (self.system(), self.policy.clone());
        let confirm =
            Confirm { plan, actor, resets: true, hold: None, starts_in: Duration::ZERO, pilot: None, policy };
        match self.store.confirm(confirm).await.unwrap() {
            Confirmed::Now(batch) => *batch,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn change_batch(&self, batch: BatchId, event: BatchEvent) -> Batch {
        let change = BatchChange { batch, actor: self.system(), event, because: None };
        self.store.change_batch(change).await.unwrap().unwrap().unwrap()
    }

    pub(super) async fn claim(&self, limit: usize) -> Claimed {
        let claim =
            Claim { worker: "test".into(), limit, lease: self.policy.lease, policy: self.policy.clone() };
        self.store.claim(claim).await.unwrap()
    }

    /// Begins what was claimed, and mints what it needs.
    pub(super) async fn begin(&self, claimed: &Claimed) -> Vec<Begun> {
        let mut begun = Vec::new();
        for delivery in &claimed.deliveries {
            let mut minted = None;
            if let Some(wish) = &delivery.credential
                && let Take::Mint(generation) = wish.take
            {
                minted = Some(self.mint(delivery.user, delivery.invitation, generation, wish.salt).await);
            }
            let answer = self.begin_one(claimed.token, delivery.id, delivery.user, minted).await;
            begun.push(match answer {
                Begun::Mint(generation, salt) => {
                    let minted = self.mint(delivery.user, delivery.invitation, generation, salt).await;
                    self.begin_one(claimed.token, delivery.id, delivery.user, Some(minted)).await
                }
                other => other,
            });
        }
        begun
    }

    pub(super) async fn mint(
        &self,
        user: UserId,
        invitation: InvitationId,
        generation: Generation,
        salt: Option<Salt>,
    ) -> Minted {
        let settings = self.store.organisation(self.organisation).await.unwrap().unwrap().settings;
        let order = MintOrder {
            kind: settings.credential,
            organisation: self.organisation,
            user,
            invitation,
            generation,
            salt,
        };
        mint(order, &self.hasher, &self.key).await.unwrap()
    }

    async fn begin_one(
        &self,
        token: ClaimToken,
        id: DeliveryId,
        user: UserId,
        minted: Option<Minted>,
    ) -> Begun {
        let user = self.store.facts(self.organisation, vec![user]).await.unwrap().remove(0);
        let deliveries = vec![BeginDelivery { id, user, minted, sender: sender() }];
        let begin = Begin { token, deliveries, policy: self.policy.clone() };
        self.store.begin(begin).await.unwrap().remove(0)
    }

    pub(super) async fn record(
        &self,
        token: ClaimToken,
        id: DeliveryId,
        outcome: Outcome,
    ) -> Option<DeliveryState> {
        let outcomes = vec![RecordDelivery { token, id, result: HandOverResult::Outcome(outcome) }];
        self.store.record(Record { outcomes, policy: self.policy.clone() }).await.unwrap().remove(0)
    }

    /// Claims and sends until nothing is due, with the same outcome for each; gives how many were handed over.
    pub(super) async fn send_all(&self, outcome: &Outcome) -> usize {
        let mut sent = 0;
        loop {
            let claimed = self.claim(10).await;
            if claimed.deliveries.is_empty() {
                return sent;
            }
            sent += self.send(&claimed, outcome).await;
        }
    }

    pub(super) async fn send(&self, claimed: &Claimed, outcome: &Outcome) -> usize {
        let mut sent = 0;
        for (delivery, begun) in claimed.deliveries.iter().zip(self.begin(claimed).await) {
            if matches!(begun, Begun::Go(_)) {
                self.record(claimed.token, delivery.id, outcome.clone()).await.unwrap();
                sent += 1;
            }
        }
        sent
    }

    pub(super) async fn deliveries(&self, batch: BatchId) -> Vec<Delivery> {
        self.store.deliveries(self.organisation, batch, None, usize::MAX).await.unwrap()
    }

    pub(super) async fn states(&self, batch: BatchId) -> BTreeMap<DeliveryState, u64> {
        self.store.progress(self.organisation, batch).await.unwrap().states
    }

    pub(super) async fn person(&self, user: UserId) -> PersonRecord {
        self.store.person(self.organisation, user).await.unwrap()
    }

    pub(super) async fn events(&self) -> Vec<Happening> {
        let events = self.store.events(EventCursor(0), usize::MAX).await.unwrap().unwrap();
        events.into_iter().map(|event| event.what).collect()
    }

    pub(super) async fn sweep(&self) {
        while self.store.sweep(1, self.policy.clone()).await.unwrap() > 0 {}
    }
}

pub(super) fn accepted() -> Outcome {
    Outcome::Accepted(Receipt("r-1".into()))
}

pub(super) fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused { refusal, answer: Answer::new("550 5.7.1", "not wanted") }
}

fn sender() -> (SenderKey, String) {
    (SenderKey("smtp".into()), "account".into())
}

/// A text message of one segment, whatever it is for.
fn sizes(user: UserId) -> [((UserId, MessageKind), SmsSize); 5] {
    MessageKind::ALL.map(|kind| ((user, kind), SmsSize::of("")))
}
