//! Rule 8, nothing twice: except where a fault fell in handing over, one extra e-mail at most, no extra SMS; with no
//! fault, none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::DeliveryId;
use invite_core::model::message::{Channel, Message};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::port::transport::Transport;

use crate::house::LEASE_OVER;
use crate::rule_07_nothing_lost::ten_messages;

/// A provider that takes its time before and after it delivers a message, and counts what people received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Provider(Arc<Mutex<BTreeMap<DeliveryId, usize>>>);

impl Provider {
    /// How often people received this message.
    pub(crate) fn times(&self, delivery: DeliveryId) -> usize {
        self.0.lock().unwrap().get(&delivery).copied().unwrap_or_default()
    }
}

#[async_trait]
impl Transport for Provider {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        let turns = message.delivery.as_uuid().as_u128() % 5;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        *self.0.lock().unwrap().entry(message.delivery).or_default() += 1;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        Outcome::Accepted(Receipt("1".into()))
    }
}

#[tokio::test]
async fn rule_08_without_a_fault_every_message_is_received_once_by_however_many_workers() {
    let provider = Provider::default();
    let (house, batch) = ten_messages(&provider).await;
    let workers = (0..8).map(|_| tokio::spawn(house.invites.worker().run_until_idle()));
    for worker in workers.collect::<Vec<_>>() {
        let report = worker.await.unwrap().unwrap();
        assert_eq!((report.fenced, report.unknown), (0, 0));
    }
    for delivery in house.deliveries(batch).await {
        assert_eq!((delivery.state, provider.times(delivery.id)), (DeliveryState::Sent, 1));
    }
}

#[tokio::test]
async fn rule_08_a_worker_killed_at_any_turn_costs_one_extra_email_at_most_and_no_extra_sms() {
    let mut extra = 0;
    for first in (1..120).step_by(2) {
        let provider = Provider::default();
        let (house, batch) = ten_messages(&provider).await;
        for turns in [first, (first * 5) % 40, (first * 3) % 50, (first * 13) % 60] {
            house.work_killed_after(turns).await;
            house.clock.advance(LEASE_OVER);
        }
        house.work_to_the_end().await;
        for delivery in house.deliveries(batch).await {
            let times = provider.times(delivery.id);
            let at_most = if delivery.channel == Channel::Email { 2 } else { 1 };
            assert!(times <= at_most, "{times} times: {delivery:?}");
            extra += times.saturating_sub(1);
        }
    }
    assert!(extra > 0, "some faults fell between the provider and the recording");
}

#[tokio::test]
async fn rule_08_a_worker_that_is_told_to_stop_sends_nothing_twice() {
    for turns in (0..60).step_by(3) {
        let provider = Provider::default();
        let (house, batch) = ten_messages(&provider).await;
        let told = async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        house.invites.worker().concurrency(2).run_until_idle_or(told).await.unwrap();
        house.work().await;
        for delivery in house.deliveries(batch).await {
            assert_eq!((delivery.state, provider.times(delivery.id)), (DeliveryState::Sent, 1));
        }
    }
}
