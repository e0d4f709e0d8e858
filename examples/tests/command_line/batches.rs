//! `work`, `batch`, `sender`, `events`, `audit`, `metrics`.

use serde_json::json;

use crate::house::{House, Ran};

#[test]
fn a_batch_is_paused_resumed_and_watched_to_its_end() {
    let house = House::with_people();
    let batch = house.run("invite --all --yes --json").ok().json()["batch"].as_str().unwrap().to_owned();
    house.args(&["batch", "pause", &batch, "--because", "the wrong text"]).ok();
    let shown = house.run("batch show --latest --json").ok().json();
    assert_eq!((&shown["state"], &shown["paused_because"]), (&json!("paused"), &json!("the wrong text")));
    assert_eq!(house.run("work --until-idle --json").ok().json()["waiting"], 3);
    assert!(house.run("batch show --latest").ok().out.contains("the wrong text"));
    house.run("batch resume --latest").ok();
    house.run("work --until-idle").ok();
    let watched = house.args(&["batch", "watch", &batch, "--json"]).ok().json();
    assert_eq!(
        (&watched["state"], &watched["sent"], &watched["waiting"]),
        (&json!("finished"), &json!(3), &json!(0))
    );
    let text = house.run("batch watch --latest").ok().out;
    assert_eq!(text, "finished: 3 sent, 0 failed, 0 waiting, 0 unknown\n");
    let each = house.run("batch show --latest --each --json").ok();
    assert_eq!(each.lines().len(), 4);
    assert_eq!(each.json()["finished"], json!(true));
    let list = house.run("batch list --json").ok().lines();
    assert_eq!(list.iter().map(|line| &line["batch"]).collect::<Vec<_>>(), [&json!(batch)]);
    assert!(house.run("batch list").ok().out.contains("finished"));
}

#[test]
fn cancelling_and_recalling_need_a_yes_and_say_what_they_did() {
    let house = House::invited();
    for word in ["cancel", "recall"] {
        assert!(house.run(&format!("batch {word} --latest")).ended(2).err.contains("--yes"));
    }
    let password = house.password("anna@acme.test");
    assert_eq!(house.run("batch recall --latest --yes --json").ok().json()["state"], "recalled");
    house.run("work --until-idle").ok();
    let answer = house.fed("sign-in anna --json", &format!("{password}\n")).ended(1).json();
    assert_eq!(answer["reason"], "refused");
    assert!(house.run("batch resume --latest").ended(2).err.contains("cannot be resumed"));
}

#[test]
fn a_channel_without_transport_waits_and_says_why() {
    let house = House::with_people();
    house.run("user add --username dag --phone +4791234568").ok();
    house.run("invite --all --yes").ok();
    let mut command = house.command();
    command.args(["work", "--until-idle", "--json"]).env_remove("INVITE_SMS");
    let worked = Ran::of(command.output().unwrap()).ok().json();
    assert_eq!((&worked["sent"], &worked["waiting"]), (&json!(3), &json!(1)));
    let list = house.run("sender list").ok().out;
    assert!(list.contains("sms") && list.contains("--sms (INVITE_SMS)"), "{list}");
    assert_eq!(house.run("sender list --json").ok().json()["kind"], "blocked");
}

#[test]
fn events_and_the_audit_are_read_on_from_where_one_stopped() {
    let house = House::invited();
    let events = house.run("events --json").ok().lines();
    assert_eq!(events.iter().filter(|event| event["what"]["event"] == "invited").count(), 3);
    let cursor = events[1]["cursor"].as_u64().unwrap();
    let rest = house.run(&format!("events --after {cursor} --limit 1 --json")).ok().lines();
    assert_eq!(rest, events[2..3]);
    assert!(house.run("events").ok().out.contains("batch finished"));
    let audit = house.run("audit --json").ok().lines();
    assert!(audit.iter().any(|entry| entry["what"] == "batch_confirmed"));
    let number = audit[0]["number"].as_u64().unwrap();
    assert_eq!(house.run(&format!("audit --before {number} --limit 2 --json")).ok().lines(), audit[1..3]);
    assert!(house.run("audit").ok().out.contains("admin@acme.test  batch confirmed"));
}

#[test]
fn figures_are_read_as_text_and_as_json() {
    let house = House::with_people();
    house.run("invite --all --yes").ok();
    let text = house.run("metrics").ok().out;
    assert!(text.contains("\ninvite_messages_on_their_way{channel=\"email\"} 3\n"), "{text}");
    house.run("work --until-idle").ok();
    let text = house.run("metrics").ok().out;
    assert!(text.contains("\ninvite_messages_on_their_way{channel=\"email\"} 0\n"), "{text}");
    let sent = "invite_outcomes_total{channel=\"email\",outcome=\"sent\",reason=\"\"} 3";
    assert!(text.contains(sent) && text.contains("# TYPE invite_outcomes_total counter"), "{text}");
    let lines = house.run("metrics --json").ok().lines();
    let brakes = lines.iter().find(|line| line["metric"] == "invite_brakes_total").unwrap();
    assert_eq!((&brakes["kind"], brakes["value"].as_f64()), (&json!("counter"), Some(0.0)));
}
