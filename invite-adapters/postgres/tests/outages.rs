//! A database that goes away under a running worker: the worker goes on, loses nothing and sends nothing twice.

#![cfg(unix)]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::model::actor::Actor;
use invite_core::model::batch::Batch;
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{DeliveryId, UserId};
use invite_core::model::message::{Channel, Message};
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::error::{PortErrorKind, PortResult};
use invite_core::port::people::{People, SaveUsers};
use invite_core::port::queue::Queue;
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, Invite, Invites, WorkReport};
use invite_postgres::PgStore;
use sqlx::AssertSqlSafe;
use support::server::{PASSWORD, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const PEOPLE: usize = 400;

/// Longer than anything here takes, also where the machine is slow.
const LIMIT: Duration = Duration::from_mins(5);

/// The messages that were handed over, and how often.
#[derive(Debug, Clone, Default)]
struct Provider(Arc<Mutex<BTreeMap<DeliveryId, usize>>>);

#[async_trait]
impl Transport for Provider {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        tokio::time::sleep(Duration::from_millis(20)).await;
        *self.0.lock().expect("nobody panics with it").entry(message.delivery).or_default() += 1;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

impl Provider {
    fn arrived(&self) -> usize {
        self.0.lock().expect("nobody panics with it").values().sum()
    }

    async fn has(&self, messages: usize) {
        let began = Instant::now();
        while self.arrived() < messages {
            assert!(began.elapsed() < LIMIT, "{} of {messages} messages", self.arrived());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Everybody is invited, and a worker sends.
struct Rollout {
    invites: Invites,
    admin: Actor,
    batch: Batch,
    provider: Provider,
    tell: oneshot::Sender<()>,
    worker: JoinHandle<PortResult<WorkReport>>,
}

impl Rollout {
    async fn begun(store: PgStore) -> Self {
        let provider = Provider::default();
        // What a claim whose answer was lost holds comes back soon.
        let policy =
            Policy { lease: Duration::from_secs(20), renewal: Duration::from_secs(5), ..Policy::default() };
        let invites = Invites::builder(store.clone())
            .email(provider.clone())
            .seal_with(SealingKey::generate(&mut system_random().expect("there is randomness")))
            .policy(policy)
            .build()
            .expect("it is complete");
        let settings = Settings {
            app_link: "https://app.example.com".parse().ok(),
            link_pattern: "https://app.example.com/welcome#{token}".parse().ok(),
            credential: CredentialKind::SetUpLink,
            channels: [Channel::Email].into(),
            ..Settings::new("Acme")
        };
        let alias = "acme".parse().expect("an alias");
        let organisation = invites.create_organisation(alias, settings).await.expect("it is made").id;
        let admin = Actor::system(organisation);
        let users = (0..PEOPLE).map(|number| {
            let mut user = User::new(UserId::new());
            user.email = format!("person{number}@example.com").parse().ok();
            user
        });
        let save = SaveUsers { organisation, actor: admin.clone(), users: users.collect() };
        store.save(save).await.expect("they are saved");
        let plan = invites.plan(&admin, Invite::all()).await.expect("it is planned");
        let options = ConfirmOptions::new().hold(Duration::ZERO);
        let batch = invites.confirm_with(&admin, plan.id(), options).await.expect("it is confirmed");
        let (tell, told) = oneshot::channel();
        let work = invites.worker().concurrency(8).run_until(async {
            let _ = told.await;
        });
        let worker = tokio::spawn(work);
        Self { invites, admin, batch, provider, tell, worker }
    }

    /// Everybody has one message, and it is recorded as sent.
    async fn ends_well(self) {
        let began = Instant::now();
        loop {
            let batch = self.invites.batch(&self.admin, self.batch.id).await;
            let sent = batch.map(|batch| batch.progress.states.get(&DeliveryState::Sent).copied());
            if sent.as_ref().is_ok_and(|sent| *sent == Some(PEOPLE as u64)) {
                break;
            }
            assert!(began.elapsed() < LIMIT, "{sent:?} are recorded as sent");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let arrived = self.provider.0.lock().expect("nobody panics with it").clone();
        assert_eq!(arrived.len(), PEOPLE);
        let twice: Vec<_> = arrived.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        self.tell.send(()).expect("the worker works");
        let report = self.worker.await.expect("it does not panic").expect("it ends well");
        assert_eq!((report.unknown, report.failed, report.not_kept), (0, 0, 0), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_when_the_server_was_ended_at_once_and_started_again() {
    let mut server = Server::start();
    let store = PgStore::connect(&server.url(PASSWORD)).await.expect("it opens");
    let rollout = Rollout::begun(store.clone()).await;
    for messages in [PEOPLE / 8, PEOPLE / 3, PEOPLE / 2] {
        rollout.provider.has(messages).await;
        server = tokio::task::spawn_blocking(move || {
            server.end();
            std::thread::sleep(Duration::from_millis(500));
            server.start_again();
            server
        })
        .await
        .expect("it starts again");
    }
    rollout.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_when_a_database_was_read_only_for_a_while() {
    let admin = support::pool().await;
    let name = support::schema();
    let url = support::url();
    let (place, _) = url.rsplit_once('/').expect("a database's name");
    run(&admin, format!("CREATE DATABASE {name}")).await;
    let store = PgStore::connect(&format!("{place}/{name}")).await.expect("it opens");
    let rollout = Rollout::begun(store.clone()).await;
    rollout.provider.has(PEOPLE / 4).await;

    run(&admin, format!("ALTER DATABASE {name} SET default_transaction_read_only = on; {}", ended(&name)))
        .await;
    let began = Instant::now();
    loop {
        // Whoever was in a transaction when its connection ended sees that first.
        let Err(error) = store.sweep(1, Policy::default()).await else {
            panic!("a database that is read-only was written to");
        };
        if error.kind() == PortErrorKind::NotWritable {
            assert!(error.to_string().contains("read-only"), "{error}");
            break;
        }
        assert!(began.elapsed() < LIMIT, "{error}");
    }
    let arrived = rollout.provider.arrived();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(rollout.provider.arrived() < PEOPLE, "{arrived} had arrived before");
    assert!(!rollout.worker.is_finished());
    // Connections keep what they were told when they were made.
    run(&admin, format!("ALTER DATABASE {name} RESET default_transaction_read_only; {}", ended(&name))).await;
    rollout.ends_well().await;
}

fn ended(database: &str) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
}

async fn run(pool: &sqlx::PgPool, text: String) {
    for statement in text.split("; ") {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(pool).await.expect("it can be done");
    }
}
