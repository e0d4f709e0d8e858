//! The transport over SMTP, proved by the suite, against a server that takes everything.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use invite_core::conformance::transport::{Arrivals, TransportUnderTest};
use invite_core::model::message::Channel;
use mail_parser::MessageParser;
use support::server::{Script, Server};

struct Inbox(Server);

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

#[async_trait]
impl Arrivals for Inbox {
    async fn texts(&self) -> Vec<String> {
        self.0.seen().messages.iter().map(|message| decoded(&message.octets)).collect()
    }
}

fn decoded(octets: &[u8]) -> String {
    let message = MessageParser::default().parse(octets).unwrap();
    let header: Vec<_> = message.headers_raw().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{}\n{}", header.concat(), message.body_text(0).unwrap_or_default())
}

async fn fresh(offers: &[&str]) -> TransportUnderTest {
    let server = Script::offering(offers).start().await;
    let transport = support::plain(&server).build().unwrap();
    TransportUnderTest::new(Arc::new(transport)).only(Channel::Email).arrivals(Arc::new(Inbox(server)))
}

invite_core::transport_conformance!(
    with_every_extension,
    fresh(&["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 100000000", "ENHANCEDSTATUSCODES"]).await
);
invite_core::transport_conformance!(without_extensions, fresh(&[]).await);
