//! A connection to the database, with the name of our schema: the only way to a statement.

use std::borrow::Cow;
use std::sync::Arc;

use invite_core::port::clock::Clock;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::error::Step;
use crate::rows::{At, Columns, whole_micros};
use crate::source::{Line, Mode, Source};

/// The schema of our tables. In the text of statements it is always `invite.`.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    /// Its name, in quotes.
    name: Arc<str>,
    /// Whether it is not the one that stands in the text.
    other: bool,
}

impl Schema {
    /// The schema of this name.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: format!("\"{name}\"").into(), other: name != "invite" }
    }

    /// Its name, in quotes.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A statement in this schema, to be run on the pool by itself.
    pub(crate) fn query(&self, text: &'static str) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(self.sql(text))
    }

    /// A text in which this schema stands.
    pub(crate) fn text(&self, text: &'static str) -> Cow<'static, str> {
        if self.other {
            Cow::Owned(text.replace("invite.", &format!("{}.", self.name)))
        } else {
            Cow::Borrowed(text)
        }
    }

    fn sql(&self, text: &'static str) -> AssertSqlSafe<Cow<'static, str>> {
        AssertSqlSafe(self.text(text))
    }
}

/// A transaction in which statements run. Dropping it undoes it.
#[derive(Debug)]
pub(crate) struct Db {
    line: Line,
    schema: Schema,
    /// None: the database's.
    clock: Option<Arc<dyn Clock>>,
}

impl Db {
    pub(crate) const fn new(transaction: Transaction<'static, Postgres>, schema: Schema) -> Self {
        Self { line: Line::Own(transaction), schema, clock: None }
    }

    /// A transaction that writes: each statement sees what was committed before it.
    pub(crate) async fn writing(
        source: &Source,
        schema: &Schema,
        clock: Option<Arc<dyn Clock>>,
    ) -> Step<Self> {
        Ok(Self { line: source.begin(Mode::Writing).await?, schema: schema.clone(), clock })
    }

    /// A snapshot: all statements see the same.
    pub(crate) async fn reading(
        source: &Source,
        schema: &Schema,
        clock: Option<Arc<dyn Clock>>,
    ) -> Step<Self> {
        Ok(Self { line: source.begin(Mode::Reading).await?, schema: schema.clone(), clock })
    }

    /// Now, as it can be stored.
    pub(crate) async fn now(&mut self) -> Step<At> {
        if let Some(clock) = &self.clock {
            return Ok(whole_micros(clock.now()));
        }
        self.query("SELECT clock_timestamp() AS now").fetch_one(self.connection()).await?.at("now")
    }

    /// A statement, to be run on [`connection`](Self::connection).
    pub(crate) fn query(&self, text: &'static str) -> Query<'static, Postgres, PgArguments> {
        self.schema.query(text)
    }

    /// Runs statements, as many as there are in the text.
    pub(crate) async fn run_all(&mut self, text: &'static str) -> Step<()> {
        sqlx::raw_sql(self.schema.sql(text)).execute(self.connection()).await?;
        Ok(())
    }

    /// Whether a relation of ours is there.
    pub(crate) async fn has(&mut self, relation: &'static str) -> Step<bool> {
        // Looked up in the catalogue itself: what to_regclass did not find it may remember for the whole transaction.
        let row = self
            .query(
                "SELECT EXISTS (
                     SELECT FROM pg_catalog.pg_class AS c
                     JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                     WHERE concat('\"', n.nspname, '\".', c.relname) = $1 OR concat(n.nspname, '.', c.relname) = $1
                 ) AS found",
            )
            .bind(self.schema.text(relation));
        row.fetch_one(self.connection()).await?.flag("found")
    }

    /// Makes the schema if it is not there. It needs no right to create one that is.
    pub(crate) async fn create_schema(&mut self) -> Step<()> {
        let found =
            self.query("SELECT to_regnamespace($1) IS NOT NULL AS found").bind(self.schema.name.to_string());
        if found.fetch_one(self.connection()).await?.flag("found")? {
            return Ok(());
        }
        let text = format!("CREATE SCHEMA {}", self.schema.name);
        sqlx::raw_sql(AssertSqlSafe(text)).execute(self.connection()).await?;
        Ok(())
    }

    /// The schema of our tables.
    pub(crate) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The connection.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.line.connection()
    }

    pub(crate) async fn commit(self) -> Step<()> {
        self.line.commit().await
    }
}
