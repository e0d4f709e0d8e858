//! A campaign from its beginning to its table.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use invite_core::model::organisation::ChannelRule;
use invite_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::folder::Folder;
use crate::kills::{Killer, Kills};
use crate::oracle;
use crate::phase::Phase;
use crate::rollout::{Rollout, WAVES};
use crate::table::Table;
use crate::{journal, library, secrets};

/// Runs a campaign. Says whether everything held.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let begun = Instant::now();
    let wanted: u32 = arguments.value("kills")?.unwrap_or(300);
    let messages: u64 = arguments.value("deliveries")?.unwrap_or(5_000);
    let seed: u64 = arguments.value("seed")?.unwrap_or(1);
    let temporary = tempfile::tempdir()?;
    let given: Option<PathBuf> = arguments.value("dir")?;
    let folder = Folder::new(given.unwrap_or_else(|| temporary.path().to_owned()));
    std::fs::create_dir_all(folder.path())?;

    let key = library::new_key()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rollout = runtime.block_on(async {
        let store = SqliteStore::open(folder.database()).await?;
        let invites = library::of_campaign(store.clone(), &key)?;
        Rollout::prepare(&store, &invites, messages, ChannelRule::Both).await
    })?;

    let killing = Instant::now();
    let mut killer = Killer::new(&folder, &key, seed)?;
    let mut confirmed = 0;
    for wave in 0..WAVES {
        // Only for this moment: what the workers leave is found by a worker that opens the file.
        confirmed += runtime.block_on(async {
            let invites = library::of_campaign(SqliteStore::open(folder.database()).await?, &key)?;
            rollout.confirm(&invites, wave).await
        })?;
        let left = u64::from(wanted - killer.kills.count());
        killer.kill(u32::try_from(left / (WAVES - wave))?, confirmed)?;
    }
    killer.finish()?;
    let killing = killing.elapsed();

    let mut faults = std::mem::take(&mut killer.troubles);
    faults.extend(too_few(&killer.kills, wanted));
    let log = std::fs::read_to_string(folder.log())?;
    faults.extend(
        log.lines().filter(|line| line.contains("panicked at")).map(|line| format!("a worker: {line}")),
    );
    if confirmed != messages {
        faults.push(format!("{confirmed} messages were confirmed, not {messages}"));
    }
    let (accepted, torn) = journal::read(&folder.journal())?;
    let (verdict, trial) = runtime.block_on(async {
        let invites = library::of_campaign(SqliteStore::open(folder.database()).await?, &key)?;
        let organisations = rollout.organisations();
        let deliveries = oracle::deliveries(&invites, &organisations).await?;
        let verdict = oracle::judge(&deliveries, &accepted, &killer.kills.faults);
        let batches = organisations.len() * usize::try_from(WAVES)?;
        faults.extend(oracle::events(&invites, batches).await?);
        let trial = secrets::try_all(&invites, &deliveries, &accepted).await?;
        faults.extend(secrets::search(&folder, &accepted)?);
        Ok::<_, Box<dyn Error>>((verdict, trial))
    })?;
    faults.extend(verdict.faults.iter().chain(&trial.faults).cloned());
    let table = Table {
        seed,
        kills: &killer.kills,
        torn,
        verdict: &verdict,
        trial: &trial,
        killing,
        all: begun.elapsed(),
        faults: &faults,
    };
    print!("{table}");
    if !faults.is_empty() {
        println!("everything is kept in {}", folder.path().display());
        let _kept = temporary.keep();
    }
    Ok(faults.is_empty())
}

/// Fewer kills than asked for, or a phase in which there was none.
fn too_few(kills: &Kills, wanted: u32) -> Vec<String> {
    let mut faults = Vec::new();
    if kills.count() < wanted {
        faults.push(format!("{} kills of {wanted}: the messages ran out", kills.count()));
    }
    let missed = Phase::ALL.into_iter().filter(|phase| kills.in_phase[*phase as usize] == 0);
    faults.extend(missed.map(|phase| format!("no kill fell inside {phase}")));
    faults
}
