//! What is left when the last worker has come to rest: the database against the journal, and every secret tried.

use std::collections::HashMap;
use std::error::Error;

use invite_core::Secret;
use invite_core::model::id::DeliveryId;
use invite_sqlite::SqliteStore;

use crate::folder::Folder;
use crate::journal::Accepted;
use crate::library;
use crate::oracle::{self, Verdict};
use crate::rollout::{Rollout, WAVES};
use crate::secrets::{self, Trial};

/// What was found.
#[derive(Debug)]
pub(crate) struct Aftermath {
    pub(crate) verdict: Verdict,
    pub(crate) trial: Trial,
    /// Each thing that must not be, in words.
    pub(crate) faults: Vec<String>,
}

/// Looks at everything. `kills_on`: how many kills fell on a message while it was handed over.
pub(crate) async fn look(
    folder: &Folder,
    key: &Secret,
    rollout: &Rollout,
    accepted: &[Accepted],
    kills_on: &HashMap<DeliveryId, u32>,
) -> Result<Aftermath, Box<dyn Error>> {
    let log = std::fs::read_to_string(folder.log())?;
    let panics = log.lines().filter(|line| line.contains("panicked at"));
    let mut faults: Vec<String> = panics.map(|line| format!("a worker: {line}")).collect();
    let invites = library::of_campaign(SqliteStore::open(folder.database()).await?, key)?;
    let organisations = rollout.organisations();
    let deliveries = oracle::deliveries(&invites, &organisations).await?;
    let verdict = oracle::judge(&deliveries, accepted, kills_on);
    faults.extend(oracle::events(&invites, organisations.len() * usize::try_from(WAVES)?).await?);
    let trial = secrets::try_all(&invites, &deliveries, accepted).await?;
    faults.extend(secrets::search(&folder.searched(None)?, accepted)?);
    faults.extend(verdict.faults.iter().chain(&trial.faults).cloned());
    Ok(Aftermath { verdict, trial, faults })
}
