//! How the parts of a worker hear that it ends.

use tokio::sync::watch;

/// Whether a worker was told to end. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Tells everybody.
    pub(super) fn tell(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when it is told.
    pub(super) async fn told(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}
