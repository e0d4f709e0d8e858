//! The tables, and how they come to be: migrations in a table of our own, one transaction for all that are missing.

use invite_core::port::error::{PortError, PortErrorKind};
use sqlx::Row;
use sqlx::postgres::PgPool;

use crate::db::{Db, Schema};
use crate::error::{Fault, Step};

/// The steps, in order; the first is version 1. A step that was released is never changed, and each leaves the tables so
/// that the release before it still works on them.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_first.sql")];

/// The advisory lock under which tables are changed: `invite` in ASCII. Nobody else's work waits for it.
const LOCK: i64 = 0x0069_6e76_6974_6500;

/// Brings the tables to the newest version. Safe when several processes start at once: one does it, the others wait
/// for it and find it done.
pub(crate) async fn migrate(pool: &PgPool, schema: &Schema) -> Step<()> {
    let mut db = Db::new(pool.begin().await?, schema.clone());
    let newest = newest();
    // Most of the time there is nothing to do, and then nothing is locked and no right to create is needed.
    if version(&mut db).await? == newest {
        return Ok(());
    }
    db.query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(db.connection()).await?;
    db.create_schema().await?;
    db.run_all(
        "CREATE TABLE IF NOT EXISTS invite.schema_version (version bigint PRIMARY KEY, applied_at timestamptz NOT NULL)",
    )
    .await?;
    let version = version(&mut db).await?;
    if version > newest {
        return Err(too_new(version));
    }
    for (step, number) in MIGRATIONS.iter().zip(1_i64..).filter(|(_, number)| *number > version) {
        db.run_all(step).await?;
        db.query("INSERT INTO invite.schema_version (version, applied_at) VALUES ($1, clock_timestamp())")
            .bind(number)
            .execute(db.connection())
            .await?;
    }
    db.commit().await
}

/// Says what is wrong where the tables are not in a version that this program can work with.
pub(crate) async fn check(pool: &PgPool, schema: &Schema) -> Step<()> {
    let mut db = Db::new(pool.begin().await?, schema.clone());
    let (version, newest) = (version(&mut db).await?, newest());
    if version < newest {
        return Err(PortError::new(PortErrorKind::Refused, "open the database")
            .caused_by(format!(
                "its tables have version {version}, and this program needs {newest}: run the SQL files of invite-postgres \
                 from number {:04} on, or let PgStore::migrate do it",
                version + 1
            ))
            .into());
    }
    Ok(())
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn too_new(version: i64) -> Fault {
    PortError::new(PortErrorKind::Refused, "open the database")
        .caused_by(format!(
            "its tables have version {version}, and this program knows {}: a newer release has written them, start that one",
            newest()
        ))
        .into()
}

/// The version of the tables; 0 where there are none.
async fn version(db: &mut Db) -> Step<i64> {
    let there = db
        .query("SELECT to_regclass('invite.schema_version') IS NOT NULL AS there")
        .fetch_one(db.connection())
        .await?;
    if !there.try_get::<bool, _>("there")? {
        return Ok(0);
    }
    let row = db
        .query("SELECT coalesce(max(version), 0) AS version FROM invite.schema_version")
        .fetch_one(db.connection())
        .await?;
    Ok(row.try_get("version")?)
}
