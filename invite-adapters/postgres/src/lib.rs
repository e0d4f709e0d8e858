//! All stores of `invite-core` on PostgreSQL 14 and later, on the host's own pool.
//!
//! [`PgStore`] is the invitation store and the people, with [`Accounts`] and [`People`]. Any number of processes may use
//! the same tables: workers claim past each other's rows, and each message is given to one of them.
//!
//! ```no_run
//! use invite_core::model::actor::Actor;
//! use invite_core::model::batch::TemplatePins;
//! use invite_core::model::id::OrganisationId;
//! use invite_core::model::organisation::{Organisation, Settings};
//! use invite_core::port::organisations::Organisations;
//! use invite_postgres::PgStore;
//! use sqlx::PgPool;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = PgPool::connect("postgres://app@db.example.org/app").await?;
//! let store = PgStore::new(pool).await?;
//! let id = OrganisationId::new();
//! let acme = Organisation { id, alias: "acme".parse()?, settings: Settings::new("Acme") };
//! store.save_organisation(acme, Actor::system(id), TemplatePins::default()).await?;
//! assert!(store.by_alias("acme".parse()?).await?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # What it makes in the database
//!
//! * A schema, `invite` unless [`PgStore::in_schema`] names another, with tables, indexes, sequences and two views; no
//!   extension, function, trigger or role, and nothing outside it. `schema_version` in it says which migrations were run.
//! * The views `reached` and `came` are there for the host to join its own users table with; everything else may change from
//!   one release to the next.
//! * [`PgStore::new`] creates what is missing: its role has the right to `CREATE` in the database, or owns the schema. Where the
//!   host runs [`migrations`] itself, with another role, [`PgStore::checked`] only looks whether it has. The role that works on
//!   the tables then needs `USAGE` on the schema and its sequences, and `SELECT`, `INSERT`, `UPDATE` and `DELETE` on its tables.
//! * Several processes that start at once may all migrate: one does, the others wait for it. Programs of the release before
//!   go on working on the new tables, see [`Migration`].
//!
//! # Connections
//!
//! * A call of the store has one connection at a time, and none while nothing is asked of it: a worker holds none while it
//!   sends. [`PgStore::connect`] makes a pool of 10, in which calls wait for each other, or for a server that is away, for 10 s
//!   at most.
//! * TLS is a feature of sqlx, and the host's choice: `tls-rustls-ring-native-roots`, say. A URL that asks for it (`sslmode`) is
//!   refused without one.
//! * A server that is gone is waited for by workers, and one that is read-only or full; what it refuses for good (a wrong
//!   password, no such database, a missing right or table) is [`Refused`](invite_core::port::error::PortErrorKind::Refused),
//!   with what to do.
//! * Statements are prepared under a name and kept by connection. Behind `PgBouncer` in transaction mode that takes its version
//!   1.21 or later with `max_prepared_statements` above nought. Nothing else of ours outlives a transaction: settings are
//!   `SET LOCAL`, and advisory locks are those of transactions.
//! * A worker that runs until it is told to end has one connection more, beside the pool and with its settings
//!   (`PgPool::connect_options`; a hook of the pool is not called), on which it listens for new work: `LISTEN invite_work`.
//!   It is idle but for a `SELECT 1` a minute, and is made again when it is lost. Behind `PgBouncer` in transaction mode, or
//!   where that connection is refused, nothing is heard, which is no error: the worker looks every 2 s
//!   ([`Worker::poll_every`](invite_core::service::Worker::poll_every)).
//! * Instants are on the database's clock, so that the clocks of the processes need not agree.
//!
//! # What is locked, and for how long
//!
//! * A transaction is one call of a port: a page of a plan, a claim, the outcomes of a group. None is open while a message is
//!   handed over or a password is hashed.
//! * Those that write are READ COMMITTED and lock rows, in this order: organisation, batch, people, messages; where there is no
//!   row to lock, advisory locks of the transaction. No table is locked but by a migration. They keep the planner to indexes
//!   (`SET LOCAL enable_seqscan = off` and its like), look people and messages up one by one, and plan each statement anew
//!   (`plan_cache_mode = force_custom_plan`), so that tables which are not counted yet are not gone through.
//! * A process that is stopped in the middle of one (a frozen virtual machine, a cut network) keeps its locks for 10 seconds at
//!   most; then the server ends its session (`idle_in_transaction_session_timeout`), and what it did is undone.
//! * Those that only read are single statements, or REPEATABLE READ READ ONLY snapshots, and wait for nobody.
//! * Confirming holds its organisation's row, so that confirmations of one organisation come one after the other; claims step
//!   over locked messages. What makes work for workers (a confirmation, a resumption, a retry, not what workers do) ends with a
//!   `NOTIFY`, and such transactions commit one at a time; none can be prepared (`PREPARE TRANSACTION`). A transaction that the database breaks off for another one's sake is done again up to five times.
//! * In a host's transaction ([`PgStore::within`], [`PgStore::confirm_in`], [`PgStore::invite_one_in`]) all this is held until
//!   the host commits or rolls back: other confirmations of the organisation, workers on the same people and, where people
//!   were added or changed in it, others who write people of the organisation wait for it. So let it be the last thing in
//!   the transaction, with no network call after it.
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
mod fallback;
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
mod ringing;
mod rows;
mod schedules;
mod schema;
mod senders;
mod source;
mod sweep;
mod text_messages;
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
