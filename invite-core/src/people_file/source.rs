//! The text of a file: UTF-8 (not yet proved to be so), each line ended by one LF, the last one too, at most so much.

use std::io::{ErrorKind, Read};
use std::str::FromStr;

use super::error::FileError;
use crate::model::contact::quoted;

const CHUNK: usize = 8 * 1024;

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// Windows-1252, of which Latin-1 is a part.
    Windows1252,
}

impl FromStr for Encoding {
    type Err = EncodingError;

    /// By any label of the WHATWG's Encoding Standard: `utf-8`, `windows-1252`, `latin1`, `iso-8859-1`, …
    fn from_str(label: &str) -> Result<Self, EncodingError> {
        match encoding_rs::Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding == encoding_rs::UTF_8 => Ok(Self::Utf8),
            Some(encoding) if encoding == encoding_rs::WINDOWS_1252 => Ok(Self::Windows1252),
            _ => Err(EncodingError(quoted(label))),
        }
    }
}

/// A text that names no encoding which can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an encoding that can be read: use utf-8 or windows-1252")]
pub struct EncodingError(String);

pub(super) struct Source<R> {
    reader: R,
    encoding: Encoding,
    limit: u64,
    /// Bytes read so far.
    read: u64,
    /// Text of which what follows `taken` is still to be used.
    text: Vec<u8>,
    taken: usize,
    after_cr: bool,
    ended: bool,
    /// The last byte that was read.
    last: Option<u8>,
}

impl<R: Read> Source<R> {
    pub(super) fn open(reader: R, encoding: Encoding, limit: u64) -> Result<Self, FileError> {
        let mut source = Self {
            reader,
            encoding,
            limit,
            read: 0,
            text: Vec::with_capacity(CHUNK),
            taken: 0,
            after_cr: false,
            ended: false,
            last: None,
        };
        let mut start = Vec::with_capacity(CHUNK);
        while start.len() < 4 && source.read_bytes(&mut start)? {}

        let start = match *start.as_slice() {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => return Err(FileError::Utf16),
            // The first bytes of a ZIP archive (.xlsx, .ods) and of an OLE compound file (.xls).
            [b'P', b'K', 3, 4, ..] | [0xD0, 0xCF, 0x11, 0xE0, ..] => return Err(FileError::Workbook),
            [0xEF, 0xBB, 0xBF, ref rest @ ..] => {
                source.encoding = Encoding::Utf8;
                rest
            }
            ref all => all,
        };
        source.append(start);
        Ok(source)
    }

    pub(super) const fn ends_with_line_break(&self) -> bool {
        matches!(self.last, Some(b'\n' | b'\r'))
    }

    /// What comes next, as much as is at hand; empty only at the end of the file.
    pub(super) fn text(&mut self) -> Result<&[u8], FileError> {
        if self.taken == self.text.len() {
            self.text.clear();
            self.taken = 0;
            while self.text.is_empty() && !self.ended {
                self.read_text()?;
            }
        }
        Ok(&self.text[self.taken..])
    }

    /// Uses up the first `count` bytes of what [`text`](Self::text) gave.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
    }

    /// The first line that is not blank, or as much of it as fits the limit, without using it up; the same however its
    /// bytes arrive.
    pub(super) fn first_line(&mut self, limit: usize) -> Result<&[u8], FileError> {
        let is_end = |byte: &u8| *byte == b'\n';
        loop {
            let begin = self.text.iter().position(|byte| !is_end(byte)).unwrap_or(self.text.len());
            let length = self.text[begin..].iter().position(is_end);
            let at_hand = self.text.len() - begin;
            if length.is_some() || self.ended || at_hand >= limit {
                let end = begin + length.unwrap_or(at_hand).min(limit);
                return Ok(&self.text[begin..end]);
            }
            self.read_text()?;
        }
    }

    fn read_text(&mut self) -> Result<(), FileError> {
        let mut bytes = Vec::with_capacity(CHUNK);
        self.read_bytes(&mut bytes)?;
        self.append(&bytes);
        Ok(())
    }

    /// Adds what one call of the reader gives; false at the end.
    fn read_bytes(&mut self, bytes: &mut Vec<u8>) -> Result<bool, FileError> {
        let mut chunk = [0; CHUNK];
        let count = loop {
            match self.reader.read(&mut chunk) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::Read(error)),
            }
        };
        self.read += count as u64;
        if self.read > self.limit {
            return Err(FileError::TooLarge { limit: self.limit });
        }
        self.ended = count == 0;
        self.last = chunk[..count].last().copied().or(self.last);
        bytes.extend_from_slice(&chunk[..count]);
        Ok(!self.ended)
    }

    fn append(&mut self, bytes: &[u8]) {
        match self.encoding {
            Encoding::Utf8 => self.append_lines(bytes),
            Encoding::Windows1252 => {
                let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
                self.append_lines(text.as_bytes());
            }
        }
        if self.ended {
            // An empty line more does no harm; so a row that lacks its end lacks a quotation mark.
            self.text.push(b'\n');
        }
    }

    fn append_lines(&mut self, text: &[u8]) {
        for &byte in text {
            match byte {
                b'\n' if self.after_cr => {}
                b'\r' => self.text.push(b'\n'),
                _ => self.text.push(byte),
            }
            self.after_cr = byte == b'\r';
        }
    }
}
