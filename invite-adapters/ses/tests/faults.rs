//! Connections that fail: what certainly did not go is deferred, what may have gone is unknown.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::{BehaviorVersion, Credentials};
use invite_core::port::transport::Transport;
use invite_ses::SesTransport;
use support::{
    DEADLINE, SHORT, accepting, answer, answering, error, message, sent, short, to_endpoint, transport,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::ResponseTemplate;

/// A server that reads what comes first, says this, and closes the connection.
async fn saying(words: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut octets = vec![0; 64 * 1024];
            drop(connection.read(&mut octets).await);
            drop(connection.write_all(words.as_bytes()).await);
        }
    });
    port
}

#[tokio::test]
async fn without_a_server_nothing_went() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let transport = to_endpoint(&format!("http://127.0.0.1:{port}")).build().await.unwrap();
    let outcome = sent(&transport).await;
    assert_eq!(short(&outcome), "deferred None", "{outcome:?}");
    assert!(answer(&outcome).text().contains("nothing was sent"), "{outcome:?}");
}

#[tokio::test]
async fn without_tls_nothing_went() {
    let port = saying("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let transport = to_endpoint(&format!("https://127.0.0.1:{port}")).build().await.unwrap();
    let outcome = sent(&transport).await;
    assert_eq!(short(&outcome), "deferred None", "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_does_not_stand_in_time_carried_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // It never answers the TLS handshake.
    let transport = to_endpoint(&format!("https://127.0.0.1:{port}")).build().await.unwrap();
    let outcome = transport.send(&message(), SHORT).await;
    assert_eq!(short(&outcome), "deferred None", "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_is_late_is_unknown() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let outcome = transport(&server).await.send(&message(), SHORT).await;
    assert_eq!(short(&outcome), "unknown", "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_after_the_request_is_unknown() {
    for words in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "HTTP/1.1 200", "nonsense\r\n\r\n"] {
        let port = saying(words).await;
        let transport = to_endpoint(&format!("http://127.0.0.1:{port}")).build().await.unwrap();
        let outcome = sent(&transport).await;
        assert_eq!(short(&outcome), "unknown", "{words}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_host_that_has_retries_on_gets_none() {
    let server = answering(error(503, "ServiceUnavailable", "")).await;
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .build();
    let builder = SesTransport::from_conf(config).region("eu-north-1").endpoint(server.uri());
    assert_eq!(short(&sent(&builder.build().await.unwrap()).await), "unknown");
    assert_eq!(support::requests(&server).await.len(), 1);
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("there is nobody")))
    }
}

#[tokio::test]
async fn without_credentials_the_account_is_blocked() {
    let server = accepting().await;
    let without = aws_sdk_sesv2::Config::builder().build();
    let empty = aws_sdk_sesv2::Config::builder().credentials_provider(Nobody).build();
    for (config, advice) in [(without, "credentials"), (empty, "the AWS credentials could not be loaded")] {
        let builder = SesTransport::from_conf(config).region("eu-north-1").endpoint(server.uri());
        let outcome = builder.build().await.unwrap().send(&message(), DEADLINE).await;
        assert_eq!(short(&outcome), "blocked Account", "{outcome:?}");
        assert!(answer(&outcome).text().contains(advice), "{outcome:?}");
    }
    assert_eq!(support::requests(&server).await.len(), 0);
}
