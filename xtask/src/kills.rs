//! `cargo xtask kills`: the whole campaign of kills, of which the tests run a slice.

use crate::cargo::{Answer, cargo, run as run_command};

/// Kills a worker 300 times over 5,000 messages, and says whether anything was lost; `arguments` go to the campaign
/// (`--kills`, `--deliveries`, `--seed`, `--dir`). With `--over smtp` first, the workers are the command line's own.
pub(crate) fn run(arguments: &[&str]) -> bool {
    match campaign(arguments) {
        Ok(()) => true,
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}

fn campaign(arguments: &[&str]) -> Answer {
    let (task, arguments) = match arguments {
        ["--over", "smtp", rest @ ..] => ("over-smtp", rest),
        rest => ("run", rest),
    };
    if task == "over-smtp" {
        run_command(cargo().args(["build", "--package", "invite-examples", "--bin", "invite"]))?;
    }
    run_command(cargo().args(["run", "--quiet", "--package", "invite-campaign", "--", task]).args(arguments))
}
