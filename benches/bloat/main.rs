//! Dead rows of the queue on PostgreSQL, and what they cost a claim, without and with a snapshot that another connection
//! holds open.
//!
//! `cargo bench -p invite-benches --bench bloat -- [--size N] [--settings "fillfactor = 90"]`. Every message's row is
//! written three times on its way; what was there before stays until a vacuum, and no vacuum removes what a snapshot might
//! still see. So a report that runs for an hour, or a session that is idle in its transaction, is felt by the queue. The
//! settings are those of `ALTER TABLE … SET` for the table of messages, to be tried out.

use invite_benches::people::{invites, organisation};
use invite_benches::{Answer, Arguments, Database, Store, block_on, grouped, queue, rate, say};
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::service::{ConfirmOptions, Invite};
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row};

/// Without `--size`.
const SIZE: usize = 100_000;
/// A run is looked at so often.
const PARTS: usize = 5;

fn main() -> Answer<()> {
    let arguments = Arguments::of_process()?;
    block_on(async {
        let folder = tempfile::tempdir()?;
        let people = Database::new(Database::POSTGRES, folder.path(), "people").await?;
        let store = people.open().await?;
        let size = arguments.value("size")?.unwrap_or(SIZE);
        let actor = organisation(&store, "acme", size, CredentialKind::SetUpLink).await?;
        store.analyse().await?;
        store.close().await;
        say(
            "Dead rows of the table of messages, each of whose rows is written three times: as PostgreSQL estimates them, and",
        )?;
        say("as pgstattuple counts them. Milliseconds are of a group of 200.\n")?;
        say(
            "| snapshot | sent | claim, ms | begin, ms | record, ms | messages/s | dead, estimated | dead, counted | table and indexes | vacuums |",
        )?;
        say("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for with_snapshot in [false, true] {
            let database = people.copy(if with_snapshot { "with" } else { "without" }).await?;
            let settings: Option<String> = arguments.value("settings")?;
            let ran = run(&database, &actor, with_snapshot, settings).await;
            database.remove().await?;
            ran?;
        }
        people.remove().await
    })
}

async fn run(
    database: &Database,
    actor: &Actor,
    with_snapshot: bool,
    settings: Option<String>,
) -> Answer<()> {
    let (Database::Postgres(url), store) = (database, database.open().await?) else {
        return Err("it is a database of PostgreSQL".into());
    };
    let Store::Postgres(_, pool) = &store else { return Err("it is a store on PostgreSQL".into()) };
    sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS pgstattuple").execute(pool).await?;
    if let Some(settings) = settings {
        // Whoever runs the bench has written them.
        let sql = AssertSqlSafe(format!("ALTER TABLE invite.delivery SET ({settings})"));
        sqlx::raw_sql(sql).execute(pool).await?;
    }
    let invites = invites(&store)?;
    let plan = invites.plan(actor, Invite::all()).await?;
    let now = ConfirmOptions::new().hold(std::time::Duration::ZERO);
    let batch = invites.confirm_with(actor, plan.id(), now).await?;
    let mut other = PgConnection::connect(url).await?;
    if with_snapshot {
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM invite.delivery")
            .execute(&mut other)
            .await?;
    }
    let messages = usize::try_from(batch.totals.messages.values().sum::<u64>())?;
    let part = messages / PARTS / queue::GROUP * queue::GROUP;
    for number in 1..=PARTS {
        let sent = queue::send(&store, part).await?;
        let groups = rate(part, std::time::Duration::from_secs(1))
            / rate(queue::GROUP, std::time::Duration::from_secs(1));
        let of_a_group = |time: std::time::Duration| time.as_secs_f64() * 1e3 / groups;
        let Bloat { estimated, counted, bytes, vacuums } = Bloat::of(pool).await?;
        say(&format!(
            "| {} | {} | {:.1} | {:.1} | {:.1} | {:.0} | {estimated} | {counted} | {} MiB | {vacuums} |",
            if with_snapshot { "open" } else { "none" },
            grouped(number * part),
            of_a_group(sent.claim),
            of_a_group(sent.begin),
            of_a_group(sent.record),
            rate(part, sent.time()),
            bytes / 1024 / 1024,
        ))?;
    }
    other.close().await?;
    drop(invites);
    store.close().await;
    Ok(())
}

/// What PostgreSQL says about the table of messages.
struct Bloat {
    estimated: i64,
    counted: i64,
    bytes: i64,
    vacuums: i64,
}

impl Bloat {
    async fn of(pool: &PgPool) -> Answer<Self> {
        let row: PgRow = sqlx::query(
            "SELECT s.n_dead_tup, s.autovacuum_count, pg_total_relation_size(s.relid) AS bytes,
                 (SELECT dead_tuple_count FROM pgstattuple(s.relid)) AS counted
             FROM pg_stat_user_tables AS s WHERE s.relid = 'invite.delivery'::regclass",
        )
        .fetch_one(pool)
        .await?;
        Ok(Self {
            estimated: row.try_get("n_dead_tup")?,
            counted: row.try_get("counted")?,
            bytes: row.try_get("bytes")?,
            vacuums: row.try_get("autovacuum_count")?,
        })
    }
}
