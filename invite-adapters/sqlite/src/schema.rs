//! The tables, and how they come to be: migrations in a table of our own, one transaction for all that are missing.

use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};

use crate::error::{Fault, Step};
use invite_core::port::error::{PortError, PortErrorKind};

/// The steps, in order; the first is version 1. A step that was released is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_templates.sql"),
    include_str!("../migrations/0003_people.sql"),
    include_str!("../migrations/0004_rollout.sql"),
    include_str!("../migrations/0005_fresh_requests.sql"),
    include_str!("../migrations/0006_metrics.sql"),
    include_str!("../migrations/0007_retention.sql"),
    include_str!("../migrations/0008_rates.sql"),
    include_str!("../migrations/0009_work.sql"),
    include_str!("../migrations/0010_channels_and_schedules.sql"),
];

/// Brings the tables to the newest version. Safe when several processes start at once: one does it, the others wait
/// for it and find it done.
pub(crate) async fn migrate(pool: &SqlitePool, now: i64) -> Step<()> {
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let version = version(&mut transaction).await?;
    if version > newest {
        return Err(PortError::new(PortErrorKind::Refused, "open the database")
            .caused_by(format!(
                "its tables have version {version}, and this program knows {newest}: a newer release has written \
                 them, start that one"
            ))
            .into());
    }
    for (step, number) in MIGRATIONS.iter().zip(1..).filter(|(_, number)| *number > version) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO invite_schema (version, applied_at) VALUES (?, ?)")
            .bind(number)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// The version of the tables; 0 where there are none.
async fn version(connection: &mut SqliteConnection) -> Step<i64> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS invite_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT",
    )
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query("SELECT coalesce(max(version), 0) AS version FROM invite_schema")
        .fetch_one(connection)
        .await?;
    row.try_get("version").map_err(Fault::from)
}
