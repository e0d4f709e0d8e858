//! A worker hears of work that another process makes, also after its connection was lost; and what it does itself rings
//! nobody.
//!
//! Two stores on pools of their own are as good as two processes. The worker would look by itself only after an hour.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use invite_core::credential::{HashCost, random};
use invite_core::memory::RecordingTransport;
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::organisation::Settings;
use invite_core::model::user::User;
use invite_core::port::bell::Rings;
use invite_core::port::queue::Queue;
use invite_core::service::ConfirmOptions;
use invite_core::{Actor, Invite, Invites, SealingKey};
use invite_postgres::PgStore;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::time::{sleep, timeout};

/// Long enough for the slowest machine, and short beside the hour.
const LIMIT: Duration = Duration::from_mins(2);

struct Process {
    pool: PgPool,
    store: PgStore,
    invites: Invites,
    transport: RecordingTransport,
}

impl Process {
    /// One whose pool has so many connections, all of the name of the schema.
    async fn on(schema: &str, connections: u32, key: &SealingKey) -> Self {
        let options = support::url().parse::<PgConnectOptions>().unwrap().application_name(schema);
        let pool = PgPoolOptions::new().max_connections(connections).connect_with(options).await.unwrap();
        let store = PgStore::in_schema(pool.clone(), schema).await.unwrap();
        let transport = RecordingTransport::new();
        let invites = Invites::builder(store.clone())
            .email(transport.clone())
            .seal_with(key.clone())
            .hash_cost(HashCost::weak_for_tests())
            .build()
            .unwrap();
        Self { pool, store, invites, transport }
    }

    async fn acme(&self) -> Actor {
        let mut settings = Settings::new("Acme");
        settings.app_link = Some("https://app.acme.example".parse().unwrap());
        settings.channels = [Channel::Email].into();
        settings.quiet_hours = None;
        Actor::system(self.invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id)
    }

    /// A plan for one person who is new.
    async fn plan(&self, system: &Actor) -> BatchId {
        let id = UserId::new();
        let email = Some(format!("ada-{id}@acme.example").parse().unwrap());
        self.invites.add_user(system, User { email, ..User::new(id) }).await.unwrap();
        self.invites.plan(system, Invite::users([id])).await.unwrap().id()
    }

    async fn invite(&self, system: &Actor) {
        let plan = self.plan(system).await;
        self.invites.confirm_with(system, plan, at_once()).await.unwrap();
    }

    async fn has_sent(&self, messages: usize) {
        let sent = async {
            while self.transport.messages().len() < messages {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LIMIT, sent).await.expect("it is sent before the worker would look");
    }

    /// Ends the connections that listen; says how many there were.
    async fn ends_who_listens(&self, schema: &str) -> i64 {
        let ended = sqlx::query_scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name = $1 AND query LIKE 'LISTEN %'",
        );
        ended.bind(schema.to_owned()).fetch_one(&self.pool).await.unwrap()
    }
}

const fn at_once() -> ConfirmOptions {
    ConfirmOptions::new().hold(Duration::ZERO)
}

fn key() -> SealingKey {
    SealingKey::generate(&mut random::system_random().unwrap())
}

async fn rings(rings: &mut Rings) {
    timeout(LIMIT, rings.next()).await.expect("it rings");
}

/// A right store never fails here; a wrong one does where the machine is fast enough.
async fn rings_not(rings: &mut Rings, why: &str) {
    assert!(timeout(Duration::from_secs(1), rings.next()).await.is_err(), "{why}");
}

#[tokio::test]
async fn a_worker_hears_of_what_another_process_confirms() {
    let (schema, key) = (support::schema(), key());
    let asks = Process::on(&schema, 4, &key).await;
    let system = asks.acme().await;
    // The connection that listens is not taken out of the pool: this one would be used up.
    let works = Process::on(&schema, 1, &key).await;
    let mut listening = works.store.listen().await;
    let work = works.invites.worker().poll_every(Duration::from_hours(1));
    let worker = tokio::spawn(work.run_until(std::future::pending()));

    for number in 1..=3 {
        asks.invite(&system).await;
        works.has_sent(number).await;
        rings(&mut listening).await;
    }

    rings_not(&mut listening, "what a worker does rings nobody, and each of the others rings once").await;
    worker.abort();
}

#[tokio::test]
async fn a_worker_whose_connection_was_ended_hears_what_it_has_missed_and_what_comes() {
    let (schema, key) = (support::schema(), key());
    let asks = Process::on(&schema, 4, &key).await;
    let system = asks.acme().await;
    let works = Process::on(&schema, 4, &key).await;
    let work = works.invites.worker().poll_every(Duration::from_hours(1));
    let worker = tokio::spawn(work.run_until(std::future::pending()));
    asks.invite(&system).await;
    works.has_sent(1).await;

    let plans = [asks.plan(&system).await, asks.plan(&system).await];
    for (plan, number) in plans.into_iter().zip(2..) {
        while asks.ends_who_listens(&schema).await == 0 {
            sleep(Duration::from_millis(50)).await;
        }
        asks.invites.confirm_with(&system, plan, at_once()).await.unwrap();
        works.has_sent(number).await;
    }
    asks.invite(&system).await;
    works.has_sent(4).await;
    worker.abort();
}

#[tokio::test]
async fn what_is_confirmed_in_a_hosts_transaction_rings_when_the_host_commits() {
    let (schema, key) = (support::schema(), key());
    let host = Process::on(&schema, 4, &key).await;
    let system = host.acme().await;
    let plans = [host.plan(&system).await, host.plan(&system).await];
    let mut listening = host.store.listen().await;
    let mut ended = Vec::new();
    for plan in plans {
        let transaction = host.pool.begin().await.unwrap();
        let within = host.store.confirm_in(&host.invites, transaction, &system, plan, at_once()).await;
        let (transaction, batch) = within.unwrap();
        batch.unwrap();
        rings_not(&mut listening, "it is not committed").await;
        // The first is undone, the second stands.
        if ended.is_empty() {
            ended.push(transaction.rollback().await);
            rings_not(&mut listening, "it was undone").await;
        } else {
            ended.push(transaction.commit().await);
            rings(&mut listening).await;
        }
    }
    assert!(ended.iter().all(Result::is_ok));
    let within = host.store.within(host.pool.begin().await.unwrap());
    assert!(!within.store().listen().await.can_ring(), "nobody works in a host's transaction");
}

#[tokio::test]
async fn what_is_made_in_another_schema_rings_nobody_here() {
    let key = key();
    let (here, there) = (support::schema(), support::schema());
    let (here, there) = (Process::on(&here, 2, &key).await, Process::on(&there, 2, &key).await);
    let system = there.acme().await;
    let (mut ours, mut theirs) = (here.store.listen().await, there.store.listen().await);
    there.invite(&system).await;
    rings(&mut theirs).await;
    rings_not(&mut ours, "the other schema's").await;
}

#[tokio::test]
async fn a_store_that_cannot_listen_goes_on_trying_and_rings_when_it_can() {
    let (schema, key) = (support::schema(), key());
    let process = Process::on(&schema, 2, &key).await;
    let system = process.acme().await;
    let right = process.pool.connect_options();
    process.pool.set_connect_options(PgConnectOptions::clone(&right).database("there_is_none"));
    let mut listening = process.store.listen().await;
    assert!(listening.can_ring());
    process.invite(&system).await;
    rings_not(&mut listening, "it does not listen").await;
    process.pool.set_connect_options(PgConnectOptions::clone(&right));
    rings(&mut listening).await;
    process.invite(&system).await;
    rings(&mut listening).await;
}
