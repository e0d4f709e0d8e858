//! The stores that a campaign runs on: each opened through its public API, and looked at in SQL of its own where the
//! public API, for good reasons, does not let anybody look.

mod postgres;
mod sqlite;

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use invite_core::model::id::{ClaimToken, DeliveryId};
use invite_core::port::people::People;
use invite_core::service::{Builder, Invites};
use invite_postgres::PgStore;
use invite_sqlite::SqliteStore;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Postgres,
    Sqlite,
}

impl StoreKind {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "postgres" => Ok(Self::Postgres),
            "sqlite" => Ok(Self::Sqlite),
            _ => Err(format!("--store {name}: write postgres or sqlite")),
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        })
    }
}

/// Where the store of a campaign is.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Postgres(String),
    Sqlite(PathBuf),
}

impl Database {
    /// Reads what [`url`](Self::url) says.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        match url.strip_prefix("sqlite:") {
            Some(path) => Ok(Self::Sqlite(path.into())),
            None if url.starts_with("postgres:") => Ok(Self::Postgres(url.to_owned())),
            None => Err(format!("{url}: no database")),
        }
    }

    /// What a worker of this name is told.
    pub(crate) fn url(&self, worker: &str) -> String {
        match self {
            Self::Postgres(url) => format!("{url}?application_name={worker}"),
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
        }
    }

    /// The library on this store, to be built, and its people.
    pub(crate) async fn open(&self) -> Result<(Builder, Arc<dyn People>), Box<dyn Error>> {
        Ok(match self {
            Self::Postgres(url) => {
                let store = PgStore::connect(url).await?;
                (Invites::builder(store.clone()), Arc::new(store))
            }
            Self::Sqlite(path) => {
                let store = SqliteStore::open(path).await?;
                (Invites::builder(store.clone()), Arc::new(store))
            }
        })
    }

    /// Its rows, as they are.
    pub(crate) async fn rows(&self) -> Result<Arc<dyn Rows>, Box<dyn Error>> {
        Ok(match self {
            Self::Postgres(url) => Arc::new(postgres::PgRows::open(url).await?),
            Self::Sqlite(path) => Arc::new(sqlite::SqliteRows::open(path).await?),
        })
    }
}

/// A message that a worker is handing over, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandingOver {
    pub(crate) to: String,
    pub(crate) attempt: u32,
    /// How much of its lease is left, on the store's clock.
    pub(crate) lease_left_ms: i64,
}

/// A process of the server, which serves one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    /// What it is doing, in the server's words.
    pub(crate) state: String,
}

/// What the campaign reads of a database and, where a deliberate bug needs it, writes.
#[async_trait]
pub(crate) trait Rows: fmt::Debug + Send + Sync {
    /// What is being handed over.
    async fn handing_over(&self) -> Result<Vec<HandingOver>, sqlx::Error>;

    /// Messages that are queued and due.
    async fn due(&self, limit: usize) -> Result<Vec<DeliveryId>, sqlx::Error>;

    /// Makes messages queued, whatever they are.
    async fn put_back(&self, ids: &[DeliveryId]) -> Result<(), sqlx::Error>;

    /// Whose a message is.
    async fn token(&self, id: DeliveryId) -> Result<Option<ClaimToken>, sqlx::Error>;

    /// Adds to the attempts of messages that are being handed over.
    async fn add_attempts(&self, ids: &[DeliveryId], attempts: i64) -> Result<(), sqlx::Error>;

    /// The processes of the server that serve this worker.
    async fn backends(&self, worker: &str) -> Result<Vec<Backend>, sqlx::Error>;

    /// Ends one; `false` where it has ended already.
    async fn terminate(&self, backend: &Backend) -> Result<bool, sqlx::Error>;
}
