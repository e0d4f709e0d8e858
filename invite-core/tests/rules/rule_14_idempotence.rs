//! Rule 14, idempotence: confirming twice is one batch; importing the same file twice changes nothing; a webhook twice
//! counts once; feedback may come in any order, even before the recording.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::machine::delivery::Report;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::id::DeliveryId;
use invite_core::model::id::UserId;
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::message::{Channel, Message};
use invite_core::model::outcome::{Answer, Concerns, Outcome, Receipt};
use invite_core::model::selection::Filter;
use invite_core::model::suppression::Suppression;
use invite_core::port::queue::Reported;
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, Consent, ImportOptions};
use invite_core::{Invite, Invites};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::house::{House, answer, links};

async fn report(invites: &Invites, delivery: DeliveryId, report: Report) {
    let concerns = if report == Report::Bounced { Concerns::Address } else { Concerns::Message };
    let reported = Reported { delivery, report, concerns, answer: answer("as the provider says") };
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

/// What became of a rollout, by the person's place in it.
struct Ending {
    messages: BTreeMap<usize, (DeliveryState, Option<EndReason>, Option<Answer>)>,
    suppressions: Vec<Suppression>,
    /// How often each thing happened to a person.
    events: BTreeMap<(usize, &'static str), usize>,
}

/// A rollout of `people` on which providers report so; each report names the person by place.
async fn ending(people: usize, reports: &[(usize, Report, Concerns)]) -> Ending {
    let house = House::with_links().await;
    let mut places = BTreeMap::new();
    for place in 0..people {
        places.insert(house.add(&format!("p{place}")).await, place);
    }
    let batch = house.send(Invite::all()).await;
    let deliveries = house.deliveries(batch).await;
    let of: BTreeMap<usize, DeliveryId> = deliveries.iter().map(|one| (places[&one.user], one.id)).collect();
    assert_eq!(of.len(), people);
    for group in reports.chunks(500) {
        let reported = |(place, report, concerns): &(usize, Report, Concerns)| Reported {
            delivery: of[place],
            report: *report,
            concerns: *concerns,
            answer: answer(&format!("{report:?}, {concerns:?}")),
        };
        let known = house.invites.report(group.iter().map(reported).collect()).await.unwrap();
        assert!(known.into_iter().all(|known| known));
    }
    let messages = house.deliveries(batch).await;
    let messages = messages.into_iter().map(|one| (places[&one.user], (one.state, one.reason, one.answer)));
    let mut events = BTreeMap::new();
    for event in house.events().await {
        let Some(place) = event.user().and_then(|user: UserId| places.get(&user)) else { continue };
        let name = match event {
            Happening::Invited { .. } => "invited",
            Happening::Suppressed { .. } => "suppressed",
            // Whether a message had come back before it was called spam is a matter of order.
            _ => continue,
        };
        *events.entry((*place, name)).or_default() += 1;
    }
    let suppressions = house.invites.suppressions(&house.admin, None, 100_000).await.unwrap().rows;
    Ending { messages: messages.collect(), suppressions, events }
}

#[tokio::test]
async fn rule_14_feedback_shuffled_dropped_and_doubled_over_10_000_messages_ends_as_in_order() {
    const PEOPLE: usize = 10_000;
    let mut dice = StdRng::seed_from_u64(14);
    let mut in_order = Vec::new();
    for place in 0..PEOPLE {
        let story: &[(Report, Concerns)] = match dice.random_range(0..100) {
            0..2 => &[(Report::Bounced, Concerns::Address)],
            2..4 => &[(Report::Delivered, Concerns::Message), (Report::Bounced, Concerns::Address)],
            4..6 => &[(Report::Delivered, Concerns::Message), (Report::Complained, Concerns::Message)],
            6..7 => &[
                (Report::Delivered, Concerns::Message),
                (Report::Bounced, Concerns::Address),
                (Report::Complained, Concerns::Message),
            ],
            7..9 => &[(Report::Unknown, Concerns::Message), (Report::Failed, Concerns::Address)],
            9..10 => &[(Report::Failed, Concerns::OptOut), (Report::Delivered, Concerns::Message)],
            10..12 => &[(Report::Bounced, Concerns::Message)],
            12..20 => &[],
            _ => &[(Report::Delivered, Concerns::Message)],
        };
        // What a provider drops is never heard of, in whatever order the rest comes.
        let heard = story.iter().filter(|_| !dice.random_ratio(1, 20));
        in_order.extend(heard.map(|(report, concerns)| (place, *report, *concerns)));
    }
    let expected = ending(PEOPLE, &in_order).await;
    let count = |state| expected.messages.values().filter(|one| one.0 == state).count();
    assert!(count(DeliveryState::Delivered) > 7_000 && count(DeliveryState::Bounced) > 400);
    assert!(count(DeliveryState::Complained) > 200 && count(DeliveryState::Failed) > 100);
    let mut shuffled = in_order.clone();
    shuffled.extend(in_order.iter().filter(|_| dice.random_ratio(1, 3)).copied());
    shuffled.shuffle(&mut dice);
    let found = ending(PEOPLE, &shuffled).await;
    for (place, message) in &expected.messages {
        assert_eq!(found.messages[place], *message, "message {place}");
    }
    assert_eq!(found.suppressions.len(), expected.suppressions.len());
    for (found, expected) in found.suppressions.iter().zip(&expected.suppressions) {
        assert_eq!(found, expected);
    }
    let differs = found.events.iter().find(|(what, count)| expected.events.get(*what) != Some(*count));
    assert_eq!((differs, found.events.len()), (None, expected.events.len()));
}

#[tokio::test]
async fn rule_14_stop_twice_counts_once_and_start_lifts_it() {
    let house = House::new().await;
    let phone = |user: &mut invite_core::model::user::User| {
        user.email = None;
        user.phone = Some("+4791234567".to_owned().try_into().unwrap());
    };
    house
        .change_settings(|settings| {
            settings.channels = [Channel::Sms].into();
            settings.country = Some("NO".parse().unwrap());
        })
        .await;
    let anna = house.add_with("anna", phone).await;
    let say = |consent| house.invites.consent(house.organisation, Channel::Sms, "+4791234567", consent);
    for _ in 0..2 {
        say(Consent::OptedOut).await.unwrap();
    }
    let batch = house.send(Invite::users([anna])).await;
    assert_eq!(house.decision(batch, anna).await, Decision::Skip(SkipReason::Suppressed));
    for _ in 0..2 {
        say(Consent::OptedIn).await.unwrap();
    }
    let batch = house.send(Invite::users([anna])).await;
    assert_eq!(house.decision(batch, anna).await, Decision::Send);
    let audit = house.invites.audit(&house.admin, None, 100).await.unwrap().rows;
    let said: Vec<_> =
        audit.iter().map(|entry| entry.what.as_str()).filter(|what| what.starts_with("address_")).collect();
    assert_eq!(said, ["address_released", "address_suppressed"]);
}
