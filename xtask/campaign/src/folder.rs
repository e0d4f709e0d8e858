//! What a campaign keeps in its folder.

use std::io;
use std::path::{Path, PathBuf};

/// The folder of a campaign.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("invites.db")
    }

    /// Everything that the database consists of, a server's folder too, and what workers logged.
    pub(crate) fn searched(&self, server: Option<&Path>) -> io::Result<Vec<PathBuf>> {
        let names = ["invites.db", "invites.db-wal", "invites.db-shm", "workers.log"];
        let mut files = names.map(|name| self.0.join(name)).to_vec();
        let mut folders: Vec<PathBuf> = server.into_iter().map(Path::to_owned).collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let place = if entry.file_type()?.is_dir() { &mut folders } else { &mut files };
                place.push(entry.path());
            }
        }
        Ok(files)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// The figures that a worker process goes by.
    pub(crate) fn policy(&self) -> PathBuf {
        self.0.join("policy.json")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("workers.log")
    }

    /// What the worker of this number is doing.
    pub(crate) fn phases(&self, worker: u32) -> PathBuf {
        self.0.join(format!("worker-{worker}.phases"))
    }
}
