//! Questions, and secrets: from standard input, one a line, and not shown on a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use invite_core::Secret;

use crate::failure::Failure;
use crate::output::Output;

/// Asks, unless `yes` has answered already. Where nobody can be asked, `refusal` says what would be done.
pub(crate) fn consent(output: Output, yes: bool, question: &str, refusal: &str) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !output.can_ask() {
        return Err(Failure::wrong(format!(
            "{refusal}, and there is no terminal to ask on: add --yes to do it"
        )));
    }
    let unreadable = |error: io::Error| Failure::failed(format!("the answer cannot be read: {error}"));
    write!(io::stderr(), "{question} [y/N] ").map_err(unreadable)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// One secret. `name` says which, as in `the password`.
pub(crate) fn secret(name: &str) -> Result<Secret, Failure> {
    if io::stdin().is_terminal() { prompted(&format!("{}: ", capital(name))) } else { line(name) }
}

/// A password that somebody chooses: on a terminal it is asked for twice.
pub(crate) fn new_password() -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return line("the new password");
    }
    let typed = prompted("New password: ")?;
    if prompted("The same again: ")?.expose() == typed.expose() {
        Ok(typed)
    } else {
        Err(Failure::wrong("the two passwords differ: begin again"))
    }
}

fn prompted(prompt: &str) -> Result<Secret, Failure> {
    rpassword::prompt_password(prompt)
        .map(Secret::new)
        .map_err(|error| Failure::wrong(format!("nothing could be read from the terminal: {error}")))
}

fn line(name: &str) -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().read_line(&mut text);
    read.map_err(|error| Failure::wrong(format!("standard input cannot be read: {error}")))?;
    while text.ends_with(['\n', '\r']) {
        text.pop();
    }
    if text.is_empty() {
        return Err(Failure::wrong(format!(
            "{name} is missing: give it by standard input, on a line of its own"
        )));
    }
    Ok(Secret::new(text))
}

fn capital(text: &str) -> String {
    let text = text.strip_prefix("the ").unwrap_or(text);
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
