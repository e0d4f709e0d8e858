//! The script that is promised: what stands in it works literally.

use std::process::Command;

use serde_json::json;

use crate::house::{House, PEOPLE, Ran};

const BEGIN: &str = r#"
export INVITE_DB=sqlite:acme.db INVITE_EMAIL=file:outbox INVITE_SMS=file:outbox INVITE_ORG=acme INVITE_AS=admin@acme.test
export INVITE_SECRET_KEY=$(invite key new)
echo "$INVITE_SECRET_KEY" >key
step() { echo "== $?"; }
invite org create acme --name "Acme Ltd" --app-link https://app.acme.test --admin admin@acme.test; step
invite org set acme --channels email,sms --country NO --reminder-gap 0s --quiet-hours none; step
invite import people.csv --json; step
invite users --never-invited --json; step
invite invite --all --yes --json; step
invite work --until-idle --json; step
"#;

/// What was typed between, as a person would: the password that Anna received, and the one that she chose.
const GO_ON: &str = r#"
export INVITE_DB=sqlite:acme.db INVITE_EMAIL=file:outbox INVITE_SMS=file:outbox INVITE_ORG=acme INVITE_AS=admin@acme.test
export INVITE_SECRET_KEY=$(cat key)
step() { echo "== $?"; }
printf '%s\n' "$PASSWORD" | invite sign-in anna@acme.test --json; step
printf '%s\n' "$PASSWORD" "$NEW" | invite sign-in anna@acme.test --new --json; step
printf '%s\n' "$TOKEN" "$NEW" | invite accept --json; step
invite remind --never-signed-in --yes --json; invite batch show --latest --json; invite user why anna@acme.test; step
"#;

/// Runs a part of the script; gives what each step printed, and its exit code.
fn steps(house: &House, script: &str, password: &str) -> Vec<(String, i32)> {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_invite")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(house.path("")).env("PATH", path);
    shell.env("PASSWORD", password).env("NEW", "rain over the fjord").env("TOKEN", "AAECAwQFBgcICQoLDA0ODw");
    let ran = Ran::of(shell.output().unwrap()).ok();
    let mut said = String::new();
    let mut steps = Vec::new();
    for line in ran.out.lines() {
        match line.strip_prefix("== ") {
            Some(code) => steps.push((std::mem::take(&mut said), code.parse().unwrap())),
            None => said = said + line + "\n",
        }
    }
    steps
}

#[test]
fn the_script_that_is_promised_works_as_it_stands() {
    works_on("sqlite:acme.db");
}

#[cfg(feature = "real-server")]
#[test]
fn it_works_on_postgresql_too() {
    works_on(&crate::postgres::database());
}

fn works_on(database: &str) {
    let house = House::empty();
    house.write("people.csv", PEOPLE);
    let on = |script: &str| script.replace("sqlite:acme.db", &format!("'{database}'"));
    let mut steps = steps(&house, &on(BEGIN), "");
    steps.extend(self::steps(&house, &on(GO_ON), &house.password("anna@acme.test")));
    let codes: Vec<i32> = steps.iter().map(|(_, code)| *code).collect();
    assert_eq!(codes, [0, 0, 1, 0, 0, 0, 1, 0, 1, 0], "{steps:?}");
    let line = |step: usize| -> serde_json::Value {
        let (said, _) = &steps[step];
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    };

    let imported = line(2);
    assert_eq!(
        (&imported["created"], &imported["updated"], &imported["unchanged"]),
        (&json!(3), &json!(0), &json!(0))
    );
    assert_eq!(
        (&imported["errors"][0]["line"], &imported["errors"][0]["column"]),
        (&json!(4), &json!("email"))
    );
    assert!(imported["errors"][0]["message"].is_string() && imported["errors"][1].is_null());

    let users: Vec<serde_json::Value> =
        steps[3].0.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(users.len(), 4);
    for user in &users {
        assert_eq!(user["status"], "never_invited");
        assert!(user["id"].is_string() && user["email"].is_string());
        assert!(user.get("phone").is_some());
    }

    let invited = line(4);
    assert!(invited["batch"].is_string());
    assert_eq!((&invited["send"], &invited["reset"]), (&json!(3), &json!(0)));
    assert_eq!(invited["skip"], json!({ "yourself": 1 }));

    let worked = line(5);
    for (figure, count) in [("sent", 3), ("failed", 0), ("waiting", 0), ("unknown", 0)] {
        assert_eq!(worked[figure], json!(count), "{figure}");
    }

    assert_eq!(line(6), json!({ "signed_in": false, "reason": "must_change_password" }));
    assert_eq!(line(7)["signed_in"], json!(true));
    assert_eq!((&line(8)["accepted"], &line(8)["reason"]), (&json!(false), &json!("unknown")));

    let last: Vec<&str> = steps[9].0.lines().collect();
    let reminded: serde_json::Value = serde_json::from_str(last[0]).unwrap();
    assert_eq!((&reminded["send"], &reminded["skip"]), (&json!(2), &json!({ "yourself": 1 })));
    let batch: serde_json::Value = serde_json::from_str(last[1]).unwrap();
    assert_eq!((&batch["batch"], &batch["action"]), (&reminded["batch"], &json!("remind")));
    let story = last[2..].join("\n");
    assert!(story.starts_with("Anna Lie") && story.contains("credential 1 used"), "{story}");
}
