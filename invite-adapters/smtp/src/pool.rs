//! The connections that a transport and its clones share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::connection::Connection;
use crate::settings::Settings;

/// As many connections as the settings allow, of which some are idle.
pub(crate) struct Pool {
    pub(crate) settings: Arc<Settings>,
    /// One for each connection that carries a message, is being opened, or says goodbye. The idle ones have none: they
    /// are taken before another is opened, so that there are never more than permits.
    permits: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The one that has been idle the longest first.
    connections: Vec<(Connection, Instant)>,
    /// Closes those that have been idle too long; there while there are any.
    closer: Option<AbortHandle>,
}

/// The right to one connection.
pub(crate) struct Permit(OwnedSemaphorePermit);

impl Pool {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let permits = Arc::new(Semaphore::new(settings.figures.connections));
        Self { settings, permits, idle: Mutex::default() }
    }

    /// Waits until a connection may be used; none when the time is up.
    pub(crate) async fn permit(&self, until: Instant) -> Option<Permit> {
        let permit = timeout_at(until, Arc::clone(&self.permits).acquire_owned()).await.ok()?;
        Some(Permit(permit.expect("the semaphore is never closed")))
    }

    /// The connection that was used last, if it still stands; those that do not are dropped.
    pub(crate) async fn idle(&self) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.lock().connections.pop()?;
            let fresh = since.elapsed() <= self.settings.figures.idle_timeout;
            // A server that speaks unasked says goodbye, and one that closed did.
            if fresh && connection.wire.is_silent().await {
                return Some(connection);
            }
        }
    }

    /// Takes a connection back that can carry another message.
    pub(crate) fn give_back(self: &Arc<Self>, connection: Connection, permit: Permit) {
        if connection.messages >= self.settings.figures.messages_per_connection {
            tokio::spawn(async move {
                connection.quit().await;
                drop(permit.0);
            });
            return;
        }
        let (now, mut idle) = (Instant::now(), self.lock());
        idle.connections.push((connection, now));
        // A closer that ended with its runtime is replaced.
        if idle.closer.as_ref().is_none_or(AbortHandle::is_finished) {
            let closing = close_idle(Arc::downgrade(self), self.idle_until(now));
            idle.closer = Some(tokio::spawn(closing).abort_handle());
        }
    }

    /// Says goodbye on all idle connections.
    pub(crate) async fn close(&self) {
        let connections = std::mem::take(&mut self.lock().connections);
        for (connection, _) in connections {
            connection.quit().await;
        }
    }

    /// Takes out those that have been idle too long; and when the next will have been, if there is one.
    fn idle_too_long(&self) -> (Vec<Connection>, Option<Instant>) {
        let limit = self.settings.figures.idle_timeout;
        let mut idle = self.lock();
        let stays = idle.connections.iter().position(|(_, since)| since.elapsed() < limit);
        let number = stays.unwrap_or(idle.connections.len());
        let over = idle.connections.drain(..number).map(|(connection, _)| connection).collect();
        let next = idle.connections.first().map(|(_, since)| self.idle_until(*since));
        if next.is_none() {
            idle.closer = None;
        }
        (over, next)
    }

    /// When a connection that has been idle since then has been idle too long.
    fn idle_until(&self, since: Instant) -> Instant {
        let limit = self.settings.figures.idle_timeout;
        since.checked_add(limit).unwrap_or_else(|| since + Duration::from_hours(24))
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(closer) = idle.closer.take() {
            closer.abort();
        }
        // Without a runtime they are closed without a goodbye.
        if let Ok(runtime) = Handle::try_current() {
            for (connection, _) in idle.connections.drain(..) {
                runtime.spawn(connection.quit());
            }
        }
    }
}

/// It sleeps first: the next message may take the connection at once, and then there is nothing to do for a while.
async fn close_idle(pool: Weak<Pool>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        let (over, then) = pool.idle_too_long();
        // Not held while it sleeps, so that it ends with its transport.
        drop(pool);
        for connection in over {
            tokio::spawn(connection.quit());
        }
        let Some(then) = then else { return };
        next = then;
    }
}
