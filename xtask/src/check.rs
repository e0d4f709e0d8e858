//! `cargo xtask check`: everything that is not a test and must hold.

use crate::cargo::{Answer, cargo, run as run_command};
use crate::{core_alone, crates, deny, documents, floors, postgres_alone};

/// What must hold, and what finds out.
type Check = (&'static str, fn() -> Answer);

/// The checks, the quick ones first.
const CHECKS: [Check; 10] = [
    ("formatting", formatting),
    ("floors of invite-core", floors::check),
    ("invite-core knows no database, HTTP client or mail library", core_alone::check),
    ("documents say what is true", documents::check),
    ("adapters do not know each other", crates::adapters_stand_apart),
    ("a host on PostgreSQL has no other database in its lock file", postgres_alone::check),
    ("licences, bans, sources and advisories", deny::check),
    ("invite-core with its default features", core_by_itself),
    ("lints", lints),
    ("documentation", documentation),
];

/// Runs every check, also after one has failed, and says at the end which did.
pub(crate) fn run() -> bool {
    let mut failures = Vec::new();
    for (name, check) in CHECKS {
        println!("== {name}");
        if let Err(why) = check() {
            println!("{why}");
            failures.push(name);
        }
    }
    match failures[..] {
        [] => println!("== all {} checks hold", CHECKS.len()),
        _ => println!("== these do not hold: {}", failures.join("; ")),
    }
    failures.is_empty()
}

fn formatting() -> Answer {
    run_command(cargo().args(["fmt", "--all", "--check"]))
}

fn core_by_itself() -> Answer {
    run_command(cargo().args(["check", "--package", "invite-core"]))
}

fn lints() -> Answer {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
    run_command(cargo().args(arguments))
}

fn documentation() -> Answer {
    let arguments = ["doc", "--workspace", "--no-deps", "--all-features"];
    run_command(cargo().env("RUSTDOCFLAGS", "--deny warnings").args(arguments))
}
