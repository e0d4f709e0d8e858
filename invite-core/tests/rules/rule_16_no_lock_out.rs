//! Rule 16, no lock-out: retirement is lifted where the message came to nothing or the batch is recalled; guessing slows
//! down and never lets a stranger lock an invitee out.

use std::time::Duration;

use invite_core::Invite;
use invite_core::machine::delivery::Report;
use invite_core::memory::RecordingTransport;
use invite_core::model::event::Happening;
use invite_core::model::id::UserId;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::outcome::{Concerns, Outcome, Refusal};
use invite_core::port::queue::Reported;
use invite_core::service::{SecretCheck, SignIn, SignedIn};

use crate::house::{CHOSEN, House, answer, password, phone, secret};

async fn restored(house: &House) -> usize {
    let events = house.events().await;
    events.iter().filter(|event| matches!(event, Happening::PasswordRestored { .. })).count()
}

async fn report(house: &House, batch: invite_core::model::id::BatchId, report: Report) {
    let reports = house
        .deliveries(batch)
        .await
        .into_iter()
        .map(|one| Reported { delivery: one.id, report, concerns: Concerns::Message, answer: answer("") })
        .collect();
    house.invites.report(reports).await.unwrap();
}

async fn set_up(house: &House) -> UserId {
    let anna = house.add_with("anna", |user| user.phone = Some(phone("+4791234567"))).await;
    house.set_up("anna", anna).await;
    anna
}

#[tokio::test]
async fn rule_16_a_reset_whose_message_never_went_retires_nothing() {
    for outcome in [
        Outcome::Refused { refusal: Refusal::Recipient, answer: answer("no such user") },
        Outcome::Deferred { retry_after: None, answer: answer("later") },
    ] {
        let house = House::new().await;
        let anna = set_up(&house).await;
        house.transport.script(std::iter::repeat_n(outcome, 10));
        house.confirm(Invite::users([anna])).await;
        while house.work().await.waiting.later > 0 {
            assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
            house.clock.advance(Duration::from_hours(1));
        }
        assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
    }
}

#[tokio::test]
async fn rule_16_a_reset_that_came_back_on_every_channel_is_lifted() {
    for what in [Report::Bounced, Report::Failed] {
        let house = House::new().await;
        let anna = set_up(&house).await;
        let batch = house.send(Invite::users([anna]).channels(ChannelRule::Both)).await;
        assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::Refused);
        assert_eq!(restored(&house).await, 0);
        report(&house, batch, what).await;
        assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna), "{what:?}");
        assert_eq!(restored(&house).await, 1);
    }
}

#[tokio::test]
async fn rule_16_a_reset_that_arrived_on_one_channel_stands() {
    let house = House::new().await;
    let anna = set_up(&house).await;
    let batch = house.send(Invite::users([anna]).channels(ChannelRule::Both)).await;
    let first = house.deliveries(batch).await.remove(0);
    let bounced = Reported {
        delivery: first.id,
        report: Report::Bounced,
        concerns: Concerns::Message,
        answer: answer(""),
    };
    house.invites.report(vec![bounced]).await.unwrap();
    assert!(!house.own_counts(anna).await);
    let received = password(house.transport.messages().last().unwrap());
    assert_eq!(house.sign_in("anna", &received).await, SignedIn::MustChangePassword);
}

#[tokio::test]
async fn rule_16_recalling_a_batch_lifts_its_retirements_at_once_and_takes_its_secrets_back() {
    let house = House::new().await;
    let anna = set_up(&house).await;
    let batch = house.send(Invite::users([anna])).await;
    let received = password(house.messages_to("anna").last().unwrap());
    house.invites.recall(&house.admin, batch).await.unwrap();
    // Before anything is swept, and after.
    for _ in 0..2 {
        assert_eq!(house.sign_in("anna", &received).await, SignedIn::Refused);
        assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
        house.work().await;
    }
    assert_eq!(restored(&house).await, 1);
}

#[tokio::test]
async fn rule_16_expiry_lifts_nothing_and_a_new_invitation_lets_them_in() {
    let house = House::new().await;
    let anna = set_up(&house).await;
    house.send(Invite::users([anna])).await;
    house.clock.advance(Duration::from_hours(8 * 24));
    house.work().await;
    assert!(!house.own_counts(anna).await);
    house.send(Invite::users([anna])).await;
    let newest = password(house.messages_to("anna").last().unwrap());
    assert_eq!(house.sign_in_with_new("anna", &newest, "sun over the fjord").await, SignedIn::In(anna));
    assert!(house.own_counts(anna).await);
}

#[tokio::test]
async fn rule_16_guessing_slows_down_and_never_goes_dead() {
    let house = House::with(RecordingTransport::new(), |_| {}).await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let right = password(&house.messages_to("anna")[0]);
    let policy = house.invites.policy().clone();
    let mut waits = Vec::new();
    for _ in 0..100 {
        match house.sign_in("anna", &secret("abcd-efgh-jkmn")).await {
            SignedIn::Refused => {}
            SignedIn::Wait(rest) => {
                waits.push(rest);
                // Nothing is looked at meanwhile, not even what is right.
                assert!(matches!(house.sign_in("anna", &right).await, SignedIn::Wait(_)));
                house.clock.advance(rest);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(waits.len() > 40);
    assert_eq!(waits[..5], [1, 2, 4, 8, 15].map(Duration::from_mins));
    assert!(waits.iter().all(|wait| *wait <= policy.guess_wait_at_most));
    if let SignedIn::Wait(rest) = house.sign_in("anna", &right).await {
        house.clock.advance(rest);
    }
    assert_eq!(house.sign_in_with_new("anna", &right, CHOSEN).await, SignedIn::In(anna));
}

#[tokio::test]
async fn rule_16_a_stranger_who_guesses_makes_only_their_own_address_wait() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let right = password(&house.messages_to("anna")[0]);
    let from = |source: &str, secret: &invite_core::Secret| {
        let mut sign_in = SignIn::new("anna", secret.clone());
        sign_in.source = Some(source.into());
        sign_in
    };
    for _ in 0..6 {
        let guess = from("203.0.113.9", &secret("abcd-efgh-jkmn"));
        house.invites.sign_in(house.organisation, guess).await.unwrap();
    }
    let stranger = from("203.0.113.9", &right);
    let stranger = house.invites.sign_in(house.organisation, stranger).await.unwrap();
    assert!(matches!(stranger, SignedIn::Wait(_)));
    let check = house.invites.check_secret(house.organisation, anna, &right, "203.0.113.9").await.unwrap();
    assert!(matches!(check, SecretCheck::Wait(_)));
    let herself = house.invites.sign_in(house.organisation, from("192.0.2.1", &right)).await.unwrap();
    assert_eq!(herself, SignedIn::MustChangePassword);
}
