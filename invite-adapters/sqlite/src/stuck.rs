//! Connections that are of no use any more.
//!
//! SQLite undoes a transaction by itself when its disc is full or fails. sqlx then rolls back in vain, and goes on believing
//! in a transaction: nothing can be begun on that connection any more, and what is read on it may be old. So it is closed.

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, SqlSafeStr, Sqlite, Transaction};

/// Whether a connection that nobody has can be used.
pub(crate) fn is_usable(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

/// Begins to write, on a connection that can: a pool of the host's own may give others, where ours looks by itself.
pub(crate) async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    loop {
        let connection = pool.acquire().await?;
        if is_usable(&connection) {
            return Transaction::begin(connection, Some("BEGIN IMMEDIATE".into_sql_str())).await;
        }
        // How it goes does not matter.
        let _ = connection.close().await;
    }
}
