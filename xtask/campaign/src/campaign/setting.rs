//! What a campaign is asked for, and the figures by which its workers go.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use invite_core::policy::{Attempts, Policy};
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::bug::Bug;
use crate::database::StoreKind;
use crate::folder::Folder;

/// What a campaign is asked for.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) faults: usize,
    pub(crate) deliveries: u64,
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    pub(crate) store: StoreKind,
    pub(crate) bug: Option<Bug>,
    pub(crate) folder: Folder,
    /// Removed with everything in it, unless it is kept.
    temporary: TempDir,
}

impl Setting {
    pub(crate) fn of(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let temporary = tempfile::tempdir()?;
        let given: Option<PathBuf> = arguments.value("dir")?;
        let folder = Folder::new(given.unwrap_or_else(|| temporary.path().to_owned()));
        std::fs::create_dir_all(folder.path())?;
        let workers = arguments.value("workers")?.unwrap_or(4);
        if workers < 2 {
            return Err("--workers: at least 2, so that one goes on when another is stopped".into());
        }
        let bug: Option<String> = arguments.value("bug")?;
        Ok(Self {
            faults: arguments.value("faults")?.unwrap_or(100),
            deliveries: arguments.value("deliveries")?.unwrap_or(5_000),
            seed: arguments.value("seed")?.unwrap_or(1),
            workers,
            store: StoreKind::parse(&arguments.needed::<String>("store")?)?,
            bug: bug.map(|bug| Bug::parse(&bug)).transpose()?,
            folder,
            temporary,
        })
    }

    pub(crate) fn title(&self) -> String {
        let Self { faults, deliveries, seed, workers, store, .. } = self;
        let bug = self.bug.map_or_else(String::new, |bug| format!(", with the bug {bug}"));
        format!("{faults} faults over {deliveries} messages, {workers} workers, {store}, seed {seed}{bug}")
    }

    /// Keeps everything where something did not hold. Says whether all held.
    pub(crate) fn end(self, all_held: bool) -> bool {
        if !all_held && self.bug.is_none() {
            println!("everything is kept in {}", self.folder.path().display());
            let _kept = self.temporary.keep();
        }
        all_held
    }
}

/// Short times, so that what a fault left behind comes back soon; and nothing that stops a batch or a sender, since every
/// failure here is made.
pub(crate) fn policy() -> Policy {
    let waits = [50, 100, 200, 500, 1_000].map(Duration::from_millis).to_vec();
    let attempts = Attempts { at_most: 10, within: Duration::from_hours(24), waits };
    Policy {
        lease: Duration::from_secs(2),
        renewal: Duration::from_millis(500),
        send_deadline: Duration::from_secs(3),
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
