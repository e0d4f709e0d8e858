//! PostgreSQL that cannot be used, or not now.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::away::{COMMANDS, told};
use crate::house::{House, PEOPLE, Ran};
use crate::postgres::{database, run, server};
use crate::proxy::Proxy;

/// Longer than anything here takes, also where the machine is slow.
const LIMIT: Duration = Duration::from_mins(3);

#[test]
fn a_server_that_is_not_there_is_told_by_every_command() {
    let house = House::empty();
    house.write("people.csv", PEOPLE);
    for words in COMMANDS {
        let ran = run(&house, "postgres://app:hush@127.0.0.1:1/none", words);
        assert!(!ran.err.contains("hush"), "{}", ran.err);
        told(ran, 1, "look whether PostgreSQL runs");
    }
}

#[test]
fn a_role_that_is_not_let_in_is_told_by_every_command() {
    let house = House::empty();
    house.write("people.csv", PEOPLE);
    let nobody = database().replacen("postgres@", "nobody-of-this-name@", 1);
    for words in COMMANDS {
        told(run(&house, &nobody, words), 2, "role or password is wrong");
    }
}

#[test]
fn a_database_without_tables_that_cannot_be_written_to_is_told_by_every_command() {
    let house = House::empty();
    house.write("people.csv", PEOPLE);
    let read_only = format!("{}&options[default_transaction_read_only]=on", database());
    for words in COMMANDS {
        told(run(&house, &read_only, words), 1, "connect to the primary");
    }
}

#[test]
fn a_database_that_is_read_only_can_be_read() {
    let house = House::empty();
    house.write("people.csv", PEOPLE);
    let database = database();
    let create = "org create acme --name Acme --app-link https://app.acme.test --admin admin@acme.test";
    run(&house, &database, create).ok();
    let read_only = format!("{database}&options[default_transaction_read_only]=on");
    run(&house, &read_only, "users").ok();
    told(run(&house, &read_only, "org set --name Other"), 1, "connect to the primary");
    told(run(&house, &read_only, "work --until-idle"), 1, "connect to the primary");
}

/// `invite work`, and what it says on standard error.
struct Work {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Work {
    fn begun(house: &House, database: &str) -> Self {
        let mut command = house.command();
        command.env("INVITE_DB", database).args(["work", "--json", "-v"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lock().unwrap().push(line);
            }
        });
        Self { child, said }
    }

    fn said(&self, what: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(what)).count()
    }

    fn says(&self, what: &str) {
        wait(|| self.said(what) > 0, || format!("{what}: {:?}", self.said.lock().unwrap()));
    }

    fn stopped(self) -> Ran {
        assert!(
            Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success()
        );
        Ran::of(self.child.wait_with_output().unwrap())
    }
}

#[track_caller]
fn wait(until: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < LIMIT, "{}", otherwise());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn work_waits_for_a_server_that_comes_later_or_goes_for_a_while() {
    let (house, direct) = (House::empty(), database());
    house.write("people.csv", PEOPLE);
    let create = "org create acme --name Acme --app-link https://app.acme.test --admin admin@acme.test";
    run(&house, &direct, create).ok();
    run(&house, &direct, "import people.csv").ended(1);
    run(&house, &direct, "invite anna --yes").ok();
    let server = server();
    let address = server.rsplit_once('@').unwrap().1.split_once('/').unwrap().0;
    let proxy = Proxy::to(address);
    proxy.cut();

    let through = direct.replacen(address, &proxy.address(), 1);
    let work = Work::begun(&house, &through);
    work.says("Trying again until it is there");
    assert!(house.messages_to("anna@acme.test").is_empty());
    proxy.mend();
    let arrived = |of: &str| house.messages_to(of).len();
    wait(|| arrived("anna@acme.test") == 1, || "nothing for Anna".into());

    proxy.cut();
    work.says("the store is not available");
    run(&house, &direct, "invite carla --yes").ok();
    proxy.mend();
    wait(|| arrived("carla@acme.test") == 1, || "nothing for Carla".into());
    assert_eq!((work.said("ERROR"), arrived("anna@acme.test")), (2, 1), "{:?}", work.said.lock().unwrap());
    assert_eq!(work.stopped().ok().json()["sent"], 2);
}

#[test]
fn work_that_is_stopped_while_the_server_is_gone_ends() {
    let (house, direct) = (House::empty(), database());
    let create = "org create acme --name Acme --app-link https://app.acme.test --admin admin@acme.test";
    run(&house, &direct, create).ok();
    let server = server();
    let address = server.rsplit_once('@').unwrap().1.split_once('/').unwrap().0;
    let proxy = Proxy::to(address);
    let work = Work::begun(&house, &direct.replacen(address, &proxy.address(), 1));
    thread::sleep(Duration::from_secs(1));
    proxy.cut();
    work.says("the store is not available");
    work.stopped().ended(1);
}
