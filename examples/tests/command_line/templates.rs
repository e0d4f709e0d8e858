//! `template`.

use serde_json::json;

use crate::house::House;

const SMS: &str = "{{ organisation }}: sign in to {{ app_name }}: {{ app_link }} User: {{ sign_in_name }} \
                   {% if password %}Password: {{ password }} {% endif %}{% if setup_link %}{{ setup_link }} {% endif %}";

#[test]
fn a_message_is_shown_changed_compared_and_reset() {
    let house = House::with_people();
    let source = house.run("template show invitation/email/en").ok().out;
    let mine = source.replacen("Hello", "Good day", 1);
    assert_ne!(source, mine);
    house.write("mine.md", &mine);
    let checked = house.run("template check invitation/email/en mine.md --json").ok().json();
    assert_eq!((&checked["ok"], &checked["problems"]), (&json!(true), &json!([])));
    let version = house.run("template set invitation/email/en mine.md --json").ok().json()["version"].clone();
    assert_eq!(house.run("template show invitation/email/en").ok().out, mine);
    let diff = house.run("template diff invitation/email/en").ok().out;
    assert!(diff.contains("\n-Hello") || diff.contains("Good day"), "{diff}");
    let own = house.run("template list --own --json").ok().lines();
    assert_eq!((own.len(), &own[0]["key"], &own[0]["version"]), (1, &json!("invitation/email/en"), &version));
    assert!(house.run("template list").ok().out.contains("invitation/sms/nb"));
    house.run("invite anna --yes").ok();
    house.run("work --until-idle").ok();
    assert!(house.messages_to("anna@acme.test")[0].text.contains("Good day"));
    house.run("template reset invitation/email/en").ok();
    assert_eq!(house.run("template show invitation/email/en").ok().out, source);
    assert_eq!(house.run("template versions invitation/email/en --json").ok().lines().len(), 2);
    assert!(house.run("template reset invitation/email/en").code <= 2);
}

#[test]
fn what_is_wrong_with_a_source_is_told_by_line_and_column_with_a_mark() {
    let house = House::new();
    house.write("wrong.txt", "Hello {{ frist_name }}\n");
    let ran = house.run("template check invitation/sms/en wrong.txt").ended(2);
    assert!(ran.out.contains("wrong.txt:1:") && ran.out.contains("first_name"), "{}", ran.out);
    assert!(ran.out.contains("  1 | Hello {{ frist_name }}\n    |       "), "{}", ran.out);
    assert!(ran.err.contains("mend the source"), "{}", ran.err);
    let json = house.run("template set invitation/sms/en wrong.txt --json").ended(2).json();
    assert_eq!((&json["ok"], &json["problems"][0]["line"]), (&json!(false), &json!(1)));
    assert!(house.run("template show welcome/email/en").ended(2).err.contains("invitation/email/nb"));
    assert!(house.run("template set invitation/sms/en missing.txt").ended(2).err.contains("cannot be read"));
}

#[test]
fn a_preview_has_a_sample_credential_and_sizes() {
    let house = House::with_people();
    let preview = house.run("template preview invitation/email/nb --user anna --html page.html").ok();
    assert!(preview.out.contains("Subject") && preview.out.contains("Anna"), "{}", preview.out);
    assert!(std::fs::read_to_string(house.path("page.html")).unwrap().contains("<html"));
    let sms = house.fed("template preview invitation/sms/en --source - --json", SMS).ok().json();
    assert!(sms["segments"].as_u64().unwrap() >= 1 && sms["encoding"] == "GSM-7", "{sms}");
    assert!(house.run("template preview invitation/sms/en --html x.html").ended(2).err.contains("no HTML"));
    let other = house.run("template preview invitation/email/pl").ok();
    assert!(other.err.contains("There is none in pl"), "{}", other.err);
}

#[test]
fn a_test_message_arrives_and_a_worker_is_not_needed() {
    let house = House::new();
    let sent = house.run("template test invitation/email/en look@acme.test --json").ok().json();
    assert_eq!(sent["outcome"], "accepted");
    assert_eq!(house.messages_to("look@acme.test").len(), 1);
    house.run("template test invitation/sms/en 91234567").ok();
    assert_eq!(house.messages_to("+4791234567").len(), 1);
    let mut command = house.command();
    command.args(["template", "test", "invitation/email/en", "look@acme.test"]).env_remove("INVITE_EMAIL");
    let ran = crate::house::Ran::of(command.output().unwrap()).ended(2);
    assert!(ran.err.contains("INVITE_EMAIL"), "{}", ran.err);
}

#[test]
fn a_setting_that_would_break_a_message_is_refused_and_names_it() {
    let house = House::new();
    house.write(
        "mine.txt",
        "{{ organisation }}: {{ app_link }} User: {{ sign_in_name }} Password: {{ password }} ",
    );
    house.run("template set invitation/sms/en mine.txt").ok();
    let ran = house
        .args(&["org", "set", "--credential", "link", "--link-pattern", "https://app.acme.test/w#{token}"])
        .ended(2);
    assert!(ran.err.contains("invitation/sms/en"), "{}", ran.err);
}
