//! A store of its own for each test: a schema in the database that `cargo xtask services` starts.

#![allow(dead_code, reason = "each test uses what it needs")]

pub(crate) mod rollout;
#[cfg(unix)]
pub(crate) mod server;
pub(crate) mod statements;

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use invite_postgres::PgStore;
use sqlx::postgres::{PgPool, PgPoolOptions};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Where the database is.
pub(crate) fn url() -> String {
    std::env::var("INVITE_TEST_POSTGRES")
        .expect("INVITE_TEST_POSTGRES says where PostgreSQL is: run the tests with `cargo xtask test`")
}

/// A few connections.
pub(crate) async fn pool() -> PgPool {
    PgPoolOptions::new().max_connections(8).connect(&url()).await.expect("PostgreSQL is there")
}

/// The name of a schema that nobody else has.
pub(crate) fn schema() -> String {
    format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A store in a schema of its own.
pub(crate) async fn store() -> PgStore {
    PgStore::in_schema(pool().await, &schema()).await.expect("the tables can be made")
}

/// An error with what caused it.
pub(crate) fn whole(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
