//! The sizes of text messages beside those of Twilio's sms-segments-calculator, on 10,000 random texts.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::example;
use super::tools::Tools;
use crate::cargo::{Answer, run};

const TEXTS: &str = "10000";
/// The same texts in each run.
const SEED: &str = "7";

/// Prints how many sizes differ, and each kind of difference. `invite-core/src/template/sms.rs` explains those that are
/// known; another one fails.
pub(super) fn compare(tools: &Tools, folder: &Path) -> Answer {
    let said = |error| format!("{}: {error}", folder.display());
    let (texts, sizes) = (folder.join("texts.nul"), folder.join("sizes.txt"));
    let into = |path: &Path| File::create(path).map_err(said);
    run(tools.script("segments.mjs").args(["make", TEXTS, SEED]).stdout(into(&texts)?))?;
    let input = File::open(&texts).map_err(said)?;
    run(Command::new(example("sms_size")).stdin(input).stdout(into(&sizes)?))?;
    println!("sizes of text messages, ours and those of sms-segments-calculator:");
    let texts = fs::canonicalize(texts).map_err(said)?;
    run(tools.script("segments.mjs").arg("compare").args([texts, sizes]))
}
