//! The records of a CSV text, each in a buffer of fixed size.
//!
//! It drives `csv-core`, since the reader of `csv` holds a record whatever its length, and one quotation mark too few
//! makes a record of the rest of the file.

use std::io::Read;

use csv_core::ReadRecordResult;

use super::error::FileError;
use super::source::Source;

/// More columns than any list of people has.
const MAX_CELLS: usize = 1024;

pub(super) struct Records<R> {
    source: Source<R>,
    parser: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// A record.
pub(super) struct Record<'a> {
    /// The line on which it begins; the first is 1.
    pub(super) line: u64,
    /// Its cells; none if they are more than the buffer holds.
    pub(super) cells: Option<Vec<&'a str>>,
}

impl<R: Read> Records<R> {
    /// Records of at most `row_bytes` bytes.
    pub(super) fn new(source: Source<R>, delimiter: u8, row_bytes: usize) -> Self {
        let parser = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(csv_core::Terminator::Any(b'\n'))
            .build();
        Self { source, parser, text: vec![0; row_bytes.max(1)], ends: vec![0; MAX_CELLS] }
    }

    pub(super) const fn ends_with_line_break(&self) -> bool {
        self.source.ends_with_line_break()
    }

    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, FileError> {
        self.skip_empty_lines()?;
        let line = self.parser.line();
        let (mut text_length, mut count, mut fits) = (0, 0, true);
        loop {
            let input = self.source.text()?;
            let at_end = input.is_empty();
            let (result, taken, written, ended) =
                self.parser.read_record(input, &mut self.text[text_length..], &mut self.ends[count..]);
            self.source.take(taken);
            text_length += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (text_length, count, fits) = (0, 0, false);
                }
                ReadRecordResult::Record if at_end => return Err(FileError::UnclosedQuote { line }),
                ReadRecordResult::Record if fits => {
                    let cells = cells(&self.text, &self.ends[..count]);
                    return Ok(Some(Record { line, cells: Some(cells.ok_or(FileError::NotUtf8 { line })?) }));
                }
                ReadRecordResult::Record => return Ok(Some(Record { line, cells: None })),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// The parser would skip them too, but then the record would seem to begin with them.
    fn skip_empty_lines(&mut self) -> Result<(), FileError> {
        while self.source.text()?.first() == Some(&b'\n') {
            self.source.take(1);
            self.parser.set_line(self.parser.line() + 1);
        }
        Ok(())
    }
}

/// The cells, each for itself: half a character at the end of one must not meet the other half in the next.
fn cells<'a>(text: &'a [u8], ends: &[usize]) -> Option<Vec<&'a str>> {
    let mut begin = 0;
    ends.iter()
        .map(|&end| {
            let cell = str::from_utf8(&text[begin..end]).ok();
            begin = end;
            cell
        })
        .collect()
}
