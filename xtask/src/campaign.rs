//! `cargo xtask campaign`: faults at random moments over a rollout, of which the tests run a slice.

use std::env::consts::EXE_SUFFIX;
use std::process::Command;

use crate::cargo::{Answer, cargo, run as run_command, target, workspace};
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
    // Both at once: one by one, each with the features that it alone needs, all that they share would be built twice.
    let build = ["build", "--release", "--package", "invite-examples", "--package", "invite-campaign"];
    run_command(cargo().args(build).args(["--bin", "invite", "--bin", "invite-campaign"]))?;
    let program = target().join("release").join(format!("invite-campaign{EXE_SUFFIX}"));
    run_command(Command::new(program).current_dir(workspace()).arg("campaign").args(arguments))
}
