//! All stores of `invite-core` on PostgreSQL 14 and later, on the host's own pool.
//!
//! [`PgStore`] is the invitation store and the people, with [`Accounts`] and [`People`].
//!
//! [`Accounts`]: invite_core::port::accounts::Accounts
//! [`People`]: invite_core::port::people::People

mod accounts;
mod alone;
mod batches;
mod begin;
mod breaker;
mod claim;
mod db;
mod deliveries;
mod erasing;
mod error;
mod histories;
mod imports;
mod invitations;
mod leaving;
mod metrics;
mod offers;
mod open;
mod organisations;
mod paces;
mod people;
mod pilot;
mod planning;
mod plans;
mod progress;
mod queue;
mod record;
mod records;
mod redemption;
mod retention;
mod retry;
mod rows;
mod schema;
mod senders;
mod source;
mod sweep;
mod waits;
mod within;
mod write;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use invite_core::model::id::ClaimToken;
use invite_core::policy::Policy;
use invite_core::port::clock::Clock;
use invite_core::port::error::PortResult;

pub use crate::schema::{Migration, migrations};
pub use crate::within::{HostConnection, InTransaction, Within};

use crate::db::{Db, Schema};
use crate::error::{Fault, Step};
use crate::rows::{At, Columns, missing, whole_micros};
use crate::source::{Single, Source};
use crate::write::Write;

/// How long it is waited at most after a transaction was broken off, before each of the times that it is done again.
const BROKEN_OFF: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// What is done in a transaction.
type Work<'a, T> = Pin<Box<dyn Future<Output = Step<T>> + Send + 'a>>;

/// All stores on one PostgreSQL database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct PgStore {
    source: Source,
    schema: Schema,
    /// None: the database's, which is the one clock of all replicas.
    clock: Option<Arc<dyn Clock>>,
}

impl PgStore {
    /// On this clock instead of the database's: for tests. All stores on one schema must be on the same.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A transaction that writes.
    async fn write(&self, doing: &'static str) -> PortResult<Write> {
        self.write_under(doing, Policy::default()).await
    }

    /// A transaction that writes, under the host's figures.
    async fn write_under(&self, doing: &'static str, policy: Policy) -> PortResult<Write> {
        let begun = async {
            let mut db = Db::writing(&self.source, &self.schema, self.clock.clone()).await?;
            let now = db.now().await?;
            Ok((db, now))
        };
        let (db, now) = begun.await.map_err(|fault: Fault| fault.doing(doing))?;
        Ok(Write::new(db, now, policy, doing))
    }

    /// Does something in a transaction of its own. Where the database breaks it off for another transaction's sake (they
    /// waited for each other), it is done again after a moment.
    async fn writing<A: ?Sized + Sync, T>(
        &self,
        doing: &'static str,
        policy: &Policy,
        asked: &A,
        work: for<'a> fn(&'a mut Write, &'a A) -> Work<'a, T>,
    ) -> PortResult<T> {
        let mut waits = BROKEN_OFF.iter();
        loop {
            let mut write = self.write_under(doing, policy.clone()).await?;
            let done = work(&mut write, asked).await;
            match (write.try_end(done).await, waits.next()) {
                (Err(fault), Some(wait)) if fault.is_broken_off() => {
                    tracing::debug!(doing, "the transaction was broken off for another one's sake");
                    tokio::time::sleep(wait.mul_f64(chance())).await;
                }
                (ended, _) => return ended.map_err(|fault| fault.doing(doing)),
            }
        }
    }

    /// A snapshot.
    async fn read(&self) -> Step<Db> {
        Db::reading(&self.source, &self.schema, self.clock.clone()).await
    }

    /// Now, where nothing else is asked.
    async fn clock_time(&self) -> Step<At> {
        if let Some(clock) = &self.clock {
            return Ok(whole_micros(clock.now()));
        }
        let row = self.schema.query("SELECT clock_timestamp() AS now").row(&self.source).await?;
        row.ok_or_else(|| missing("now"))?.at("now")
    }

    /// Now, as it can be stored.
    async fn instant(&self, db: &mut Db) -> Step<At> {
        db.now().await
    }
}

/// A number from nought to one that differs from one transaction to the next, so that two that were in each other's way
/// are not again.
fn chance() -> f64 {
    f64::from(ClaimToken::new().as_uuid().as_bytes()[15]) / f64::from(u8::MAX)
}
