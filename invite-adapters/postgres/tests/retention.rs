//! Figures and retention beside replicas of the release before, which keep neither.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use invite_core::memory::ManualClock;
use invite_core::model::id::BatchId;
use invite_core::policy::Policy;
use invite_core::port::plans::Plans;
use invite_core::port::queue::Queue;
use invite_postgres::{PgStore, migrations};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use support::rollout::{Rollout, accept, claim};

const DAY: Duration = Duration::from_hours(24);

struct Host {
    store: PgStore,
    clock: Arc<ManualClock>,
    rollout: Arc<Rollout>,
    pool: PgPool,
    schema: String,
}

impl Host {
    async fn new() -> Self {
        let (pool, schema) = (support::pool().await, support::schema());
        let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
        let store = PgStore::in_schema(pool.clone(), &schema).await.unwrap().with_clock(clock.clone());
        let rollout = Rollout::new(&store, "acme", 3).await;
        Self { store, clock, rollout, pool, schema }
    }

    /// Sends so many messages.
    async fn send(&self, messages: usize) {
        let claimed = claim(&self.store, messages).await;
        let begun = self.rollout.begin(&self.store, claimed.token, &claimed.deliveries).await;
        accept(&self.store, claimed.token, &begun).await;
    }

    async fn run(&self, text: &str) {
        let text = text.replace("invite.", &format!("{}.", self.schema));
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&self.pool).await.unwrap();
    }

    /// How many messages have an address after a sweep.
    async fn contacts_after(&self, time: Duration, batch: BatchId) -> usize {
        self.clock.advance(time);
        while self.store.sweep(2, Policy::default()).await.unwrap() > 0 {}
        let deliveries = self.store.deliveries(self.rollout.organisation, batch, None, 10).await.unwrap();
        deliveries.iter().filter(|one| one.address.is_some()).count()
    }
}

#[tokio::test]
async fn a_batch_that_the_release_before_finished_is_dated_by_its_last_message() {
    let host = Host::new().await;
    let batch = host.rollout.invite().await.id;
    host.send(2).await;
    host.clock.advance(DAY);
    host.send(1).await;
    host.run("UPDATE invite.batch SET finished_at = NULL").await;
    let kept = Policy::default().contacts_kept;
    assert_eq!(host.contacts_after(kept.saturating_sub(DAY / 2), batch).await, 3);
    assert_eq!(host.contacts_after(DAY, batch).await, 0);
}

#[tokio::test]
async fn a_plan_that_the_release_before_stopped_is_dated_too() {
    let host = Host::new().await;
    let plan = host.rollout.plan().await;
    let stopped =
        "UPDATE invite.batch SET state = 'cancelled', to_sweep = true, stopped_at = '2026-11-23T08:00:00Z'";
    host.run(stopped).await;
    let kept = Policy::default().contacts_kept;
    assert_eq!(host.contacts_after(kept.saturating_sub(DAY), plan).await, 3);
    assert_eq!(host.contacts_after(kept + DAY, plan).await, 0);
}

#[tokio::test]
async fn a_batch_that_the_release_before_reopened_keeps_the_contacts_of_its_messages() {
    let host = Host::new().await;
    let batch = host.rollout.invite().await.id;
    host.send(2).await;
    host.run("UPDATE invite.batch SET finished_at = '2026-11-23T08:00:00Z'").await;
    let kept = Policy::default().contacts_kept;
    assert_eq!(host.contacts_after(kept + DAY, batch).await, 3);
}

#[tokio::test]
async fn figures_that_go_up_and_down_begin_with_what_is_there() {
    let host = Host::new().await;
    host.rollout.plan().await;
    host.rollout.invite().await;
    host.send(1).await;
    claim(&host.store, 1).await;
    host.run("UPDATE invite.delivery SET waits_for = 'quiet_hours' WHERE state = 'claimed'").await;
    let migration = migrations("invite").unwrap().remove(1);
    let (_, from) = migration.sql.split_once("INSERT INTO invite.count").unwrap();
    let (count, _) = from.split_once("CREATE TABLE").unwrap();
    host.run(&format!("DELETE FROM invite.count; INSERT INTO invite.count{count}")).await;
    let counts = host.store.metrics().await.unwrap().counts;
    let counts: Vec<_> = counts.iter().map(|(count, value)| format!("{count} {value}")).collect();
    assert_eq!(counts, ["on_their_way email 2", "put_off email quiet_hours 1"]);
}
