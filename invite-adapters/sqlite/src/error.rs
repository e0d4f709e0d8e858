//! What goes wrong in the database, as an error of the port.

use invite_core::port::error::{PortError, PortErrorKind};

/// An error inside the store, before it is said what was being done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database's.
    Sql(sqlx::Error),
    /// A value that the database holds, or that was to be written, and nobody understands: its name, never itself.
    Value(String),
    /// What was asked for is against the rules of the port.
    Refused(String),
    /// An error that was made for the port already.
    Port(PortError),
}

/// The result of a step inside the store.
pub(crate) type Step<T> = Result<T, Fault>;

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<PortError> for Fault {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl Fault {
    /// The error for the caller, who is told what was being done.
    pub(crate) fn doing(self, doing: &str) -> PortError {
        match self {
            Self::Sql(error) => {
                let (failed, advice) = (PortError::new(kind(&error), doing), advice(&error));
                let failed = failed.caused_by(error);
                match advice {
                    Some(advice) => failed.advising(advice),
                    None => failed,
                }
            }
            Self::Value(what) => PortError::new(PortErrorKind::Corrupt, doing).caused_by(what),
            Self::Refused(why) => PortError::new(PortErrorKind::Refused, doing).caused_by(why),
            Self::Port(error) => error,
        }
    }
}

/// What helps against an error of the database, by SQLite's result code (<https://sqlite.org/rescode.html>).
fn kind(error: &sqlx::Error) -> PortErrorKind {
    use PortErrorKind as K;
    match error {
        sqlx::Error::Database(error) => match code(error.as_ref()).unwrap_or_default() {
            // READONLY, FULL, NOLFS (a file as large as the system lets it be); IOERR_WRITE, _FSYNC, _DIR_FSYNC, _TRUNCATE,
            // _SHMSIZE: what could not be written, mostly for want of room
            (8 | 13 | 22, _) | (10, 778 | 1_034 | 1_290 | 1_546 | 4_874) => K::NotWritable,
            // CORRUPT, NOTADB; IOERR_DATA, _CORRUPTFS
            (11 | 26, _) | (10, 8_202 | 8_458) => K::Corrupt,
            // ERROR (a wrong statement, a table that is not there), PERM, CANTOPEN, TOOBIG, CONSTRAINT, MISMATCH, MISUSE,
            // AUTH, RANGE
            (1 | 3 | 14 | 18..=21 | 23 | 25, _) => K::Refused,
            // BUSY, LOCKED, NOMEM, INTERRUPT, other IOERR, PROTOCOL, and whatever else passes
            _ => K::Unavailable,
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. } => K::Corrupt,
        sqlx::Error::Configuration(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::InvalidArgument(_)
        | sqlx::Error::PoolClosed => K::Refused,
        _ => K::Unavailable,
    }
}

/// What to do about an error that does not pass by itself, where SQLite does not say so.
fn advice(error: &sqlx::Error) -> Option<&'static str> {
    match error {
        sqlx::Error::Database(error) => Some(match code(error.as_ref())? {
            (8, _) => {
                "the file, its folder or its file system is read-only: make them writable for who runs this"
            }
            (13, _) => "the disc is full: make room",
            (10, 778 | 1_034 | 1_290 | 1_546 | 4_874) => {
                "it cannot be written: look whether its disc is full or faulty"
            }
            (3 | 14 | 23, _) => {
                "look whether its folder is there, and whether who runs this may read and write the file and create files \
                 in the folder"
            }
            (5 | 6, _) => "another process holds the file: look which one, should it last",
            (11 | 26, _) => "it is no database or it is damaged: restore it from a backup",
            (1, _) => {
                "its tables are not there, or of another release: open it with SqliteStore, which makes them"
            }
            _ => return None,
        }),
        sqlx::Error::PoolClosed => Some("the host has closed its pool: end workers before it"),
        _ => None,
    }
}

/// The primary code, and the extended one.
fn code(error: &dyn sqlx::error::DatabaseError) -> Option<(u32, u32)> {
    error.code()?.parse::<u32>().ok().map(|extended| (extended & 0xff, extended))
}

/// Why the file cannot be opened or created, before SQLite is asked.
pub(crate) fn not_opened(error: std::io::Error, doing: String) -> PortError {
    use std::io::ErrorKind as Io;
    let (kind, advice) = match error.kind() {
        Io::NotFound => (PortErrorKind::Refused, "its folder is not there: create it, or name another"),
        Io::PermissionDenied => (
            PortErrorKind::Refused,
            "who runs this may not write it, or create files in its folder: change its rights, or name another",
        ),
        Io::IsADirectory | Io::NotADirectory => {
            (PortErrorKind::Refused, "this is no file: name one, in a folder that is there")
        }
        Io::ReadOnlyFilesystem => (PortErrorKind::NotWritable, "its file system is read-only"),
        Io::StorageFull | Io::QuotaExceeded => (PortErrorKind::NotWritable, "make room"),
        _ => (PortErrorKind::NotWritable, "look whether its disc is full or faulty"),
    };
    PortError::new(kind, doing).caused_by(error).advising(advice)
}
