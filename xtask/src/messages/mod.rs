//! `cargo xtask messages`: what spam filters, mail programs and providers make of the built-in messages.

mod html;
mod pictures;
mod segments;
mod spam;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::tools::Tools;
use crate::cargo::{Answer, cargo, run as run_command, target, workspace};

/// The most that SpamAssassin may give a message. Mail is spam from 5; local tests see neither DKIM nor reputation, and a
/// missing one or an unlucky wording of an organisation's own costs 1 to 3, for which this leaves room.
const TOO_MUCH: f64 = 2.0;

/// Writes the messages and holds them against SpamAssassin, html-validate and the calculator of segments; with
/// `--screenshots` it also looks at them in Chromium and makes the pictures of docs/messages.md anew.
pub(crate) fn run(arguments: &[&str]) -> bool {
    let screenshots = match arguments {
        [] => false,
        ["--screenshots"] => true,
        _ => {
            eprintln!("cargo xtask messages takes --screenshots and nothing else");
            return false;
        }
    };
    match all(screenshots) {
        Ok(()) => true,
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}

fn all(screenshots: bool) -> Answer {
    let tools = Tools::install(screenshots)?;
    let folder = target().join("messages");
    write_messages(&folder)?;

    let mut faults = Vec::new();
    faults.extend(marks(&folder, &tools)?);
    println!();
    faults.extend(segments::compare(&tools, &folder).err());
    if screenshots {
        faults.extend(pictures::take(&tools, &folder).err());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Builds the examples that are needed, and writes the messages into a new folder.
fn write_messages(folder: &Path) -> Answer {
    let arguments =
        ["build", "--quiet", "--package", "invite-examples", "--bin", "messages", "--bin", "sms_size"];
    run_command(cargo().args(arguments))?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    run_command(std::process::Command::new(example("messages")).arg(folder))
}

fn example(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// Prints a line for each message, and answers what is wrong.
fn marks(folder: &Path, tools: &Tools) -> Result<Vec<String>, String> {
    let spam = spam::scores(&files(folder, "eml")?)?;
    let pages = [files(folder, "html")?, files(&folder.join("layout"), "html")?].concat();
    let problems = html::problems(tools, &pages)?;
    let mut faults = Vec::new();

    println!("{:30} {:>5}  {:40} HTML", "message", "score", "rules hit");
    for verdict in &spam {
        let found = problems.get(&verdict.message).map_or(0, Vec::len);
        println!("{:30} {:5.1}  {:40} {}", verdict.message, verdict.score, verdict.rules, told(found));
        if verdict.score >= TOO_MUCH {
            faults.push(format!("{}: a score of {}, {TOO_MUCH} is too much", verdict.message, verdict.score));
        }
    }
    println!("{} pages, of which {} try out the layout", pages.len(), pages.len() - spam.len());
    for (message, problems) in problems {
        faults.extend(problems.iter().map(|problem| format!("{message}: {problem}")));
    }
    Ok(faults)
}

fn told(problems: usize) -> String {
    if problems == 0 { "valid".to_owned() } else { format!("{problems} problems") }
}

/// The files of a folder with an extension, in order of their names; `index.html` is no message.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == extension) && name(path) != "index")
        .collect();
    files.sort();
    Ok(files)
}

/// The name of a message: its file's without the extension.
fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What was found, by message.
type Problems = BTreeMap<String, Vec<String>>;

/// Where the scripts and settings of this task stand.
fn scripts() -> PathBuf {
    workspace().join("xtask").join("messages")
}
