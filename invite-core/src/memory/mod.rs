//! Floor 3: everything that the library needs, inside the process, for a host's own tests and for trying it out.
//!
//! * [`MemoryStore`] is the invitation store and the people, with [`Accounts`] and [`People`].
//! * [`ManualClock`] is a clock that a test moves.
//! * [`RecordingTransport`] keeps what it is handed, and answers what a test tells it to.
//!
//! Nothing survives the process.
//!
//! [`Accounts`]: crate::port::accounts::Accounts
//! [`People`]: crate::port::people::People

mod accounts;
mod begin;
mod clock;
mod consequences;
mod departures;
mod erasing;
mod fallback;
mod imports;
mod metrics;
mod offers;
mod organisations;
mod outcomes;
mod people;
mod pilot;
mod plans;
mod queue;
mod records;
mod redemption;
mod retention;
mod retry;
mod schedules;
mod senders;
mod state;
mod sweep;
mod transaction;
mod transport;
mod waits;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex};

use self::state::State;
use self::transaction::Transaction;
use crate::policy::Policy;
use crate::port::bell::Bell;
use crate::port::clock::{Clock, SystemClock};
use crate::port::error::{PortError, PortErrorKind, PortResult};

pub use self::clock::ManualClock;
pub use self::transport::RecordingTransport;

/// The invitation store and the people of all organisations, in memory. Clones share what they hold.
///
/// It keeps the contracts of all ports and holds 100,000 people without slowing down, but nothing survives the process.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use invite_core::memory::{ManualClock, MemoryStore};
/// use invite_core::model::actor::Actor;
/// use invite_core::model::batch::TemplatePins;
/// use invite_core::model::id::OrganisationId;
/// use invite_core::model::organisation::{Organisation, Settings};
/// use invite_core::port::organisations::Organisations;
/// use invite_core::port::plans::Plans;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse()?));
/// let store = MemoryStore::with_clock(clock.clone());
///
/// let id = OrganisationId::new();
/// let rema = Organisation { id, alias: "rema".parse()?, settings: Settings::new("Rema") };
/// store.save_organisation(rema, Actor::system(id), TemplatePins::default()).await?;
/// assert_eq!(store.by_alias("rema".parse()?).await?.map(|found| found.id), Some(id));
///
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(store.now().await?, "2026-11-23T08:01:30Z".parse::<chrono::DateTime<chrono::Utc>>()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    /// Rings when there is new work.
    bell: Bell,
}

impl MemoryStore {
    /// An empty store on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty store on this clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { state: Arc::default(), clock, bell: Bell::new() }
    }

    /// One transaction that needs none of the host's figures.
    fn transact<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> T) -> PortResult<T> {
        self.transact_with(Policy::default(), work)
    }

    /// One transaction: nobody else's comes between, and all of it is at one instant.
    fn transact_with<T>(
        &self,
        policy: Policy,
        work: impl FnOnce(&mut Transaction<'_>) -> T,
    ) -> PortResult<T> {
        let mut state = self.state.lock().map_err(|_| {
            PortError::new(PortErrorKind::Corrupt, "use the memory store after a panic inside it")
        })?;
        let mut transaction = Transaction::new(&mut state, self.clock.now(), policy);
        let answer = work(&mut transaction);
        let made_work = transaction.settle();
        drop(state);
        if made_work {
            self.bell.ring();
        }
        Ok(answer)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MemoryStore");
        if let Ok(state) = self.state.try_lock() {
            debug
                .field("organisations", &state.organisations.len())
                .field("people", &state.accounts.len())
                .field("batches", &state.batches.len())
                .field("deliveries", &state.deliveries.len());
        }
        debug.finish_non_exhaustive()
    }
}
