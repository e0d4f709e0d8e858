//! A campaign from its beginning to its table.

use std::error::Error;
use std::time::Instant;

use invite_core::model::organisation::ChannelRule;
use invite_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::kills::{Killer, Kills};
use crate::phase::Phase;
use crate::rollout::{Rollout, WAVES};
use crate::setting::Setting;
use crate::table::Table;
use crate::{aftermath, journal, library};

/// Runs a campaign. Says whether everything held.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let begun = Instant::now();
    let setting = Setting::of(arguments)?;
    let Setting { kills: wanted, deliveries: messages, seed, ref folder, .. } = setting;

    let key = library::new_key()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rollout = runtime.block_on(async {
        let store = SqliteStore::open(folder.database()).await?;
        let invites = library::of_campaign(store.clone(), &key)?;
        Rollout::prepare(&store, &invites, messages, ChannelRule::Both).await
    })?;

    let killing = Instant::now();
    let mut killer = Killer::new(folder, &key, seed)?;
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
    if confirmed != messages {
        faults.push(format!("{confirmed} messages were confirmed, not {messages}"));
    }
    let (accepted, torn) = journal::read(&folder.journal())?;
    let left = runtime.block_on(aftermath::look(folder, &key, &rollout, &accepted, &killer.kills.faults))?;
    faults.extend(left.faults);
    let table = Table {
        seed,
        kills: &killer.kills,
        torn,
        verdict: &left.verdict,
        trial: &left.trial,
        killing,
        all: begun.elapsed(),
        faults: &faults,
    };
    print!("{table}");
    drop(killer);
    Ok(setting.end(&faults))
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
