//! Where transactions come from: the host's pool, or one transaction of the host's in which ours are savepoints.

use std::sync::{Arc, LazyLock};

use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::Step;

/// What a transaction that writes tells the planner. What it touches are a few rows that an index leads to, also in tables
/// that the planner has not counted yet and takes for small: no plan that goes through a whole table or organisation is ever
/// made. None is kept from one call to the next: one that was made for ten people would be used for a million until the
/// server counts them, and to plan a statement again costs far less than what it does for a group.
const PLANNER: [(&str, &str); 7] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// A process that is stopped in the middle of a transaction keeps its locks, and nobody else comes by them. Between two
/// statements of ours lies arithmetic alone, so that the server may end such a session long before a lease lapses.
const NEVER_IDLE: &str = "SET LOCAL idle_in_transaction_session_timeout = '10s'";

static BEGIN_TO_WRITE: LazyLock<String> =
    LazyLock::new(|| format!("BEGIN ISOLATION LEVEL READ COMMITTED; {NEVER_IDLE}; {}", tell_the_planner()));
static BEGIN_TO_READ: LazyLock<String> =
    LazyLock::new(|| format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {NEVER_IDLE}"));

fn tell_the_planner() -> String {
    PLANNER.map(|(setting, value)| format!("SET LOCAL {setting} = {value}")).join("; ")
}

/// `in_failed_sql_transaction`
const BROKEN_OFF: &str = "25P02";
/// `invalid_savepoint_specification`
const NO_SAVEPOINT: &str = "3B001";

/// How transactions begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each statement sees what was committed before it.
    Writing,
    /// All statements see the same.
    Reading,
}

/// Where transactions come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Each is one of its own.
    Pool(PgPool),
    /// Each is a savepoint in this one.
    Host(Arc<Mutex<HostTransaction>>),
}

impl Source {
    pub(crate) async fn begin(&self, mode: Mode) -> Step<Line> {
        match self {
            Self::Pool(pool) => {
                let begin = match mode {
                    Mode::Writing => BEGIN_TO_WRITE.as_str(),
                    Mode::Reading => BEGIN_TO_READ.as_str(),
                };
                // In a task, which is never cancelled: sqlx forgets a BEGIN whose future is dropped before the server has
                // answered, and the pool would give away a connection in the middle of a transaction.
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin_with(begin).await }).await;
                Ok(Line::Own(begun.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
            Self::Host(host) => {
                let mut host = Arc::clone(host).lock_owned().await;
                host.begin(mode).await?;
                Ok(Line::Savepoint(host))
            }
        }
    }
}

/// A transaction, or what stands for one. Dropping it undoes it.
#[derive(Debug)]
pub(crate) enum Line {
    Own(Transaction<'static, Postgres>),
    Savepoint(OwnedMutexGuard<HostTransaction>),
}

impl Line {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Own(transaction) => transaction,
            Self::Savepoint(host) => &mut host.transaction,
        }
    }

    pub(crate) async fn commit(self) -> Step<()> {
        match self {
            Self::Own(transaction) => Ok(transaction.commit().await?),
            Self::Savepoint(mut host) => host.release().await,
        }
    }
}

/// A transaction of the host's.
#[derive(Debug)]
pub(crate) struct HostTransaction {
    transaction: Transaction<'static, Postgres>,
    /// How many savepoints there were: each has a name of its own.
    begun: u64,
    /// Whether the last one may be there, neither released nor undone. In doubt it may: whoever begins or ends one can go away
    /// before the answer.
    open: bool,
    /// What the host has told the planner, once we have told it something else.
    planner: Option<Vec<String>>,
}

impl HostTransaction {
    pub(crate) const fn new(transaction: Transaction<'static, Postgres>) -> Self {
        Self { transaction, begun: 0, open: false, planner: None }
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    pub(crate) fn as_connection(&self) -> &PgConnection {
        &self.transaction
    }

    async fn begin(&mut self, mode: Mode) -> Step<()> {
        self.undo().await?;
        if mode == Mode::Writing && self.planner.is_none() {
            let were = "SELECT current_setting(setting) FROM unnest($1::text[]) WITH ORDINALITY AS w (setting, place)
                 ORDER BY w.place";
            let settings = PLANNER.map(|(setting, _)| setting).to_vec();
            self.planner =
                Some(sqlx::query_scalar(were).bind(settings).fetch_all(&mut *self.transaction).await?);
        }
        self.begun += 1;
        self.open = true;
        let tell = if mode == Mode::Writing { tell_the_planner() } else { String::new() };
        self.run(format!("SAVEPOINT invite_{}; {tell}", self.begun)).await
    }

    async fn release(&mut self) -> Step<()> {
        self.run(format!("RELEASE SAVEPOINT invite_{}", self.begun)).await?;
        self.open = false;
        Ok(())
    }

    /// Undoes what was begun and never ended: it failed, or whoever waited for it went away.
    pub(crate) async fn undo(&mut self) -> Step<()> {
        if !self.open {
            return Ok(());
        }
        let undo = format!("ROLLBACK TO SAVEPOINT invite_{0}; RELEASE SAVEPOINT invite_{0}", self.begun);
        // That there is none would break the transaction off, if it were not within another savepoint. One that is broken off
        // already takes no other, and broke off in the one that is to be undone.
        let aside = self.run("SAVEPOINT invite_undo".to_owned()).await;
        if let Err(fault) = aside
            && !fault.has_code(BROKEN_OFF)
        {
            return Err(fault);
        }
        match self.run(undo).await {
            Err(fault) if fault.has_code(NO_SAVEPOINT) => {
                let back = "ROLLBACK TO SAVEPOINT invite_undo; RELEASE SAVEPOINT invite_undo";
                self.run(back.to_owned()).await?;
            }
            undone => undone?,
        }
        self.open = false;
        Ok(())
    }

    async fn run(&mut self, text: String) -> Step<()> {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// The transaction, as the host had it.
    pub(crate) async fn into_inner(mut self) -> Step<Transaction<'static, Postgres>> {
        self.undo().await?;
        if let Some(was) = &self.planner {
            sqlx::query(
                "SELECT set_config(w.setting, w.value, true) FROM unnest($1::text[], $2::text[]) AS w (setting, value)",
            )
            .bind(PLANNER.map(|(setting, _)| setting).to_vec())
            .bind(was)
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(self.transaction)
    }
}

/// A statement that needs no transaction of its own.
pub(crate) trait Single {
    /// Its rows.
    async fn rows(self, source: &Source) -> Step<Vec<PgRow>>;
    /// Its row, where there is one.
    async fn row(self, source: &Source) -> Step<Option<PgRow>>;
}

impl Single for Query<'static, Postgres, PgArguments> {
    async fn rows(self, source: &Source) -> Step<Vec<PgRow>> {
        if let Source::Pool(pool) = source {
            return Ok(self.fetch_all(pool).await?);
        }
        let mut line = source.begin(Mode::Reading).await?;
        let rows = self.fetch_all(line.connection()).await?;
        line.commit().await?;
        Ok(rows)
    }

    async fn row(self, source: &Source) -> Step<Option<PgRow>> {
        if let Source::Pool(pool) = source {
            return Ok(self.fetch_optional(pool).await?);
        }
        Ok(self.rows(source).await?.into_iter().next())
    }
}
