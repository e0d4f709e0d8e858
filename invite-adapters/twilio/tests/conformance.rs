//! The transport, proved by the suite, against a stand-in for Twilio that takes everything.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use invite_core::conformance::transport::{Arrivals, TransportUnderTest};
use invite_core::model::message::Channel;
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
        let requests = self.0.received_requests().await.unwrap();
        requests.iter().map(|request| decoded(&request.body)).collect()
    }
}

fn decoded(body: &[u8]) -> String {
    let lines: Vec<_> =
        support::parameters(body).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.join("\n")
}

async fn fresh() -> TransportUnderTest {
    let server = support::answering(support::created).await;
    let transport = support::transport(&server.uri());
    TransportUnderTest::new(Arc::new(transport)).only(Channel::Sms).arrivals(Arc::new(Inbox(server)))
}

invite_core::transport_conformance!(over_http, fresh().await);
