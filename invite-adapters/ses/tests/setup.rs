//! Transports from URLs and builders, and what is wrong with some.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use invite_ses::{SesTransport, SetupError};
use support::{accepting, sent, short, to_endpoint};

#[tokio::test]
async fn a_url_becomes_a_transport() {
    let url =
        "ses:?region=eu-north-1&configuration_set=invitations&endpoint=https%3A%2F%2Fses.nordby.example";
    let transport = SesTransport::from_url(url).await.unwrap();
    assert_eq!(format!("{transport:?}"), "SesTransport(eu-north-1, configuration set invitations)");
}

#[tokio::test]
async fn a_url_that_is_wrong_says_what_is() {
    for (url, reason) in [
        ("", "it is no URL"),
        ("smtp:?region=eu-north-1", "ses:"),
        ("ses://AKID:secret@eu-north-1", "credentials come from the process"),
        ("ses:eu-north-1", "between ses: and the ?"),
        ("ses:?region=eu-north-1#x", "after a #"),
        ("ses:?regoin=eu-north-1", "configuration_set, endpoint and region"),
        ("ses:?region=a&region=b", "twice"),
    ] {
        let error = SesTransport::from_url(url).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn names_and_tags_that_ses_does_not_take_are_refused() {
    let builder = || to_endpoint("https://ses.nordby.example");
    for name in ["", "a b", "å", &"x".repeat(65)] {
        assert_eq!(
            builder().configuration_set(name).build().await.unwrap_err(),
            SetupError::ConfigurationSet
        );
    }
    for (name, value) in
        [("", "x"), ("x", ""), ("a b", "x"), ("x", "ø"), ("invite-delivery", "x"), ("ses:x", "x")]
    {
        assert_eq!(builder().tag(name, value).build().await.unwrap_err(), SetupError::Tag, "{name} {value}");
    }
    let other = builder().configuration_set("a").allow_rewritten_links("b").build().await.unwrap_err();
    assert_eq!(other, SetupError::RewrittenLinks { allowed: "b".into() });
}

#[tokio::test]
async fn messages_go_unencrypted_to_this_machine_alone() {
    for endpoint in ["http://ses.nordby.example", "http://192.0.2.1", "ftp://localhost", "localhost:80", ""] {
        let built = to_endpoint(endpoint).build().await;
        assert_eq!(built.unwrap_err(), SetupError::Endpoint, "{endpoint}");
    }
    for endpoint in ["http://localhost:1", "http://[::1]:1", "https://ses.nordby.example/"] {
        assert!(to_endpoint(endpoint).build().await.is_ok(), "{endpoint}");
    }
}

#[tokio::test]
async fn a_region_must_be_known() {
    let config = aws_sdk_sesv2::Config::builder().build();
    assert_eq!(SesTransport::from_conf(config).build().await.unwrap_err(), SetupError::Region);
}

#[tokio::test]
async fn the_hosts_own_configuration_is_used() {
    let server = accepting().await;
    let credentials = aws_sdk_sesv2::config::Credentials::new("AKIDHOST", "secret", None, None, "host");
    let config = aws_config::SdkConfig::builder()
        .region(aws_config::Region::new("eu-west-1"))
        .endpoint_url(server.uri())
        .credentials_provider(aws_sdk_sesv2::config::SharedCredentialsProvider::new(credentials))
        .build();
    let transport = SesTransport::from_sdk_config(&config).build().await.unwrap();
    assert_eq!(short(&sent(&transport).await), "accepted 0110018c-1");
    let requests = server.received_requests().await.unwrap();
    let signature = requests[0].headers["authorization"].to_str().unwrap();
    assert!(signature.contains("AKIDHOST/") && signature.contains("/eu-west-1/ses/"), "{signature}");
}
