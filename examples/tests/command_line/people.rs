//! `users` and `user`.

use serde_json::json;

use crate::house::House;

fn names(house: &House, words: &str) -> Vec<String> {
    let lines = house.run(&format!("users --json {words}")).ok().lines();
    let mut names: Vec<String> =
        lines.iter().map(|line| line["first_name"].as_str().unwrap().to_owned()).collect();
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn the_list_is_filtered_and_read_page_by_page() {
    let house = House::with_people();
    house.run("user set bjorn --group Oslo").ok();
    house.run("user set carla --role planner").ok();
    house.run("invite anna --yes").ok();
    house.run("work --until-idle").ok();
    assert_eq!(names(&house, ""), ["Anna", "Bjørn", "Carla"]);
    assert_eq!(names(&house, "--never-invited"), ["Bjørn", "Carla"]);
    assert_eq!(names(&house, "--never-signed-in"), ["Anna", "Bjørn", "Carla"]);
    assert_eq!(names(&house, "--group oslo"), ["Bjørn"]);
    assert_eq!(names(&house, "--role planner"), ["Carla"]);
    assert_eq!(names(&house, "--search NÚÑ"), ["Carla"]);
    assert_eq!(names(&house, "--invited-before 0s"), ["Anna"]);
    assert_eq!(names(&house, "--invited-before 1d"), [""; 0]);
    assert_eq!(names(&house, "--invited-before 2999-01-01"), ["Anna"]);
    assert_eq!(names(&house, "--reminded-before 0s"), ["Anna"]);
    assert_eq!(names(&house, "--reminded-before 1h"), [""; 0]);
    assert_eq!(names(&house, "--failed"), [""; 0]);
    house.run("user deactivate carla").ok();
    assert_eq!(names(&house, "--deactivated"), ["Carla"]);

    let first = house.run("users --limit 2 --json").ok().lines();
    assert_eq!(first.len(), 2);
    let after = format!("users --json --after {}", first[1]["id"].as_str().unwrap());
    let rest = house.run(&after).ok().lines();
    assert_eq!(rest.iter().map(|line| &line["first_name"]).collect::<Vec<_>>(), ["Bjørn", "Carla"]);
    let anna = &first[1];
    for field in [
        "email",
        "phone",
        "status",
        "last_name",
        "username",
        "last_invited_at",
        "last_message_at",
        "last_reminder_at",
    ] {
        assert!(anna.get(field).is_some(), "{field}");
    }
    assert_eq!(anna["status"], "invited");
    let table = house.run("users").ok().out;
    assert!(table.starts_with("NAME") && table.contains("never invited"), "{table}");
}

#[test]
fn a_person_is_added_shown_changed_and_deactivated() {
    let house = House::new();
    let added = house
        .args(&[
            "user",
            "add",
            "--first-name",
            "Dag",
            "--email",
            "dag@acme.test",
            "--phone",
            "91 23 45 67",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!((&added["phone"], &added["status"]), (&json!("+4791234567"), &json!("never_invited")));
    for name in ["dag@acme.test", "DAG@acme.test", "+4791234567", added["id"].as_str().unwrap()] {
        assert_eq!(house.args(&["user", "show", name, "--json"]).ok().json()["id"], added["id"]);
    }
    let set = house.run("user set dag@acme.test --username dag --phone none --locale nb --json").ok().json();
    assert_eq!(
        (&set["username"], &set["phone"], &set["locale"]),
        (&json!("dag"), &json!(null), &json!("nb"))
    );
    assert_eq!(house.run("user deactivate dag --json").ok().json()["deactivated"], json!(true));
    assert_eq!(house.status("dag"), "deactivated");
    assert!(house.run("user reactivate dag").ok().out.contains("active again"));
    assert_eq!(house.status("dag"), "never_invited");
    assert!(house.run("user show dag").ok().out.contains("dag@acme.test"));
}

#[test]
fn a_name_that_two_people_share_is_not_guessed() {
    let house = House::new();
    house.run("user add --username one --email shop@acme.test").ok();
    house.run("user add --username two --email shop@acme.test").ok();
    let ran = house.run("user show shop@acme.test").ended(2);
    assert!(ran.err.contains("several people") && ran.err.contains("give the id"), "{}", ran.err);
}

#[test]
fn the_story_of_a_person_says_what_happened_and_who_did_it() {
    let house = House::invited();
    let story = house.run("user why anna@acme.test").ok().out;
    for words in ["Anna Lie", "added by people.csv, line 2", "by admin@acme.test", "accepted by the provider"]
    {
        assert!(story.contains(words), "{words}: {story}");
    }
    let steps = house.run("user why anna --json").ok().lines();
    assert!(steps.len() > 4 && steps.iter().all(|step| step["at"].is_string() && step["what"].is_string()));
}

#[test]
fn a_link_is_handed_over_once_and_works() {
    let house = House::with_people();
    house.args(&["org", "set", "--link-pattern", "https://app.acme.test/welcome#{token}"]).ok();
    let ran = house.run("user link anna").ok();
    let link = ran.out.trim();
    assert!(
        link.starts_with("https://app.acme.test/welcome#") && ran.err.contains("shown this once"),
        "{}",
        ran.err
    );
    assert_eq!(house.status("anna"), "link_handed_over");
    assert!(!house.run("user why anna").ok().out.contains(link.split('#').nth(1).unwrap()));
    house.fed("accept", &format!("{link}\nrain over the fjord\n")).ok();
    let refused = house.run("user link anna").ended(2);
    assert!(refused.err.contains("consent to a reset") || refused.err.contains("--reset"), "{}", refused.err);
    let again = house.run("user link anna --reset --json").ok().json();
    assert_eq!(again["reset"], true);
    assert!(house.run("user link admin@acme.test").ended(2).err.contains("for yourself"));
}

#[test]
fn what_is_kept_about_a_person_is_exported_and_erased() {
    let house = House::invited();
    let export = house.run("user export anna --json").ok();
    assert_eq!(export.lines().len(), 1);
    assert_eq!(export.json()["profile"]["email"], "anna@acme.test");
    assert!(house.run("user export anna").ok().out.contains("\n  \"profile\": {"));
    let id = export.json()["profile"]["id"].as_str().unwrap().to_owned();
    house.run("suppress add anna@acme.test").ok();
    let mut command = house.command();
    command.args(["user", "erase", "anna", "--yes"]).env_remove("INVITE_SECRET_KEY");
    let ran = crate::house::Ran::of(command.output().unwrap()).ended(2);
    assert!(ran.err.contains("INVITE_SECRET_KEY"), "{}", ran.err);
    let erased = house.run("user erase anna --yes --json").ok().json();
    assert_eq!(
        (&erased["erased"], &erased["invitations"], &erased["suppressed"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert!(house.run(&format!("user show {id}")).ended(2).err.contains("there is nobody"));

    // Whoever plans without the key could not see that the address is still suppressed.
    house.run("user add --username anna2 --email anna@acme.test").ok();
    let mut command = house.command();
    command.args(["invite", "--all", "--yes"]).env_remove("INVITE_SECRET_KEY");
    let ran = crate::house::Ran::of(command.output().unwrap()).ended(2);
    assert!(ran.err.contains("INVITE_SECRET_KEY"), "{}", ran.err);
    let plan = house.run("invite anna2 --plan-only --json").ok().json();
    assert_eq!(plan["skip"], json!({ "suppressed": 1 }));
    assert!(house.run("user erase admin@acme.test --yes").ended(2).err.contains("another administrator"));
}

#[test]
fn a_corrected_address_is_invited_in_one_act() {
    let house = House::with_people();
    house.run("invite bjorn --yes").ok();
    house.run("work --until-idle").ok();
    let shown = house.run("user correct bjorn --email bjorn.right@acme.test --yes --json").ok().lines();
    assert_eq!((&shown[0]["send"], &shown[0]["confirmed"]), (&1.into(), &true.into()), "{shown:?}");
    house.run("work --until-idle").ok();
    let why = house.run("user why bjorn").ok().out;
    assert!(why.contains("revoked: address changed") && why.contains("to bjorn.right@acme.test"), "{why}");
    let refused = house.run("user correct bjorn --yes").ended(2).err;
    assert!(refused.contains("--email") && refused.contains("--phone"), "{refused}");
}

#[test]
fn the_preferred_channel_is_set_and_shown() {
    let house = House::with_people();
    house.run("user set carla --prefers sms").ok();
    assert!(house.run("user show carla").ok().out.contains("sms"));
    house.run("org set --channels email").ok();
    let refused = house.run("org set --sms-fallback true").ended(2).err;
    assert!(refused.contains("both"), "{refused}");
    house.run("org set --channels email,sms --country NO --sms-fallback true --prefers both").ok();
    let shown = house.run("org show").ok().out;
    assert!(shown.contains("where an e-mail does not arrive") && shown.contains("both"), "{shown}");
}
