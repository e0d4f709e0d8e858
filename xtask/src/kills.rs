//! `cargo xtask kills`: kills inside the phases that only the library can tell, of which the tests run a slice.

use crate::cargo::{cargo, run as run_command};

/// Kills a worker 300 times over 5,000 messages, and says whether anything was lost; `arguments` go to the campaign
/// (`--kills`, `--deliveries`, `--seed`, `--dir`).
pub(crate) fn run(arguments: &[&str]) -> bool {
    let kills = ["run", "--quiet", "--package", "invite-campaign", "--", "run"];
    run_command(cargo().args(kills).args(arguments)).inspect_err(|why| eprintln!("{why}")).is_ok()
}
