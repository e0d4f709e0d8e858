//! Opening the store.

use std::time::Duration;

use invite_core::port::error::PortResult;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use tokio::time::timeout;

use crate::PgStore;
use crate::error::{Fault, Step};
use crate::schema;
use crate::source::Source;

/// Connections of a store that has opened its own.
const CONNECTIONS: u32 = 10;

/// A server that does not answer within this time is taken for not there.
const REACHED_WITHIN: Duration = Duration::from_secs(10);

/// The schema of the tables where the host names none.
const SCHEMA: &str = "invite";

impl PgStore {
    /// Opens a database by its URL, with connections of its own, and brings the tables to the newest version. The
    /// parameter `schema` names the schema of the tables, `invite` if there is none:
    /// `postgres://app@db.example.org/app?schema=rollout`.
    pub async fn connect(url: &str) -> PortResult<Self> {
        let (url, schema) = without_schema(url);
        let schema = schema.as_deref().unwrap_or(SCHEMA);
        let pool = async {
            schema::named(schema)?;
            let options: PgConnectOptions = url.parse()?;
            // A pool tries for long, and does not tell why in vain.
            let tried = timeout(REACHED_WITHIN, PgConnection::connect_with(&options)).await;
            tried.map_err(|_| too_late())??.close().await?;
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(REACHED_WITHIN);
            Ok(pool.connect_lazy_with(options))
        };
        let pool = pool.await.map_err(|fault: Fault| fault.doing("open the database"))?;
        Self::in_schema(pool, schema).await
    }

    /// Puts the store into the host's database, on the host's pool, in the schema `invite`, and brings its tables to the
    /// newest version.
    pub async fn new(pool: PgPool) -> PortResult<Self> {
        Self::in_schema(pool, SCHEMA).await
    }

    /// The same in a schema of this name, which needs no quotes: `a` to `z`, digits and `_`.
    pub async fn in_schema(pool: PgPool, schema: &str) -> PortResult<Self> {
        let opened = async {
            let schema = schema::named(schema)?;
            schema::migrate(&pool, &schema).await?;
            Ok(Self { source: Source::Pool(pool), schema, clock: None })
        };
        opened.await.map_err(|fault: Fault| fault.doing("create or update the tables"))
    }

    /// For a host that runs [the migrations](crate::migrations) itself: the same as [`new`](Self::new), but no table is
    /// changed. Refused where a migration was not run; the error names the files.
    pub async fn checked(pool: PgPool) -> PortResult<Self> {
        Self::checked_in_schema(pool, SCHEMA).await
    }

    /// The same in a schema of this name.
    pub async fn checked_in_schema(pool: PgPool, schema: &str) -> PortResult<Self> {
        let opened = async {
            let schema = schema::named(schema)?;
            schema::check(&pool, &schema).await?;
            Ok(Self { source: Source::Pool(pool), schema, clock: None })
        };
        let opened: Step<Self> = opened.await;
        opened.map_err(|fault| fault.doing("check the tables"))
    }
}

fn too_late() -> sqlx::Error {
    let text = format!("no answer within {} s", REACHED_WITHIN.as_secs());
    std::io::Error::new(std::io::ErrorKind::TimedOut, text).into()
}

/// A URL without its parameter `schema`, which PostgreSQL does not know, and the parameter.
fn without_schema(url: &str) -> (String, Option<String>) {
    let Some((place, parameters)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (mut schema, mut others) = (None, Vec::new());
    for parameter in parameters.split('&') {
        match parameter.strip_prefix("schema=") {
            Some(name) => schema = Some(name.to_owned()),
            None => others.push(parameter),
        }
    }
    (format!("{place}?{}", others.join("&")), schema)
}
