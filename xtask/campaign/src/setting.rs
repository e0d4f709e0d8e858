//! What a campaign is asked for, and where it keeps everything.

use std::error::Error;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::folder::Folder;

/// What a campaign is asked for.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) kills: u32,
    pub(crate) deliveries: u64,
    pub(crate) seed: u64,
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
        Ok(Self {
            kills: arguments.value("kills")?.unwrap_or(300),
            deliveries: arguments.value("deliveries")?.unwrap_or(5_000),
            seed: arguments.value("seed")?.unwrap_or(1),
            folder,
            temporary,
        })
    }

    /// Keeps everything where something did not hold. Says whether all held.
    pub(crate) fn end(self, faults: &[String]) -> bool {
        if !faults.is_empty() {
            println!("everything is kept in {}", self.folder.path().display());
            let _kept = self.temporary.keep();
        }
        faults.is_empty()
    }
}
