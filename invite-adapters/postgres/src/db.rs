//! A connection to the database, with the name of our schema: the only way to a statement.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::error::Step;

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

    /// A statement in this schema, to be run on the pool by itself.
    pub(crate) fn query(&self, text: &'static str) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(self.sql(text))
    }

    fn sql(&self, text: &'static str) -> AssertSqlSafe<Cow<'static, str>> {
        AssertSqlSafe(if self.other {
            Cow::Owned(text.replace("invite.", &format!("{}.", self.name)))
        } else {
            Cow::Borrowed(text)
        })
    }
}

/// A transaction in which statements run. Dropping it undoes it.
#[derive(Debug)]
pub(crate) struct Db {
    transaction: Transaction<'static, Postgres>,
    schema: Schema,
}

impl Db {
    pub(crate) const fn new(transaction: Transaction<'static, Postgres>, schema: Schema) -> Self {
        Self { transaction, schema }
    }

    /// A statement, to be run on [`connection`](Self::connection).
    pub(crate) fn query(&self, text: &'static str) -> Query<'static, Postgres, PgArguments> {
        self.schema.query(text)
    }

    /// Runs statements, as many as there are in the text.
    pub(crate) async fn run_all(&mut self, text: &'static str) -> Step<()> {
        sqlx::raw_sql(self.schema.sql(text)).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Makes the schema if it is not there.
    pub(crate) async fn create_schema(&mut self) -> Step<()> {
        let text = format!("CREATE SCHEMA IF NOT EXISTS {}", self.schema.name);
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// The connection.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    pub(crate) async fn commit(self) -> Step<()> {
        Ok(self.transaction.commit().await?)
    }
}
