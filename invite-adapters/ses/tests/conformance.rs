//! The transport through SES, proved by the suite, against a stand-in that takes everything.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use invite_core::conformance::transport::{Arrivals, TransportUnderTest};
use invite_core::model::message::Channel;
use mail_parser::MessageParser;
use wiremock::MockServer;

struct Inbox(MockServer);

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

#[async_trait]
impl Arrivals for Inbox {
    async fn texts(&self) -> Vec<String> {
        let requests = support::requests(&self.0).await;
        requests.iter().map(|request| decoded(&support::raw(request))).collect()
    }
}

fn decoded(octets: &[u8]) -> String {
    let message = MessageParser::default().parse(octets).unwrap();
    let header: Vec<_> = message.headers_raw().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{}\n{}", header.concat(), message.body_text(0).unwrap_or_default())
}

async fn fresh() -> TransportUnderTest {
    let server = support::accepting().await;
    let transport = support::transport(&server).await;
    TransportUnderTest::new(Arc::new(transport)).only(Channel::Email).arrivals(Arc::new(Inbox(server)))
}

invite_core::transport_conformance!(ses, fresh().await);
