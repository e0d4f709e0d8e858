//! What a worker holds: a claim, how long it stands by the worker's own monotonic clock, and who waits for its end.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ports::Ports;
use crate::model::id::ClaimToken;
use crate::port::InvitationStore;

/// Leave to work on a group: many groups at a time, or one suspect and nothing else.
///
/// Whoever holds it keeps it until the last outcome of the group is recorded, so that a worker that dies while it works
/// on a suspect dies of that suspect.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its end")]
pub(super) enum Leave {
    /// With other groups.
    Shared(OwnedRwLockReadGuard<()>),
    /// Alone.
    Alone(OwnedRwLockWriteGuard<()>),
    /// Not yet: others are still at work.
    Waiting,
}

/// A claim that this worker holds, renewed in the background until the last part of it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) token: ClaimToken,
    stands_until: Arc<Mutex<Instant>>,
    renewal: JoinHandle<()>,
    leave: Mutex<Leave>,
}

impl Lease {
    /// Holds a claim that was asked for at `asked_at`: measured from before the call, so that the worker never believes
    /// in a lease that the store has let lapse.
    pub(super) fn hold(
        token: ClaimToken,
        asked_at: Instant,
        times: (Duration, Duration),
        (store, ports): (Arc<dyn InvitationStore>, Ports),
        leave: Leave,
    ) -> Arc<Self> {
        let stands_until = Arc::new(Mutex::new(asked_at + times.0));
        let renewal = tokio::spawn(renew(token, stands_until.clone(), times, store, ports));
        Arc::new(Self { token, stands_until, renewal, leave: Mutex::new(leave) })
    }

    /// Takes the leave that it waited for.
    pub(super) fn with(self: Arc<Self>, leave: Leave) -> Arc<Self> {
        *self.leave.lock().expect("nobody panics with it") = leave;
        self
    }

    /// Whether more than `margin` of it is left.
    pub(super) fn stands(&self, margin: Duration) -> bool {
        *self.stands_until.lock().expect("nobody panics with it") > Instant::now() + margin
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(
    token: ClaimToken,
    stands_until: Arc<Mutex<Instant>>,
    (lease, every): (Duration, Duration),
    store: Arc<dyn InvitationStore>,
    ports: Ports,
) {
    let mut wait = every;
    loop {
        tokio::time::sleep(wait).await;
        let asked_at = Instant::now();
        match ports.renewal(every, store.renew(vec![token], lease)).await.as_deref() {
            Ok([true]) => {
                *stands_until.lock().expect("nobody panics with it") = asked_at + lease;
                wait = every;
            }
            Ok(_) => return,
            Err(error) => {
                tracing::debug!(%token, %error, "lease not renewed");
                // Sooner than usual: what is left of the lease is running out.
                wait = every / 6;
            }
        }
    }
}
