//! `invite` and `remind`: the plan, and that nothing is sent without a yes.

use serde_json::json;

use crate::house::House;

#[test]
fn without_a_terminal_and_without_yes_nothing_is_sent() {
    let house = House::with_people();
    for words in ["invite --all", "invite anna --json", "remind --never-signed-in"] {
        let ran = house.run(words).ended(2);
        assert!(ran.err.contains("--yes") && ran.err.contains("--plan-only"), "{}", ran.err);
    }
    assert_eq!(house.run("work --until-idle --json").ok().json()["sent"], 0);
}

#[test]
fn a_plan_is_shown_person_by_person_and_stops_there() {
    let house = House::with_people();
    let plan = house.run("invite --all --plan-only --json --each").ok();
    let last = plan.json();
    assert_eq!(
        (&last["send"], &last["skip"], &last["confirmed"]),
        (&json!(3), &json!({ "yourself": 1 }), &json!(false))
    );
    let each = plan.lines();
    assert_eq!(each.len(), 5);
    assert!(each.iter().any(|line| line["name"] == "Anna Lie" && line["decision"] == "send"));
    assert!(each.iter().any(|line| line["skip"] == "yourself"));
    let table = house.run("invite --all --plan-only").ok().out;
    assert!(table.contains("skipped: you yourself") && table.contains("Messages: 3 e-mail"), "{table}");
    assert_eq!(house.run("batch list --json").ok().out, "");
    assert_eq!(house.run("work --until-idle --json").ok().json()["sent"], 0);
}

#[test]
fn people_who_are_set_up_are_skipped_unless_their_reset_is_asked_for() {
    let house = House::invited();
    let (password, new) = (house.password("anna@acme.test"), "rain over the fjord");
    house.fed("sign-in anna --new", &format!("{password}\n{new}\n")).ok();
    let plan = house.run("invite anna --plan-only").ok().out;
    assert!(plan.contains("1 person is set up already and skipped") && plan.contains("--reset"), "{plan}");
    let without = house.run("invite anna bjorn --yes --json").ok().json();
    assert_eq!((&without["send"], &without["reset"]), (&json!(1), &json!(0)));
    assert_eq!(without["skip"], json!({ "set_up_needs_consent": 1 }));
    let with = house.run("invite anna --reset --yes --json").ok().json();
    assert_eq!((&with["send"], &with["reset"], &with["skip"]), (&json!(0), &json!(1), &json!({})));
    house.run("work --until-idle").ok();
    let refused = house.fed("sign-in anna --json", &format!("{new}\n")).ended(1).json();
    assert_eq!(refused["reason"], "refused");
}

#[test]
fn the_channel_is_e_mail_unless_there_is_no_address_or_another_is_asked_for() {
    let house = House::with_people();
    house.run("user add --username dag --phone +4791234568").ok();
    let messages = |words: &str| {
        house.run(&format!("invite --all --plan-only --json {words}")).ok().json()["messages"].clone()
    };
    assert_eq!(messages(""), json!({ "email": 3, "sms": 1 }));
    assert_eq!(messages("--channel email"), json!({ "email": 3 }));
    assert_eq!(messages("--channel sms"), json!({ "sms": 2 }));
    assert_eq!(messages("--channel both"), json!({ "email": 3, "sms": 2 }));
    house.run("org set --channels email").ok();
    assert!(house.run("invite --all --channel sms --yes").ended(2).err.contains("--channels email,sms"));
}

#[test]
fn people_are_chosen_by_name_group_or_history() {
    let house = House::with_people();
    house.run("user set bjorn --group Oslo").ok();
    let send = |words: &str| house.run(&format!("{words} --plan-only --json")).ok().json()["send"].clone();
    assert_eq!(send("invite anna carla@acme.test"), 2);
    assert_eq!(send("invite --group Oslo"), 1);
    assert_eq!(send("invite --never-invited"), 3);
    house.run("invite anna bjorn --yes").ok();
    house.run("work --until-idle").ok();
    assert_eq!(send("invite --never-invited"), 1);
    assert_eq!(send("remind --never-signed-in"), 2);
    assert_eq!(send("remind anna"), 1);
    assert_eq!(send("remind --group Oslo"), 1);
    assert_eq!(send("remind --never-signed-in --invited-before 1h"), 0);
    assert_eq!(send("remind --invited-before 0s"), 2);
    house.run("org set --reminder-gap 3d").ok();
    let plan = house.run("remind --never-signed-in --plan-only --json").ok().json();
    assert_eq!(plan["skip"]["too_soon"], 2);
}

#[test]
fn a_held_batch_says_until_when_and_waits() {
    let house = House::with_people();
    let held = house.run("invite --all --hold 15m --yes").ok().out;
    assert!(held.contains("Nothing leaves before") && held.contains("batch cancel"), "{held}");
    let worked = house.run("work --until-idle --json").ok().json();
    assert_eq!((&worked["sent"], &worked["waiting"]), (&json!(0), &json!(3)));
}
