//! The documents say what is true: the code in README.md is an example's, and every rule has a test.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::Answer;

/// The rules of ARCHITECTURE.md.
const RULES: std::ops::RangeInclusive<u32> = 1..=19;

/// Holds both.
pub(crate) fn check() -> Answer {
    readme_shows_the_example()?;
    every_rule_has_a_test()
}

fn readme_shows_the_example() -> Answer {
    let readme = read(Path::new("README.md"))?;
    let example = read(Path::new("examples/src/bin/embed.rs"))?;
    let shown = between(&readme, "```rust,ignore\n", "\n```").ok_or("README.md shows no code")?;
    let code = between(&example, "// README: from here\n", "\n    // README: to here")
        .ok_or("embed.rs has no marks")?;
    let code: Vec<_> = code.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    if shown == code.join("\n") {
        Ok(())
    } else {
        Err("the code in README.md is not what examples/src/bin/embed.rs does: copy it between the marks"
            .into())
    }
}

fn every_rule_has_a_test() -> Answer {
    let mut sources = String::new();
    for folder in ["invite-core", "invite-adapters", "examples", "xtask"] {
        for file in rust_files(Path::new(folder)) {
            sources.push_str(&read(&file)?);
        }
    }
    let without: Vec<_> = RULES
        .filter(|rule| !sources.contains(&format!("fn rule_{rule:02}_")))
        .map(|rule| rule.to_string())
        .collect();
    if without.is_empty() {
        Ok(())
    } else {
        Err(format!("no test bears the number of rule {}: name one rule_NN_…", without.join(", ")))
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let start = text.find(from)? + from.len();
    let end = text[start..].find(to)?;
    Some(&text[start..start + end])
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
