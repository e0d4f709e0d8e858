//! The source of a message, from a file or standard input.

use std::io::{self, Read};

use crate::failure::Failure;

/// Sources are far smaller; what is larger is some other file.
const AT_MOST: u64 = 1 << 20;

pub(super) fn read(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == "-" {
        io::stdin().lock().take(AT_MOST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(AT_MOST).read_to_string(&mut text))
    };
    let name = name(file);
    read.map_err(|error| {
        Failure::wrong(format!("{name} cannot be read: {error}; look whether it is the right file"))
    })?;
    Ok(text)
}

/// How a file is called in what is said about it.
pub(super) fn name(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}
