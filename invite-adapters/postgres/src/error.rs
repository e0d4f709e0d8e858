//! What goes wrong in the database, as an error of the port.

use std::io;

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

/// What helps against an error of the database, by its SQLSTATE
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn kind(error: &sqlx::Error) -> PortErrorKind {
    use PortErrorKind as K;
    match error {
        sqlx::Error::Database(error) => match error.code().as_deref().unwrap_or_default() {
            // read_only_sql_transaction, disk_full, configuration_limit_exceeded
            "25006" | "53100" | "53400" => K::NotWritable,
            // data_corrupted, index_corrupted
            "XX001" | "XX002" => K::Corrupt,
            // invalid_catalog_name, invalid_schema_name: there is no such database or schema
            "3D000" | "3F000" => K::Refused,
            code => match code.get(..2).unwrap_or_default() {
                // Who connects is not let in; data exceptions, violations of constraints, wrong statements, missing tables
                // and rights: the same again fails again.
                "28" | "22" | "23" | "42" | "54" => K::Refused,
                // Connections (08), serialisation and deadlocks (40), resources (53), locks (55), operators and cancelled
                // statements (57), and whatever else passes.
                _ => K::Unavailable,
            },
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. } => K::Corrupt,
        // What comes of a certificate that is not trusted.
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => K::Refused,
        sqlx::Error::Configuration(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::InvalidArgument(_)
        | sqlx::Error::PoolClosed => K::Refused,
        _ => K::Unavailable,
    }
}

/// What to do where TLS does not come about.
const TLS: &str = "the URL's sslmode asks for TLS: the server has to have it on, with a certificate that sslrootcert or the \
                   system trusts and, for verify-full, that names the host; and the program has to be built with one of \
                   sqlx's features tls-rustls-ring-native-roots, tls-rustls-ring-webpki or tls-native-tls";

/// What to do about an error that does not pass by itself, where the database does not say so.
fn advice(error: &sqlx::Error) -> Option<&'static str> {
    let code = match error {
        sqlx::Error::Database(error) => error.code(),
        sqlx::Error::Tls(_) => return Some(TLS),
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => return Some(TLS),
        sqlx::Error::PoolClosed => return Some("the host has closed its pool: end workers before it"),
        _ => None,
    }?;
    Some(match &*code {
        "25006" => {
            "it is a standby, or set to read-only: connect to the primary, or lift \
             default_transaction_read_only"
        }
        "53100" => "its disc is full: make room",
        "53400" => "a limit of its configuration is reached (temp_file_limit and its like): raise it",
        "53300" => "it has no connection left: raise max_connections, or use fewer by a smaller pool",
        "28P01" | "28000" => {
            "the URL's role or password is wrong, or pg_hba.conf does not let it in from here: mend one of them"
        }
        "3D000" => "there is no such database on this server: name another in the URL, or create it",
        "3F000" | "42P01" => {
            "its tables are not there: run the migrations (PgStore::new does; PgStore::checked says which are missing), and \
             name the schema they were made in"
        }
        "42703" | "42883" => {
            "its tables are of another release: run the migrations (PgStore::new does), or start the newer release"
        }
        "42501" => {
            "the role lacks a right: to make the tables it has to be allowed to CREATE in the database, to work on them it \
             needs USAGE on the schema and its sequences, and SELECT, INSERT, UPDATE and DELETE on its tables"
        }
        _ => return None,
    })
}
