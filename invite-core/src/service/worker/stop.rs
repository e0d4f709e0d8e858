//! How the parts of a worker hear that it ends.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Whether, and when, a worker was told to end. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Sender<Option<Instant>>);

impl Stop {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Tells everybody, once.
    pub(super) fn tell(&self) {
        self.0.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert_with(Instant::now);
            first
        });
    }

    pub(super) fn is_told(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Whether it was told longer ago than this.
    pub(super) fn was_told_before(&self, ago: Duration) -> bool {
        self.0.borrow().is_some_and(|told| told.elapsed() > ago)
    }

    /// Completes when it is told.
    pub(super) async fn told(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}
