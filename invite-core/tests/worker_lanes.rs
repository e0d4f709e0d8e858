//! What the lanes of a worker share, and what they must not.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::memory::{ManualClock, MemoryStore};
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::message::Message;
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::PortResult;
use invite_core::port::people::{People, SaveUsers};
use invite_core::port::queue::{Claim, Queue};
use invite_core::port::transport::Transport;
use invite_core::service::{Builder, ConfirmOptions, Invite, Invites};

#[tokio::test(start_paused = true)]
async fn lanes_never_wait_for_each_others_leave_to_send() {
    for concurrency in [1, 2, 3, 17, 24] {
        let (store, _) = store();
        let invites = with(Invites::builder(store.clone()));
        confirmed(&invites, &store, 100).await;

        let work = invites.worker().concurrency(concurrency).run_until_idle();
        let report = tokio::time::timeout(Duration::from_hours(1), work).await;

        assert_eq!(report.expect("it goes on").unwrap().sent, 100, "{concurrency} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_worker_holds_one_suspect_at_a_time_whatever_its_lanes_do() {
    let (store, clock) = store();
    let invites = with(Invites::builder(store.clone()));
    confirmed(&invites, &store, 5).await;
    let policy = Policy::default();
    let claim = Claim { worker: "dies".into(), limit: 5, lease: policy.lease, policy: policy.clone() };
    assert_eq!(store.claim(claim).await.unwrap().deliveries.len(), 5);
    clock.advance(policy.lease + Duration::from_secs(1));

    let stuck = with(Invites::builder_with(Stuck, store.clone()));
    let worker = tokio::spawn(stuck.worker().run_until_idle());
    tokio::time::sleep(Duration::from_secs(10)).await;

    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.leased, waiting.due), (1, 4));
    worker.abort();
}

fn store() -> (MemoryStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    (MemoryStore::with_clock(clock.clone()), clock)
}

fn with(builder: Builder) -> Invites {
    let key = SealingKey::generate(&mut system_random().unwrap());
    builder.email(Slow).seal_with(key).build().unwrap()
}

/// A batch of so many people, confirmed without a hold.
async fn confirmed(invites: &Invites, store: &MemoryStore, people: u32) {
    let settings = Settings {
        app_link: Some("https://app.example.com".parse().unwrap()),
        link_pattern: Some("https://app.example.com/welcome#{token}".parse().unwrap()),
        credential: CredentialKind::SetUpLink,
        ..Settings::new("Acme")
    };
    let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
    let actor = Actor::system(organisation);
    let users = (0..people).map(|number| {
        let mut user = User::new(UserId::new());
        user.email = Some(format!("kari{number}@example.com").parse().unwrap());
        user
    });
    store.save(SaveUsers { organisation, actor: actor.clone(), users: users.collect() }).await.unwrap();
    let plan = invites.plan(&actor, Invite::all()).await.unwrap();
    let options = ConfirmOptions::new().hold(Duration::ZERO);
    invites.confirm_with(&actor, plan.id(), options).await.unwrap();
}

/// Takes a moment, as a provider does.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl Transport for Slow {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        tokio::time::sleep(Duration::from_millis(3)).await;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

/// People who are never told about: whoever asks waits.
#[derive(Debug)]
struct Stuck;

#[async_trait]
impl Accounts for Stuck {
    async fn page(&self, _: UserPage) -> PortResult<Vec<User>> {
        std::future::pending().await
    }

    async fn facts(&self, _: OrganisationId, _: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        std::future::pending().await
    }

    async fn set_password(&self, _: SetPassword) -> PortResult<PasswordSet> {
        std::future::pending().await
    }
}
