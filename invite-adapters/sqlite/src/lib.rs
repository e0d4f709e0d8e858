//! All stores of `invite-core` on one SQLite file: the embedded default.
//!
//! [`SqliteStore`] is the invitation store and the people, with [`Accounts`] and [`People`]. Several processes may use
//! the file at once, such as a web process and workers; the file must be on a local disk, since SQLite's write-ahead
//! log does not work over a network.
//!
//! ```
//! use invite_core::model::actor::Actor;
//! use invite_core::model::batch::TemplatePins;
//! use invite_core::model::id::OrganisationId;
//! use invite_core::model::organisation::{Organisation, Settings};
//! use invite_core::port::organisations::Organisations;
//! use invite_sqlite::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("app.db");
//! let store = SqliteStore::open(path).await?;
//! let id = OrganisationId::new();
//! let acme = Organisation { id, alias: "acme".parse()?, settings: Settings::new("Acme") };
//! store.save_organisation(acme, Actor::system(id), TemplatePins::default()).await?;
//! assert!(store.by_alias("acme".parse()?).await?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # What it does to the file
//!
//! * Tables, indices and nothing else, all with the prefix `invite_`; the versions of the tables are in `invite_schema`.
//! * WAL, `synchronous=FULL` (what was answered survives a power cut), `secure_delete=ON` (wiped secrets leave nothing in
//!   free pages), a file that only its owner reads.
//! * Every transaction that writes is `BEGIN IMMEDIATE`: one that reads first and then writes under a plain `BEGIN` fails
//!   whenever another writer was faster. Within a process writers queue on a lock of their own, between processes on
//!   SQLite's.
//! * A worker reads one row five times a second, to hear of work that another process has made.
//!
//! [`Accounts`]: invite_core::port::accounts::Accounts
//! [`People`]: invite_core::port::people::People

mod accounts;
mod batches;
mod begin;
mod claim;
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
mod organisations;
mod paces;
mod people;
mod pilot;
mod plans;
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
mod stuck;
mod sweep;
mod text_messages;
mod waits;
mod write;

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use invite_core::policy::Policy;
use invite_core::port::clock::{Clock, SystemClock};
use invite_core::port::error::PortResult;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, Transaction};
use tokio::sync::Mutex;

use crate::error::{Fault, Step, not_opened};
use crate::ringing::Told;
use crate::rows::{At, micros, whole_micros};
use crate::write::Write;

/// How long a writer waits for a writer of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// One writes, the others read.
const CONNECTIONS: u32 = 8;

/// All stores on one SQLite file. Clones share its connections.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
    writers: Arc<Mutex<()>>,
    told: Told,
}

impl SqliteStore {
    /// Opens the file, or creates one that only its owner may read and write, and brings its tables to the newest
    /// version.
    pub async fn open(path: impl AsRef<Path>) -> PortResult<Self> {
        let path = path.as_ref();
        create(path).map_err(|error| not_opened(error, format!("open or create {}", path.display())))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "ON")
            .statement_cache_capacity(200)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .before_acquire(|connection, _| Box::pin(ready(Ok(stuck::is_usable(connection)))))
            .connect_with(options)
            .await
            .map_err(|error| Fault::from(error).doing("open the database"))?;
        Self::with_pool(pool).await
    }

    /// Puts the store into a database that the host has opened, beside the host's own tables, and brings its tables to
    /// the newest version.
    ///
    /// The pool must hold at least two connections. Give it the settings that [`open`](Self::open) uses: without
    /// `synchronous=FULL` a power cut can undo what was answered, and then a message may go twice; without
    /// `secure_delete=ON` wiped secrets, sealed as they are, stay in free pages. Let its `before_acquire` refuse connections
    /// that are [in a transaction](sqlx::Connection::is_in_transaction): when the disc was full, sqlx believes that they are.
    pub async fn with_pool(pool: SqlitePool) -> PortResult<Self> {
        let store =
            Self { pool, clock: Arc::new(SystemClock), writers: Arc::default(), told: Told::default() };
        schema::migrate(&store.pool, micros(store.instant()))
            .await
            .map_err(|fault| fault.doing("create or update the tables"))?;
        Ok(store)
    }

    /// On this clock instead of the machine's. All stores on one file must be on the same.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Now, as it can be stored.
    fn instant(&self) -> At {
        whole_micros(self.clock.now())
    }

    /// A transaction that writes.
    async fn write(&self, doing: &'static str) -> PortResult<Write> {
        self.write_under(doing, Policy::default()).await
    }

    /// A transaction that writes, under the host's figures.
    async fn write_under(&self, doing: &'static str, policy: Policy) -> PortResult<Write> {
        let turn = self.writers.clone().lock_owned().await;
        let transaction = stuck::begin(&self.pool).await.map_err(|error| Fault::from(error).doing(doing))?;
        // The clock is read when the lock is held: what is committed later is later.
        Ok(Write::new(transaction, turn, self.told.clone(), self.instant(), policy, doing))
    }

    /// A snapshot.
    async fn read(&self) -> Step<Transaction<'static, Sqlite>> {
        Ok(self.pool.begin().await?)
    }
}

fn create(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
