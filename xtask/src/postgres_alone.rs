//! A host that uses PostgreSQL alone has no other database in its lock file.

use std::fs;

use crate::cargo::{Answer, cargo, run, target, workspace};

/// They bring other databases; libsqlite3-sys also gets into the way of hosts that have another version of it.
const OTHERS: [&str; 3] = ["libsqlite3-sys", "sqlx-sqlite", "sqlx-mysql"];

/// Locks such a host with the versions of the workspace, without a network, and looks.
pub(crate) fn check() -> Answer {
    let host = target().join("host-on-postgres");
    let made = fs::create_dir_all(host.join("src")).and_then(|()| {
        fs::write(host.join("Cargo.toml"), manifest())?;
        fs::write(host.join("src/lib.rs"), "")?;
        fs::copy(workspace().join("Cargo.lock"), host.join("Cargo.lock"))
    });
    made.map_err(|error| format!("{}: {error}", host.display()))?;
    run(cargo().args(["update", "--workspace", "--offline", "--quiet"]).current_dir(&host))?;
    let lock = fs::read_to_string(host.join("Cargo.lock"));
    let lock = lock.map_err(|error| format!("the lock file of a host: {error}"))?;
    let others = others(&lock);
    if others.is_empty() {
        return Ok(());
    }
    Err(format!(
        "a host that depends on invite-core and invite-postgres alone has {} in its lock file; look which feature of sqlx \
         brings them (sqlx's own `chrono`, `json`, `uuid` and `migrate` do; those of sqlx-postgres do not)",
        others.join(", ")
    ))
}

fn manifest() -> String {
    let of = |folder: &str| workspace().join(folder).display().to_string();
    format!(
        "[package]\nname = \"host-on-postgres\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         invite-core.path = {:?}\ninvite-postgres.path = {:?}\n",
        of("invite-core"),
        of("invite-adapters/postgres")
    )
}

fn others(lock: &str) -> Vec<&str> {
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names.filter(|name| OTHERS.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_in_a_lock_file_is_found() {
        let lock = "[[package]]\nname = \"sqlx-postgres\"\nversion = \"0.9.0\"\n\n[[package]]\nname = \"sqlx-sqlite\"\n";
        assert_eq!(others(lock), ["sqlx-sqlite"]);
    }
}
