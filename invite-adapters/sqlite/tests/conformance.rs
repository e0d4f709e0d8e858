//! The store on SQLite, proved by the suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::conformance::store::{Clockwork, StoreUnderTest};
use invite_core::memory::ManualClock;
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

async fn fresh() -> StoreUnderTest {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store =
        SqliteStore::open(folder.path().join("app.db")).await.expect("a file").with_clock(clock.clone());
    StoreUnderTest { store: Arc::new(store), clock: Arc::new(ClockAndFolder(clock, folder)) }
}

invite_core::store_conformance!(sqlite, fresh().await);
