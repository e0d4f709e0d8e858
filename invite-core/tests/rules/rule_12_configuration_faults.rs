//! Rule 12, configuration faults pause the sender, at the scope the transport names, are shown, probed with one message
//! every 10 min, and use up nobody's attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::event::Happening;
use invite_core::model::message::Content;
use invite_core::model::outcome::{Outcome, Receipt, Refusal, Scope};
use invite_core::model::sender::{Covers, PauseKind, SenderKey};

use crate::house::{House, answer, links};

const PROBE: Duration = Duration::from_mins(10);

/// A provider that answers `fault` until it is mended.
fn faulty(fault: Outcome) -> (RecordingTransport, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = mended.clone();
    let transport = RecordingTransport::answering(move |_| {
        if is_mended.load(Ordering::Relaxed) { Outcome::Accepted(Receipt("1".into())) } else { fault.clone() }
    });
    (transport, mended)
}

fn count(events: &[Happening], what: fn(&Happening) -> bool) -> usize {
    events.iter().filter(|event| what(event)).count()
}

#[tokio::test]
async fn rule_12_a_wrong_password_pauses_the_sender_is_shown_probed_and_uses_up_nobodys_attempts() {
    for (scope, covers) in [
        (Scope::Sender, Covers::Sender(SenderKey("email".into()))),
        (Scope::Account, Covers::Account("email".into())),
        (Scope::RecipientDomain, Covers::Destination(SenderKey("email".into()), "acme.example".into())),
    ] {
        let (transport, mended) = faulty(Outcome::Blocked { scope, answer: answer("535 wrong password") });
        let house = House::with(transport, links).await;
        for number in 0..30 {
            house.add(&format!("person{number}")).await;
        }
        let batch = house.confirm(Invite::never_invited()).await;
        house.work().await;
        let pauses = house.invites.sender_pauses(&house.admin).await.unwrap();
        assert_eq!(pauses.len(), 1);
        assert_eq!((&pauses[0].covers, pauses[0].kind), (&covers, PauseKind::Blocked));
        assert_eq!(pauses[0].answer, answer("535 wrong password"));

        // For longer than any message's hours.
        for round in 0..20 {
            let tried = house.transport.messages().len();
            house.work().await;
            assert_eq!(house.transport.messages().len(), tried, "nothing goes between the probes");
            house.clock.advance(if round < 10 { PROBE } else { Duration::from_hours(3) });
            house.work().await;
            assert_eq!(house.transport.messages().len(), tried + 1, "one message is tried");
        }
        for delivery in house.deliveries(batch).await {
            assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0));
        }

        mended.store(true, Ordering::Relaxed);
        house.clock.advance(PROBE);
        house.work().await;
        assert_eq!(house.invites.sender_pauses(&house.admin).await.unwrap(), []);
        for delivery in house.deliveries(batch).await {
            assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 1));
        }
        let events = house.events().await;
        assert_eq!(count(&events, |event| matches!(event, Happening::SenderPaused { .. })), 1);
        assert_eq!(count(&events, |event| matches!(event, Happening::SenderResumed { .. })), 1);
        assert_eq!(count(&events, |event| matches!(event, Happening::Failed { .. })), 0);
    }
}

#[tokio::test]
async fn rule_12_a_blocked_domain_holds_up_no_other() {
    let transport = RecordingTransport::answering(|message| match &message.content {
        Content::Email(email) if email.to.address.domain() == "full.example" => {
            Outcome::Blocked { scope: Scope::RecipientDomain, answer: answer("not here") }
        }
        _ => Outcome::Accepted(Receipt("1".into())),
    });
    let house = House::with(transport, links).await;
    for number in 0..5 {
        house.add(&format!("here{number}")).await;
        let elsewhere = format!("there{number}@full.example");
        house.add_with(&format!("there{number}"), |user| user.email = elsewhere.parse().ok()).await;
    }
    let batch = house.confirm(Invite::never_invited()).await;
    house.work().await;
    let sent = house.deliveries(batch).await;
    let sent = sent.iter().filter(|one| one.state == DeliveryState::Sent);
    assert_eq!(sent.count(), 5);
}

#[tokio::test]
async fn rule_12_twenty_identical_policy_refusals_in_a_row_pause_the_sender_and_go_back_to_the_queue() {
    let refused =
        Outcome::Refused { refusal: Refusal::Policy, answer: answer("550 5.7.26 not authenticated") };
    let (transport, mended) = faulty(refused);
    let house = House::with(transport, links).await;
    for number in 0..20 {
        house.add(&format!("person{number}")).await;
    }
    let batch = house.confirm(Invite::never_invited()).await;
    house.work().await;
    let pauses = house.invites.sender_pauses(&house.admin).await.unwrap();
    assert_eq!(pauses.len(), 1);
    for delivery in house.deliveries(batch).await {
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "{delivery:?}");
    }
    assert!(!house.invites.batch(&house.admin, batch).await.unwrap().finished);
    mended.store(true, Ordering::Relaxed);
    house.clock.advance(PROBE);
    house.work().await;
    assert!(house.deliveries(batch).await.iter().all(|one| one.state == DeliveryState::Sent));
}

#[tokio::test]
async fn rule_12_nobody_fails_of_a_policy_refusal_beyond_those_who_did_before_the_pause() {
    let refused =
        Outcome::Refused { refusal: Refusal::Policy, answer: answer("550 5.7.26 not authenticated") };
    let (transport, mended) = faulty(refused);
    let house = House::with(transport, links).await;
    for number in 0..60 {
        house.add(&format!("person{number}")).await;
    }
    let batch = house.confirm(Invite::never_invited()).await;
    house.work().await;
    for _ in 0..30 {
        house.clock.advance(PROBE);
        house.work().await;
    }
    let queued = house.deliveries(batch).await;
    let queued = queued.iter().filter(|one| one.state == DeliveryState::Queued).count();
    assert_eq!(queued, 60, "neither those under way when the sender was paused nor the probes");
    mended.store(true, Ordering::Relaxed);
    house.clock.advance(PROBE);
    house.work().await;
    assert!(house.deliveries(batch).await.iter().all(|one| one.state == DeliveryState::Sent));
}

#[tokio::test]
async fn rule_12_refusals_that_differ_or_are_not_in_a_row_pause_nothing() {
    let house = House::with_links().await;
    for number in 0..40 {
        house.add(&format!("person{number}")).await;
    }
    let refused = |text: &str| Outcome::Refused { refusal: Refusal::Policy, answer: answer(text) };
    let spam = (0..19).map(|_| refused("550 spam"));
    let accepted = Outcome::Accepted(Receipt("1".into()));
    let more = (0..19).map(|_| refused("550 spam"));
    house.transport.script(spam.chain([accepted]).chain(more).chain([refused("550 other")]));
    house.confirm(Invite::never_invited()).await;
    house.invites.worker().concurrency(1).run_until_idle().await.unwrap();
    assert_eq!(house.invites.sender_pauses(&house.admin).await.unwrap(), []);
    assert_eq!(house.transport.messages().len(), 40);
}
