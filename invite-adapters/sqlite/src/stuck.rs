//! Connections that are of no use any more.
//!
//! SQLite undoes a transaction by itself when its disc is full or fails. sqlx then rolls back in vain, and goes on believing
//! in a transaction: nothing can be begun on that connection any more, and what is read on it may be old. So it is closed.

use std::iter;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Sqlite, Transaction};

/// Whether a connection that nobody has can be used.
pub(crate) fn is_usable(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

/// Begins to write, on a connection that can.
pub(crate) async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    for _ in 0..pool.options().get_max_connections() {
        match pool.begin_with("BEGIN IMMEDIATE").await {
            Err(sqlx::Error::InvalidSavePointStatement) => close_stuck(pool).await,
            begun => return begun,
        }
    }
    pool.begin_with("BEGIN IMMEDIATE").await
}

/// Closes those that nobody has and nobody can use. A pool of the host's own may hold some: ours looks before it gives one.
async fn close_stuck(pool: &SqlitePool) {
    let idle: Vec<PoolConnection<Sqlite>> = iter::from_fn(|| pool.try_acquire()).collect();
    for connection in idle.into_iter().filter(|connection| !is_usable(connection)) {
        // How it goes does not matter.
        let _ = connection.close().await;
    }
}
