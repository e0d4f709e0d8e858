//! The store on SQLite, and its people, proved by the suites.

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
use invite_sqlite::SqliteStore;
use tempfile::TempDir;

/// The clock, and the folder, which lives as long.
#[derive(Debug)]
struct ClockAndFolder(
    Arc<ManualClock>,
    #[expect(dead_code, reason = "it is removed when it is dropped")] TempDir,
);

#[async_trait]
impl Clockwork for ClockAndFolder {
    async fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

async fn store() -> StoreUnderTest {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store =
        SqliteStore::open(folder.path().join("app.db")).await.expect("a file").with_clock(clock.clone());
    StoreUnderTest { store: Arc::new(store), clock: Arc::new(ClockAndFolder(clock, folder)) }
}

invite_core::store_conformance!(store_on_sqlite, store().await);

#[derive(Debug)]
struct Table(Arc<SqliteStore>, #[expect(dead_code, reason = "it is removed when it is dropped")] TempDir);

#[async_trait]
impl Population for Table {
    async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()> {
        let actor = Actor::system(organisation);
        self.0.save(SaveUsers { organisation, actor, users: vec![user] }).await.map(drop)
    }
}

async fn accounts() -> AccountsUnderTest {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(SqliteStore::open(folder.path().join("app.db")).await.expect("a file"));
    AccountsUnderTest { accounts: store.clone(), people: Arc::new(Table(store, folder)) }
}

invite_core::accounts_conformance!(accounts_on_sqlite, accounts().await);

async fn people() -> PeopleUnderTest {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store =
        SqliteStore::open(folder.path().join("app.db")).await.expect("a file").with_clock(clock.clone());
    let store = Arc::new(store);
    PeopleUnderTest { people: store.clone(), store, clock: Arc::new(ClockAndFolder(clock, folder)) }
}

invite_core::people_conformance!(people_on_sqlite, people().await);

invite_core::walk_conformance!(walk_on_sqlite, store().await);

invite_core::walk_conformance!(walk_on_sqlite_with_people, people().await);
