//! The same over real SMTP: the workers are `invite work`, the command line's own, and the provider is a mail server in
//! this process that has each message on the disk before it takes responsibility for it.
//!
//! The server can hold a conversation at a moment of it, so that a kill falls just there; what the dead worker was
//! handing over is then read from the database, not from the worker.

mod killer;
mod report;
mod sink;

use std::error::Error;
use std::time::Instant;

use invite_core::model::organisation::ChannelRule;
use invite_sqlite::SqliteStore;

use self::killer::Killer;
use self::report::Report;
use self::sink::{Moment, Sink};
use crate::arguments::Arguments;
use crate::rollout::{Rollout, WAVES};
use crate::setting::Setting;
use crate::{aftermath, journal, library};

/// Runs a campaign over SMTP. Says whether everything held.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let begun = Instant::now();
    let setting = Setting::of(arguments)?;
    let Setting { kills: wanted, deliveries: messages, seed, ref folder, .. } = setting;
    std::fs::write(folder.policy(), serde_json::to_string(&library::policy())?)?;

    let key = library::new_key()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rollout = runtime.block_on(async {
        let store = SqliteStore::open(folder.database()).await?;
        let invites = library::of_campaign(store.clone(), &key)?;
        Rollout::prepare(&store, &invites, messages, ChannelRule::Email).await
    })?;
    let sink = Sink::open(&folder.journal())?;
    let mut killer = Killer::new(folder, &key, &sink, &runtime, rollout.organisations(), seed)?;
    let mut confirmed = 0;
    for wave in 0..WAVES {
        confirmed += runtime.block_on(async {
            let invites = library::of_campaign(SqliteStore::open(folder.database()).await?, &key)?;
            rollout.confirm(&invites, wave).await
        })?;
        let left = u64::from(wanted - killer.kills());
        killer.kill(u32::try_from(left / (WAVES - wave))?, confirmed)?;
    }
    killer.finish()?;

    let mut faults = std::mem::take(&mut killer.troubles);
    if killer.kills() < wanted {
        faults.push(format!("{} kills of {wanted}: the messages ran out", killer.kills()));
    }
    let missed = Moment::ALL.into_iter().filter(|moment| killer.at[*moment as usize] == 0);
    faults.extend(missed.map(|moment| format!("no kill fell on: {moment}")));
    if confirmed != messages {
        faults.push(format!("{confirmed} messages were confirmed, not {messages}"));
    }
    let (accepted, torn) = journal::read(&folder.journal())?;
    if torn > 0 {
        faults.push(format!("{torn} lines of the journal are torn, and the mail server was not killed"));
    }
    let left = runtime.block_on(aftermath::look(folder, &key, &rollout, &accepted, &killer.faults))?;
    faults.extend(left.faults);
    let report = Report {
        seed,
        at: &killer.at,
        handed_over: killer.handed_over,
        verdict: &left.verdict,
        trial: &left.trial,
        all: begun.elapsed(),
        faults: &faults,
    };
    print!("{report}");
    Ok(setting.end(&faults))
}
