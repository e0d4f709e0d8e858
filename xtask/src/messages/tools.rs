//! What the task needs besides Rust: SpamAssassin, Node.js with three packages, and for pictures Chromium and pngquant.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scripts;
use crate::cargo::{run, target};
use crate::services::install::program;

/// The folder in which the scripts run, beside their packages.
#[derive(Debug)]
pub(super) struct Tools(PathBuf);

impl Tools {
    /// Installs what is missing: Debian's packages where this is root, Node's packages into the target folder.
    pub(super) fn install(pictures: bool) -> Result<Self, String> {
        let mut programs = vec![("spamassassin", "spamassassin"), ("node", "nodejs"), ("npm", "npm")];
        if pictures {
            // The font of the pictures is Arial's metric twin.
            programs.extend([("chromium", "chromium"), ("pngquant", "pngquant"), ("fc-list", "fontconfig")]);
        }
        for (name, package) in programs {
            program(name, package)?;
        }
        let folder = target().join("tools").join("messages");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let packages_changed = copy_scripts(&folder)?;
        if packages_changed || !folder.join("node_modules").exists() {
            let arguments =
                ["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
            run(Command::new("npm").current_dir(&folder).args(arguments))?;
        }
        Ok(Self(folder))
    }

    /// One of the scripts of `xtask/messages`.
    pub(super) fn script(&self, name: &str) -> Command {
        let mut command = Command::new("node");
        command.current_dir(&self.0).arg(name);
        command
    }
}

/// Node looks for packages beside the script, so the scripts are copied to where the packages are. Answers whether the
/// list of packages is another than before.
fn copy_scripts(folder: &Path) -> Result<bool, String> {
    let before = fs::read(folder.join("package.json")).ok();
    let said = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(scripts()).map_err(said)?.flatten() {
        fs::copy(entry.path(), folder.join(entry.file_name())).map_err(said)?;
    }
    Ok(before != fs::read(folder.join("package.json")).ok())
}
