//! No secret leaves but where one is asked for.

use crate::house::House;

#[test]
fn no_output_holds_a_secret_whatever_is_asked_for_and_logged() {
    let house = House::invited();
    let (password, new) = (house.password("anna@acme.test"), "rain over the fjord");
    let mut said = String::new();
    let mut hear = |ran: crate::house::Ran| said.push_str(&format!("{}{}", ran.out, ran.err));
    hear(house.fed("sign-in anna --json -vvv", &format!("{password}\n")));
    hear(house.fed("sign-in anna --new -vvv", &format!("{password}\n{new}\n")));
    hear(house.fed("sign-in anna -vvv", "wrong horse battery\n"));
    hear(house.fed("accept -vvv", &format!("{password}\n{new}\n")));
    hear(house.run("invite anna --reset --yes -vvv"));
    hear(house.run("work --until-idle -vvv"));
    for words in [
        "users --json",
        "user show anna",
        "user why anna",
        "batch show --latest --each --json",
        "events --json",
        "audit --json",
        "org show --json",
    ] {
        hear(house.run(words));
    }
    let newest = house.password("anna@acme.test");
    assert!(said.contains("hand_over"), "the log is on");
    for secret in [password.as_str(), new, "wrong horse battery", &newest, house.key()] {
        assert!(!said.contains(secret), "{}", said.find(secret).unwrap_or_default());
        let letters = secret.replace('-', "");
        assert!(!said.contains(&letters));
    }
}

#[test]
fn a_secret_that_is_typed_as_an_argument_is_refused_and_not_repeated() {
    let house = House::invited();
    for words in [
        "sign-in anna hunter2hunter2",
        "accept hunter2hunter2",
        "sign-in anna --password=hunter2hunter2 --json",
    ] {
        let ran = house.run(words).ended(2);
        assert!(ran.err.contains("standard input") && !ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn a_password_in_a_url_is_in_no_error_or_help_and_is_warned_of_as_an_argument() {
    let house = House::with_people();
    for url in ["imap://kari:hunter2@x", "smtp://kari:hunter2@", "smtps://kari:hunter2@mail.example:99999"] {
        let ran = house.args(&["work", "--until-idle", "--email", url]).ended(2);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
    let ran = house.args(&["users", "--email", "smtp://kari:hunter2@mail.example"]).ok();
    assert!(ran.err.contains("set INVITE_EMAIL instead") && !ran.err.contains("hunter2"), "{}", ran.err);
    let mut command = house.command();
    command.arg("--help").env("INVITE_EMAIL", "smtp://kari:hunter2@mail.example").env("INVITE_AS", "hunter2");
    let ran = crate::house::Ran::of(command.output().unwrap()).ok();
    assert!(!ran.out.contains("hunter2"));
}
