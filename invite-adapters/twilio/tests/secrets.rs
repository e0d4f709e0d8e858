//! Neither a credential nor a message is in what is logged, shown or answered.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::port::transport::Transport;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use wiremock::ResponseTemplate;

use support::raw::{Act, Raw};
use support::{ACCOUNT, KEY, NUMBER, SECRET, TEXT, answering, builder, created, message, problem};

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
    // For the whole process, and for the records of the `log` crate too, in which the HTTP client writes.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish()
        .init();
    let shown = everything().await;
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("Twilio did not accept"), "something was logged: {log}");
    assert!(log.contains("reqwest"), "the HTTP client's own records are in it: {log}");
    for (name, text) in [("log", log), ("what is shown", shown)] {
        for secret in [
            SECRET,
            ACCOUNT,
            KEY,
            &STANDARD.encode(format!("{KEY}:{SECRET}")),
            &STANDARD.encode(SECRET),
            "kfm4",
            "p7qx",
            "Nordby",
            "nordby.example",
            "c4llb4ck",
            &NUMBER[1..],
        ] {
            let at = text.find(secret).map(|at| &text[at.saturating_sub(200)..]);
            assert!(at.is_none(), "{name} has {secret}: {}", at.unwrap_or_default());
        }
    }
}

/// What goes well and what does not, as somebody might print it.
async fn everything() -> String {
    let mut shown = String::new();
    let echo = format!("{TEXT} to {NUMBER} for {ACCOUNT} with {KEY} and {SECRET}");
    let mut servers = vec![answering(created).await];
    for status in [200, 400, 401, 429, 500] {
        servers.push(answering(problem(status, 99_999, &echo)).await);
        servers.push(answering(ResponseTemplate::new(status).set_body_string(&echo)).await);
    }
    let mut endpoints: Vec<_> = servers.iter().map(wiremock::MockServer::uri).collect();
    let mut raw = Vec::new();
    for act in [
        Act::Close,
        Act::ResetAfterRequest,
        Act::Hang,
        Act::Say(format!("{echo}\r\n\r\n").into()),
        Act::Say(format!("HTTP/1.1 400 {echo}\r\nContent-Length: 10000\r\nX: {echo}\r\n\r\n{echo}").into()),
    ] {
        raw.push(Raw::start(act).await);
    }
    endpoints.extend(raw.iter().map(Raw::endpoint));
    endpoints.extend(raw.iter().map(|server| format!("https://127.0.0.1:{}", server.port)));
    endpoints.push("http://127.0.0.1:1".to_owned());
    for endpoint in endpoints {
        let builder = builder(&endpoint).status_callback("https://a:c4llb4ck@app.example.com/s?k=c4llb4ck");
        writeln!(shown, "{builder:?}").unwrap();
        let transport = builder.build().unwrap();
        let message = message();
        let outcome = transport.send(&message, Duration::from_millis(600)).await;
        writeln!(shown, "{transport:?} {message:?} {outcome:?}").unwrap();
    }
    shown
}
