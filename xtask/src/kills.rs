//! `cargo xtask kills`: the whole campaign of kills, of which the tests run a slice.

use crate::cargo::{Answer, cargo, run as run_command};

/// Kills a worker 300 times over 5,000 messages, and says whether anything was lost; `arguments` go to the campaign
/// (`--kills`, `--deliveries`, `--seed`, `--dir`).
pub(crate) fn run(arguments: &[&str]) -> bool {
    let answer: Answer = run_command(
        cargo().args(["run", "--quiet", "--package", "invite-campaign", "--", "run"]).args(arguments),
    );
    match &answer {
        Ok(()) => true,
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}
