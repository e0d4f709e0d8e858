//! Wrong use: exit code 2, what is wrong, and what to do.

use clap_words::every_option_of_every_command;

use crate::house::House;

#[test]
fn wrong_use_says_what_to_do_and_ends_with_2() {
    let house = House::with_people();
    for (words, hint) in [
        ("--db mysql://x users", "postgres://"),
        ("--db mysql://x users", "sqlite:PATH"),
        ("--db acme.db users", "sqlite:PATH"),
        ("--db sqlite:other.db users", "org create"),
        ("--org acmme users", "did you mean acme?"),
        ("--org zzz users", "there are: acme"),
        ("--org !! users", "letters, digits and dashes"),
        ("--as nobody@acme.test users", "there is nobody called nobody@acme.test"),
        ("--as anna users", "no active administrator"),
        ("user show ana@acme.test", "did you mean anna@acme.test"),
        ("--email imap://x work", "smtps://"),
        ("--sms smtp://x users", "file:DIR"),
        ("invite", "--all"),
        ("invite --all --never-invited", "cannot be used with"),
        ("invite --all", "--yes"),
        ("remind --never-signed-in", "--yes"),
        ("users --invited-before yesterday", "such as 3d"),
        ("org set --reminder-gap 3", "such as 90s, 15m or 3d"),
        ("org set", "name a setting"),
        ("org create acme --admin it@acme.test", "another organisation is called acme"),
        ("org create beta", "--admin"),
        ("user set anna", "name a field"),
        ("user add --first-name Nobody", "--email"),
        ("user add --username anna", "Anna Lie has this"),
        ("user erase anna", "cannot be undone"),
        ("user link anna", "--link-pattern"),
        ("import undo 01980d5c-7b1a-7c3e-9f00-3f1f2a4b5c6d", "--yes"),
        ("import", "FILE"),
        ("user deactivate admin@acme.test", "another administrator"),
        ("import missing.csv", "cannot be read"),
        ("batch show", "--latest"),
        ("batch show --latest", "there is no batch yet"),
        ("batch show 01980d5c-7b1a-7c3e-9f00-3f1f2a4b5c6d", "no such batch"),
        ("suppress add not-an-address@", "not an e-mail address"),
        ("frobnicate", "--help"),
    ] {
        let ran = house.run(words).ended(2);
        assert!(ran.err.contains(hint), "{words}: {}", ran.err);
        assert_eq!(ran.out, "", "{words}");
        let error = house.run(&format!("{words} --json")).ended(2).error();
        assert!(error.contains(hint), "{words}: {error}");
    }
}

#[test]
fn what_is_missing_is_named_with_its_option_and_its_variable() {
    let house = House::with_people();
    for (variable, words, option) in [
        ("INVITE_DB", "users", "--db"),
        ("INVITE_ORG", "users", "--org"),
        ("INVITE_AS", "users", "--as"),
        ("INVITE_SECRET_KEY", "work --until-idle", "invite key new"),
    ] {
        for value in [None, Some("")] {
            let mut command = house.command();
            command.args(words.split(' ')).env_remove(variable);
            if let Some(value) = value {
                command.env(variable, value);
            }
            let ran = crate::house::Ran::of(command.output().unwrap()).ended(2);
            assert!(ran.err.contains(variable) && ran.err.contains(option), "{}", ran.err);
        }
    }
    let mut command = house.command();
    command.args(["work", "--until-idle"]).env_remove("INVITE_EMAIL").env_remove("INVITE_SMS");
    let ran = crate::house::Ran::of(command.output().unwrap()).ended(2);
    assert!(ran.err.contains("--email (INVITE_EMAIL)") && ran.err.contains("--sms"), "{}", ran.err);
}

#[test]
fn commands_that_send_nothing_need_neither_key_nor_transport() {
    let house = House::with_people();
    for words in
        ["users", "org show", "invite --all --yes", "batch show --latest", "user why anna", "audit", "events"]
    {
        let mut command = house.command();
        command.args(words.split(' '));
        for variable in ["INVITE_EMAIL", "INVITE_SMS", "INVITE_SECRET_KEY"] {
            command.env_remove(variable);
        }
        crate::house::Ran::of(command.output().unwrap()).ok();
    }
    assert!(!house.path("outbox").exists());
}

#[test]
fn help_and_the_manual_and_completions_are_there_for_everything() {
    let house = House::empty();
    let help = house.run("--help").ok().out;
    for word in ["INVITE_SECRET_KEY", "Exit codes", "Global options", "sign-in", "suppress"] {
        assert!(help.contains(word), "{word}");
    }
    every_option_of_every_command(&house);
    assert!(house.run("man").ok().out.contains(".TH"));
    house.run("man --folder .").ok();
    assert!(house.path("invite-batch-recall.1").exists());
    for shell in ["bash", "zsh", "fish"] {
        assert!(house.args(&["completions", shell]).ok().out.contains("until-idle"), "{shell}");
    }
    assert!(house.run("--version").ok().out.starts_with("invite "));
}

mod clap_words {
    use crate::house::House;

    /// Each command has a help, and each option in it says what it is.
    pub(super) fn every_option_of_every_command(house: &House) {
        let mut left: Vec<String> = vec![String::new()];
        let mut commands = 0;
        while let Some(command) = left.pop() {
            let help = house.run(&format!("{command} --help")).ok().out;
            commands += 1;
            let mut section = "";
            let lines: Vec<&str> = help.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                if !line.starts_with(' ') {
                    section = line;
                    continue;
                }
                let words = line.trim_start();
                if section == "Commands:" && line.starts_with("  ") && !line.starts_with("   ") {
                    let name = words.split_whitespace().next().unwrap();
                    if name != "help" {
                        left.push(format!("{command} {name}"));
                    }
                }
                if words.starts_with("--") || words.starts_with("-v, --") {
                    let here = words.split("  ").skip(1).any(|text| !text.trim().is_empty());
                    let next = lines.get(number + 1).is_some_and(|next| !next.trim().is_empty());
                    assert!(here || next, "{command}: {line}");
                }
            }
        }
        assert!(commands > 40, "{commands}");
    }
}
