//! A worker process with a deliberate bug, or none. All else is as `invite work` has it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use invite_core::SealingKey;
use invite_core::policy::Policy;
use invite_core::port::clock::{Clock, SystemClock};
use invite_core::service::{Builder, Invites};
use invite_postgres::PgStore;
use invite_smtp::SmtpTransport;
use invite_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::bug::{Bug, Bugged};
use crate::database::Database;
use crate::library::KEY;
use crate::observed::Fronted;

/// A machine's clock that is off.
#[derive(Debug)]
struct OffClock(i64);

impl Clock for OffClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + chrono::TimeDelta::hours(self.0)
    }
}

/// Works until it is killed or told to end.
pub(crate) fn work(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let bug: Option<String> = arguments.value("bug")?;
    let bug = bug.map(|bug| Bug::parse(&bug)).transpose()?;
    let place: i64 = arguments.needed("place")?;
    let database = Database::parse(&arguments.needed::<String>("db")?)?;
    let email: String = arguments.needed("email")?;
    let policy: PathBuf = arguments.needed("policy")?;
    let policy: Policy = serde_json::from_str(&std::fs::read_to_string(policy)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let builder = builder(&database, bug, place).await?;
        let key = SealingKey::from_env(KEY)?;
        let email = SmtpTransport::from_url(&email)?;
        let invites = builder.email(email).seal_with(key).policy(policy).build()?;
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let shutdown = async move {
            terminate.recv().await;
        };
        // What a stopped worker held beside a message goes before it, one by one: the less, the sooner two workers meet.
        let concurrency = if bug == Some(Bug::NoFencing) { 4 } else { 24 };
        invites.worker().concurrency(concurrency).run_until(shutdown).await?;
        Ok(())
    })
}

async fn builder(database: &Database, bug: Option<Bug>, place: i64) -> Result<Builder, Box<dyn Error>> {
    let rows = database.rows().await?;
    match database {
        Database::Postgres(url) => {
            let store = PgStore::connect(url).await?;
            let store = match bug {
                // Which the campaign has set off.
                Some(Bug::WorkersClock) => store.with_clock(Arc::new(SystemClock)),
                _ => store,
            };
            let queue = Bugged::new(store.clone(), rows, bug);
            Ok(Invites::builder_with(store.clone(), Fronted::new(store, queue)))
        }
        Database::Sqlite(path) => {
            let store = SqliteStore::open(path).await?;
            // One worker's clock is right, the next one's an hour ahead, and then behind.
            let hours = [0, 1, -1][usize::try_from(place)? % 3];
            let store = match bug {
                Some(Bug::WorkersClock) => store.with_clock(Arc::new(OffClock(hours))),
                _ => store,
            };
            let queue = Bugged::new(store.clone(), rows, bug);
            Ok(Invites::builder_with(store.clone(), Fronted::new(store, queue)))
        }
    }
}
