//! Faults at random moments over a rollout, with several workers at once, each a process of its own that runs `invite work`;
//! and an oracle that holds what arrived against what the database says.
//!
//! docs/reliability.md has the method.

mod clocks;
mod conversation;
mod injector;
mod keeper;
mod ledger;
mod oracle;
mod parties;
mod report;
mod schedule;
mod server;
mod setting;
mod sink;
mod watch;
mod workers;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use invite_core::Secret;
use invite_core::model::actor::Actor;
use invite_core::model::id::BatchId;
use invite_core::service::Invites;
use tokio::runtime::Runtime;

use self::clocks::Clocks;
use self::injector::Injector;
use self::ledger::Ledger;
use self::oracle::{Evidence, Findings, Violation};
use self::parties::Parties;
use self::report::Report;
use self::schedule::schedule;
use self::server::Server;
use self::setting::{Setting, policy};
use self::sink::Sink;
use self::workers::{Orders, Workers};
use crate::arguments::Arguments;
use crate::bug::Bug;
use crate::database::{Database, StoreKind};
use crate::rollout::WAVES;
use crate::{journal, library, oracle as books, secrets};

/// So many messages may be kept before a fault falls that is planned for then.
const AHEAD: u64 = 16;
/// Nothing has moved for so long: nothing will.
const STANDSTILL: Duration = Duration::from_secs(15);

/// Runs a campaign. Says whether everything held.
#[allow(clippy::too_many_lines, reason = "a campaign from its beginning to its end")]
pub(crate) fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let begun = Instant::now();
    let setting = Setting::of(arguments)?;
    let Setting { faults, deliveries: messages, seed, workers, store, bug, ref folder, .. } = setting;
    let policy = policy();
    std::fs::write(folder.policy(), serde_json::to_string(&policy)?)?;
    let key = library::new_key()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut server = match store {
        StoreKind::Postgres => Some(Server::start(folder.path(), &runtime)?),
        StoreKind::Sqlite => None,
    };
    let database = match &server {
        Some(server) => Database::Postgres(server.url()),
        None => Database::Sqlite(folder.database()),
    };
    let data = server.as_ref().map(Server::data);
    // On SQLite the machine's clock is the store's.
    let clocks = server.is_some().then(|| Clocks::new(folder.path(), workers)).transpose()?;
    if let (Some(Bug::WorkersClock), Some(clocks)) = (bug, &clocks) {
        clocks.set(1, 1)?;
    }
    let (parties, cancelled) = runtime.block_on(async {
        let (invites, people) = open(&database, &key).await?;
        let parties = Parties::prepare(people, &invites, messages).await?;
        let cancelled = parties.roll_back(&invites).await?;
        Ok::<_, Box<dyn Error>>((parties, cancelled))
    })?;

    let ledger = Arc::new(Ledger::default());
    let sink = Sink::open(&folder.journal(), ledger.clone(), &runtime)?;
    let rows = runtime.block_on(database.rows())?;
    let watching = runtime.spawn(watch::watch(rows.clone(), sink.shared(), ledger.clone()));
    let orders =
        Orders { folder, database: &database, key: &key, port: sink.port(), bug, clocks: clocks.as_ref() };
    let started = Workers::start(orders, workers)?;
    let of_postgres = (server.as_mut(), clocks.as_ref());
    let mut injector =
        Injector::new(started, &sink, rows, ledger.clone(), &runtime, (policy.lease, bug), of_postgres);
    let under_fire = Instant::now();
    let schedule = schedule(seed, faults, messages, workers, store, bug);
    let mut schedule = schedule.iter().peekable();
    let mut confirmed = 0;
    for wave in 0..WAVES {
        injector.calm_down()?;
        confirmed += runtime.block_on(async {
            let (invites, _) = open(&database, &key).await?;
            parties.confirm(&invites, wave).await
        })?;
        while let Some(planned) = schedule.next_if(|planned| planned.after < confirmed || wave + 1 == WAVES) {
            sink.slow_from(planned.after + AHEAD);
            injector.inject(planned)?;
        }
    }
    injector.use_up(messages)?;
    sink.slow_from(u64::MAX);
    injector.calm_down()?;
    let at_rest = rest(&mut injector, &runtime, &database, &key, &parties)?;
    injector.workers.end()?;
    watching.abort();
    let under_fire = under_fire.elapsed();

    let (journal, torn) = journal::read(&folder.journal())?;
    let (findings, trial) = runtime.block_on(async {
        let (invites, _) = open(&database, &key).await?;
        let deliveries = confirmed_deliveries(&invites, &parties).await?;
        let tried = sink.tried();
        let mut findings = Evidence {
            deliveries: &deliveries,
            journal: &journal,
            ledger: &ledger,
            tried: &tried,
            untouchable: &parties.untouchable,
            attempts: policy.email.at_most,
        }
        .judge();
        let batches = parties.organisations().len() * usize::try_from(WAVES)? + cancelled;
        findings.add(Violation::Event, books::events(&invites, batches).await?);
        let trial = secrets::try_all(&invites, &deliveries, &journal).await?;
        findings.add(Violation::Secret, trial.faults.iter().cloned());
        findings.add(Violation::Secret, secrets::search(&folder.searched(data.as_deref())?, &journal)?);
        Ok::<_, Box<dyn Error>>((findings, trial))
    })?;
    let mut findings: Findings = findings;
    let log = std::fs::read_to_string(folder.log())?;
    findings.add(Violation::Worker, log.lines().filter(|line| line.contains("panicked at")));
    findings.add(Violation::Worker, std::mem::take(&mut injector.workers.troubles));
    if !at_rest {
        findings.add(Violation::Campaign, ["the messages did not come to rest"]);
    }
    if torn > 0 {
        findings.add(Violation::Campaign, [format!("{torn} lines of the journal are torn")]);
    }
    if confirmed != messages {
        findings.add(Violation::Campaign, [format!("{confirmed} messages were confirmed, not {messages}")]);
    }
    if (ledger.count() as usize) < faults {
        let waiting = sink.armed();
        let what = format!("{} faults of {faults}; {waiting} wait for a connection", ledger.count());
        findings.add(Violation::Campaign, [what]);
    }
    let report = Report {
        title: setting.title(),
        faults: ledger.faults(),
        figures: vec![
            ("worker processes started", injector.workers.started.into()),
            ("stopped workers that went on while another had their message", injector.met),
            ("messages that a fault met in their hand-over", ledger.messages() as u64),
            ("hand-overs whose worker was late, and no fault fell on it", ledger.late()),
        ],
        findings: &findings,
        trial: &trial,
        under_fire,
        all: begun.elapsed(),
    };
    print!("{report}");
    drop(injector);
    Ok(setting.end(findings.violations.is_empty()))
}

async fn open(
    database: &Database,
    key: &Secret,
) -> Result<(Invites, Arc<dyn invite_core::port::people::People>), Box<dyn Error>> {
    let (builder, people) = database.open().await?;
    let invites =
        builder.email(library::nowhere()?).seal_with(key.expose().parse()?).policy(policy()).build()?;
    Ok((invites, people))
}

/// Waits until every message has ended; `false` where they do not.
fn rest(
    injector: &mut Injector<'_>,
    runtime: &Runtime,
    database: &Database,
    key: &Secret,
    parties: &Parties,
) -> Result<bool, Box<dyn Error>> {
    let (invites, _) = runtime.block_on(open(database, key))?;
    let (mut left, mut moved_at) = (u64::MAX, Instant::now());
    while left > 0 && moved_at.elapsed() < STANDSTILL {
        injector.pause(Duration::from_millis(100))?;
        let now = runtime.block_on(on_their_way(&invites, parties))?;
        if now < left {
            (left, moved_at) = (now, Instant::now());
        }
    }
    Ok(left == 0)
}

async fn on_their_way(invites: &Invites, parties: &Parties) -> Result<u64, Box<dyn Error>> {
    let mut left = 0;
    for organisation in parties.organisations() {
        let actor = Actor::system(organisation);
        for batch in invites.batches(&actor, None, 100).await?.rows {
            let status = invites.batch(&actor, batch.id).await?;
            if batch.confirmed.is_some() && !status.finished {
                let states = status.progress.states.iter();
                left +=
                    states.filter(|(state, _)| state.is_on_its_way()).map(|(_, count)| count).sum::<u64>();
            }
        }
    }
    Ok(left)
}

/// Every message of a batch that was confirmed.
async fn confirmed_deliveries(
    invites: &Invites,
    parties: &Parties,
) -> Result<HashMap<invite_core::model::id::DeliveryId, books::Owned>, Box<dyn Error>> {
    let organisations = parties.organisations();
    let mut not_confirmed: Vec<BatchId> = Vec::new();
    for organisation in organisations {
        let batches = invites.batches(&Actor::system(organisation), None, 100).await?.rows;
        not_confirmed.extend(batches.iter().filter(|batch| batch.confirmed.is_none()).map(|batch| batch.id));
    }
    let mut deliveries = books::deliveries(invites, &organisations).await?;
    deliveries.retain(|_, (_, delivery)| !not_confirmed.contains(&delivery.batch));
    Ok(deliveries)
}
