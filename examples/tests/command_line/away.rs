//! A database that cannot be used: every command says in one line what is wrong and what to do.

use std::fs;

use crate::house::{House, Ran};

/// Every command that needs a database, once.
pub(crate) const COMMANDS: [&str; 17] = [
    "org show",
    "org set --name Acme",
    "user show anna",
    "user add --email kari@acme.test",
    "import people.csv",
    "users",
    "invite --all --yes",
    "remind --never-signed-in --yes",
    "work --until-idle",
    "batch list",
    "sender list",
    "template list",
    "sign-in anna",
    "suppress list",
    "events",
    "audit",
    "metrics",
];

/// It is told in one line, which says this.
#[track_caller]
pub(crate) fn told(ran: Ran, code: i32, advice: &str) {
    let err = ran.ended(code).err;
    assert_eq!(err.trim_end().lines().count(), 1, "{err}");
    assert!(err.starts_with("error: ") && err.contains(advice), "{err}");
}

#[test]
fn a_file_that_is_no_database_is_told_by_every_command() {
    let house = House::empty();
    house.write("people.csv", crate::house::PEOPLE);
    house.write("acme.db", &"This is a letter. ".repeat(100));
    for words in COMMANDS {
        told(house.run(words), 1, "restore it from a backup");
    }
}

#[test]
fn a_database_in_no_folder_is_told_by_every_command() {
    let house = House::empty();
    house.write("people.csv", crate::house::PEOPLE);
    for words in COMMANDS {
        let ran = house.run(&format!("--db sqlite:nowhere/acme.db {words}"));
        told(ran, 2, "there is no database nowhere/acme.db");
    }
    let create = "--db sqlite:nowhere/acme.db org create acme --name Acme --admin admin@acme.test";
    told(house.run(create), 2, "its folder is not there: create it");
}

#[test]
fn a_folder_is_no_database() {
    let house = House::empty();
    fs::create_dir(house.path("acme.db")).unwrap();
    told(house.run("users"), 2, "this is no file");
}
