//! Ctrl-C and SIGTERM during work: it stops cleanly, and the next worker goes on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::{House, Ran};

const MANY: usize = 200;

fn busy() -> (House, Child) {
    let house = House::new();
    let people: String =
        (0..MANY).map(|number| format!("person{number}@acme.test,Person,{number}\n")).collect();
    house.write("many.csv", &format!("email,first_name,last_name\n{people}"));
    house.run("import many.csv").ok();
    house.run("invite --all --hold 0s --yes").ok();
    let mut command = house.command();
    command.args(["work", "--json", "--concurrency", "4"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let begun = Instant::now();
    while messages(&house) < 10 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is sent");
        std::thread::sleep(Duration::from_millis(20));
    }
    (house, child)
}

fn messages(house: &House) -> usize {
    let Ok(entries) = std::fs::read_dir(house.path("outbox")) else { return 0 };
    entries.flatten().filter(|entry| entry.path().extension().is_some_and(|kind| kind == "eml")).count()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_signal_stops_work_cleanly_and_the_next_work_goes_on() {
    for name in ["-INT", "-TERM"] {
        let (house, child) = busy();
        signal(&child, name);
        let stopped = Ran::of(child.wait_with_output().unwrap()).ok().json();
        assert_eq!(stopped["stopped"], true);
        let (sent, waiting) = (stopped["sent"].as_u64().unwrap(), stopped["waiting"].as_u64().unwrap());
        assert_eq!((sent + waiting, stopped["unknown"].as_u64()), (MANY as u64, Some(0)));
        assert_eq!(messages(&house) as u64, sent, "each that was sent is counted");
        let rest = house.run("work --until-idle --json").ok().json();
        assert_eq!((rest["sent"].as_u64(), rest["waiting"].as_u64()), (Some(waiting), Some(0)));
        assert_eq!(messages(&house), MANY);
    }
}
