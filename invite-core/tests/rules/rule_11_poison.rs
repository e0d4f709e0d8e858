//! Rule 11, poison dies alone: a message that kills its worker ends failed after its attempts, or unknown after its second
//! hand-over; its neighbours do not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::message::Message;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::port::transport::Transport;
use tokio::sync::Notify;

use crate::house::{House, LEASE_OVER, links, phone, quiet, text};

/// A provider whose library kills the process that hands it a message to Poison.
#[derive(Debug, Clone, Default)]
struct Deadly(Arc<Notify>);

#[async_trait]
impl Transport for Deadly {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        if text(message).contains("poison") {
            self.0.notify_one();
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        Outcome::Accepted(Receipt("1".into()))
    }
}

/// Starts a worker again and again, as a supervisor does, until nothing is left to do; gives how many were killed.
async fn supervise<T: Transport + Clone + 'static>(house: &House<T>, died: impl AsyncFn()) -> usize {
    for deaths in 0..100 {
        let idle = tokio::select! {
            () = died() => false,
            report = house.invites.worker().concurrency(8).run_until_idle() => report.unwrap().waiting.later == 0,
        };
        if idle {
            return deaths;
        }
        quiet().await;
        house.clock.advance(LEASE_OVER);
    }
    panic!("it goes on for ever");
}

async fn all_others_are_sent<T: Transport + Clone + 'static>(
    house: &House<T>,
    batch: BatchId,
    poison: UserId,
) {
    let deliveries = house.deliveries(batch).await;
    assert_eq!(deliveries.len(), 20);
    for delivery in deliveries.iter().filter(|delivery| delivery.user != poison) {
        assert_eq!(delivery.state, DeliveryState::Sent, "{delivery:?}");
    }
}

async fn twenty<T: Transport + Clone + 'static>(house: &House<T>) -> UserId {
    for number in 0..19 {
        house.add(&format!("person{number}")).await;
    }
    house.add("poison").await
}

#[tokio::test]
async fn rule_11_an_email_that_kills_its_worker_at_the_provider_is_unknown_after_its_second_hand_over() {
    let deadly = Deadly::default();
    let house = House::with(deadly.clone(), links).await;
    let poison = twenty(&house).await;
    let admin = house.admin.user().unwrap();
    let batch = house.confirm(Invite::never_invited()).await;
    assert_ne!(poison, admin);
    let deaths = supervise(&house, async || deadly.0.notified().await).await;
    assert_eq!(deaths, 2);
    assert_eq!(house.ended(batch, poison).await, (DeliveryState::Unknown, Some(EndReason::LeaseLost)));
    all_others_are_sent(&house, batch, poison).await;
}

#[tokio::test]
async fn rule_11_an_sms_that_kills_its_worker_at_the_provider_is_unknown_at_once() {
    let deadly = Deadly::default();
    let house = House::with(deadly.clone(), links).await;
    house.add("anna").await;
    let poison = house.add_with("poison", |user| user.phone = Some(phone("+4791234567"))).await;
    let batch = house.confirm(Invite::users([poison]).channels(ChannelRule::Sms)).await;
    // Nothing of an SMS says its recipient's name but the words that greet them.
    let deaths = supervise(&house, async || deadly.0.notified().await).await;
    let (state, reason) = house.ended(batch, poison).await;
    assert_eq!((deaths, state, reason), (1, DeliveryState::Unknown, Some(EndReason::LeaseLost)));
}

#[tokio::test]
async fn rule_11_a_message_that_kills_its_worker_while_it_is_prepared_fails_after_its_attempts() {
    let house = House::hosted_with(RecordingTransport::new(), links).await;
    let poison = twenty(&house).await;
    let batch = house.confirm(Invite::never_invited()).await;
    let table = house.table.clone().unwrap();
    table.kill_whoever_reads(poison);
    let deaths = supervise(&house, async || table.died().await).await;
    let at_most = house.invites.policy().email.at_most as usize;
    assert!((at_most..=at_most + 5).contains(&deaths), "{deaths}");
    let failed = (DeliveryState::Failed, Some(EndReason::StoppedItsWorker));
    assert_eq!(house.ended(batch, poison).await, failed);
    all_others_are_sent(&house, batch, poison).await;
    assert_eq!(house.transport.messages().len(), 19, "each once");
}

#[tokio::test]
async fn rule_11_a_provider_that_panics_on_a_message_takes_nothing_else_down() {
    let panicking = RecordingTransport::answering(|message| {
        assert!(!text(message).contains("poison"), "the provider's library panics");
        Outcome::Accepted(Receipt("1".into()))
    });
    let house = House::with(panicking, links).await;
    let poison = twenty(&house).await;
    let batch = house.confirm(Invite::never_invited()).await;
    house.work_to_the_end().await;
    assert_eq!(house.ended(batch, poison).await, (DeliveryState::Unknown, Some(EndReason::OutcomeUnknown)));
    all_others_are_sent(&house, batch, poison).await;
}
