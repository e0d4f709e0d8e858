//! The library as the campaign uses it: short times, a journal as the provider, and nothing that stops a batch.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use invite_core::credential::random::system_random;
use invite_core::policy::{Attempts, Policy};
use invite_core::service::Invites;
use invite_core::{SealingKey, Secret};
use invite_sqlite::SqliteStore;

use crate::folder::Folder;
use crate::journal::Journal;
use crate::observed::{Fronted, Observed};
use crate::phase::InFlight;

/// The environment variable with the sealing key.
pub(crate) const KEY: &str = "INVITE_SECRET_KEY";

/// A new key, to be given to every process by [`with_key`].
pub(crate) fn new_key() -> Result<Secret, Box<dyn Error>> {
    Ok(SealingKey::generate(&mut system_random()?).to_text())
}

/// Gives the key to a process that is about to start.
pub(crate) fn with_key<'a>(
    command: &'a mut std::process::Command,
    key: &Secret,
) -> &'a mut std::process::Command {
    command.env(KEY, key.expose())
}

/// What a worker process uses: observed, with the key from its environment.
pub(crate) async fn of_worker(
    folder: &Folder,
    seed: u64,
    in_flight: Arc<InFlight>,
) -> Result<Invites, Box<dyn Error>> {
    let store = SqliteStore::open(folder.database()).await?;
    let journal = |seed| Journal::open(&folder.journal(), seed, in_flight.clone());
    let observed = Observed::new(store.clone(), in_flight.clone());
    Ok(Invites::builder_with(store.clone(), Fronted::new(store, observed))
        .email(journal(seed)?)
        .sms(journal(!seed)?)
        .seal_with(SealingKey::from_env(KEY)?)
        .policy(policy())
        .build()?)
}

/// What the campaign itself uses, before the first kill, between waves, and after the last. It sends nothing.
pub(crate) fn of_campaign(store: SqliteStore, key: &Secret) -> Result<Invites, Box<dyn Error>> {
    Ok(Invites::builder(store)
        .email(nowhere()?)
        .sms(nowhere()?)
        .seal_with(key.expose().parse()?)
        .policy(policy())
        .build()?)
}

/// A transport for whoever sends nothing.
pub(crate) fn nowhere() -> std::io::Result<Journal> {
    let nothing = Path::new("/dev/null");
    Journal::open(nothing, 0, Arc::new(InFlight::create(nothing)?))
}

/// A short lease, so that what a killed worker held comes back soon, and more attempts than there are kills. Not shorter:
/// two processes on one SQLite file can keep each other from writing for over 2 s, and a lease that lapses so is a fault
/// that no kill explains.
pub(crate) fn policy() -> Policy {
    let attempts = Attempts {
        at_most: 10_000,
        within: Duration::from_hours(24),
        waits: [50, 100, 200, 500, 1_000].map(Duration::from_millis).to_vec(),
    };
    Policy {
        lease: Duration::from_secs(5),
        renewal: Duration::from_millis(500),
        send_deadline: Duration::from_secs(5),
        email: attempts.clone(),
        sms: attempts,
        breaker: u32::MAX,
        brake_from: u32::MAX,
        brake_percent: 100,
        hold_above: u64::MAX,
        sms_to_number: u32::MAX,
        sms_of_organisation: 1_000_000,
        ..Policy::default()
    }
}
