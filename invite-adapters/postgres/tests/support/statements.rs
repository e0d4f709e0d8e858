//! The statements of the store, read from its sources: those that are used now, and those of a release before.

use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the statements are kept of the release whose tables have this version.
pub(crate) fn kept_in(version: u64) -> PathBuf {
    folder().join(format!("tests/statements/{version:04}.sql"))
}

/// The statements of the release whose tables have this version.
pub(crate) fn kept(version: u64) -> Vec<String> {
    let file = kept_in(version);
    let text = fs::read_to_string(&file);
    let text = text.unwrap_or_else(|_| panic!("{} is kept before a migration is added", file.display()));
    text.split("\n;\n").map(str::to_owned).collect()
}

/// The statements that the sources hold, each once.
pub(crate) fn now_used() -> Vec<String> {
    let sources = folder().join("src");
    let mut statements = Vec::new();
    for file in files(&sources.join("sql")) {
        statements.push(fs::read_to_string(file).expect("a file of ours"));
    }
    for file in files(&sources) {
        let text = fs::read_to_string(file).expect("a file of ours");
        statements.extend(literals(&text).into_iter().filter(|literal| is_statement(literal)));
    }
    statements.sort_unstable();
    statements.dedup();
    statements
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().expect("a folder of ours").flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_file()).collect()
}

fn is_statement(literal: &str) -> bool {
    let begins = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
    // What ends in a space goes on in another literal.
    let whole = literal.trim_end() == literal;
    whole && begins.iter().any(|word| literal.starts_with(word)) && literal.contains("invite.")
}

/// The string literals of a source, without their escapes. Comments hold no lone quotes.
fn literals(source: &str) -> Vec<String> {
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n").replace("'\"'", "");
    let (mut literals, mut literal) = (Vec::new(), None::<String>);
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        match (&mut literal, character) {
            (None, '"') => literal = Some(String::new()),
            (None, _) => {}
            (Some(_), '"') => literals.extend(literal.take()),
            (Some(text), '\\') => match characters.next() {
                Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                escaped => text.extend(escaped),
            },
            (Some(text), _) => text.push(character),
        }
    }
    literals
}
