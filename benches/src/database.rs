//! The databases that are measured.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use invite_core::Invites;
use invite_core::port::InvitationStore;
use invite_core::port::people::People;
use invite_core::service::Builder;
use invite_sqlite::SqliteStore;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::Answer;
use crate::bare::Bare;
use crate::bare::sqlite::BareSqlite;

/// A database. As text it is handed to another process.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
}

impl Database {
    /// The kind that needs no server.
    pub const SQLITE: &str = "SQLite";
    /// All kinds.
    pub const KINDS: [&str; 1] = [Self::SQLITE];

    /// One that is not there yet; files are in this folder.
    pub fn new(_kind: &str, folder: &Path, name: &str) -> Self {
        Self::Sqlite(folder.join(format!("{name}.db")))
    }

    /// Its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => Self::SQLITE,
        }
    }

    /// All stores on it.
    pub async fn open(&self) -> Answer<Store> {
        match self {
            Self::Sqlite(file) => Ok(Store::Sqlite(SqliteStore::open(file).await?)),
        }
    }

    /// A copy of it, of this name.
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
        }
    }

    /// What can be done on it without the library.
    pub async fn bare(&self) -> Answer<Box<dyn Bare>> {
        match self {
            Self::Sqlite(file) => Ok(Box::new(BareSqlite::beside(file).await?)),
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
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
        }
    }
}

impl FromStr for Database {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::Sqlite(text.into()))
    }
}

/// All stores on one database.
#[derive(Debug, Clone)]
pub enum Store {
    /// On a file.
    Sqlite(SqliteStore),
}

impl Store {
    /// The library over it.
    pub fn builder(&self) -> Builder {
        match self {
            Self::Sqlite(store) => Invites::builder(store.clone()),
        }
    }

    /// The invitation store.
    pub fn store(&self) -> Arc<dyn InvitationStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
        }
    }

    /// The people.
    pub fn people(&self) -> Arc<dyn People> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
        }
    }

    /// Closes its connections, as far as it is ours to close them.
    pub async fn close(self) {
        match self {
            Self::Sqlite(_) => {}
        }
    }
}
