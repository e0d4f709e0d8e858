//! Pilots, start times, quiet hours, retry, and senders stopped by hand.

use chrono::TimeDelta;
use invite_core::port::clock::{Clock, SystemClock};
use serde_json::json;

use crate::house::House;

#[test]
fn a_pilot_goes_first_and_the_rest_when_it_is_resumed() {
    let house = House::with_people();
    let confirmed = house.run("invite --all --pilot 1 --yes").ok().out;
    assert!(confirmed.contains("first 1 person"), "{confirmed}");
    let worked = house.run("work --until-idle --json").ok().json();
    assert_eq!((&worked["sent"], &worked["waiting"]), (&json!(1), &json!(2)));
    let shown = house.run("batch show --latest --json").ok().json();
    assert_eq!(shown["state"], "paused");
    assert!(shown["paused_because"].as_str().unwrap().contains("pilot"), "{shown}");
    assert!(house.run("batch show --latest").ok().out.contains("Waiting for"));
    house.run("batch resume --latest").ok();
    assert_eq!(house.run("work --until-idle --json").ok().json()["sent"], 2);
}

#[test]
fn nothing_leaves_before_the_start_time() {
    let house = House::with_people();
    house.run("org set --time-zone Europe/Oslo").ok();
    let past = house.args(&["invite", "--all", "--at", "2020-01-01 08:00", "--yes"]).ended(2);
    assert!(past.err.contains("is past"), "{}", past.err);
    let far = house.args(&["invite", "--all", "--at", "2999-01-01 08:00", "--yes"]).ended(2);
    assert!(far.err.contains("days away"), "{}", far.err);
    let tomorrow = hours_from_now(20);
    let confirmed = house.args(&["invite", "--all", "--at", &tomorrow, "--yes", "--json"]).ok().json();
    assert!(confirmed["not_before"].as_str().unwrap().starts_with(&tomorrow[..16]), "{confirmed}");
    let worked = house.run("work --until-idle --json").ok().json();
    assert_eq!((&worked["sent"], &worked["waiting"]), (&json!(0), &json!(3)));
    assert!(worked["next_in_seconds"].as_u64().unwrap() > 3_600);
}

/// So many hours from now, as RFC 3339.
fn hours_from_now(hours: i64) -> String {
    (SystemClock.now() + TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M:00Z").to_string()
}

#[test]
fn quiet_hours_are_set_shown_and_taken_away() {
    let house = House::new();
    house
        .run("org create other --name Other --app-link https://app.other.test --admin admin@other.test")
        .ok();
    assert!(house.run("org show other").ok().out.contains("20:00-08:00"), "the default");
    house.run("org set --quiet-hours 22:00-7:00").ok();
    assert_eq!(house.run("org show --json").ok().json()["settings"]["quiet_hours"], "22:00-07:00");
    house.run("org set --quiet-hours none").ok();
    assert_eq!(house.run("org show --json").ok().json()["settings"]["quiet_hours"], json!(null));
    assert!(house.run("org set --quiet-hours 22").ended(2).err.contains("such as 20:00-8:00"));
}

#[test]
fn a_sender_is_stopped_by_hand_and_goes_on() {
    let house = House::with_people();
    house.args(&["sender", "pause", "email", "--because", "wrong text"]).ok();
    house.run("invite --all --yes").ok();
    assert_eq!(house.run("work --until-idle --json").ok().json()["waiting"], 3);
    let list = house.run("sender list").ok().out;
    assert!(list.contains("paused by hand") && list.contains("wrong text"), "{list}");
    assert!(house.run("batch show --latest").ok().out.contains("their sender"));
    assert_eq!(house.run("sender resume email --json").ok().json()["resumed"], true);
    assert_eq!(house.run("work --until-idle --json").ok().json()["sent"], 3);
    assert!(house.run("sender list").ok().out.contains("Nothing is stopped"));
    assert!(house.run("sender pause fax").ended(2).err.contains("write email, sms"));
}
