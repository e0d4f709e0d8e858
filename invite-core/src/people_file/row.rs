//! A row of a file: a person, or all that is wrong with it.

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::FileOptions;
use super::error::{CellError, RowError};
use super::header::{Column, Header};
use super::records::Record;
use crate::model::contact::{EmailAddress, PhoneNumber, quoted};
use crate::model::locale::Locale;
use crate::model::plain_text;
use crate::model::preference::Preference;
use crate::model::role::Role;
use crate::model::sign_in::SignInMethod;

/// What a row says about a person. What is none was empty or had no column: it changes nothing.
///
/// At least one of `email`, `phone`, `username`, `employee_number` and `external_id` is there. Texts are trimmed and
/// without control characters, line breaks and characters that turn the direction of text; they are not escaped for
/// anything, `=cmd()` and `<script>` are names like others.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PersonRow {
    /// The line of the file on which the row begins; the first, the header, is 1.
    pub line: u64,
    /// The e-mail address.
    pub email: Option<EmailAddress>,
    /// The phone number.
    pub phone: Option<PhoneNumber>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// What they sign in with.
    pub username: Option<String>,
    /// The employee number, with its leading zeros.
    pub employee_number: Option<String>,
    /// The identifier in another system.
    pub external_id: Option<String>,
    /// The language.
    pub locale: Option<Locale>,
    /// The time zone.
    pub time_zone: Option<Tz>,
    /// The channel they prefer.
    pub prefers: Option<Preference>,
    /// The role.
    pub role: Option<Role>,
    /// How they sign in.
    pub sign_in: Option<SignInMethod>,
    /// The group, such as a shop or a department.
    pub group: Option<String>,
}

impl PersonRow {
    fn set(&mut self, column: Column, text: &str, options: &FileOptions) -> Result<(), String> {
        if text.len() > options.max_cell_bytes {
            return Err(format!(
                "{} is {} bytes long; at most {} are allowed",
                quoted(text),
                text.len(),
                options.max_cell_bytes
            ));
        }
        match column {
            Column::Email => self.email = Some(parsed(text)?),
            Column::PhoneNumber => {
                let number = PhoneNumber::parse(text, options.country);
                self.phone = Some(number.map_err(|error| error.to_string())?);
            }
            Column::FirstName => self.first_name = Some(plain(text)?),
            Column::LastName => self.last_name = Some(plain(text)?),
            Column::Username => self.username = Some(plain(text)?),
            Column::EmployeeNumber => self.employee_number = Some(plain(text)?),
            Column::ExternalId => self.external_id = Some(plain(text)?),
            Column::Locale => self.locale = Some(parsed(text)?),
            Column::TimeZone => {
                let zone = text.parse().map_err(|_| {
                    format!("{} is not a time zone: use a name such as Europe/Oslo or UTC", quoted(text))
                })?;
                self.time_zone = Some(zone);
            }
            Column::Channel => self.prefers = Some(parsed(text)?),
            Column::Role => self.role = Some(parsed(text)?),
            Column::SignIn => self.sign_in = Some(parsed(text)?),
            Column::Group => self.group = Some(plain(text)?),
        }
        Ok(())
    }
}

impl fmt::Debug for PersonRow {
    /// Names and keys are left out: they are about a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonRow")
            .field("line", &self.line)
            .field("email", &self.email)
            .field("phone", &self.phone)
            .finish_non_exhaustive()
    }
}

/// What could be read of a row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// The cells that could be read.
    pub row: PersonRow,
    /// Whether it says who is meant, and every cell that does so could be read.
    pub identified: bool,
}

/// A row that is wrong: all that is wrong with it, and what could be read nevertheless.
pub(super) type Wrong = Box<(RowError, RefusedRow)>;

/// Reads a record as a person; none if all its cells are empty.
pub(super) fn parse(
    record: Record<'_>,
    header: &Header,
    options: &FileOptions,
) -> Result<Option<PersonRow>, Wrong> {
    let Record { line, cells } = record;
    let whole = |message: String| {
        let row = PersonRow { line, ..PersonRow::default() };
        let error = RowError { line, errors: vec![CellError { column: None, message }] };
        Box::new((error, RefusedRow { row, identified: false }))
    };

    let cells = cells.ok_or_else(|| whole("the row is too long; is a quotation mark missing?".into()))?;
    if cells.iter().all(|cell| cell.trim().is_empty()) {
        return Ok(None);
    }
    if cells.len() != header.columns.len() {
        return Err(whole(format!(
            "the row has {}, but the first line names {}; \
             a cell that contains the separator must stand in quotation marks",
            counted(cells.len(), "cell"),
            counted(header.columns.len(), "column")
        )));
    }

    let mut person = PersonRow { line, ..PersonRow::default() };
    let mut errors = Vec::new();
    let (mut identified, mut all_read) = (false, true);
    for (column, cell) in header.columns.iter().zip(cells) {
        if let Some(column) = *column
            && let text = cell.trim()
            && !text.is_empty()
        {
            identified |= column.identifies();
            if let Err(message) = person.set(column, text, options) {
                all_read &= !column.identifies();
                errors.push(CellError { column: Some(column.name()), message });
            }
        }
    }
    if !identified {
        let names: Vec<_> =
            header.columns.iter().flatten().filter(|c| c.identifies()).map(|c| c.name()).collect();
        errors.push(CellError {
            column: None,
            message: format!("nothing says who is meant; fill in at least one of: {}", names.join(", ")),
        });
    }
    if errors.is_empty() {
        Ok(Some(person))
    } else {
        let refused = RefusedRow { row: person, identified: identified && all_read };
        Err(Box::new((RowError { line, errors }, refused)))
    }
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn plain(text: &str) -> Result<String, String> {
    match plain_text::objection(text) {
        None => Ok(text.to_owned()),
        Some(reason) => Err(format!("{} cannot be used: {reason}; remove it", quoted(text))),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
