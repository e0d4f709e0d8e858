//! `cargo xtask test`: every test there is.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cargo::cargo;
use crate::services::Services;
use crate::services::install::program;
use crate::test_counts::TestCounts;

/// Runs the unit, integration and documentation tests of every crate, the examples' among them, while the servers run
/// that some need, and prints as its last line how many passed and failed.
pub(crate) fn run() -> bool {
    // Without them the tests that need one fail, and the others say what they have to say.
    let services = Services::start().inspect_err(|why| eprintln!("{why}")).ok();
    // The same for the campaign's, which starts a server of its own, and sets its workers' clocks off.
    let _ = program("faketime", "faketime").inspect_err(|why| eprintln!("{why}"));
    let (counts, succeeded) = match run_and_count(services.as_ref()) {
        Ok(result) => result,
        Err(error) => {
            eprintln!("cargo test did not run: {error}");
            (TestCounts::default(), false)
        }
    };
    println!("{counts}");
    services.is_some() && succeeded && counts.failed == 0 && counts.passed > 0
}

fn run_and_count(services: Option<&Services>) -> std::io::Result<(TestCounts, bool)> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--all-features", "--no-fail-fast"]).stdout(Stdio::piped());
    if let Some(services) = services {
        services.tell(&mut tests);
    }
    let mut tests = tests.spawn()?;
    let mut counts = TestCounts::default();
    for line in BufReader::new(tests.stdout.take().expect("it is piped")).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    Ok((counts, tests.wait()?.success()))
}
