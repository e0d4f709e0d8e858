//! The example `webhooks`, called as providers call it.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::Secret;
use invite_core::model::id::DeliveryId;
use invite_smtp::dsn::BounceAddress;

const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const SECRET: &str = "sixteen octets and more";

struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_webhooks"));
    command.current_dir(folder).env_clear();
    command.env("INVITE_DB", "sqlite:acme.db").env("INVITE_SECRET_KEY", KEY);
    command.env("WEBHOOKS_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(folder: &Path) -> Server {
    let mut command = command(folder);
    command.env("SNS_TOPIC", "arn:aws:sns:eu-north-1:123456789012:invitations");
    command.env("WEBHOOKS_URL", "https://hooks.acme.example").env("TWILIO_AUTH_TOKEN", "12345");
    command.env("BOUNCE_ADDRESS", "bounces@bounces.acme.example").env("BOUNCE_SECRET", SECRET);
    command.env("BOUNCE_TOKEN", "of-the-mail-server");
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("/ses, /twilio, /mail"), "{line}");
    let address = line.split("http://").nth(1).unwrap().split(": ").next().unwrap().to_owned();
    Server { child, address }
}

impl Server {
    fn post(&self, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

#[test]
fn genuine_calls_are_taken_and_all_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let delivery = DeliveryId::new();

    // Twilio signs the public URL, whatever host the request names; the signature is Python's hmac of these words.
    let query = "delivery=01890000-0000-7000-8000-000000000001";
    let body = "MessageStatus=delivered&MessageSid=SM1";
    let signature = format!("X-Twilio-Signature: {}\r\n", twilio_signature(query));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(server.post(&format!("/twilio?{query}"), &format!("{form}{signature}"), body), "204");
    assert_eq!(server.post(&format!("/twilio?{query}x"), &format!("{form}{signature}"), body), "403");
    assert_eq!(server.post(&format!("/twilio?{query}"), form, body), "403");

    assert_eq!(server.post("/ses", "", "{}"), "403");
    assert_eq!(server.post("/ses", "", &"x".repeat(600 * 1024)), "413");

    let address = BounceAddress::new("bounces@bounces.acme.example", Secret::new(SECRET.into())).unwrap();
    let to = address.address(delivery).replace('+', "%2B");
    let token = "Authorization: Bearer of-the-mail-server\r\n";
    assert_eq!(server.post(&format!("/mail?recipient={to}"), token, "Subject: away\r\n\r\nhello"), "200");
    assert_eq!(server.post(&format!("/mail?recipient={to}"), "", "Subject: away\r\n\r\nhello"), "403");
    assert_eq!(server.post("/mail", token, "Subject: away\r\n\r\nhello"), "400");
    assert_eq!(server.post("/elsewhere", "", ""), "404");
}

/// HMAC-SHA1 under `12345` of the public URL and the sorted parameters.
fn twilio_signature(query: &str) -> String {
    let signed = format!("https://hooks.acme.example/twilio?{query}MessageSidSM1MessageStatusdelivered");
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha1", "-hmac", "12345", "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    STANDARD.encode(child.wait_with_output().unwrap().stdout)
}

#[test]
fn without_a_provider_it_says_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("docs/webhooks.md"));
}
