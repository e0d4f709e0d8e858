//! A file that becomes read-only or full under a running worker: the worker goes on when it can be written again, loses
//! nothing and sends nothing twice.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{DeliveryId, UserId};
use invite_core::model::message::{Channel, Message};
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::error::PortErrorKind;
use invite_core::port::people::{People, SaveUsers};
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, Error, Invite, Invites};
use invite_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use tokio::sync::oneshot;

const PEOPLE: usize = 200;

/// Longer than anything here takes, also where the machine is slow.
const LIMIT: Duration = Duration::from_mins(5);

/// The messages that were handed over, and how often.
#[derive(Debug, Clone, Default)]
struct Provider(Arc<Mutex<BTreeMap<DeliveryId, usize>>>);

#[async_trait]
impl Transport for Provider {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        tokio::time::sleep(Duration::from_millis(20)).await;
        *self.0.lock().unwrap().entry(message.delivery).or_default() += 1;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

impl Provider {
    fn arrived(&self) -> usize {
        self.0.lock().unwrap().values().sum()
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// On each connection of the pool.
async fn everywhere(pool: &SqlitePool, pragma: &'static str) {
    let mut connections = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    for connection in &mut connections {
        sqlx::raw_sql(pragma).execute(&mut **connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_worker_goes_on_when_its_file_was_read_only_for_a_while() {
    goes_on("PRAGMA query_only = ON", "PRAGMA query_only = OFF").await;
}

#[tokio::test]
async fn a_worker_goes_on_when_its_file_was_full_for_a_while() {
    goes_on("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000").await;
}

async fn goes_on(stop: &'static str, mend: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("invite.db"));
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let store = SqliteStore::with_pool(pool.clone()).await.unwrap();
    let provider = Provider::default();
    let invites = Invites::builder(store.clone())
        .email(provider.clone())
        .seal_with(SealingKey::generate(&mut system_random().unwrap()))
        // What could not be given back comes back soon.
        .policy(Policy {
            lease: Duration::from_secs(9),
            renewal: Duration::from_secs(3),
            ..Policy::default()
        })
        .build()
        .unwrap();
    let settings = Settings {
        app_link: "https://app.example.com".parse().ok(),
        link_pattern: "https://app.example.com/welcome#{token}".parse().ok(),
        credential: CredentialKind::SetUpLink,
        channels: [Channel::Email].into(),
        ..Settings::new("Acme")
    };
    let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
    let admin = Actor::system(organisation);
    let users = (0..PEOPLE).map(|number| {
        let mut user = User::new(UserId::new());
        user.email = format!("person{number}@example.com").parse().ok();
        user
    });
    store.save(SaveUsers { organisation, actor: admin.clone(), users: users.collect() }).await.unwrap();
    let plan = invites.plan(&admin, Invite::all()).await.unwrap();
    let options = ConfirmOptions::new().hold(Duration::ZERO);
    invites.confirm_with(&admin, plan.id(), options).await.unwrap();
    let (tell, told) = oneshot::channel::<()>();
    let worker = tokio::spawn(invites.worker().concurrency(8).run_until(async {
        let _ = told.await;
    }));

    until("nothing is sent", async || provider.arrived() >= PEOPLE / 4).await;
    everywhere(&pool, stop).await;
    let mut organisations = 0;
    until("it can be written to", async || {
        organisations += 1;
        let alias = format!("other{organisations}").parse().unwrap();
        match invites.create_organisation(alias, Settings::new("Other")).await {
            Ok(_) => false,
            Err(Error::Port(error)) => {
                assert_eq!(error.kind(), PortErrorKind::NotWritable, "{error}");
                true
            }
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!worker.is_finished());
    everywhere(&pool, mend).await;
    until("not everything is sent", async || {
        let batch = invites.batch(&admin, plan.id()).await.unwrap();
        batch.progress.states.get(&DeliveryState::Sent) == Some(&(PEOPLE as u64))
    })
    .await;
    let arrived = provider.0.lock().unwrap().clone();
    assert!(arrived.len() == PEOPLE && arrived.values().all(|times| *times == 1), "{arrived:?}");
    tell.send(()).unwrap();
    let report = worker.await.unwrap().unwrap();
    assert_eq!((report.sent, report.unknown, report.not_kept), (PEOPLE as u64, 0, 0));
}
