//! A worker hears of work that another process makes on the same file, and what it does itself rings nobody.
//!
//! Two stores that were opened on one file are as good as two processes. The worker would look by itself only after an hour.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Duration;

use invite_core::credential::{HashCost, random};
use invite_core::memory::RecordingTransport;
use invite_core::model::id::UserId;
use invite_core::model::organisation::Settings;
use invite_core::model::user::User;
use invite_core::port::bell::Rings;
use invite_core::port::queue::Queue;
use invite_core::service::ConfirmOptions;
use invite_core::{Actor, Invite, Invites, SealingKey};
use invite_sqlite::SqliteStore;
use tokio::time::{sleep, timeout};

/// Long enough for the slowest machine, and short beside the hour.
const LIMIT: Duration = Duration::from_mins(2);

struct Process {
    store: SqliteStore,
    invites: Invites,
    transport: RecordingTransport,
}

impl Process {
    async fn on(file: &Path, key: &SealingKey) -> Self {
        let store = SqliteStore::open(file).await.unwrap();
        let transport = RecordingTransport::new();
        let invites = Invites::builder(store.clone())
            .email(transport.clone())
            .seal_with(key.clone())
            .hash_cost(HashCost::weak_for_tests())
            .build()
            .unwrap();
        Self { store, invites, transport }
    }

    /// Invites one person who is new.
    async fn invite(&self, system: &Actor) {
        let id = UserId::new();
        let email = Some(format!("ada-{id}@acme.example").parse().unwrap());
        self.invites.add_user(system, User { email, ..User::new(id) }).await.unwrap();
        let plan = self.invites.plan(system, Invite::users([id])).await.unwrap().id();
        let at_once = ConfirmOptions::new().hold(Duration::ZERO);
        self.invites.confirm_with(system, plan, at_once).await.unwrap();
    }

    async fn acme(&self) -> Actor {
        let mut settings = Settings::new("Acme");
        settings.app_link = Some("https://app.acme.example".parse().unwrap());
        settings.quiet_hours = None;
        Actor::system(self.invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id)
    }

    async fn has_sent(&self, messages: usize) {
        let sent = async {
            while self.transport.messages().len() < messages {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LIMIT, sent).await.expect("it is sent before the worker would look");
    }
}

async fn rings(rings: &mut Rings) {
    timeout(LIMIT, rings.next()).await.expect("it rings");
}

#[tokio::test]
async fn a_worker_hears_of_what_another_process_confirms() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("invite.db");
    let key = SealingKey::generate(&mut random::system_random().unwrap());
    let (works, asks) = (Process::on(&file, &key).await, Process::on(&file, &key).await);
    let system = asks.acme().await;
    let mut elsewhere = works.store.listen().await;
    let mut here = asks.store.listen().await;
    let work = works.invites.worker().poll_every(Duration::from_hours(1));
    let worker = tokio::spawn(work.run_until(std::future::pending()));

    for number in 1..=3 {
        asks.invite(&system).await;
        works.has_sent(number).await;
        rings(&mut elsewhere).await;
        rings(&mut here).await;
    }

    // A worker that woke itself would do it now.
    let nothing = timeout(Duration::from_secs(1), elsewhere.next()).await;
    assert!(nothing.is_err(), "what a worker does rings nobody, and each of the others rings once");
    worker.abort();
}

#[tokio::test]
async fn what_came_before_somebody_listened_does_not_ring() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("invite.db");
    let key = SealingKey::generate(&mut random::system_random().unwrap());
    let first = Process::on(&file, &key).await;
    let system = first.acme().await;
    first.invite(&system).await;
    let mut late = Process::on(&file, &key).await.store.listen().await;
    assert!(timeout(Duration::from_millis(500), late.next()).await.is_err());
    first.invite(&system).await;
    rings(&mut late).await;
}
