//! The HTML of the messages, read by html-validate. `xtask/messages/html-validate.mjs` lists what an e-mail does
//! otherwise than a page, with the reason.

use std::path::{Path, PathBuf};

use super::tools::Tools;
use super::{Problems, name};
use crate::cargo::printed_by;

/// What is wrong, by message; nothing of those that are valid.
pub(super) fn problems(tools: &Tools, pages: &[PathBuf]) -> Result<Problems, String> {
    let printed = printed_by(tools.script("html.mjs").args(pages))?;
    let mut problems = Problems::new();
    for line in printed.lines() {
        let (page, problem) = line.split_once('\t').ok_or_else(|| format!("html-validate said: {line}"))?;
        problems.entry(name(Path::new(page))).or_default().push(problem.replace('\t', " "));
    }
    Ok(problems)
}
