//! The store on PostgreSQL, and its people, proved by the suites.

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::conformance::accounts::{AccountsUnderTest, Population};
use invite_core::conformance::people::PeopleUnderTest;
use invite_core::conformance::store::{Clockwork, StoreUnderTest};
use invite_core::memory::ManualClock;
use invite_core::model::actor::Actor;
use invite_core::model::id::OrganisationId;
use invite_core::model::user::User;
use invite_core::port::error::PortResult;
use invite_core::port::people::{People, SaveUsers};
use invite_postgres::PgStore;

/// The clock.
#[derive(Debug)]
struct TestClock(Arc<ManualClock>);

#[async_trait]
impl Clockwork for TestClock {
    async fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

async fn store() -> StoreUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store = support::store().await.with_clock(clock.clone());
    StoreUnderTest { store: Arc::new(store), clock: Arc::new(TestClock(clock)) }
}

invite_core::store_conformance!(store_on_postgres, store().await);

#[derive(Debug)]
struct Table(Arc<PgStore>);

#[async_trait]
impl Population for Table {
    async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()> {
        let actor = Actor::system(organisation);
        self.0.save(SaveUsers { organisation, actor, users: vec![user] }).await.map(drop)
    }
}

async fn accounts() -> AccountsUnderTest {
    let store = Arc::new(support::store().await);
    AccountsUnderTest { accounts: store.clone(), people: Arc::new(Table(store)) }
}

invite_core::accounts_conformance!(accounts_on_postgres, accounts().await);

async fn people() -> PeopleUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store = support::store().await.with_clock(clock.clone());
    let store = Arc::new(store);
    PeopleUnderTest { people: store.clone(), store, clock: Arc::new(TestClock(clock)) }
}

invite_core::people_conformance!(people_on_postgres, people().await);

invite_core::walk_conformance!(walk_on_postgres, store().await);

invite_core::walk_conformance!(walk_on_postgres_with_people, people().await);
