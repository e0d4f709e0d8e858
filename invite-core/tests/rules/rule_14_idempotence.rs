//! Rule 14, idempotence: confirming twice is one batch; importing the same file twice changes nothing; a webhook twice
//! counts once; feedback may come in any order, even before the recording.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::machine::delivery::Report;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::event::Happening;
use invite_core::model::id::DeliveryId;
use invite_core::model::message::Message;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::selection::Filter;
use invite_core::port::queue::Reported;
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, ImportOptions};
use invite_core::{Invite, Invites};

use crate::house::{House, answer, links};

async fn report(invites: &Invites, delivery: DeliveryId, report: Report) {
    let suppress = report == Report::Bounced;
    let reported = Reported { delivery, report, suppress, answer: answer("as the provider says") };
    assert_eq!(invites.report(vec![reported]).await.unwrap(), [true]);
}

#[tokio::test]
async fn rule_14_confirming_twice_or_at_the_same_time_is_one_batch() {
    let house = House::new().await;
    house.add("anna").await;
    let plan = house.invites.plan(&house.admin, Invite::all()).await.unwrap();
    let confirming = (0..10).map(|_| {
        let (invites, admin, plan) = (house.invites.clone(), house.admin.clone(), plan.id());
        tokio::spawn(async move { invites.confirm(&admin, plan).await.unwrap() })
    });
    let mut batches = Vec::new();
    for one in confirming.collect::<Vec<_>>() {
        batches.push(one.await.unwrap());
    }
    assert!(batches.iter().all(|batch| *batch == batches[0]));
    house.work().await;
    // Also later, when it is finished, and with other options.
    let options = ConfirmOptions::new().resets(true).hold(Duration::from_hours(1));
    let again = house.invites.confirm_with(&house.admin, plan.id(), options).await.unwrap();
    assert_eq!(again.confirmed, batches[0].confirmed);
    house.work().await;
    assert_eq!(house.transport.messages().len(), 1);
    let audit = house.invites.audit(&house.admin, None, 100).await.unwrap().rows;
    assert_eq!(audit.iter().filter(|entry| entry.what == "batch_confirmed").count(), 1);
}

#[tokio::test]
async fn rule_14_importing_the_same_file_twice_changes_nothing() {
    let house = House::new().await;
    let mut file = String::from("email,username,first_name,phone_number,role,group\n");
    for number in 0..1200 {
        writeln!(file, "p{number}@acme.example,p{number},P{number},,member,shop {}", number % 7).unwrap();
    }
    let import = || async {
        let file = std::io::Cursor::new(file.clone());
        house.invites.import(&house.admin, file, ImportOptions::default()).await.unwrap()
    };
    let first = import().await;
    assert_eq!((first.created, first.refused), (1200, 0), "{:?}", first.errors.first());
    let people =
        || async { house.invites.users(&house.admin, Filter::default(), None, 5000).await.unwrap().rows };
    let before = people().await;
    let second = import().await;
    assert_eq!((second.created, second.updated, second.unchanged, second.refused), (0, 0, 1200, 0));
    assert_eq!(people().await, before);
}

#[tokio::test]
async fn rule_14_feedback_twice_counts_once() {
    for (what, state) in [
        (Report::Delivered, DeliveryState::Delivered),
        (Report::Bounced, DeliveryState::Bounced),
        (Report::Complained, DeliveryState::Complained),
    ] {
        let house = House::with_links().await;
        let anna = house.add("anna").await;
        let batch = house.send(Invite::users([anna])).await;
        let delivery = house.deliveries(batch).await[0].id;
        report(&house.invites, delivery, what).await;
        let before = (house.record(anna).await, house.events().await);
        assert_eq!(house.ended(batch, anna).await.0, state);
        house.clock.advance(Duration::from_hours(1));
        report(&house.invites, delivery, what).await;
        assert_eq!((house.record(anna).await, house.events().await), before);
        let bounced = before.1.iter().filter(|event| matches!(event, Happening::Bounced { .. })).count();
        assert_eq!(bounced, usize::from(what == Report::Bounced));
    }
}

/// A provider whose webhooks are faster than its answer.
#[derive(Debug, Clone, Default)]
struct Fast {
    invites: Arc<OnceLock<Invites>>,
    early: Vec<Report>,
}

#[async_trait]
impl Transport for Fast {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        for what in &self.early {
            report(self.invites.get().unwrap(), message.delivery, *what).await;
        }
        Outcome::Accepted(Receipt("1".into()))
    }
}

#[tokio::test]
async fn rule_14_feedback_in_any_order_and_before_the_recording_ends_the_same() {
    use Report::{Bounced, Complained, Delivered};
    let orders = [
        [Delivered, Bounced, Complained],
        [Delivered, Complained, Bounced],
        [Bounced, Delivered, Complained],
        [Bounced, Complained, Delivered],
        [Complained, Delivered, Bounced],
        [Complained, Bounced, Delivered],
    ];
    for order in orders {
        for before_the_recording in 0..=3 {
            let (early, late) = order.split_at(before_the_recording);
            let transport = Fast { invites: Arc::default(), early: early.to_vec() };
            let house = House::with(transport, links).await;
            house.transport.invites.set(house.invites.clone()).unwrap();
            let anna = house.add("anna").await;
            let batch = house.send(Invite::users([anna])).await;
            let delivery = house.deliveries(batch).await[0].id;
            for what in late.iter().chain(order.iter()) {
                report(&house.invites, delivery, *what).await;
            }
            assert_eq!(house.ended(batch, anna).await.0, DeliveryState::Complained, "{order:?}");
            assert!(house.deliveries(batch).await[0].sent_at.is_some());
            let suppressed = house.invites.suppressions(&house.admin, None, 10).await.unwrap().rows;
            assert_eq!(suppressed.len(), 1);
            let invited = house.events().await;
            let invited = invited.iter().filter(|event| matches!(event, Happening::Invited { .. }));
            assert_eq!(invited.count(), 1);
        }
    }
}
