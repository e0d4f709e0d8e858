//! Neither a credential nor a message nor its recipient is in what is logged, shown or answered.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::port::transport::Transport;
use support::{
    ACCESS_KEY, DEADLINE, SECRET_KEY, SHORT, accepting, answering, error, message, raw, to_endpoint,
};
use tracing_subscriber::fmt::format::FmtSpan;
use wiremock::{MockServer, ResponseTemplate};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

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
    // For the whole process: connections live in tasks of their own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::trace!("listening");

    let server = accepting().await;
    let shown = everything(&server).await;
    let text = log.text();
    assert!(text.contains("listening"), "something was logged: {text}");
    let encoded = STANDARD.encode(raw(&support::requests(&server).await[0]));
    for (name, text) in [("log", text), ("what is shown", shown)] {
        for secret in [
            "kfm4 p7qx wz2c",
            "q9Zx",
            "lukasz@example.org",
            "Skiftplan",
            SECRET_KEY,
            ACCESS_KEY,
            "aws4_request",
            &encoded[200..260],
        ] {
            assert!(!text.contains(secret), "{name} has {secret}: {text}");
        }
    }

    // The same subscriber sees what the SDK says where it is asked without the transport: so the proof holds.
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-north-1"))
        .endpoint_url(server.uri())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"));
    drop(aws_sdk_sesv2::Client::from_conf(config.build()).get_account().send().await);
    assert!(log.text().contains("aws_smithy_runtime"), "the SDK was heard: {}", log.text());
}

/// What goes well and what does not, as somebody might print it.
async fn everything(server: &MockServer) -> String {
    let mut shown = String::new();
    let quoting =
        "kfm4 p7qx wz2c, https://app.nordby.example/welcome#q9Zx, lukasz@example.org, your Skiftplan account";
    let late = ResponseTemplate::new(200).set_delay(DEADLINE);
    let servers = [
        answering(error(400, "MessageRejected", quoting)).await,
        answering(error(500, quoting, quoting)).await,
        answering(late).await,
    ];
    for server in servers.iter().chain([server]) {
        let transport = to_endpoint(&server.uri()).tag("application", "x").build().await.unwrap();
        let message = message();
        let outcome = transport.send(&message, SHORT * 3).await;
        let account = transport.check().await;
        write!(shown, "{transport:?} {transport:#?} {outcome:?} {message:?} {account:?}").unwrap();
    }
    // Nobody is there.
    let nobody = to_endpoint("http://127.0.0.1:1");
    write!(shown, "{nobody:?}").unwrap();
    let outcome = nobody.build().await.unwrap().send(&message(), DEADLINE).await;
    write!(shown, "{outcome:?}").unwrap();
    shown
}
