//! `sign-in` and `accept`.

use serde_json::json;

use crate::house::House;

const NEW: &str = "rain over the fjord";

#[test]
fn a_temporary_password_works_once_and_a_weak_new_one_is_bad_input() {
    let house = House::invited();
    let password = house.password("anna@acme.test");
    let weak = house.fed("sign-in anna --new --json", &format!("{password}\nshort\n")).ended(2);
    assert!(weak.error().contains("at least 12 characters"));
    let same = house.fed("sign-in anna --new", &format!("{password}\n{password}\n")).ended(2);
    assert!(same.err.contains("choose another"));
    house.fed("sign-in anna --new", &format!("{password}\n{NEW}\n")).ok();
    assert_eq!(house.fed("sign-in anna --json", &format!("{NEW}\n")).ok().json()["signed_in"], true);
    let again = house.fed("sign-in anna --json", &format!("{password}\n")).ended(1).json();
    assert_eq!(again, json!({ "signed_in": false, "reason": "refused" }));
    assert_eq!(house.status("anna"), "signed_in");
}

#[test]
fn wrong_guesses_wait_and_say_how_long() {
    let house = House::invited();
    let mut answer = json!(null);
    for _ in 0..7 {
        answer = house.fed("sign-in bjorn --json", "wrong\n").ended(1).json();
    }
    assert_eq!((&answer["reason"], answer["seconds"].as_u64().is_some()), (&json!("wait"), true), "{answer}");
}

#[test]
fn a_link_is_used_once_whole_or_as_its_token() {
    let house = House::with_people();
    house
        .args(&[
            "org",
            "set",
            "--credential",
            "link",
            "--link-pattern",
            "https://app.acme.test/welcome#{token}",
        ])
        .ok();
    house.run("invite --all --yes").ok();
    house.run("work --until-idle").ok();
    let link = |to: &str| {
        let text = house.messages_to(to).pop().unwrap().text;
        text.split_whitespace()
            .find(|word| word.starts_with("https://app.acme.test/welcome#"))
            .unwrap()
            .to_owned()
    };
    let whole = link("anna@acme.test");
    assert!(
        house.fed("accept --json", &format!("{whole}\nshort\n")).ended(2).error().contains("12 characters")
    );
    assert_eq!(house.fed("accept --json", &format!("{whole}\n{NEW}\n")).ok().json()["accepted"], true);
    let again = house.fed("accept --json", &format!("{whole}\n{NEW}\n")).ended(1).json();
    assert_eq!((&again["accepted"], &again["reason"]), (&json!(false), &json!("used")));
    let token = link("bjorn@acme.test").split('#').next_back().unwrap().to_owned();
    house.fed("accept", &format!("{token}\n{NEW}\n")).ok();
    house.run("invite carla --yes").ok();
    let old = link("carla@acme.test");
    house.run("user deactivate carla").ok();
    let revoked = house.fed("accept --json", &format!("{old}\n{NEW}\n")).ended(1).json();
    assert_eq!((&revoked["reason"], &revoked["revoked"]), (&json!("revoked"), &json!("deactivated")));
}

#[test]
fn what_is_missing_on_standard_input_is_named() {
    let house = House::invited();
    assert!(house.fed("sign-in anna", "").ended(2).err.contains("the password is missing"));
    assert!(house.fed("sign-in anna --new", "x\n").ended(2).err.contains("the new password is missing"));
    assert!(house.fed("accept", "").ended(2).err.contains("token is missing"));
}
