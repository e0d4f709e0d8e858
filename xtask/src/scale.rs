//! `cargo xtask scale`: what a rollout costs by its size, of which the tests run a small one.

use crate::cargo::{Answer, cargo, run as run_command};

/// Measures a rollout to 1,000 people and one to 100,000, or to `--people`; says whether memory stayed flat and what
/// was planned arrived. It is built with optimisation, since times of anything else say nothing.
pub(crate) fn run(arguments: &[&str]) -> bool {
    let answer: Answer = run_command(
        cargo()
            .args(["run", "--quiet", "--release", "--package", "invite-campaign", "--", "scale"])
            .args(arguments),
    );
    match &answer {
        Ok(()) => true,
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}
