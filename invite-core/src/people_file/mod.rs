//! Reads a CSV file of people, row by row, in flat memory: the input of an import.
//!
//! ```
//! use invite_core::people_file::{FileOptions, PeopleFile};
//!
//! let csv = "email;first_name\nanna@example.com;Anna\nper@;Per\n";
//! let mut file = PeopleFile::open(csv.as_bytes(), FileOptions::default())?;
//! for row in &mut file {
//!     match row? {
//!         Ok(person) => assert_eq!(person.first_name.as_deref(), Some("Anna")),
//!         Err(mistakes) => assert_eq!(
//!             mistakes.to_string(),
//!             r#"line 3, column email: "per@" is not an e-mail address: nothing stands after the @"#
//!         ),
//!     }
//! }
//! # Ok::<(), invite_core::people_file::FileError>(())
//! ```
//!
//! # The format
//!
//! * UTF-8 with or without byte order mark, or Windows-1252 on request; lines end with LF, CRLF or CR.
//! * The first line names the columns, in any order and case: `email`, `phone_number`, `first_name`, `last_name`,
//!   `username`, `employee_number`, `external_id`, `locale`, `time_zone`, `channel` (the one they prefer: `email`, `sms` or
//!   `both`), `role`, `sign_in` (`password` or `sso`) and `group`. At least one of those that say who is meant must be there: `email`, `phone_number`, `username`,
//!   `employee_number` or `external_id`. Other columns are ignored, and [named](PeopleFile::unknown_columns).
//! * The cells are separated by the one of comma, semicolon and tab that the first line has most of; a cell that
//!   contains it stands in quotation marks, RFC 4180.
//! * White space around a cell is dropped, and an empty cell changes nothing. Everything else is kept as it is, leading
//!   zeros too. A line without any text is skipped.

mod error;
mod header;
mod records;
mod row;
mod source;

use std::fmt;
use std::io::Read;

pub use error::{CellError, FileError, RowError};
pub use row::{PersonRow, RefusedRow};
pub use source::Encoding;

use crate::model::contact::Country;
use header::Header;
use records::{Record, Records};
use source::Source;

/// How a file is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileOptions {
    /// The encoding of a file that has no byte order mark; UTF-8 unless it is known to be another.
    pub encoding: Encoding,
    /// The country of phone numbers that are written without one.
    pub country: Option<Country>,
    /// The size of the file at most, in bytes; 10 MB.
    pub max_bytes: u64,
    /// The number of people at most; 1,000,000.
    pub max_rows: u64,
    /// The size of a cell at most, in bytes of UTF-8; 1 KiB. A row may have 64 times as much, unknown columns included,
    /// and that is all of the file that is in memory at a time. More than 64 KiB count as 64 KiB.
    pub max_cell_bytes: usize,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            encoding: Encoding::Utf8,
            country: None,
            max_bytes: 10_000_000,
            max_rows: 1_000_000,
            max_cell_bytes: 1024,
        }
    }
}

/// A CSV file of people, being read; an iterator over its rows.
///
/// The outer result is the file's: an error there ends it, and nothing after it has been read. The inner one is the
/// row's: the next row may be right again.
pub struct PeopleFile<R> {
    records: Records<R>,
    header: Header,
    options: FileOptions,
    rows: u64,
    ended: bool,
    refused: Option<RefusedRow>,
}

impl<R: Read> PeopleFile<R> {
    /// Reads the first line of a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is no CSV in the encoding of the options, or its first line does not name columns.
    pub fn open(reader: R, mut options: FileOptions) -> Result<Self, FileError> {
        options.max_cell_bytes = options.max_cell_bytes.min(64 * 1024);
        let mut source = Source::open(reader, options.encoding, options.max_bytes)?;
        let row_bytes = 64 * options.max_cell_bytes;
        let delimiter = header::delimiter(source.first_line(row_bytes)?);
        let mut records = Records::new(source, delimiter, row_bytes);
        let header = match records.next()? {
            None => return Err(FileError::Empty),
            Some(Record { line, cells: None }) => return Err(FileError::HeaderTooLong { line }),
            Some(Record { cells: Some(cells), .. }) => Header::parse(&cells)?,
        };
        Ok(Self { records, header, options, rows: 0, ended: false, refused: None })
    }

    /// The columns that are ignored, as the first line has them; one without a name is `column 5`.
    pub fn unknown_columns(&self) -> &[String] {
        &self.header.unknown
    }

    /// What could be read of the row that was refused last.
    pub fn last_refused(&self) -> Option<&RefusedRow> {
        self.refused.as_ref()
    }

    /// Whether what was read so far ends with a line break. One that is missing at the end of a file may be a sign that
    /// the file was torn off.
    pub fn ends_with_line_break(&self) -> bool {
        self.records.ends_with_line_break()
    }

    fn read_row(&mut self) -> Result<Option<Result<PersonRow, RowError>>, FileError> {
        while let Some(record) = self.records.next()? {
            let row = row::parse(record, &self.header, &self.options);
            if let Some(row) = row.transpose() {
                self.rows += 1;
                let row = row.map_err(|wrong| {
                    let (error, refused) = *wrong;
                    self.refused = Some(refused);
                    error
                });
                return if self.rows > self.options.max_rows {
                    Err(FileError::TooManyRows { limit: self.options.max_rows })
                } else {
                    Ok(Some(row))
                };
            }
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for PeopleFile<R> {
    type Item = Result<Result<PersonRow, RowError>, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.read_row().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

impl<R: Read> std::iter::FusedIterator for PeopleFile<R> {}

impl<R> fmt::Debug for PeopleFile<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeopleFile")
            .field("header", &self.header)
            .field("options", &self.options)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
