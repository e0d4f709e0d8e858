//! A database on PostgreSQL, by URL.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::house::{House, Ran};

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub(crate) fn server() -> String {
    std::env::var("INVITE_TEST_POSTGRES").expect("run the tests with `cargo xtask test`")
}

/// Tables of its own.
pub(crate) fn database() -> String {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{}?schema=command_line_{}_{number}", server(), std::process::id())
}

/// Runs `invite` on this database.
pub(crate) fn run(house: &House, database: &str, words: &str) -> Ran {
    let mut command = house.command();
    Ran::of(command.env("INVITE_DB", database).args(words.split(' ')).output().unwrap())
}

#[test]
fn a_database_that_is_empty_says_how_to_begin() {
    let house = House::empty();
    let said = run(&house, &database(), "users").ended(2).err;
    assert!(said.contains("invite org create"), "{said}");
}

#[test]
fn a_server_that_is_not_there_says_where_to_look_and_no_password() {
    let house = House::empty();
    let said = run(&house, "postgres://app:hush@127.0.0.1:1/none", "users").ended(1).err;
    assert!(said.contains("--db (INVITE_DB)") && !said.contains("hush"), "{said}");
    let said = house.run("--db postgres://app:hush@127.0.0.1:1/none users --json").ended(1).err;
    assert!(said.contains("set INVITE_DB instead") && !said.contains("hush"), "{said}");
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let house = House::empty();
    let server = server();
    let (place, _) = server.rsplit_once('/').unwrap();
    let said = run(&house, &format!("{place}/nowhere"), "users").ended(2).err;
    assert!(said.contains("nowhere") && said.contains("name another in the URL, or create it"), "{said}");
}

#[test]
fn the_name_of_a_schema_is_plain() {
    let house = House::empty();
    let said = run(&house, &format!("{}?schema=My-Tables", server()), "users").ended(2).err;
    assert!(said.contains("cannot be the name of a schema"), "{said}");
}
