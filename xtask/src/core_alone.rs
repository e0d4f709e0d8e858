//! `invite-core` knows no database, no HTTP client and no mail library.

use crate::cargo::Answer;
use crate::crates::built_from;

/// Crates that belong into an adapter; a `*` stands for any end of the name.
const FOREIGN: [&str; 43] = [
    // databases
    "cassandra*",
    "diesel*",
    "duckdb",
    "libsqlite3-sys",
    "mongodb",
    "mysql*",
    "postgres*",
    "redb",
    "redis",
    "rocksdb",
    "rusqlite",
    "scylla",
    "sea-orm*",
    "sled",
    "sqlite*",
    "sqlx*",
    "surrealdb*",
    "tiberius",
    "tokio-postgres*",
    // HTTP, TLS and what speaks it
    "actix*",
    "attohttpc",
    "awc",
    "aws-*",
    "axum*",
    "curl*",
    "h2",
    "h3",
    "http",
    "http-body*",
    "hyper*",
    "isahc",
    "native-tls",
    "openssl*",
    "reqwest*",
    "rocket*",
    "rustls*",
    "tonic*",
    "tower-http",
    "ureq*",
    "warp",
    // mail
    "lettre*",
    "mail-*",
    "mailparse",
];

/// Holds that none of them is in the tree of `invite-core`.
pub(crate) fn check() -> Answer {
    let foreign: Vec<_> = built_from("invite-core")?.into_iter().filter(|name| is_foreign(name)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(format!(
        "invite-core is built from {}; move what needs it into an adapter (`cargo tree -p invite-core -i <crate>` shows the way)",
        foreign.join(", ")
    ))
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.iter().any(|foreign| match foreign.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *foreign,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_http_clients_and_mail_libraries_are_foreign() {
        for name in
            ["sqlx", "sqlx-core", "libsqlite3-sys", "tokio-postgres", "hyper-util", "http", "mail-builder"]
        {
            assert!(is_foreign(name), "{name}");
        }
    }

    #[test]
    fn what_only_sounds_like_one_is_not() {
        for name in ["httpdate", "email_address", "tokio", "tera", "csv", "h2o"] {
            assert!(!is_foreign(name), "{name}");
        }
    }
}
