//! A slice of the campaign, small enough for every run of the tests, and each deliberate bug, which it must catch;
//! `cargo xtask campaign` is the whole.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what the campaign said"
)]

use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One at a time: on two cores, two campaigns would be late for each other's leases.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn rule_07_nothing_is_lost_and_rule_08_nothing_goes_twice_on_sqlite_whatever_happens() {
    let (said, held) = campaign("sqlite", &["--faults", "45", "--deliveries", "2000"]);
    assert!(held, "{said}");
}

#[test]
fn rule_07_nothing_is_lost_and_rule_08_nothing_goes_twice_on_postgres_whatever_happens() {
    let (said, held) = campaign("postgres", &["--faults", "45", "--deliveries", "2000"]);
    assert!(held, "{said}");
}

#[test]
fn a_store_without_fencing_is_caught() {
    // Each fault is a stop that lasts until another worker has the message.
    let few = &["--faults", "5", "--deliveries", "250", "--bug", "no-fencing"];
    found(campaign("postgres", few), "no-fencing", &["stale writes", "unknown or failed", "twice, no fault"]);
}

#[test]
fn an_attempt_that_is_not_counted_at_the_hand_over_is_caught() {
    caught("postgres", "attempt-counted-elsewhere", &["hand-overs that are not counted"]);
}

#[test]
fn a_store_on_the_workers_clock_is_caught() {
    caught("postgres", "workers-clock", &["twice, no fault"]);
}

#[test]
fn a_message_that_is_recorded_before_it_is_sent_is_caught() {
    caught("sqlite", "recorded-before-sending", &["lost"]);
}

#[test]
fn rows_that_are_not_looked_at_again_under_the_lock_are_caught() {
    caught("sqlite", "no-recheck", &["twice, no fault", "ghosts"]);
}

/// The campaign finds violations, and at least one of these kinds.
fn caught(store: &str, bug: &str, kinds: &[&str]) {
    found(campaign(store, &["--faults", "30", "--deliveries", "900", "--bug", bug]), bug, kinds);
}

fn found((said, held): (String, bool), bug: &str, kinds: &[&str]) {
    assert!(!held, "{bug} was not caught: {said}");
    assert!(kinds.iter().any(|kind| said.contains(&format!("VIOLATION {kind}"))), "{bug}: {said}");
}

fn campaign(store: &str, arguments: &[&str]) -> (String, bool) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut campaign = Command::new(env!("CARGO_BIN_EXE_invite-campaign"));
    let output = campaign.args(["campaign", "--store", store]).args(arguments).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    println!("{said}");
    (said, output.status.success())
}
