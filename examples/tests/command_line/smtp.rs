//! `work` through a mail server, and sending again what it refused.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::house::House;

/// A mail server that refuses one person for as long as it is told to.
struct Server {
    url: String,
    refuses: Arc<AtomicBool>,
    arrived: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn refusing(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}?dangerous=plain", listener.local_addr().unwrap());
        let server = Self { url, refuses: Arc::new(AtomicBool::new(true)), arrived: Arc::default() };
        let (refuses, arrived) = (server.refuses.clone(), server.arrived.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (refuses, arrived) = (refuses.clone(), arrived.clone());
                std::thread::spawn(move || converse(stream, name, &refuses, &arrived));
            }
        });
        server
    }
}

/// One connection; it ends when the other side goes.
fn converse(stream: TcpStream, name: &str, refuses: &AtomicBool, arrived: &Mutex<Vec<String>>) -> Option<()> {
    let mut replies = stream.try_clone().ok()?;
    let mut say = move |text: &str| replies.write_all(format!("{text}\r\n").as_bytes()).ok();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    say("220 mail.acme.test ESMTP")?;
    let (mut to, mut refused) = (String::new(), false);
    while let Some(line) = lines.next() {
        match line.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
            "EHLO" => say("250-mail.acme.test\r\n250-PIPELINING\r\n250 8BITMIME")?,
            "RCPT" => {
                refused = line.contains(name) && refuses.load(Ordering::SeqCst);
                to = line;
                say(if refused { "554 5.7.1 not from you" } else { "250 2.1.5 well" })?;
            }
            "DATA" if refused => say("503 5.5.1 nobody to send it to")?,
            "DATA" => {
                say("354 go on")?;
                lines.by_ref().find(|line| line == ".");
                arrived.lock().unwrap().push(std::mem::take(&mut to));
                say("250 2.0.0 taken")?;
            }
            "QUIT" => return say("221 2.0.0 bye"),
            _ => say("250 2.0.0 well")?,
        }
    }
    Some(())
}

#[test]
fn what_a_server_refused_ends_with_1_is_told_and_is_sent_again_when_asked_for() {
    let house = House::with_people();
    let server = Server::refusing("bjorn");
    house.run("invite --all --yes").ok();
    let work = ["work", "--until-idle", "--json", "--email", &server.url];
    let worked = house.args(&work).ended(1).json();
    assert_eq!((&worked["sent"], &worked["failed"]), (&json!(2), &json!(1)));
    let failed = house.run("users --failed --json").ok().json();
    assert_eq!(
        (&failed["username"], &failed["status"], &failed["failure"]),
        (&json!("bjorn"), &json!("failed"), &json!("failed"))
    );
    let shown = house.run("batch show --latest --json").ok().json();
    assert_eq!((&shown["failed"], &shown["reasons"]), (&json!(1), &json!({ "policy_refused": 1 })));
    assert!(house.run("user why bjorn").ok().out.contains("not from you"));
    house.run("batch watch --latest").ended(1);

    server.refuses.store(false, Ordering::SeqCst);
    assert_eq!(house.run("batch retry --latest --unknown --json").ok().json()["failed"], 0);
    assert_eq!(house.run("batch retry --latest --json").ok().json()["failed"], 1);
    let again = house.args(&work).ok().json();
    assert_eq!((&again["sent"], &again["failed"]), (&json!(1), &json!(0)));
    assert_eq!(server.arrived.lock().unwrap().len(), 3);
    assert!(house.run("batch retry --latest").ok().out.contains("nothing to send again"));
}

#[test]
fn a_message_that_could_not_be_handed_over_waits_and_says_for_what() {
    let house = House::with_people();
    house.run("invite anna --yes").ok();
    // Nobody listens there, so the message waits for its next attempt, with its secret sealed.
    let nowhere =
        format!("smtp://{}?dangerous=plain", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let waiting = house.args(&["work", "--until-idle", "--json", "--email", &nowhere]).ok().json();
    assert_eq!((&waiting["sent"], &waiting["waiting"]), (&json!(0), &json!(1)));
    let shown = house.run("batch show --latest").ok().out;
    assert!(shown.contains("the next attempt"), "{shown}");
}
