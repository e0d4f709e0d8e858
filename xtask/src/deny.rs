//! cargo-deny, with `deny.toml`: licences, banned crates, sources, advisories.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::cargo::{Answer, cargo, run, target, workspace};

/// The release that `deny.toml` is written for.
const VERSION: &str = "0.20";
/// What cargo-deny says when it cannot download the advisories.
const CANNOT_FETCH: &str = "failed to fetch advisory database";

/// Holds `deny.toml`; cargo-deny is installed into the target folder where it is missing, which takes some minutes.
pub(crate) fn check() -> Answer {
    let program = cargo_deny()?;
    run(deny(&program).args(["--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    advisories(&program)
}

/// The known faults of the crates. They are downloaded; without a network the check says so and is content.
fn advisories(program: &PathBuf) -> Answer {
    let output = deny(program).arg("advisories").output();
    let Output { status, stdout, stderr } =
        output.map_err(|error| format!("cargo deny did not start: {error}"))?;
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if !status.success() && said.contains(CANNOT_FETCH) {
        println!("advisories: NOT CHECKED, their database could not be fetched from here");
        return Ok(());
    }
    print!("{said}");
    if status.success() { Ok(()) } else { Err("an advisory stands against a crate; see above".to_owned()) }
}

fn deny(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace()).args(["--workspace", "--all-features", "check"]);
    command
}

fn cargo_deny() -> Result<PathBuf, String> {
    let tools = target().join("tools");
    let ours = tools.join("bin").join("cargo-deny");
    if let Some(installed) = [ours.clone(), "cargo-deny".into()].into_iter().find(is_of_our_version) {
        return Ok(installed);
    }
    println!("cargo-deny {VERSION} is not here; installing it into {} takes some minutes", tools.display());
    let arguments =
        ["install", "--quiet", "--locked", "cargo-deny", "--version", &format!("^{VERSION}"), "--root"];
    run(cargo().args(arguments).arg(&tools))?;
    Ok(ours)
}

fn is_of_our_version(program: &PathBuf) -> bool {
    let wanted = format!("cargo-deny {VERSION}.");
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(wanted.as_bytes()))
}
