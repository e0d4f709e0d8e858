//! Neither a credential nor a message is in what is logged, shown or answered.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::Secret;
use invite_core::port::transport::Transport;
use invite_smtp::SmtpTransport;
use tracing_subscriber::fmt::format::FmtSpan;

use support::certificates::Authority;
use support::server::{Act, Script, say};
use support::{DEADLINE, SHORT, answer, message, plain, sent};

const USER: &str = "anna@nordby.example";
const PASSWORD: &str = "tr0ub4dor&3";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_at_its_finest_has_neither_credentials_nor_messages() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: what decides whether an event is looked at is shared by all threads.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let shown = everything().await;
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("connected"), "something was logged: {log}");
    for (name, text) in [("log", log), ("what is shown", shown)] {
        for secret in [
            PASSWORD,
            &STANDARD.encode(PASSWORD),
            &STANDARD.encode(USER),
            &STANDARD.encode(format!("\0{USER}\0{PASSWORD}")),
            "kfm4 p7qx wz2c",
            "Skiftplan",
        ] {
            assert!(!text.contains(secret), "{name} has {secret}: {text}");
        }
    }
}

/// What goes well and what does not, as somebody might print it.
async fn everything() -> String {
    let mut shown = String::new();
    let authority = Authority::new();
    for (verb, act) in [
        ("NONE", Act::Close),
        ("AUTH", say(&format!("535 5.7.8 {PASSWORD}"))),
        ("MAIL", say("550 5.7.1 no")),
        ("RCPT", say("450 4.2.0 later")),
        ("MESSAGE", say("554 5.7.1 spam: 'kfm4 p7qx wz2c' for Nordby: your Skiftplan account")),
        ("MESSAGE", Act::Close),
        ("BODY", Act::Reset),
        ("EHLO", say("garbage")),
        ("STARTTLS", Act::Say("220 go\r\n250 injected\r\n".into())),
    ] {
        for offer in ["AUTH PLAIN", "AUTH LOGIN"] {
            let script = Script::offering(&["PIPELINING", "STARTTLS", offer]).once(verb, act.clone());
            let server = script.starttls(authority.server("localhost")).start().await;
            let builder = SmtpTransport::relay("localhost")
                .port(server.port)
                .credentials(USER, Secret::new(PASSWORD.into()))
                .root_certificate(authority.pem.as_str())
                .reply_timeout(SHORT * 10);
            writeln!(shown, "{builder:?}").unwrap();
            let transport = builder.build().unwrap();
            for _ in 0..2 {
                let message = message();
                let outcome = transport.send(&message, DEADLINE).await;
                writeln!(shown, "{transport:?} {message:?} {outcome:?}").unwrap();
            }
            transport.close().await;
        }
    }
    shown
}

#[tokio::test]
async fn a_server_that_echoes_the_message_is_not_quoted_with_it() {
    for echo in ["kfm4 p7qx wz2c", "<p>kfm4 p7qx wz2c</p>", "https://nordby.example/u?a=1&b=2"] {
        for code in ["554 5.7.1", "451 4.7.1"] {
            let script =
                Script::offering(&[]).once("MESSAGE", say(&format!("{code} because of '{echo}', no")));
            let server = script.start().await;
            let outcome = sent(&plain(&server).build().unwrap()).await;
            assert_eq!(answer(&outcome).text(), "because of '…', no");
        }
    }
}
