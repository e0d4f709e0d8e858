//! The databases that are measured.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use invite_core::Invites;
use invite_core::port::InvitationStore;
use invite_core::port::people::People;
use invite_core::service::Builder;
use invite_postgres::PgStore;
use invite_sqlite::SqliteStore;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};

use crate::Answer;
use crate::bare::Bare;
use crate::bare::postgres::BarePostgres;
use crate::bare::sqlite::BareSqlite;

/// The environment variable with the URL of a PostgreSQL server, as `cargo xtask bench` sets it.
pub(crate) const SERVER: &str = "INVITE_TEST_POSTGRES";

/// A database. As text it is handed to another process.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A database of a server, by its URL.
    Postgres(String),
}

impl Database {
    /// The kind that needs no server.
    pub const SQLITE: &str = "SQLite";
    /// The kind that needs one.
    pub const POSTGRES: &str = "PostgreSQL";

    /// A new one; files are in this folder.
    pub async fn new(kind: &str, folder: &Path, name: &str) -> Answer<Self> {
        if kind == Self::SQLITE {
            return Ok(Self::Sqlite(folder.join(format!("{name}.db"))));
        }
        let server = std::env::var(SERVER).map_err(|_| {
            format!("there is no PostgreSQL: cargo xtask bench starts one, or set {SERVER} to its URL")
        })?;
        let url = beside(&server, name)?;
        on_server(&server, format!("CREATE DATABASE {}", name_in(&url)?)).await?;
        Ok(Self::Postgres(url))
    }

    /// Its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => Self::SQLITE,
            Self::Postgres(_) => Self::POSTGRES,
        }
    }

    /// All stores on it.
    pub async fn open(&self) -> Answer<Store> {
        match self {
            Self::Sqlite(file) => Ok(Store::Sqlite(SqliteStore::open(file).await?)),
            Self::Postgres(url) => {
                let pool = PgPoolOptions::new().max_connections(10).connect(url).await?;
                Ok(Store::Postgres(PgStore::new(pool.clone()).await?, pool))
            }
        }
    }

    /// A copy of it, of this name. Nobody may be connected to it.
    pub async fn copy(&self, name: &str) -> Answer<Self> {
        match self {
            Self::Sqlite(file) => {
                let copy = file.with_file_name(format!("{name}.db"));
                let mut connection =
                    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await?;
                let to = copy.to_string_lossy().into_owned();
                sqlx::query("VACUUM INTO ?").bind(to).execute(&mut connection).await?;
                connection.close().await?;
                Ok(Self::Sqlite(copy))
            }
            Self::Postgres(url) => {
                let copy = beside(url, name)?;
                let sql = format!("CREATE DATABASE {} TEMPLATE {}", name_in(&copy)?, name_in(url)?);
                on_server(&beside(url, "")?, sql).await?;
                Ok(Self::Postgres(copy))
            }
        }
    }

    /// What can be done on it without the library.
    pub async fn bare(&self) -> Answer<Box<dyn Bare>> {
        match self {
            Self::Sqlite(file) => Ok(Box::new(BareSqlite::beside(file).await?)),
            Self::Postgres(url) => Ok(Box::new(BarePostgres::beside(url).await?)),
        }
    }

    /// Removes it with all that stood beside it.
    pub async fn remove(self) -> Answer<()> {
        match self {
            Self::Sqlite(file) => {
                for file in [&file, &BareSqlite::file_beside(&file)] {
                    for end in ["", "-wal", "-shm"] {
                        let file = format!("{}{end}", file.display());
                        if std::fs::exists(&file)? {
                            std::fs::remove_file(&file)?;
                        }
                    }
                }
                Ok(())
            }
            Self::Postgres(url) => {
                on_server(&beside(&url, "")?, format!("DROP DATABASE {} WITH (FORCE)", name_in(&url)?)).await
            }
        }
    }
}

/// The URL of another database on the same server: of this process and name, or the server's own where there is none.
fn beside(url: &str, name: &str) -> Answer<String> {
    let (server, _) = url.rsplit_once('/').ok_or("the URL of a PostgreSQL server ends in a database")?;
    if name.is_empty() {
        return Ok(format!("{server}/postgres"));
    }
    Ok(format!("{server}/bench_{}_{}", std::process::id(), name.replace('-', "_")))
}

fn name_in(url: &str) -> Answer<&str> {
    Ok(url.rsplit_once('/').ok_or("the URL of a database ends in its name")?.1)
}

async fn on_server(url: &str, sql: String) -> Answer<()> {
    let mut connection = PgConnection::connect(url).await?;
    // The names in it are made here.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl FromStr for Database {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text.starts_with("postgres:") {
            Self::Postgres(text.into())
        } else {
            Self::Sqlite(text.into())
        })
    }
}

/// All stores on one database.
#[derive(Debug, Clone)]
pub enum Store {
    /// On a file.
    Sqlite(SqliteStore),
    /// On a database of a server, with its connections.
    Postgres(PgStore, PgPool),
}

impl Store {
    /// The library over it.
    pub fn builder(&self) -> Builder {
        match self {
            Self::Sqlite(store) => Invites::builder(store.clone()),
            Self::Postgres(store, _) => Invites::builder(store.clone()),
        }
    }

    /// The invitation store.
    pub fn store(&self) -> Arc<dyn InvitationStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store, _) => Arc::new(store.clone()),
        }
    }

    /// The people.
    pub fn people(&self) -> Arc<dyn People> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store, _) => Arc::new(store.clone()),
        }
    }

    /// Lets the database know what is in it, as PostgreSQL does by itself after a minute.
    pub async fn analyse(&self) -> Answer<()> {
        if let Self::Postgres(_, pool) = self {
            sqlx::raw_sql("VACUUM ANALYZE").execute(pool).await?;
        }
        Ok(())
    }

    /// Closes its connections, as far as it is ours to close them.
    pub async fn close(self) {
        if let Self::Postgres(_, pool) = self {
            pool.close().await;
        }
    }
}
