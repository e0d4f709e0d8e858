//! How the parts of a worker hear of new work.
//!
//! One listens for all of them, and rings the worker's own bell. Each part remembers for itself which rings it has heard,
//! so that none is lost while it is at work.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::port::bell::{Bell, Rings};
use crate::service::invites::Inner;

/// Whoever has looked in vain does not look again sooner than this, however often it rings: of a fleet that is told of
/// everything, most find that others were there before them.
const QUIET: Duration = Duration::from_millis(100);

/// Rings `bell` for whatever comes, from this process or another; never completes.
pub(super) async fn listen(inner: Arc<Inner>, mut here: Rings, bell: Bell) {
    let in_this_process = async {
        loop {
            here.next().await;
            bell.ring();
        }
    };
    let in_the_store = async {
        let mut rings = inner.store.listen().await;
        loop {
            // The first time for what came before it listened.
            bell.ring();
            rings.next().await;
        }
    };
    tokio::select! {
        () = in_this_process => {}
        () = in_the_store => {}
    }
}

/// Completes with the next ring, and not before the quiet after the last look is over.
pub(super) async fn ring(rings: &mut Rings) {
    sleep(QUIET).await;
    rings.next().await;
}
