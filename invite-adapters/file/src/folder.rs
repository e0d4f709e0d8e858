//! The folder: private, and whatever stands in it is whole and on the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a folder cannot hold messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It does not exist and cannot be made, or cannot be looked at.
    #[error("the folder {} for messages cannot be made or opened; make it yourself (mode 700) or choose another", .folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others may read it or write into it, and messages hold credentials.
    #[error(
        "others than its owner may use the folder {0} (mode {mode:03o}), and messages hold passwords; run `chmod 700 {0}`, or name a folder that does not exist yet",
        .folder.display()
    )]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// A private folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if there is none, private from its first moment; one that is there must be private already.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { folder: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(unusable)?;
        make_private(&path).map_err(unusable)?;
        match permissions(&path).map_err(unusable)? {
            mode if mode & 0o077 != 0 => Err(FolderError::NotPrivate { folder: path, mode }),
            _ => Ok(Self(path)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that appears whole or not at all, in the place of one of the same name.
    pub(crate) fn write(
        &self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        // Made with mode 0600 and a name that no other process has; removed when it is dropped before the rename.
        let mut temporary = tempfile::Builder::new()
            .prefix(".")
            .suffix(".tmp")
            .tempfile_in(&self.0)
            .map_err(WriteError::Certain)?;
        let written = {
            let mut buffered = io::BufWriter::new(temporary.as_file_mut());
            content(&mut buffered).and_then(|()| buffered.flush())
        };
        written.and_then(|()| temporary.as_file().sync_all()).map_err(WriteError::Certain)?;
        temporary.persist(self.0.join(name)).map_err(|refused| WriteError::Certain(refused.error))?;
        sync_folder(&self.0).map_err(WriteError::Uncertain)
    }

    /// Waits until no other process holds the lock of this name, and holds it until the file is dropped.
    pub(crate) fn lock(&self, name: &str) -> io::Result<File> {
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.0.join(name))?;
        file.lock()?;
        Ok(file)
    }
}

/// How a write failed.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The file is not there.
    Certain(io::Error),
    /// The file is there, but a power cut might undo it.
    Uncertain(io::Error),
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Certain(error) | WriteError::Uncertain(error) => error,
        }
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn permissions(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// Elsewhere a folder inherits who may use it from the folder that it is in.
#[cfg(not(unix))]
fn permissions(_path: &Path) -> io::Result<u32> {
    Ok(0)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a folder cannot be opened, and the file system keeps the order of renames itself.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
