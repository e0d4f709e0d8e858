//! How a batch is carried out: pilots, start times, the night, retries, keys that are missing, senders stopped by hand.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use invite_core::credential::{HashCost, SealingKey, random::system_random};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::batch::{BatchState, Pilot};
use invite_core::model::contact::PhoneNumber;
use invite_core::model::delivery::{DeliveryState, EndReason, WaitCause};
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::message::{Channel, Content};
use invite_core::model::outcome::{Answer, Outcome, Refusal};
use invite_core::model::sender::{Covers, PauseKind, SenderKey};
use invite_core::port::records::Records;
use invite_core::service::{ConfirmOptions, Error, Retry, WorkReport};
use invite_core::{Actor, Invite, Invites};

use crate::support::World;

/// A world with workers, e-mail and SMS; in Oslo, where it is 9 o'clock in the morning.
struct Rollout {
    world: World,
    transport: RecordingTransport,
}

fn invites(store: &MemoryStore, transport: &RecordingTransport, key: &SealingKey) -> Invites {
    let builder = Invites::builder(store.clone()).email(transport.clone()).sms(transport.clone());
    builder.seal_with(key.clone()).hash_cost(HashCost::weak_for_tests()).build().unwrap()
}

fn key() -> SealingKey {
    SealingKey::generate(&mut system_random().unwrap())
}

impl Rollout {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
        let store = MemoryStore::with_clock(clock.clone());
        let (key, transport) = (key(), RecordingTransport::new());
        let invites = invites(&store, &transport, &key);
        let world = World::on(store, clock, key, invites, |settings| {
            settings.channels = Channel::ALL.into();
            settings.time_zone = chrono_tz::Europe::Oslo;
        });
        Self { world: world.await, transport }
    }

    async fn people(&self, count: usize) -> Vec<UserId> {
        let mut people = Vec::new();
        for number in 0..count {
            people.push(self.world.add(&format!("Person{number}")).await);
        }
        people
    }

    async fn confirm(&self, options: ConfirmOptions) -> Result<BatchId, Error> {
        let plan = self.world.plan(Invite::never_invited()).await.id();
        self.world.invites.confirm_with(&self.world.admin, plan, options.hold(Duration::ZERO)).await?;
        Ok(plan)
    }

    async fn work(&self) -> WorkReport {
        self.world.invites.worker().run_until_idle().await.unwrap()
    }

    async fn states(&self, batch: BatchId) -> Vec<(DeliveryState, u64)> {
        let status = self.world.invites.batch(&self.world.admin, batch).await.unwrap();
        status.progress.states.into_iter().collect()
    }

    async fn waits(&self, batch: BatchId) -> Vec<(WaitCause, u64)> {
        let status = self.world.invites.batch(&self.world.admin, batch).await.unwrap();
        status.progress.waits.into_iter().map(|(cause, waits)| (cause, waits.messages)).collect()
    }
}

#[tokio::test]
async fn a_pilot_goes_out_pauses_its_batch_and_waits_for_somebody_to_look() {
    let rollout = Rollout::new().await;
    rollout.people(7).await;
    let batch = rollout.confirm(ConfirmOptions::new().pilot(3)).await.unwrap();
    let report = rollout.work().await;
    assert_eq!((report.sent, report.waiting.due, report.waiting.later), (3, 0, 4));
    let Rollout { world, .. } = &rollout;
    let status = world.invites.batch(&world.admin, batch).await.unwrap();
    assert_eq!(status.batch.state, BatchState::Paused);
    assert_eq!(
        status.batch.paused_because.as_deref(),
        Some("the pilot of 3 is out: 3 sent; look at what arrived, then resume, or recall")
    );
    assert_eq!(status.batch.confirmed.unwrap().pilot, Some(Pilot { people: 3, over: false }));
    assert_eq!(rollout.waits(batch).await, [(WaitCause::Pilot, 4)]);
    world.invites.resume(&world.admin, batch).await.unwrap();
    assert_eq!(rollout.work().await.sent, 4);
    assert!(world.invites.batch(&world.admin, batch).await.unwrap().finished);
}

#[tokio::test]
async fn a_pilot_needs_somebody_and_a_start_time_must_not_be_far_away() {
    let rollout = Rollout::new().await;
    rollout.people(2).await;
    let error = rollout.confirm(ConfirmOptions::new().pilot(0)).await.unwrap_err();
    assert!(matches!(error, Error::EmptyPilot), "{error}");
    let far = rollout.world.now().await + TimeDelta::days(91);
    let error = rollout.confirm(ConfirmOptions::new().not_before(far)).await.unwrap_err();
    assert!(matches!(error, Error::StartTooFar { days: 90 }), "{error}");
    let past = rollout.world.now().await - TimeDelta::days(1);
    rollout.confirm(ConfirmOptions::new().not_before(past)).await.unwrap();
    assert_eq!(rollout.work().await.sent, 2);
}

#[tokio::test]
async fn whoever_sets_up_their_account_before_the_start_gets_nothing_and_credentials_live_from_the_sending_on()
 {
    let rollout = Rollout::new().await;
    let people = rollout.people(3).await;
    let world = &rollout.world;
    let start = world.now().await + TimeDelta::days(5);
    let batch = rollout.confirm(ConfirmOptions::new().not_before(start)).await.unwrap();
    let report = rollout.work().await;
    assert_eq!(
        (report.sent, report.waiting.later, report.waiting.next_in),
        (0, 3, Some(Duration::from_hours(120)))
    );
    assert_eq!(rollout.waits(batch).await, [(WaitCause::Start, 3)]);
    let came = world.now().await + TimeDelta::hours(1);
    world.wait(Duration::from_hours(2));
    world.invites.record_sign_in(world.organisation, &[(people[0], came)]).await.unwrap();
    world.wait(Duration::from_hours(118));
    let report = rollout.work().await;
    assert_eq!((report.sent, report.cancelled), (2, 1));
    let deliveries = world.invites.deliveries(&world.admin, batch, None, 10).await.unwrap().rows;
    let ended = deliveries.iter().find(|one| one.user == people[0]).unwrap();
    assert_eq!(ended.reason, Some(EndReason::ChangedSincePlan));
    let credentials = world.store.person(world.organisation, people[1]).await.unwrap().credentials;
    assert_eq!(credentials[0].expires_at, start + TimeDelta::days(7), "seven days from the sending on");
}

#[tokio::test]
async fn sms_wait_for_the_morning_once_each_and_a_worker_that_runs_until_idle_ends() {
    let rollout = Rollout::new().await;
    let world = &rollout.world;
    for number in 0..40 {
        let phone = PhoneNumber::parse(&format!("+4791000{number:03}"), None).unwrap();
        world
            .add_with(&format!("Person{number}"), |user| (user.email, user.phone) = (None, Some(phone)))
            .await;
    }
    world.add("Anna").await;
    // 21:30 in Oslo.
    world.wait(Duration::from_mins(12 * 60 + 30));
    let batch = rollout.confirm(ConfirmOptions::new()).await.unwrap();
    let report = rollout.work().await;
    assert_eq!((report.sent, report.put_off), (1, 40), "e-mail wakes nobody");
    assert_eq!((report.waiting.due, report.waiting.later), (0, 40));
    assert_eq!(report.waiting.next_in, Some(Duration::from_mins(10 * 60 + 30)));
    assert_eq!(rollout.waits(batch).await, [(WaitCause::QuietHours, 40)]);
    for delivery in world.invites.deliveries(&world.admin, batch, None, 100).await.unwrap().rows {
        let record = world.store.person(world.organisation, delivery.user).await.unwrap();
        let minted = record.credentials.len();
        assert_eq!(
            minted,
            usize::from(delivery.channel == Channel::Email),
            "nothing is minted for the night"
        );
    }
    world.wait(Duration::from_hours(10));
    let report = rollout.work().await;
    assert_eq!((report.sent, report.put_off), (0, 0), "each is put off once");
    world.wait(Duration::from_mins(30));
    assert_eq!(rollout.work().await.sent, 40);
    let deliveries = world.invites.deliveries(&world.admin, batch, None, 100).await.unwrap().rows;
    assert!(deliveries.iter().all(|one| one.attempts == 1 && one.state == DeliveryState::Sent));
}

#[tokio::test]
async fn what_failed_goes_again_when_it_is_asked_for() {
    let rollout = Rollout::new().await;
    rollout.people(3).await;
    let refused = Outcome::Refused { refusal: Refusal::Content, answer: Answer::new("552", "too large") };
    rollout.transport.script([refused.clone(), refused]);
    let batch = rollout.confirm(ConfirmOptions::new()).await.unwrap();
    assert_eq!(rollout.work().await.failed, 2);
    let world = &rollout.world;
    let report = world.invites.retry(&world.admin, batch, Retry::Unknown).await.unwrap();
    assert_eq!(report.queued(), 0);
    let report = world.invites.retry(&world.admin, batch, Retry::Both).await.unwrap();
    assert_eq!((report.failed, report.unknown), (2, 0));
    assert!(!world.invites.batch(&world.admin, batch).await.unwrap().finished);
    assert_eq!(rollout.work().await.sent, 2);
    assert_eq!(rollout.states(batch).await, [(DeliveryState::Sent, 3)]);
    world.invites.cancel(&world.admin, batch).await.unwrap();
    let error = world.invites.retry(&world.admin, batch, Retry::Both).await.unwrap_err();
    assert!(matches!(error, Error::NothingToRetry(BatchState::Cancelled)), "{error}");
}

#[tokio::test]
async fn a_message_under_a_missing_key_waits_with_its_reason_and_goes_when_the_key_is_given_back() {
    let rollout = Rollout::new().await;
    rollout.people(1).await;
    rollout.transport.script([Outcome::Deferred { retry_after: None, answer: Answer::new("451", "later") }]);
    let batch = rollout.confirm(ConfirmOptions::new()).await.unwrap();
    rollout.work().await;
    let Rollout { world, transport } = &rollout;
    let carried = text(transport, 0);

    // The host starts with another key and forgets the old one.
    let new = key();
    let without = invites(&world.store, transport, &new);
    world.add("Other").await;
    let plan = without.plan(&world.admin, Invite::never_invited()).await.unwrap();
    without.confirm(&world.admin, plan.id()).await.unwrap();
    world.wait(Duration::from_mins(2));
    let report = without.worker().run_until_idle().await.unwrap();
    assert_eq!((report.sent, report.put_off, report.failed), (1, 1, 0), "the other one goes");
    // Longer than its hours: it is looked at every ten minutes, and stays whole.
    for _ in 0..30 {
        world.wait(Duration::from_hours(1));
        let report = without.worker().run_until_idle().await.unwrap();
        assert_eq!((report.sent, report.put_off, report.failed), (0, 1, 0));
    }
    let delivery = &world.invites.deliveries(&world.admin, batch, None, 10).await.unwrap().rows[0];
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Queued, 1));
    assert_eq!(delivery.waits_for, Some(WaitCause::SealingKey));
    let answer = delivery.answer.as_ref().unwrap();
    assert!(answer.text().contains("put that key back"), "{answer}");
    assert_eq!(rollout.waits(batch).await, [(WaitCause::SealingKey, 1)]);
    assert_eq!(without.sender_pauses(&world.admin).await.unwrap(), []);

    let both: SealingKey =
        format!("{},{}", new.to_text().expose(), world.key.to_text().expose()).parse().unwrap();
    let with = invites(&world.store, transport, &both);
    world.wait(Duration::from_mins(10));
    assert_eq!(with.worker().run_until_idle().await.unwrap().sent, 1);
    assert_eq!(text(transport, 2), carried, "with the secret that it had");
}

/// The password in a message.
fn text(transport: &RecordingTransport, number: usize) -> String {
    let Content::Email(email) = &transport.messages()[number].content else { panic!("an SMS") };
    let is_password = |word: &&str| word.len() == 14 && word.split('-').all(|group| group.len() == 4);
    email.text.split_whitespace().find(is_password).unwrap().to_owned()
}

#[tokio::test]
async fn senders_are_stopped_and_started_by_operators_and_the_system_only() {
    let rollout = Rollout::new().await;
    rollout.people(3).await;
    let world = &rollout.world;
    let covers = Covers::Sender(SenderKey("email".into()));
    let error = world.invites.pause_sender(&world.admin, covers.clone(), "mine").await.unwrap_err();
    assert!(matches!(error, Error::OperatorsOnly), "{error}");
    let nobody = Actor::operator(world.organisation, "olga", UserId::new());
    let error = world.invites.resume_sender(&nobody, covers.clone()).await.unwrap_err();
    assert!(matches!(error, Error::NotAllowed), "{error}");

    let system = Actor::system(world.organisation);
    world.invites.pause_sender(&system, covers.clone(), "the address is being moved").await.unwrap();
    let batch = rollout.confirm(ConfirmOptions::new()).await.unwrap();
    let report = rollout.work().await;
    assert_eq!((report.sent, report.waiting.later, report.waiting.next_in), (0, 3, None));
    assert_eq!(rollout.waits(batch).await, [(WaitCause::Sender, 3)]);
    let pauses = world.invites.sender_pauses(&world.admin).await.unwrap();
    assert_eq!((pauses[0].kind, pauses[0].answer.text()), (PauseKind::ByHand, "the address is being moved"));
    let olga = Actor::operator(world.organisation, "olga", world.admin.user().unwrap());
    assert!(world.invites.resume_sender(&olga, covers).await.unwrap());
    assert_eq!(rollout.work().await.sent, 3);
    let audit = world.invites.audit(&system, None, 2).await.unwrap().rows;
    assert!(audit.iter().any(|entry| entry.what == "sender_resumed" && entry.actor == olga));
}
