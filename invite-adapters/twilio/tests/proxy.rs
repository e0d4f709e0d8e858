//! The proxy of the environment: left alone unless it is asked for. A variable can be set for a process of one's own only,
//! so each case is this test once more, as a child.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::process::Command;

use invite_core::model::outcome::Outcome;
use support::{answering, builder, created, sent};

/// What the child is told to do.
const CASE: &str = "INVITE_TWILIO_TEST_PROXY";

#[tokio::test]
async fn a_proxy_of_the_environment_is_used_only_if_it_is_asked_for() {
    if let Ok(case) = std::env::var(CASE) {
        return child(case == "asked").await;
    }
    for (case, requests) in [("not asked", 0), ("asked", 1)] {
        let proxy = answering(created).await;
        let mut child = Command::new(std::env::current_exe().unwrap());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, proxy.uri());
        }
        child.env(CASE, case).env_remove("NO_PROXY").env_remove("no_proxy");
        let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(proxy.received_requests().await.unwrap().len(), requests, "{case}");
    }
}

/// Nothing listens there, so that a message arrives by a proxy alone.
async fn child(asks: bool) {
    let builder = builder("http://sms.invalid").dangerous_plain_http();
    let builder = if asks { builder.proxy_from_environment() } else { builder };
    let outcome = sent(&builder.build().unwrap()).await;
    assert_eq!(matches!(outcome, Outcome::Accepted(_)), asks, "{outcome:?}");
}
