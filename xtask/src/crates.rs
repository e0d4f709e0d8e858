//! Which crates a crate is built from.

use std::collections::BTreeSet;

use crate::cargo::{Answer, cargo, printed_by, workspace};

/// What adapters share. It is no adapter.
const SHARED: &str = "invite-mime";

/// The names of all crates that a crate of the workspace is built from, on any platform and with all its features;
/// not of those that only its tests or build scripts need.
pub(crate) fn built_from(package: &str) -> Result<BTreeSet<String>, String> {
    let arguments = ["tree", "--edges", "normal", "--prefix", "none", "--all-features", "--target", "all"];
    let tree = printed_by(cargo().args(arguments).args(["--package", package]))?;
    Ok(tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

/// Holds that no adapter is built from another.
pub(crate) fn adapters_stand_apart() -> Answer {
    let adapters = adapters()?;
    for adapter in &adapters {
        for other in built_from(adapter)? {
            if other != *adapter && other != SHARED && adapters.contains(&other) {
                return Err(format!("{adapter} is built from {other}; adapters see invite-core alone"));
            }
        }
    }
    Ok(())
}

/// The crates under `invite-adapters/`: `invite-<folder>` each.
fn adapters() -> Result<BTreeSet<String>, String> {
    let folder = workspace().join("invite-adapters");
    let entries = folder.read_dir().map_err(|error| format!("{}: {error}", folder.display()))?;
    let crates = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
    Ok(crates.map(|entry| format!("invite-{}", entry.file_name().to_string_lossy())).collect())
}
