//! `work` through Amazon SES and Twilio, as stand-ins that answer as they do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::house::{House, Ran};

/// A server that keeps what it is asked and answers by the path.
struct Provider {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

struct Asked {
    line: String,
    head: String,
    body: Vec<u8>,
}

impl Provider {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let provider =
            Self { url: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
        let asked = provider.asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = asked.clone();
                std::thread::spawn(move || while answer(&stream, &asked).is_some() {});
            }
        });
        provider
    }

    fn sent(&self, path: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let posts = asked.iter().filter(|one| one.line.starts_with("POST") && one.line.contains(path));
        posts.map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect()
    }
}

fn answer(mut stream: &TcpStream, asked: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), String::new());
    reader.read_line(&mut line).ok().filter(|octets| *octets > 0)?;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok().filter(|octets| *octets > 0)?;
        if field.trim().is_empty() {
            break;
        }
        head.push_str(&field);
    }
    let length = head.lines().find_map(|field| {
        field.to_lowercase().strip_prefix("content-length:").and_then(|text| text.trim().parse().ok())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (status, text) = match &*line {
        line if line.contains("/email/account") => {
            let account = r#"{"EnforcementStatus":"HEALTHY","ProductionAccessEnabled":true,"SendingEnabled":true,
                "SendQuota":{"Max24HourSend":50000,"MaxSendRate":14,"SentLast24Hours":3}}"#;
            ("200 OK", account)
        }
        line if line.contains("/outbound-emails") => ("200 OK", r#"{"MessageId":"0100-ses"}"#),
        line if line.contains("/Messages.json") => {
            ("201 Created", r#"{"sid":"SM00000000000000000000000000000001","status":"queued"}"#)
        }
        _ => ("404 Not Found", "{}"),
    };
    asked.lock().unwrap().push(Asked { line, head, body });
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).ok()
}

/// Works through these providers, with the credentials in the environment.
fn work(house: &House, email: &str, sms: &str) -> Ran {
    let mut command = house.command();
    command.args(["work", "--until-idle"]).env("INVITE_EMAIL", email).env("INVITE_SMS", sms);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "ses-secret-of-the-test");
    command.env("TWILIO_ACCOUNT_SID", format!("AC{}", "0".repeat(32)));
    command.env("TWILIO_AUTH_TOKEN", "twilio-secret-of-the-test");
    Ran::of(command.output().unwrap())
}

#[test]
fn work_sends_through_amazon_ses_and_twilio() {
    let house = House::with_people();
    house.run("invite anna --channel both --yes").ok();
    let provider = Provider::new();
    let email = format!("ses:?region=eu-north-1&endpoint={}", provider.url);
    let sms = format!("twilio:?from=+4790000000&dangerous=plain&endpoint={}", provider.url);
    let ran = work(&house, &email, &sms).ok();
    for secret in ["ses-secret-of-the-test", "twilio-secret-of-the-test"] {
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret));
    }
    let emails = provider.sent("/outbound-emails");
    assert_eq!(emails.len(), 1);
    assert!(emails[0].contains("invite-delivery"), "{}", emails[0]);
    let texts = provider.sent("/Messages.json");
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("To=%2B4791234561") && texts[0].contains("From=%2B4790000000"), "{}", texts[0]);
    let why = house.run("user why anna").ok().out;
    assert!(why.contains("(0100-ses)") && why.contains("(SM00000000000000000000000000000001)"), "{why}");
    let heads: String = provider.asked.lock().unwrap().iter().map(|one| one.head.clone()).collect();
    assert!(heads.contains("AWS4-HMAC-SHA256"), "requests to SES are signed");
}

#[test]
fn what_is_wrong_with_a_provider_is_said_before_anything_is_sent() {
    let house = House::with_people();
    house.run("invite anna --yes").ok();
    for (email, sms, words) in [
        ("ses:?regio=eu-north-1", "file:outbox", "regio"),
        ("ses://key:hunter2@x", "file:outbox", "credentials come from the process"),
        ("file:outbox", "twilio:?from=+4790000000&token=hunter2", "token"),
        ("imap:x", "file:outbox", "ses:?region=REGION"),
        ("file:outbox", "smtp:x", "twilio:?from=NUMBER"),
    ] {
        let ran = work(&house, email, sms).ended(2);
        assert!(ran.err.contains(words) && !ran.err.contains("hunter2"), "{email}, {sms}: {}", ran.err);
    }
    let mut command = house.command();
    command.args(["work", "--until-idle", "--sms", "twilio:?from=+4790000000"]);
    let ran = Ran::of(command.output().unwrap()).ended(2);
    assert!(ran.err.contains("TWILIO_"), "{}", ran.err);
}
