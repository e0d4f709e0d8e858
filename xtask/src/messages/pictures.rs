//! The messages in Chromium: nothing is wider than the window or too faint to read, and the pictures of
//! docs/messages.md.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::files;
use super::tools::Tools;
use crate::cargo::{Answer, run, workspace};

/// Looks at all messages, and takes the pictures anew.
pub(super) fn take(tools: &Tools, folder: &Path) -> Answer {
    let pictures = workspace().join("docs").join("messages");
    if pictures.exists() {
        fs::remove_dir_all(&pictures).map_err(|error| format!("{}: {error}", pictures.display()))?;
    }
    run(tools.script("pictures.mjs").arg(folder).arg(&pictures))?;
    // 64 colours are enough for text on plain ground, and a third of the size.
    let mut shrink = Command::new("pngquant");
    shrink.args(["--force", "--skip-if-larger", "--speed", "1", "--strip", "--ext", ".png", "64", "--"]);
    let taken = files(&pictures, "png")?;
    run(shrink.args(&taken))?;
    println!("{} pictures in {}", taken.len(), pictures.display());
    Ok(())
}
