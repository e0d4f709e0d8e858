//! A slice of the campaign, small enough for every run of the tests; `cargo xtask kills` is the whole.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what the campaign said"
)]

use std::process::Command;

#[test]
fn rule_07_nothing_is_lost_and_rule_08_nothing_goes_twice_when_workers_are_killed() {
    run("run", "12");
}

fn run(task: &str, kills: &str) {
    let mut campaign = Command::new(env!("CARGO_BIN_EXE_invite-campaign"));
    let output = campaign.args([task, "--kills", kills, "--deliveries", "300"]).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
