//! Programs of the system, installed where that is possible.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo::{printed_by, run};

/// Where a program is, by its name; it is installed from this package of Debian if it is not there and we are root.
pub(crate) fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(path) = found(name) {
        return Ok(path);
    }
    let missing = format!("{name} is needed: install Debian's package {package} (apt-get install {package})");
    if !is_root()? || found("apt-get").is_none() {
        return Err(missing);
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update", "--quiet=2"])?;
    apt(&["install", "--yes", "--quiet=2", "--no-install-recommends", package])?;
    found(name).ok_or(missing)
}

/// Whether we may become anybody.
pub(crate) fn is_root() -> Result<bool, String> {
    Ok(printed_by(Command::new("id").arg("-u"))?.trim() == "0")
}

/// In the search path, and where servers are.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.chain(postgres()).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Where Debian keeps the programs of each version of PostgreSQL, the newest first.
fn postgres() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
    versions.into_iter().map(|version| version.join("bin")).collect()
}
