//! What goes wrong below HTTP, and which of it proves that nothing was sent.

use std::time::{Duration, Instant};

use invite_core::model::outcome::{Outcome, Refusal};
use invite_core::port::transport::Transport;
use tokio::net::TcpListener;
use wiremock::ResponseTemplate;

use crate::support::raw::{Act, Raw};
use crate::support::{
    DEADLINE, MESSAGE_SID, answer, answering, builder, created, message, saying, sent, transport,
};

/// Longer than a busy machine's pauses: what a server that says nothing is given.
const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_refused_connection_puts_it_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcome = sent(&transport(&format!("http://127.0.0.1:{port}"))).await;
    assert!(matches!(outcome, Outcome::Deferred { retry_after: None, .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("refused"), "{outcome:?}");
}

#[tokio::test]
async fn a_host_that_there_is_not_puts_it_off() {
    let outcome = sent(&transport("https://api.twilio.invalid")).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_does_not_speak_tls_puts_it_off() {
    for act in [Act::Close, Act::Hang, Act::Greet(b"220 mail.example ESMTP\r\n".into())] {
        let server = Raw::start(act).await;
        let endpoint = format!("https://127.0.0.1:{}", server.port);
        let transport = builder(&endpoint).connect_timeout(SHORT).build().unwrap();
        let outcome = sent(&transport).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_deadline_that_ends_while_it_connects_puts_it_off() {
    let server = Raw::start(Act::Hang).await;
    let transport = transport(&format!("https://127.0.0.1:{}", server.port));
    let outcome = transport.send(&message(), SHORT).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
}

#[tokio::test]
async fn silence_after_the_request_leaves_it_unknown_within_the_deadline() {
    for act in
        [Act::SayAndHang(Vec::new()), Act::Hang, Act::SayAndHang(b"HTTP/1.1 100 Continue\r\n\r\n".into())]
    {
        let server = Raw::start(act).await;
        let transport = transport(&server.endpoint());
        let begun = Instant::now();
        let outcome = transport.send(&message(), SHORT).await;
        assert!(begun.elapsed() < SHORT, "{:?}", begun.elapsed());
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_after_the_request_leaves_it_unknown_and_is_not_tried_again() {
    for act in [
        Act::ResetAfterRequest,
        Act::Say(Vec::new()),
        Act::Say(b"HTTP/1.1 201 Cre".into()),
        Act::Say(b"garbage\r\n\r\n".into()),
        Act::Say(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"sid\"".into()),
        Act::SayAndHang(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"sid\"".into()),
    ] {
        let server = Raw::start(act).await;
        let outcome = transport(&server.endpoint()).send(&message(), SHORT).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_refusal_whose_reason_broke_off_is_certain_but_not_for_good() {
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\nRetry-After: 5\r\n\r\n{\"code\": 21";
    for act in [Act::Say(head.into()), Act::SayAndHang(head.into())] {
        let server = Raw::start(act).await;
        let outcome = transport(&server.endpoint()).send(&message(), SHORT).await;
        let Outcome::Deferred { retry_after, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(retry_after, Some(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn no_time_left_means_not_sent() {
    let server = answering(created).await;
    for deadline in [Duration::ZERO, Duration::from_nanos(1)] {
        let outcome = transport(&server.uri()).send(&message(), deadline).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_slow_answer_leaves_it_unknown() {
    let server = answering(ResponseTemplate::new(400).set_delay(Duration::from_secs(10))).await;
    let outcome = transport(&server.uri()).send(&message(), SHORT).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_text_that_is_too_long_is_not_sent() {
    let server = answering(created).await;
    let transport = transport(&server.uri());
    let outcome = transport.send(&saying(None, &"ø".repeat(1_601)), DEADLINE).await;
    assert!(matches!(outcome, Outcome::Refused { refusal: Refusal::Content, .. }), "{outcome:?}");
    assert!(server.received_requests().await.unwrap().is_empty());
    let outcome = transport.send(&saying(None, &"ø".repeat(1_600)), DEADLINE).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let body = format!(r#"{{"sid": "{MESSAGE_SID}"}}"#);
    let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = Raw::start(Act::Say(answer.into())).await;
    let transport = transport(&server.endpoint());
    for number in 1..=5 {
        let outcome = sent(&transport).await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{number}: {outcome:?}");
        assert_eq!(server.requests(), number);
        // The client has to have seen that it was closed.
        tokio::time::sleep(SHORT / 6).await;
    }
}
