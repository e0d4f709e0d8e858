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
    /// Whether the database undid the transaction for another one's sake, so that the same may go well now:
    /// `serialization_failure` and `deadlock_detected`.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.has_code("40001") || self.has_code("40P01")
    }

    /// Whether it is the database's with this SQLSTATE.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.code().as_deref() == Some(code))
    }

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

/// What helps against an error of the database, by its SQLSTATE
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn kind(error: &sqlx::Error) -> PortErrorKind {
    use PortErrorKind as K;
    match error {
        sqlx::Error::Database(error) => match error.code().as_deref().unwrap_or_default() {
            // read_only_sql_transaction, disk_full, insufficient_privilege
            "25006" | "53100" | "42501" => K::NotWritable,
            // data_corrupted, index_corrupted
            "XX001" | "XX002" => K::Corrupt,
            code => match code.get(..2).unwrap_or_default() {
                // Data exceptions, violations of constraints, wrong statements: the same again fails again.
                "22" | "23" | "42" | "54" => K::Refused,
                // Connections, resources, operators, serialisation and deadlocks, and whatever else passes.
                _ => K::Unavailable,
            },
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::TypeNotFound { .. } => K::Corrupt,
        sqlx::Error::Configuration(_) => K::Refused,
        _ => K::Unavailable,
    }
}
