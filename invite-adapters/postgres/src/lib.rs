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
mod claim;
mod db;
mod deliveries;
mod erasing;
mod error;
mod histories;
mod imports;
mod invitations;
mod leaving;
mod offers;
mod organisations;
mod people;
mod pilot;
mod plans;
mod queue;
mod record;
mod records;
mod redemption;
mod retry;
mod rows;
mod schema;
mod senders;
mod sweep;
mod waits;
mod write;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use invite_core::policy::Policy;
use invite_core::port::clock::Clock;
use invite_core::port::error::PortResult;
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::db::{Db, Schema};
use crate::error::{Fault, Step};
use crate::rows::{At, whole_micros};
use crate::write::Write;

/// Connections of a store that has opened its own.
const CONNECTIONS: u32 = 10;

/// All stores on one PostgreSQL database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct PgStore {
    pool: PgPool,
    schema: Schema,
    /// None: the database's, which is the one clock of all replicas.
    clock: Option<Arc<dyn Clock>>,
}

impl PgStore {
    /// Opens a database by its URL, with connections of its own, and brings the tables to the newest version.
    pub async fn connect(url: &str) -> PortResult<Self> {
        const DOING: &str = "open the database";
        let options: PgConnectOptions = url.parse().map_err(|error| Fault::from(error).doing(DOING))?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await;
        Self::new(pool.map_err(|error| Fault::from(error).doing(DOING))?).await
    }

    /// Puts the store into the host's database, on the host's pool, in the schema `invite`, and brings its tables to the
    /// newest version.
    pub async fn new(pool: PgPool) -> PortResult<Self> {
        Self::in_schema(pool, "invite").await
    }

    /// The same in a schema of this name.
    pub async fn in_schema(pool: PgPool, schema: &str) -> PortResult<Self> {
        let store = Self { pool, schema: Schema::named(schema), clock: None };
        schema::migrate(&store.pool, &store.schema)
            .await
            .map_err(|fault| fault.doing("create or update the tables"))?;
        Ok(store)
    }

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
            let mut db = Db::new(self.pool.begin().await?, self.schema.clone());
            let now = self.instant(&mut db).await?;
            Ok((db, now))
        };
        let (db, now) = begun.await.map_err(|fault: Fault| fault.doing(doing))?;
        Ok(Write::new(db, now, policy, doing))
    }

    /// A snapshot.
    async fn read(&self) -> Step<Db> {
        let transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(Db::new(transaction, self.schema.clone()))
    }

    /// Now, where nothing else is asked.
    async fn clock_time(&self) -> Step<At> {
        if let Some(clock) = &self.clock {
            return Ok(whole_micros(clock.now()));
        }
        let row = self.schema.query("SELECT clock_timestamp() AS now").fetch_one(&self.pool).await?;
        Ok(row.try_get("now")?)
    }

    /// Now, as it can be stored.
    async fn instant(&self, db: &mut Db) -> Step<At> {
        if let Some(clock) = &self.clock {
            return Ok(whole_micros(clock.now()));
        }
        let row = db.query("SELECT clock_timestamp() AS now").fetch_one(db.connection()).await?;
        let now: DateTime<Utc> = row.try_get("now")?;
        Ok(now)
    }
}
