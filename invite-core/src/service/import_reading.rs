//! Reading a file of people page by page, on a thread that may block, one page ahead of what is imported.

use std::io::Read;

use tokio::sync::mpsc;
use tokio::task;

use crate::people_file::{FileError, FileOptions, PeopleFile, PersonRow, RefusedRow, RowError};

/// Rows a page, and so a transaction.
pub(super) const PAGE: usize = 500;

/// What the thread that reads the file says.
pub(super) enum Step {
    Columns(Vec<String>),
    Rows(Rows),
    /// The end, and whether the last line ends with a line break.
    End {
        line_break: bool,
    },
    Broken(FileError),
}

/// A page.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) people: Vec<PersonRow>,
    pub(super) errors: Vec<RowError>,
    pub(super) refused: Vec<RefusedRow>,
    pub(super) last_line: u64,
}

/// Reads the file.
pub(super) fn read_ahead(reader: impl Read + Send + 'static, options: FileOptions) -> mpsc::Receiver<Step> {
    let (pages, receiver) = mpsc::channel(1);
    task::spawn_blocking(move || {
        let end = match read_pages(reader, options, &pages) {
            Ok(line_break) => Step::End { line_break },
            Err(error) => Step::Broken(error),
        };
        // Whoever imports may have gone; then there is nothing left to read for.
        drop(pages.blocking_send(end));
    });
    receiver
}

/// Whether the file ends with a line break.
fn read_pages(
    reader: impl Read,
    options: FileOptions,
    pages: &mpsc::Sender<Step>,
) -> Result<bool, FileError> {
    let mut file = PeopleFile::open(reader, options)?;
    let mut goes_on = pages.blocking_send(Step::Columns(file.unknown_columns().to_vec())).is_ok();
    while goes_on {
        let (mut page, mut broken, mut count) = (Rows::default(), None, 0);
        while count < PAGE
            && let Some(row) = file.next()
        {
            count += 1;
            match row {
                Ok(Ok(row)) => {
                    page.last_line = row.line;
                    page.people.push(row);
                }
                Ok(Err(error)) => {
                    page.last_line = error.line;
                    page.errors.push(error);
                    page.refused.extend(file.last_refused().cloned());
                }
                Err(error) => broken = Some(error),
            }
        }
        if page.last_line == 0 {
            broken.map_or(Ok(()), Err)?;
            break;
        }
        goes_on = pages.blocking_send(Step::Rows(page)).is_ok();
        if let Some(error) = broken {
            return Err(error);
        }
    }
    Ok(file.ends_with_line_break())
}
