//! The store, proved by the suite of the core.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::conformance::store::{Clockwork, StoreUnderTest};
use invite_core::memory::ManualClock;
use invite_sqlite::SqliteStore;
use tempfile::TempDir;

/// A clock that keeps the folder of the database as long as the test runs.
#[derive(Debug)]
struct Bench {
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

#[async_trait]
impl Clockwork for Bench {
    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

async fn fresh() -> StoreUnderTest {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store = SqliteStore::open(folder.path().join("invite.db")).await.expect("a store");
    let store = Arc::new(store.with_clock(clock.clone()));
    StoreUnderTest { store, clock: Arc::new(Bench { clock, _folder: folder }) }
}

invite_core::store_conformance!(sqlite, fresh().await);
