//! `cargo xtask test`: every test there is.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cargo::cargo;
use crate::test_counts::TestCounts;

/// Runs the unit, integration and documentation tests of every crate, the examples' among them, and prints as its
/// last line how many passed and failed.
pub(crate) fn run() -> bool {
    let (counts, succeeded) = match run_and_count() {
        Ok(result) => result,
        Err(error) => {
            eprintln!("cargo test did not run: {error}");
            (TestCounts::default(), false)
        }
    };
    println!("{counts}");
    succeeded && counts.failed == 0 && counts.passed > 0
}

fn run_and_count() -> std::io::Result<(TestCounts, bool)> {
    let mut tests = cargo()
        .args(["test", "--workspace", "--all-features", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut counts = TestCounts::default();
    for line in BufReader::new(tests.stdout.take().expect("it is piped")).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    Ok((counts, tests.wait()?.success()))
}
