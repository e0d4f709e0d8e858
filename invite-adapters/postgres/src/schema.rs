//! The tables, and how they come to be: SQL files that are run in order, each of which notes in a table of ours that it
//! was.

use std::collections::BTreeSet;

use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use sqlx::postgres::PgPool;

use crate::alone::Alone;
use crate::db::{Db, Schema};
use crate::error::{Fault, Step};
use crate::rows::Columns;

const DOING: &str = "open the database";

/// PostgreSQL cuts longer names off.
const LONGEST_NAME: usize = 63;

/// The files and what is in them, in order; the first brings the tables to version 1.
const FILES: &[(&str, &str)] = &[
    ("0001_first.sql", include_str!("../migrations/0001_first.sql")),
    ("0002_metrics_and_retention.sql", include_str!("../migrations/0002_metrics_and_retention.sql")),
    ("0003_rates.sql", include_str!("../migrations/0003_rates.sql")),
    ("0004_destinations.sql", include_str!("../migrations/0004_destinations.sql")),
    ("0005_channels_and_schedules.sql", include_str!("../migrations/0005_channels_and_schedules.sql")),
];

/// A step that brings the tables to the next version, for a host that runs its migrations itself.
///
/// A step that was released is never changed, and each leaves the tables so that the release before it still works on
/// them: it adds tables, indexes, and columns that may be null or have a default, or makes an index anew. So replicas of the old release go on
/// while, and after, the tables are brought to the new version, and are replaced one by one. Each step notes itself in
/// `schema_version`, with the lowest number of steps a program must know to work on the tables from then on
/// (`works_from`); an older program does not start on them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The version that it brings the tables to; the first is 1.
    pub number: u64,
    /// The name of its file in the folder `migrations` of this crate.
    pub name: &'static str,
    /// Its SQL: several statements, to be run in one transaction. The schema has to be there.
    pub sql: String,
}

/// All steps, in order, for tables in the schema of this name; refused where that is not a plain identifier.
pub fn migrations(schema: &str) -> PortResult<Vec<Migration>> {
    let schema = named(schema).map_err(|fault| fault.doing("read the migrations"))?;
    let migration = |(number, (name, sql)): (u64, &(&'static str, &'static str))| Migration {
        number,
        name,
        sql: schema.text(sql).into_owned(),
    };
    Ok((1..).zip(FILES).map(migration).collect())
}

/// The schema of this name, if it is one that needs no quotes, wherever the host writes it.
pub(crate) fn named(name: &str) -> Step<Schema> {
    let plain = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_');
    let begins = name.starts_with(|first: char| first == '_' || first.is_ascii_lowercase());
    if !begins || !name.chars().all(plain) || name.starts_with("pg_") || name.len() > LONGEST_NAME {
        return Err(Fault::Refused(format!(
            "{name:?} cannot be the name of a schema: it consists of a to z, digits and _, begins with no digit and not \
             with pg_, and has at most {LONGEST_NAME} characters"
        )));
    }
    Ok(Schema::named(name))
}

/// Brings the tables to the newest version. Safe when several processes start at once: one does it, the others wait
/// for it and find it done.
pub(crate) async fn migrate(pool: &PgPool, schema: &Schema) -> Step<()> {
    let mut db = Db::new(pool.begin().await?, schema.clone());
    // Most of the time there is nothing to do, and then nothing is locked and no right to create is needed.
    if missing(&mut db).await?.is_empty() {
        return Ok(());
    }
    db.alone(Alone::Migrating).await?;
    let missing = missing(&mut db).await?;
    db.create_schema().await?;
    for (_, sql) in missing {
        db.run_all(sql).await?;
    }
    db.commit().await
}

/// Says which files have to be run, where the tables are not in a version that this program works with.
pub(crate) async fn check(pool: &PgPool, schema: &Schema) -> Step<()> {
    let mut db = Db::new(pool.begin().await?, schema.clone());
    let missing: Vec<_> = missing(&mut db).await?.into_iter().map(|(name, _)| name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(refused(format!(
        "its tables are older than this program: run {} of invite-postgres (`invite_postgres::migrations` has them), or \
         open it with PgStore::new, which does that",
        missing.join(", ")
    )))
}

/// The files that have not been run. Refused where a newer release has changed the tables so that this one does not work
/// on them.
async fn missing(db: &mut Db) -> Step<Vec<(&'static str, &'static str)>> {
    if !db.has("invite.schema_version").await? {
        return Ok(FILES.to_vec());
    }
    let rows = db
        .query("SELECT version, works_from FROM invite.schema_version ORDER BY version")
        .fetch_all(db.connection())
        .await?;
    let mut done = BTreeSet::new();
    for row in &rows {
        let (version, works_from) = (row.count("version")?, row.count("works_from")?);
        if works_from > FILES.len() as u64 {
            return Err(refused(format!(
                "its tables have version {version}, which a program needs {works_from} migrations for, and this one \
                 knows {}: a newer release has written them, start that one",
                FILES.len()
            )));
        }
        done.insert(version);
    }
    Ok((1..).zip(FILES).filter(|(number, _)| !done.contains(number)).map(|(_, file)| *file).collect())
}

fn refused(why: String) -> Fault {
    PortError::new(PortErrorKind::Refused, DOING).caused_by(why).into()
}
