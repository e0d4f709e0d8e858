//! A temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that goes when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("invite-services-{}", std::process::id()));
        fs::create_dir(&path)
            .map_err(|error| format!("no folder for services, {}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// A new folder in it.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.0.join(name);
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A server that is just ending may write once more; what is left is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
