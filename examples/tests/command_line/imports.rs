//! `import`.

use serde_json::json;

use crate::house::{House, PEOPLE};

#[test]
fn importing_twice_changes_nothing_and_a_dry_run_writes_nothing() {
    let house = House::new();
    house.write("people.csv", PEOPLE);
    let dry = house.run("import people.csv --dry-run --json").ended(1).json();
    assert_eq!((&dry["created"], &dry["dry_run"]), (&json!(3), &json!(true)));
    assert_eq!(house.run("users --json").ok().lines().len(), 1);
    assert_eq!(house.run("import people.csv --json").ended(1).json()["created"], 3);
    let again = house.run("import people.csv --json").ended(1).json();
    assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(3)));
}

#[test]
fn refused_rows_are_told_by_line_and_column_and_end_with_1() {
    let house = House::new();
    house.write("people.csv", PEOPLE);
    let ran = house.run("import people.csv").ended(1);
    assert!(ran.out.contains("3 people added") && ran.out.contains("1 row refused"), "{}", ran.out);
    assert!(ran.out.contains("LINE") && ran.out.contains("4     email"), "{}", ran.out);
}

#[test]
fn a_file_comes_by_standard_input_in_its_own_encoding_and_mode() {
    let house = House::new();
    let ran = house.fed("import - --json", "email;first_name\nanna@acme.test;Anna\n").ok().json();
    assert_eq!(ran["created"], 1);
    let changed = "email;first_name\nanna@acme.test;Anne\n";
    assert_eq!(house.fed("import - --mode add --json", changed).ok().json()["updated"], 0);
    assert_eq!(house.fed("import - --mode upsert --json", changed).ok().json()["updated"], 1);
    std::fs::write(house.path("latin.csv"), b"email,first_name\nbj@acme.test,Bj\xf8rn\n").unwrap();
    assert!(house.run("import latin.csv").ended(2).err.contains("windows-1252"));
    house.run("import latin.csv --encoding windows-1252").ok();
    assert_eq!(house.run("user show bj@acme.test --json").ok().json()["first_name"], "Bjørn");
}

#[test]
fn what_is_no_file_of_people_is_bad_input() {
    let house = House::new();
    for (text, hint) in
        [("", "the file is empty"), ("a,b\n1,2\n", "names no column"), ("PK\u{3}\u{4}xx", "workbook")]
    {
        let ran = house.fed("import -", text).ended(2);
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn a_sync_deactivates_those_who_are_missing_and_many_only_when_that_is_allowed() {
    let house = House::new();
    let people = |count: usize| -> String {
        let rows: String =
            (0..count).map(|number| format!("person{number}@acme.test,Person {number}\n")).collect();
        format!("email,first_name\nadmin@acme.test,Astrid\n{rows}")
    };
    assert_eq!(house.fed("import - --mode sync --json", &people(30)).ok().json()["created"], 30);
    let one = house.fed("import - --mode sync --json", &people(29)).ok().json();
    assert_eq!(one["deactivated"], 1);
    let dry = house.fed("import - --mode sync --dry-run --json", &people(5)).ok().json();
    assert_eq!((&dry["deactivated"], &dry["allow_deactivate"]), (&json!(24), &json!(24)));
    let many = house.fed("import - --mode sync", &people(5)).ended(2);
    assert!(many.err.contains("--allow-deactivate"), "{}", many.err);
    assert_eq!(house.run("users --deactivated --json").ok().lines().len(), 1);
    let allowed = house.fed("import - --mode sync --allow-deactivate 24 --json", &people(5)).ok().json();
    assert_eq!(allowed["deactivated"], 24);
}

#[test]
fn an_import_is_listed_and_undone() {
    let house = House::with_people();
    house.fed("import - --json", "username,first_name,last_name\nanna,Anne,Lie\n").ok();
    let list = house.run("import list --json").ok().lines();
    assert_eq!(list.len(), 2);
    assert_eq!(
        (&list[0]["file_name"], &list[1]["file_name"]),
        (&json!("standard input"), &json!("people.csv"))
    );
    assert!(house.run("import list").ok().out.contains("people.csv"));
    let undo = |which: usize| {
        house
            .args(&["import", "undo", list[which]["import"].as_str().unwrap(), "--yes", "--json"])
            .ok()
            .json()
    };
    assert_eq!(undo(0)["restored"], 1);
    assert_eq!(house.run("user show anna --json").ok().json()["first_name"], "Anna");
    assert_eq!(undo(0)["already"], true);
    house.run("invite anna --yes").ok();
    house.run("work --until-idle").ok();
    let first = undo(1);
    assert_eq!((&first["deactivated"], &first["left_count"]), (&json!(2), &json!(1)));
    assert_eq!((house.status("anna"), house.status("bjorn")), ("invited".into(), "deactivated".into()));
}
