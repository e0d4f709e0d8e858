//! The wall clocks of workers, set an hour off while they run, by libfaketime; their monotonic clocks stay right.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, by place of the worker a file that says how far its clock is off.
#[derive(Debug)]
pub(crate) struct Clocks {
    library: PathBuf,
    folder: PathBuf,
}

impl Clocks {
    /// All are right.
    pub(crate) fn new(folder: &Path, workers: usize) -> Result<Self, Box<dyn Error>> {
        let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut libraries = libraries.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
        let library = libraries.find(|library| library.is_file()).ok_or(
            "libfaketime is needed, to set workers' clocks off: install Debian's package faketime \
             (apt-get install faketime)",
        )?;
        let clocks = Self { library, folder: folder.to_owned() };
        for place in 0..workers {
            clocks.set(place, 0)?;
        }
        Ok(clocks)
    }

    /// Sets the clock of the worker in this place, and of those that come after it, off by so many hours.
    pub(crate) fn set(&self, place: usize, hours: i64) -> io::Result<()> {
        // One that reads it meanwhile finds one or the other.
        let new = self.folder.join("clock.new");
        std::fs::write(&new, format!("{:+}\n", hours * 3600))?;
        std::fs::rename(new, self.file(place))
    }

    /// Gives a worker its clock.
    pub(crate) fn give(&self, command: &mut Command, place: usize) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file(place))
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    fn file(&self, place: usize) -> PathBuf {
        self.folder.join(format!("clock-{place}"))
    }
}
