//! The memory store, proved by the suite.

#![cfg(feature = "conformance")]

use std::sync::Arc;

use invite_core::conformance::store::StoreUnderTest;
use invite_core::memory::{ManualClock, MemoryStore};

async fn fresh() -> StoreUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    StoreUnderTest { store: Arc::new(MemoryStore::with_clock(clock.clone())), clock }
}

invite_core::store_conformance!(memory, fresh().await);
