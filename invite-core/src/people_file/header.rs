//! The first line of a file: which column is which.

use super::error::FileError;
use crate::model::contact::quoted;

/// A column that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    PhoneNumber,
    FirstName,
    LastName,
    Username,
    EmployeeNumber,
    ExternalId,
    Locale,
    TimeZone,
    Channel,
    Role,
    SignIn,
    Group,
}

impl Column {
    pub(super) const ALL: [Self; 13] = [
        Self::Email,
        Self::PhoneNumber,
        Self::FirstName,
        Self::LastName,
        Self::Username,
        Self::EmployeeNumber,
        Self::ExternalId,
        Self::Locale,
        Self::TimeZone,
        Self::Channel,
        Self::Role,
        Self::SignIn,
        Self::Group,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Username => "username",
            Self::EmployeeNumber => "employee_number",
            Self::ExternalId => "external_id",
            Self::Locale => "locale",
            Self::TimeZone => "time_zone",
            Self::Channel => "channel",
            Self::Role => "role",
            Self::SignIn => "sign_in",
            Self::Group => "group",
        }
    }

    /// Whether it says who is meant.
    pub(super) const fn identifies(self) -> bool {
        matches!(
            self,
            Self::Email | Self::PhoneNumber | Self::Username | Self::EmployeeNumber | Self::ExternalId
        )
    }

    fn named(text: &str) -> Option<Self> {
        let name = text.trim().to_lowercase().replace(['-', ' '], "_");
        match name.as_str() {
            "e_mail" => Some(Self::Email),
            "phone" => Some(Self::PhoneNumber),
            "user_name" => Some(Self::Username),
            "timezone" => Some(Self::TimeZone),
            name => Self::ALL.into_iter().find(|column| column.name() == name),
        }
    }
}

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Header {
    /// In the order of the file; none for one that is ignored.
    pub(super) columns: Vec<Option<Column>>,
    /// The names of the ignored ones.
    pub(super) unknown: Vec<String>,
}

impl Header {
    pub(super) fn parse(cells: &[&str]) -> Result<Self, FileError> {
        let mut header = Self { columns: Vec::with_capacity(cells.len()), unknown: Vec::new() };
        for (index, cell) in cells.iter().enumerate() {
            let column = Column::named(cell);
            match column {
                Some(known) if header.columns.contains(&column) => {
                    return Err(FileError::RepeatedColumn { column: known.name() });
                }
                Some(_) => {}
                None if cell.trim().is_empty() => header.unknown.push(format!("column {}", index + 1)),
                None => header.unknown.push(cell.trim().to_owned()),
            }
            header.columns.push(column);
        }
        let mut known = header.columns.iter().flatten().peekable();
        if known.peek().is_none() {
            return Err(FileError::NoKnownColumn { found: quoted(&cells.join(", ")) });
        }
        if !known.any(|column| column.identifies()) {
            return Err(FileError::NoIdentifyingColumn);
        }
        Ok(header)
    }
}

/// Comma, semicolon or tab, whichever stands most often in the line outside quotation marks; else a comma.
pub(super) fn delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: u8| {
        let unquoted = line.split(|byte| *byte == b'"').step_by(2);
        unquoted.flatten().filter(|byte| **byte == delimiter).count()
    };
    // The last of equals wins.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}
