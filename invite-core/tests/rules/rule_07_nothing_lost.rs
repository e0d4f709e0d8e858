//! Rule 7, nothing lost: every delivery of a confirmed batch reaches a terminal state or is visibly waiting, whatever is
//! killed.

use std::time::Duration;

use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::BatchId;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::outcome::{Outcome, Scope};
use invite_core::port::queue::Queue;
use invite_core::service::ConfirmOptions;

use crate::house::{House, LEASE_OVER, answer, links, phone};
use crate::rule_08_nothing_twice::Provider;

/// A batch of ten messages to five people, confirmed.
pub(crate) async fn ten_messages(provider: &Provider) -> (House<Provider>, BatchId) {
    let house = House::with(provider.clone(), links).await;
    for number in 0..5 {
        let number = format!("+479123456{number}");
        house.add_with(&format!("person{number}"), |user| user.phone = Some(phone(&number))).await;
    }
    let batch = house.confirm(Invite::never_invited().channels(ChannelRule::Both)).await;
    assert_eq!(
        house.deliveries(batch).await.iter().filter(|one| one.state == DeliveryState::Queued).count(),
        10
    );
    (house, batch)
}

async fn everything_is_visible(house: &House<Provider>, batch: BatchId) {
    let on_their_way = house.deliveries(batch).await.iter().filter(|one| one.state.is_on_its_way()).count();
    let waiting = house.store.waiting().await.unwrap();
    assert_eq!(waiting.due + waiting.leased + waiting.later, on_their_way as u64);
}

#[tokio::test]
async fn rule_07_a_worker_killed_at_any_turn_loses_nothing() {
    for first in (0..120).step_by(2) {
        let provider = Provider::default();
        let (house, batch) = ten_messages(&provider).await;
        for turns in [first, (first * 7) % 60, (first * 11) % 30] {
            house.work_killed_after(turns).await;
            everything_is_visible(&house, batch).await;
            house.clock.advance(LEASE_OVER);
        }
        house.work_to_the_end().await;
        for delivery in house.deliveries(batch).await {
            let arrived = provider.times(delivery.id) > 0;
            match delivery.state {
                DeliveryState::Sent => assert!(arrived, "{delivery:?}"),
                // An SMS that was with the provider when its worker was killed.
                DeliveryState::Unknown => assert!(delivery.reason.is_some(), "{delivery:?}"),
                _ => panic!("{delivery:?}"),
            }
        }
        let status = house.invites.batch(&house.admin, batch).await.unwrap();
        assert!(status.finished);
    }
}

#[tokio::test]
async fn rule_07_what_is_refused_deferred_or_unknown_for_ever_ends_visibly() {
    let outcomes: [fn() -> Outcome; 3] = [
        || Outcome::Deferred { retry_after: None, answer: answer("later") },
        || Outcome::Unknown { answer: answer("reset") },
        || Outcome::Refused {
            refusal: invite_core::model::outcome::Refusal::Content,
            answer: answer("too large"),
        },
    ];
    for (outcome, state) in
        outcomes.into_iter().zip([DeliveryState::Failed, DeliveryState::Unknown, DeliveryState::Failed])
    {
        let house = House::with(RecordingTransport::answering(move |_| outcome()), links).await;
        let anna = house.add("anna").await;
        let batch = house.confirm(Invite::users([anna])).await;
        house.work_to_the_end().await;
        let (ended, reason) = house.ended(batch, anna).await;
        assert_eq!(ended, state);
        assert!(reason.is_some());
    }
}

#[tokio::test]
async fn rule_07_a_paused_batch_a_hold_and_a_blocked_sender_are_visibly_waiting() {
    let house = House::with_links().await;
    let anna = house.add("anna").await;
    let batch = house.confirm(Invite::users([anna])).await;
    house.invites.pause(&house.admin, batch, "lunch").await.unwrap();
    assert_eq!(house.work().await.waiting.later, 1);
    let status = house.invites.batch(&house.admin, batch).await.unwrap();
    assert_eq!(status.batch.paused_because.as_deref(), Some("lunch"));
    assert!(!status.finished);
    house.invites.resume(&house.admin, batch).await.unwrap();
    assert_eq!(house.work().await.sent, 1);

    let bo = house.add("bo").await;
    let plan = house.invites.plan(&house.admin, Invite::users([bo])).await.unwrap();
    let hold = ConfirmOptions::new().hold(Duration::from_mins(1));
    let held = house.invites.confirm_with(&house.admin, plan.id(), hold).await.unwrap();
    let waiting = house.work().await.waiting;
    assert_eq!((waiting.due, waiting.later, waiting.next_in), (0, 1, Some(Duration::from_mins(1))));
    let not_before = held.confirmed.unwrap().not_before;
    assert_eq!(not_before, held.planned_at + Duration::from_mins(1));

    house.clock.advance(Duration::from_mins(1));
    house.transport.script([Outcome::Blocked { scope: Scope::Sender, answer: answer("wrong password") }]);
    assert_eq!(house.work().await.waiting.later, 1);
    assert_eq!(house.invites.sender_pauses(&house.admin).await.unwrap().len(), 1);
    house.work_to_the_end().await;
    assert_eq!(house.ended(plan.id(), bo).await.0, DeliveryState::Sent);
}
