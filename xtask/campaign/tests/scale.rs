//! A small size, for every run of the tests; `cargo xtask scale` has the sizes that matter.

use std::process::Command;

#[test]
fn rules_13_and_15_what_was_planned_arrives_and_memory_does_not_grow_with_it() {
    let mut campaign = Command::new(env!("CARGO_BIN_EXE_invite-campaign"));
    let output = campaign.args(["scale", "--people", "4000"]).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    println!("{said}");
    assert!(output.status.success(), "{said}");
    for step in ["import", "plan", "confirm", "send"] {
        assert!(said.contains(step), "{said}");
    }
}
