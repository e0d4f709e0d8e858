//! What is wrong with a file or a row of it, in words for those who made it.

use std::fmt;
use std::io;

use super::header::Column;

/// Why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The reader failed.
    #[error("the file could not be read: {0}")]
    Read(#[source] io::Error),
    /// It is in UTF-16.
    #[error("the file is in UTF-16 (\"Unicode text\"): save it as \"CSV UTF-8\"")]
    Utf16,
    /// It is a workbook of a spreadsheet program.
    #[error(
        "the file is a workbook, not a CSV file: open it in the spreadsheet and save it as \"CSV UTF-8\""
    )]
    Workbook,
    /// It is in an encoding other than UTF-8.
    #[error(
        "line {line} is not UTF-8; the file may be in Windows-1252 (Latin-1), as older spreadsheets write it: \
         save it as \"CSV UTF-8\", or give windows-1252 as its encoding"
    )]
    NotUtf8 {
        /// The line where this was found.
        line: u64,
    },
    /// It is larger than the limit.
    #[error("the file is larger than {limit} bytes: split it into several")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It has more rows than the limit.
    #[error("the file has more than {limit} rows: split it into several")]
    TooManyRows {
        /// The limit.
        limit: u64,
    },
    /// A quotation mark is opened and never closed.
    #[error(
        "line {line}: a cell begins with a quotation mark, and no other ends it: \
         add it, or remove the first; nothing from this line on was read"
    )]
    UnclosedQuote {
        /// The line where the row with it begins.
        line: u64,
    },
    /// The first line is too long to be a header.
    #[error("line {line} is too long for the names of columns; {}", expected_header())]
    HeaderTooLong {
        /// The line.
        line: u64,
    },
    /// There is no text in it.
    #[error("the file is empty; {}", expected_header())]
    Empty,
    /// The first line names no column that is known.
    #[error("the first line, {found}, names no column that is known; {}", expected_header())]
    NoKnownColumn {
        /// What the first line says, quoted and cut.
        found: String,
    },
    /// The first line names no column that says who is meant.
    #[error(
        "the first line names no column that says who is meant \
         (email, phone_number, username, employee_number or external_id); {}",
        expected_header()
    )]
    NoIdentifyingColumn,
    /// The first line names a column twice.
    #[error("the first line names the column {column} twice: remove or rename one of them")]
    RepeatedColumn {
        /// Its name.
        column: &'static str,
    },
}

fn expected_header() -> String {
    let names: Vec<_> = Column::ALL.into_iter().map(Column::name).collect();
    format!(
        "the first line must name the columns, such as email,phone_number,first_name,last_name; these are known: {}",
        names.join(", ")
    )
}

/// What is wrong with a row: all of it, so that it can be mended at once.
///
/// It displays one line for each error, as `line 4, column email: "anna@" is not an e-mail address: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line of the file on which the row begins; the first is 1.
    pub line: u64,
    /// The errors, by column; at least one.
    pub errors: Vec<CellError>,
}

/// What is wrong with a cell, or with a row as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The name of the column; none if it is about the whole row.
    pub column: Option<&'static str>,
    /// What is wrong, and what to do about it. It quotes at most 64 characters of the cell.
    pub message: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, CellError { column, message }) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            match column {
                Some(column) => write!(f, "{separator}line {}, column {column}: {message}", self.line)?,
                None => write!(f, "{separator}line {}: {message}", self.line)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for RowError {}
