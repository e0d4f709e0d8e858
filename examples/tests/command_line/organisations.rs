//! `key` and `org`.

use serde_json::json;

use crate::house::House;

#[test]
fn every_setting_can_be_set_shown_and_taken_away() {
    let house = House::new();
    let set = house
        .args(&[
            "org",
            "set",
            "--name",
            "Acme plc",
            "--app-name",
            "Shiftbook",
            "--app-link",
            "https://a.acme.test",
            "--ios-link",
            "https://apple.test",
            "--android-link",
            "https://google.test",
            "--credential",
            "link",
            "--link-pattern",
            "https://a.acme.test/w#{token}",
            "--lifetime",
            "24h",
            "--retirement",
            "use",
            "--channels",
            "sms,email",
            "--country",
            "no",
            "--sms-countries",
            "SE,DK",
            "--locale",
            "no",
            "--time-zone",
            "Europe/Oslo",
            "--support",
            "call us",
            "--from",
            "Acme <it@acme.test>",
            "--reply-to",
            "it@acme.test",
            "--list-unsubscribe",
            "https://a.acme.test/u",
            "--colour",
            "#112233",
            "--logo",
            "https://a.acme.test/l.png",
            "--sign-in",
            "sso",
            "--sso",
            "announce",
            "--reminder-gap",
            "2d",
            "--reminders",
            "5",
            "--json",
        ])
        .ok()
        .json();
    let shown = house.run("org show --json").ok().json();
    assert_eq!(set, shown);
    let settings = &shown["settings"];
    assert_eq!(settings["name"], "Acme plc");
    assert_eq!(settings["locale"], "nb");
    assert_eq!(settings["channels"], json!(["email", "sms"]));
    assert_eq!(settings["credential"], "set_up_link");
    assert_eq!(settings["sms_countries"], json!(["DK", "SE"]));
    let text = house.run("org show").ok().out;
    for word in ["Shiftbook", "Acme <it@acme.test>", "#112233", "at most 5", "set up link"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    house.run("org set --from none --logo none --sms-countries none --retirement none").ok();
    let settings = house.run("org show acme --json").ok().json()["settings"].clone();
    assert_eq!((&settings["from"], &settings["theme"]["logo"]), (&json!(null), &json!(null)));
    assert_eq!(
        (&settings["sms_countries"], &settings["reply_to"]["address"]),
        (&json!([]), &json!("it@acme.test"))
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let house = House::new();
    let ran = house.run("org set --credential link").ended(2);
    assert!(ran.err.contains("link pattern"), "{}", ran.err);
    assert!(house.run("org set --lifetime 1m").ended(2).err.contains("between 1 hour and 90 days"));
}

#[test]
fn a_new_organisation_has_an_administrator_who_can_go_on_at_once() {
    let house = House::empty();
    let made = house.run("org create beta --admin it@beta.test --json").ok().json();
    assert_eq!(made["alias"], "beta");
    let shown = house.run("--org beta --as it@beta.test user show it@beta.test --json").ok().json();
    assert_eq!((&shown["id"], &shown["role"]), (&made["administrator"], &json!("administrator")));
}

#[test]
fn a_rotated_key_has_the_new_one_in_front_and_opens_what_the_old_one_sealed() {
    let house = House::empty();
    let rotated = house.run("key rotate").ok().out.trim().to_owned();
    let (new, old) = rotated.split_once(',').unwrap();
    assert_eq!(old, house.key().trim_end_matches('='));
    assert_ne!(new, old);
    let mut command = house.command();
    command.args(["key", "rotate", "--keep", "1", "--json"]).env("INVITE_SECRET_KEY", &rotated);
    let again =
        crate::house::Ran::of(command.output().unwrap()).ok().json()["key"].as_str().unwrap().to_owned();
    assert_eq!(again.split(',').skip(1).collect::<Vec<_>>(), [new]);
    assert!(house.run("work --until-idle --db sqlite:none.db").ended(2).err.contains("org create"));
    let mut command = house.command();
    command.args(["key", "rotate"]).env("INVITE_SECRET_KEY", "short");
    let refused = crate::house::Ran::of(command.output().unwrap()).ended(2);
    assert!(refused.err.contains("32 octets") && !refused.err.contains("short"), "{}", refused.err);
}
