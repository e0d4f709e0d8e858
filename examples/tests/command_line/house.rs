//! A folder with a database, and the program run in it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Arrived, arrived};

pub(crate) const PEOPLE: &str = "\
email,phone_number,first_name,last_name,username
anna@acme.test,+4791234561,Anna,Lie,anna
bjorn@acme.test,,Bjørn,Dahl,bjorn
broken@,,Bro,Ken,broken
carla@acme.test,,Carla,Núñez,carla
";

pub(crate) struct House {
    folder: tempfile::TempDir,
    key: String,
}

/// What a run of the program said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl House {
    /// A folder without anything.
    pub(crate) fn empty() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap(), key: String::new() };
        let key = house.run("key new").ok().out.trim().to_owned();
        Self { key, ..house }
    }

    /// With an organisation and its administrator.
    pub(crate) fn new() -> Self {
        let house = Self::empty();
        house
            .run("org create acme --name Acme --app-link https://app.acme.test --admin admin@acme.test")
            .ok();
        // At night an SMS would wait, and a test would depend on when it runs.
        house.run("org set --channels email,sms --country NO --reminder-gap 0s --quiet-hours none").ok();
        house
    }

    /// With three people, never invited.
    pub(crate) fn with_people() -> Self {
        let house = Self::new();
        house.write("people.csv", PEOPLE);
        assert_eq!(house.run("import people.csv").code, 1);
        house
    }

    /// With three people, invited.
    pub(crate) fn invited() -> Self {
        let house = Self::with_people();
        house.run("invite --all --yes").ok();
        house.run("work --until-idle").ok();
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs `invite` with these words.
    pub(crate) fn run(&self, words: &str) -> Ran {
        self.args(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn args(&self, arguments: &[&str]) -> Ran {
        self.with_input(arguments, "")
    }

    /// Runs `invite` with these words and this on standard input.
    pub(crate) fn fed(&self, words: &str, input: &str) -> Ran {
        self.with_input(&words.split_whitespace().collect::<Vec<_>>(), input)
    }

    pub(crate) fn with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that reads nothing has closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }

    /// The program, in the folder, with the environment of an administrator.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_invite"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("INVITE_DB", "sqlite:acme.db")
            .env("INVITE_EMAIL", "file:outbox")
            .env("INVITE_SMS", "file:outbox")
            .env("INVITE_ORG", "acme")
            .env("INVITE_AS", "admin@acme.test")
            .env("INVITE_SECRET_KEY", &self.key);
        command
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The messages in the folder to `address`, the oldest first.
    pub(crate) fn messages_to(&self, address: &str) -> Vec<Arrived> {
        let all = arrived(&self.path("outbox"));
        all.into_iter().filter(|message| message.to == address).collect()
    }

    /// The temporary password in the newest message to `address`.
    pub(crate) fn password(&self, address: &str) -> String {
        let message = self.messages_to(address).pop().unwrap();
        let is_password = |line: &&str| line.len() == 14 && line.split('-').all(|group| group.len() == 4);
        message.text.lines().map(str::trim).find(is_password).unwrap().to_owned()
    }

    /// The status of a person.
    pub(crate) fn status(&self, user: &str) -> String {
        let shown = self.args(&["user", "show", user, "--json"]).ok().json();
        shown["status"].as_str().unwrap().to_owned()
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended with nought.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ended(0)
    }

    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    /// The last line, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.lines().pop().unwrap_or_else(|| panic!("no output: {}", self.err))
    }

    /// Each line, as JSON: with `--json` there is nothing else on standard output.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        self.out.lines().map(line).collect()
    }

    /// The error, as JSON on standard error.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let line: Value = serde_json::from_str(self.err.trim()).unwrap_or_else(|_| panic!("{}", self.err));
        line["error"].as_str().unwrap().to_owned()
    }
}
