//! The most memory that this process held.

use std::{fs, io};

/// The peak of this process from a moment on. What it held at that moment is part of it.
#[derive(Debug)]
pub struct Memory(());

impl Memory {
    /// From now on.
    pub fn watch() -> io::Result<Self> {
        // proc(5): 5 sets the peak back to what is held now.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self(()))
    }

    /// The peak so far, in KiB.
    pub fn peak(&self) -> io::Result<u64> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        figure.ok_or_else(|| io::Error::other("/proc/self/status does not say VmHWM in kB"))
    }
}
