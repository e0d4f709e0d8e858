//! An organisation with an administrator on a memory store, and a hand that does a worker's work.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use invite_core::credential::{
    HashCost, MintOrder, SealContext, SealingKey, Secret, mint, random::system_random,
};
use invite_core::decision::begin::Take;
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::delivery::EndReason;
use invite_core::model::id::{ClaimToken, OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::role::Role;
use invite_core::model::user::User;
use invite_core::port::accounts::Accounts;
use invite_core::port::plans::Plans;
use invite_core::port::queue::{
    Begin, BeginDelivery, Begun, Claim, ClaimedDelivery, HandOver, HandOverResult, Queue, Record,
    RecordDelivery,
};
use invite_core::service::{Builder, ConfirmOptions, Plan, PlanRequest, SignIn, SignedIn};
use invite_core::{Actor, Invites};

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) invites: Invites,
    pub(crate) organisation: OrganisationId,
    pub(crate) admin: Actor,
    pub(crate) key: SealingKey,
    pub(crate) accounts: Arc<dyn Accounts>,
}

/// A message that somebody received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) user: UserId,
    pub(crate) kind: MessageKind,
    pub(crate) channel: Channel,
    pub(crate) secret: Option<Secret>,
}

impl World {
    /// An organisation that sends e-mail, with one administrator.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
        let store = MemoryStore::with_clock(clock.clone());
        let key = SealingKey::generate(&mut system_random().unwrap());
        let invites = finished(Invites::builder(store.clone()), &key);
        Self::on(store, clock, key, invites, change).await
    }

    pub(crate) async fn on(
        store: MemoryStore,
        clock: Arc<ManualClock>,
        key: SealingKey,
        invites: Invites,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::new("Rema");
        settings.app_link = Some("https://app.example.com".parse().unwrap());
        settings.country = Some("NO".parse().unwrap());
        change(&mut settings);
        let organisation = invites.create_organisation("rema".parse().unwrap(), settings).await.unwrap().id;
        let admin = person("Kari", |user| user.role = Role::Administrator);
        let actor = Actor::administrator(organisation, admin.id);
        invites.add_user(&Actor::system(organisation), admin).await.unwrap();
        let accounts = Arc::new(store.clone());
        Self { store, clock, invites, organisation, admin: actor, key, accounts }
    }

    pub(crate) async fn add(&self, name: &str) -> UserId {
        self.add_with(name, |_| {}).await
    }

    pub(crate) async fn add_with(&self, name: &str, change: impl FnOnce(&mut User)) -> UserId {
        let user = person(name, change);
        let id = user.id;
        self.invites.add_user(&self.admin, user).await.unwrap();
        id
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(crate) async fn plan(&self, request: PlanRequest) -> Plan {
        self.invites.plan(&self.admin, request).await.unwrap()
    }

    /// Plans, confirms with consent to resets and no hold, and does the worker's work.
    pub(crate) async fn send(&self, request: PlanRequest) -> Vec<Received> {
        let plan = self.plan(request).await;
        let options = ConfirmOptions::new().resets(true).hold(Duration::ZERO);
        self.invites.confirm_with(&self.admin, plan.id(), options).await.unwrap();
        self.dispatch().await
    }

    /// Invites one person and gives the secret that they received.
    pub(crate) async fn secret_for(&self, user: UserId) -> Secret {
        let received = self.send(invite_core::Invite::users([user])).await;
        received.into_iter().find(|message| message.user == user).unwrap().secret.unwrap()
    }

    pub(crate) async fn sign_in(&self, name: &str, secret: &Secret, new: Option<&Secret>) -> SignedIn {
        self.try_sign_in(name, secret, new).await.unwrap()
    }

    pub(crate) async fn try_sign_in(
        &self,
        name: &str,
        secret: &Secret,
        new: Option<&Secret>,
    ) -> Result<SignedIn, invite_core::service::Error> {
        let sign_in = SignIn {
            name: name.to_owned(),
            secret: secret.clone(),
            new_password: new.cloned(),
            source: Some("192.0.2.1".into()),
        };
        self.invites.sign_in(self.organisation, sign_in).await
    }

    /// Hands over everything that is due to a provider that accepts it.
    pub(crate) async fn dispatch(&self) -> Vec<Received> {
        let (mut received, policy) = (Vec::new(), self.invites.policy());
        loop {
            let claim =
                Claim { worker: "hand".into(), limit: 100, lease: policy.lease, policy: policy.clone() };
            let claimed = self.store.claim(claim).await.unwrap();
            if claimed.deliveries.is_empty() {
                return received;
            }
            for delivery in claimed.deliveries {
                received.extend(self.deliver(claimed.token, delivery).await.ok());
            }
        }
    }

    async fn deliver(&self, token: ClaimToken, delivery: ClaimedDelivery) -> Result<Received, EndReason> {
        let policy = self.invites.policy();
        let facts = self.facts(delivery.organisation, delivery.user).await;
        let minted = match delivery.credential {
            Some(wish) => match wish.take {
                Take::Saved(_) => None,
                Take::Mint(generation) => {
                    let order = MintOrder {
                        kind: wish.kind,
                        organisation: delivery.organisation,
                        user: delivery.user,
                        invitation: delivery.invitation,
                        generation,
                        salt: wish.salt,
                    };
                    let hasher = invite_core::credential::Hasher::new(HashCost::weak_for_tests()).unwrap();
                    Some(mint(order, &hasher, &self.key).await.unwrap())
                }
            },
            None => None,
        };
        let sender = (invite_core::model::sender::SenderKey("email".into()), "email".into());
        let begin = Begin {
            token,
            deliveries: vec![BeginDelivery { id: delivery.id, user: facts, minted, sender }],
            policy: policy.clone(),
        };
        let begun = self.store.begin(begin).await.unwrap().remove(0);
        let hand_over = match begun {
            Begun::Go(hand_over) => hand_over,
            Begun::Stopped(reason) => return Err(reason),
            other => panic!("{other:?}"),
        };
        let secret = hand_over.credential.as_ref().map(|credential| {
            let context = SealContext {
                organisation: hand_over.organisation,
                invitation: credential.invitation,
                generation: credential.generation,
            };
            self.key.open(&credential.sealed, &context).unwrap()
        });
        let result = HandOverResult::Outcome(Outcome::Accepted(Receipt("250 ok".into())));
        let outcomes = vec![RecordDelivery { token, id: delivery.id, result }];
        let kept = self.store.record(Record { outcomes, policy: policy.clone() }).await.unwrap();
        assert!(kept[0].is_some());
        let HandOver { user, kind, channel, .. } = *hand_over;
        Ok(Received { user: user.id, kind, channel, secret })
    }

    async fn facts(&self, organisation: OrganisationId, user: UserId) -> Option<User> {
        self.accounts.facts(organisation, vec![user]).await.unwrap().remove(0)
    }

    pub(crate) async fn now(&self) -> DateTime<Utc> {
        self.store.now().await.unwrap()
    }
}

/// With weak hashes and a transport.
pub(crate) fn finished(builder: Builder, key: &SealingKey) -> Invites {
    let builder = builder.email(RecordingTransport::new()).seal_with(key.clone());
    builder.hash_cost(HashCost::weak_for_tests()).build().unwrap()
}

/// Somebody whose user name and address are made of their name.
pub(crate) fn person(name: &str, change: impl FnOnce(&mut User)) -> User {
    let mut user = User::new(UserId::new());
    user.first_name = name.into();
    user.username = Some(name.to_lowercase());
    user.email = Some(format!("{}@example.com", name.to_lowercase()).parse().unwrap());
    change(&mut user);
    user
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}
