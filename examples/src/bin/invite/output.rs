//! What a person or a script reads: tables and sentences on a terminal, one JSON object a line with `--json`.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, Width};
use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::prose::wrapped;

/// Between two columns of a table.
const GAP: u16 = 2;
/// The narrowest terminal that sentences are broken for.
const NARROWEST: u16 = 40;

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a script reads.
    pub(crate) const fn json(self) -> bool {
        self.json
    }

    /// Whether somebody watches: then there are bars.
    pub(crate) fn is_watched(self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether standard output is a terminal.
    pub(crate) fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }

    /// A JSON object on a line of its own.
    pub(crate) fn object(self, object: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(object)
            .map_err(|error| Failure::failed(format!("this cannot be written as JSON: {error}")))?;
        write(&line)
    }

    /// A line, or several, for a person. What others wrote into it cannot steer the terminal.
    pub(crate) fn say(self, text: impl Display) -> Result<(), Failure> {
        let text = harmless(&text.to_string());
        write(&if self.is_terminal() { on_terminal(&text) } else { text })
    }

    /// A text of our own as it is, such as a script for a shell.
    pub(crate) fn page(self, text: &str) -> Result<(), Failure> {
        io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::of_output)
    }

    /// A text by somebody else: as it is, into a file or to another program; harmless on a terminal.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        if self.is_terminal() { write(harmless(text).trim_end_matches('\n')) } else { self.page(text) }
    }

    /// A table for a person. On a terminal cells are broken into lines where that makes it fit; words never are, since
    /// ids and addresses are copied.
    pub(crate) fn table(self, head: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let terminal = self.is_terminal();
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let bold = |title: &&str| {
            let cell = Cell::new(*title);
            if terminal { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(head.iter().map(bold));
        let narrowest = narrowest(head, &rows);
        for row in rows {
            table.add_row(row.iter().map(|cell| harmless(&cell.replace('\n', " "))));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        let needed: u16 = narrowest.iter().map(|words| words + GAP).sum();
        if terminal && table.width().is_some_and(|width| needed <= width) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            for (column, words) in table.column_iter_mut().zip(narrowest) {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(words + GAP)));
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        write(&lines.join("\n"))
    }

    /// Names and values, one below the other, those without a value left out.
    pub(crate) fn fields(self, fields: &[(&str, String)]) -> Result<(), Failure> {
        let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            self.say(format!("{name:<width$}  {}", value.replace('\n', &format!("\n{:width$}  ", ""))))?;
        }
        Ok(())
    }

    /// Something beside the answer, for a person: on standard error, and not where a script reads.
    pub(crate) fn note(self, text: impl Display) {
        if !self.json {
            // There is nobody else to tell that it could not be written.
            let _ = writeln!(io::stderr(), "{}", for_stderr(&harmless(&text.to_string())));
        }
    }

    /// Tells why a command did not do what was asked; gives the exit code.
    pub(crate) fn failure(self, failure: &Failure) -> Exit {
        let (exit, message) = match failure {
            Failure::Told { exit, message } => (*exit, message),
            Failure::Away(message) => (Exit::Failed, message),
            Failure::ReaderGone => return Exit::Done,
        };
        let message = harmless(message);
        let text = if self.json {
            json!({ "error": message }).to_string()
        } else {
            for_stderr(&format!("error: {message}"))
        };
        // As above.
        let _ = writeln!(io::stderr(), "{text}");
        exit
    }
}

/// A moment, as the organisation's people read it.
pub(crate) fn time(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// A moment that may be missing.
pub(crate) fn maybe_time(at: Option<DateTime<Utc>>, zone: Tz) -> String {
    at.map_or_else(String::new, |at| time(at, zone))
}

/// `1 person`, `2 people`
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// `1,234,567`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A name that scripts read, as words.
pub(crate) fn words(name: impl Display) -> String {
    name.to_string().replace('_', " ")
}

/// Sentences for standard error.
fn for_stderr(text: &str) -> String {
    if io::stderr().is_terminal() { on_terminal(text) } else { text.to_owned() }
}

/// Sentences, broken as wide as the terminal is; as they are where it does not know.
fn on_terminal(text: &str) -> String {
    match Table::new().use_stderr().width().map(usize::from) {
        Some(width) if width >= usize::from(NARROWEST) => wrapped(text, width),
        _ => text.to_owned(),
    }
}

/// How wide each column must be so that no word is broken.
fn narrowest(head: &[&str], rows: &[Vec<String>]) -> Vec<u16> {
    let longest =
        |cell: &str| cell.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default();
    let of_rows =
        |number: usize| rows.iter().filter_map(move |row| row.get(number)).map(|cell| longest(cell)).max();
    head.iter()
        .enumerate()
        .map(|(number, title)| longest(title).max(of_rows(number).unwrap_or_default()))
        .map(|words| u16::try_from(words).unwrap_or(u16::MAX / 16))
        .collect()
}

fn write(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::of_output)
}

/// Without control characters other than line breaks and tabulators: names and answers of providers come from others.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[31mb\u{7}\nc"), "a\u{FFFD}[31mb\u{FFFD}\nc");
    }

    #[test]
    fn thousands_are_grouped_and_one_is_singular() {
        assert_eq!(counted(1, "person", "people"), "1 person");
        assert_eq!(counted(1_234_567, "person", "people"), "1,234,567 people");
    }
}
