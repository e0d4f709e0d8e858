//! The database, by URL.

use std::path::Path;
use std::sync::Arc;

use invite_core::Invites;
use invite_core::port::InvitationStore;
use invite_core::port::error::{PortError, PortErrorKind};
use invite_core::port::people::People;
use invite_core::service::Builder;
use invite_postgres::PgStore;
use invite_sqlite::SqliteStore;

use crate::failure::Failure;

/// What a database is for the commands: all stores, and the people.
pub(crate) trait Store: InvitationStore + People {}

impl<S: InvitationStore + People> Store for S {}

/// A database, as `--db` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database<'a> {
    /// A file.
    Sqlite(&'a Path),
    /// A server's, by URL. It may hold a password.
    Postgres(&'a str),
}

impl<'a> Database<'a> {
    pub(crate) fn parse(url: Option<&'a str>) -> Result<Self, Failure> {
        let url = url.map(str::trim).filter(|url| !url.is_empty()).ok_or_else(|| {
            Failure::wrong(
                "which database? Give it with --db sqlite:PATH or --db postgres://… (or INVITE_DB), such as --db \
                 sqlite:acme.db",
            )
        })?;
        let (scheme, rest) = url.split_once(':').unwrap_or(("a path alone", url));
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if !path.is_empty() {
                    return Ok(Self::Sqlite(Path::new(path)));
                }
            }
            "postgres" | "postgresql" if rest.starts_with("//") => return Ok(Self::Postgres(url)),
            _ => {}
        }
        Err(Failure::wrong(format!(
            "--db (INVITE_DB) names no database that is known ({scheme}): give sqlite:PATH, such as sqlite:acme.db, or \
             postgres://USER:PASSWORD@HOST/DATABASE"
        )))
    }

    /// The file, where it is one that is not there.
    pub(crate) fn missing(self) -> Option<&'a Path> {
        match self {
            Self::Sqlite(path) => (!path.exists()).then_some(path),
            Self::Postgres(_) => None,
        }
    }

    /// Opens it, with what begins to put the library together on it.
    pub(crate) async fn open(self) -> Result<(Builder, Arc<dyn Store>), Failure> {
        Ok(match self {
            Self::Sqlite(path) => {
                both(SqliteStore::open(path).await.map_err(|error| not_opened(&error, ""))?)
            }
            Self::Postgres(url) => {
                both(PgStore::connect(url).await.map_err(|error| not_opened(&error, SERVER_AWAY))?)
            }
        })
    }
}

fn both(store: impl Store + Clone + 'static) -> (Builder, Arc<dyn Store>) {
    (Invites::builder(store.clone()), Arc::new(store))
}

/// What to look at where a server does not answer.
const SERVER_AWAY: &str =
    ": look whether PostgreSQL runs, and whether --db (INVITE_DB) names its host and port";

/// What the database said, which says what to do about it; never the URL.
fn not_opened(error: &PortError, away: &str) -> Failure {
    match error.kind() {
        PortErrorKind::Unavailable => Failure::Away(format!("{error}{away}")),
        PortErrorKind::Refused => Failure::wrong(format!("--db (INVITE_DB): {error}")),
        _ => Failure::failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_known_by_their_scheme() {
        for (url, database) in [
            ("sqlite:acme.db", Database::Sqlite(Path::new("acme.db"))),
            ("sqlite:///var/acme.db", Database::Sqlite(Path::new("/var/acme.db"))),
            ("postgres://app@db/acme", Database::Postgres("postgres://app@db/acme")),
            ("postgresql://app@db/acme?schema=x", Database::Postgres("postgresql://app@db/acme?schema=x")),
        ] {
            let Ok(parsed) = Database::parse(Some(url)) else { panic!("{url}") };
            assert_eq!(parsed, database);
        }
    }

    #[test]
    fn an_unknown_scheme_says_which_there_are_and_not_what_was_typed() {
        for url in ["mysql://kari:hunter2@x", "acme-hunter2.db", "sqlite:", "postgres:hunter2"] {
            let Err(Failure::Told { message, .. }) = Database::parse(Some(url)) else { panic!("{url}") };
            assert!(message.contains("sqlite:PATH") && message.contains("postgres://"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
