//! `cargo xtask campaign`: faults at random moments over a rollout, of which the tests run a slice.

use crate::cargo::{Answer, cargo, run as run_command};
use crate::services::install::program;

/// Injects faults while workers send, and says whether anything that must hold did not; `arguments` go to the campaign.
pub(crate) fn run(arguments: &[&str]) -> bool {
    campaign(arguments).inspect_err(|why| eprintln!("{why}")).is_ok()
}

fn campaign(arguments: &[&str]) -> Answer {
    if arguments.contains(&"postgres") {
        program("initdb", "postgresql")?;
        program("faketime", "faketime")?;
    }
    let build = ["build", "--release", "--package", "invite-examples", "--bin", "invite"];
    run_command(cargo().args(build))?;
    let campaign = ["run", "--release", "--quiet", "--package", "invite-campaign", "--", "campaign"];
    run_command(cargo().args(campaign).args(arguments))
}
