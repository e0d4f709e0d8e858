//! What an [`InvitationStore`] must do.
//!
//! Time is moved by a [`Clockwork`]. Only the behaviours of `instants` need a clock that stands until it is moved; all others
//! can be proved on a database with a clock of its own, which goes on by itself, as well: its clockwork adds to an offset
//! that the store adds to the database's clock, and no instant needs to be exact to less than 20 s.
//!
//! The suite tells its stories as a worker and an administrator do, so what it hands the store is what the services
//! hand it. It cannot see whether a write is one transaction when the process is killed in it: a store's own tests kill
//! it.

mod arrivals;
mod beginning;
mod behaviours;
mod claiming;
mod confirming;
mod credentials;
mod delays;
mod erasing;
mod fallbacks;
mod instants;
mod limits;
mod metrics;
mod offers;
mod organisations;
mod outcomes;
mod paces;
mod pilots;
mod planning;
mod racing;
mod records;
mod redemption;
mod reports;
mod retention;
mod retirement;
mod retries;
mod ringing;
mod schedules;
mod senders;
mod stage;
mod stopping;
mod sweeping;
mod tenancy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::memory::ManualClock;
use crate::port::InvitationStore;

pub use self::behaviours::BEHAVIOURS;

/// A fresh, empty store, and what moves its clock.
#[derive(Debug, Clone)]
pub struct StoreUnderTest {
    /// The store; nothing else uses it.
    pub store: Arc<dyn InvitationStore>,
    /// What moves its clock.
    pub clock: Arc<dyn Clockwork>,
}

/// Moves a store's clock on.
#[async_trait]
pub trait Clockwork: fmt::Debug + Send + Sync {
    /// From now on the store's clock is later by this.
    async fn advance(&self, by: Duration);
}

#[async_trait]
impl Clockwork for ManualClock {
    async fn advance(&self, by: Duration) {
        Self::advance(self, by);
    }
}
