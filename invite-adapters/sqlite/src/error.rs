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
            Self::Sql(error) => PortError::new(kind(&error), doing).caused_by(error),
            Self::Value(what) => PortError::new(PortErrorKind::Corrupt, doing).caused_by(what),
            Self::Refused(why) => PortError::new(PortErrorKind::Refused, doing).caused_by(why),
            Self::Port(error) => error,
        }
    }
}

/// What helps against an error of the database, by SQLite's primary result code (<https://sqlite.org/rescode.html>).
fn kind(error: &sqlx::Error) -> PortErrorKind {
    use PortErrorKind as K;
    match error {
        sqlx::Error::Database(error) => match primary_code(error.as_ref()) {
            // READONLY, IOERR, FULL, CANTOPEN
            Some(8 | 10 | 13 | 14) => K::NotWritable,
            // TOOBIG, CONSTRAINT, MISMATCH
            Some(18..=20) => K::Refused,
            // CORRUPT, NOTADB
            Some(11 | 26) => K::Corrupt,
            // BUSY, LOCKED, and whatever else passes
            _ => K::Unavailable,
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::TypeNotFound { .. } => K::Corrupt,
        sqlx::Error::Configuration(_) => K::Refused,
        _ => K::Unavailable,
    }
}

fn primary_code(error: &dyn sqlx::error::DatabaseError) -> Option<u32> {
    error.code()?.parse::<u32>().ok().map(|extended| extended & 0xff)
}
