//! A sender's rate is the rate of all workers together, and nothing waits for it but its own messages.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::memory::MemoryStore;
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::UserId;
use invite_core::model::message::{Channel, Message};
use invite_core::model::organisation::{Organisation, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::rate::Rate;
use invite_core::model::sender::SenderKey;
use invite_core::model::user::User;
use invite_core::port::clock::Clock;
use invite_core::port::error::PortResult;
use invite_core::port::people::{People, SaveUsers};
use invite_core::port::senders::{Sender, Senders};
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, Invite, Invites, WorkReport};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn two_workers_on_a_store_share_a_rate_and_use_it() {
    for (rate, people, call) in [(14, 100, 20), (500, 2_000, 50), (3, 12, 1)] {
        let fleet = Fleet::new(call);
        let (one, other) = (fleet.invites(Some(rate)), fleet.invites(Some(rate)));
        fleet.confirm(&one, people, Channel::Email).await;
        let began = Instant::now();

        let (a, b) = tokio::join!(one.worker().run_until_idle(), other.worker().run_until_idle());

        let sent = a.unwrap().sent + b.unwrap().sent;
        assert_eq!(sent, u64::from(people), "{rate} a second");
        let calls = fleet.transport.calls(Channel::Email);
        assert_eq!(calls.len(), people as usize, "{rate} a second: nothing twice");
        for (from, beyond) in calls.iter().zip(calls.iter().skip(rate as usize)) {
            let apart = *beyond - *from;
            assert!(apart >= Duration::from_secs(1), "{rate} a second: one more after {apart:?}");
        }
        let took = *calls.last().unwrap() - began;
        let allowed = Duration::from_secs_f64(f64::from(people) / (0.98 * f64::from(rate)));
        assert!(took <= allowed + Duration::from_millis(100), "{rate} a second: {people} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_sender_does_not_hold_up_another_one() {
    let fleet = Fleet::new(20);
    let invites = fleet.invites(Some(2));
    fleet.confirm(&invites, 60, Channel::Email).await;
    fleet.confirm(&invites, 200, Channel::Sms).await;
    let began = Instant::now();

    assert_eq!(invites.worker().run_until_idle().await.unwrap().sent, 260);

    let texts = *fleet.transport.calls(Channel::Sms).last().unwrap() - began;
    assert!(texts <= Duration::from_secs(1), "200 at 32 at once of 20 ms each took {texts:?}");
    let mails = *fleet.transport.calls(Channel::Email).last().unwrap() - began;
    assert!(mails >= Duration::from_secs(29), "60 at 2 a second took {mails:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_to_stop_gives_back_what_waits_for_its_turn() {
    let fleet = Fleet::new(20);
    let invites = fleet.invites(Some(4));
    fleet.confirm(&invites, 50, Channel::Email).await;
    let began = Instant::now();

    let report = invites.worker().run_until(tokio::time::sleep(Duration::from_secs(5))).await.unwrap();

    assert!(began.elapsed() <= Duration::from_millis(5_100), "it took {:?}", began.elapsed());
    assert!((19..=22).contains(&report.sent), "{report:?}");
    assert_eq!((report.waiting.due, report.waiting.leased), (50 - report.sent, 0));
    let WorkReport { sent, .. } = fleet.invites(None).worker().run_until_idle().await.unwrap();
    assert_eq!(report.sent + sent, 50);
}

#[tokio::test(start_paused = true)]
async fn a_rate_may_change_and_go_while_workers_run() {
    let fleet = Fleet::new(20);
    let invites = fleet.invites(Some(4));
    fleet.confirm(&invites, 500, Channel::Email).await;
    let stop = Arc::new(tokio::sync::Notify::new());
    let told = stop.clone();
    let worker = invites.worker().run_until(async move { told.notified().await });
    let worker = tokio::spawn(worker);

    tokio::time::sleep(Duration::from_secs(10)).await;
    let slow = fleet.transport.calls(Channel::Email).len();
    fleet.rate(Some(40));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let faster = fleet.transport.calls(Channel::Email).len() - slow;
    fleet.rate(None);
    tokio::time::sleep(Duration::from_secs(5)).await;

    assert!((38..=45).contains(&slow) && (150..=200).contains(&faster), "{slow}, then {faster}");
    assert_eq!(fleet.transport.calls(Channel::Email).len(), 500);
    stop.notify_one();
    assert_eq!(worker.await.unwrap().unwrap().sent, 500);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_slower_than_its_rate_is_called_as_often_as_it_answers() {
    let fleet = Fleet::new(1_000);
    let invites = fleet.invites(Some(100));
    fleet.confirm(&invites, 300, Channel::Email).await;
    let began = Instant::now();

    assert_eq!(invites.worker().concurrency(20).run_until_idle().await.unwrap().sent, 300);

    // 20 at once of 1 s each are 20 a second; a place may stand idle until a slot comes.
    assert!(began.elapsed() <= Duration::from_secs(25), "it took {:?}", began.elapsed());
    assert_eq!(fleet.transport.calls(Channel::Email).len(), 300);
}

/// Workers' processes on one store, with one provider.
struct Fleet {
    store: MemoryStore,
    transport: Provider,
    key: SealingKey,
    rate: Arc<Mutex<Option<Rate>>>,
}

impl Fleet {
    fn new(millis: u64) -> Self {
        let clock = PausedClock { start: "2026-11-23T12:00:00Z".parse().unwrap(), origin: Instant::now() };
        Self {
            store: MemoryStore::with_clock(Arc::new(clock)),
            transport: Provider { calls: Arc::default(), takes: Duration::from_millis(millis) },
            key: SealingKey::generate(&mut system_random().unwrap()),
            rate: Arc::default(),
        }
    }

    fn rate(&self, rate: Option<u32>) {
        *self.rate.lock().unwrap() = rate.map(|rate| Rate::per_second(rate).unwrap());
    }

    /// One process; e-mail has this rate.
    fn invites(&self, rate: Option<u32>) -> Invites {
        self.rate(rate);
        let senders = Host { transport: self.transport.clone(), rate: self.rate.clone() };
        Invites::builder(self.store.clone()).senders(senders).seal_with(self.key.clone()).build().unwrap()
    }

    /// Confirms a batch to so many people of an organisation of their own.
    async fn confirm(&self, invites: &Invites, people: u32, channel: Channel) {
        let settings = Settings {
            app_link: Some("https://app.example.com".parse().unwrap()),
            link_pattern: Some("https://app.example.com/welcome#{token}".parse().unwrap()),
            credential: CredentialKind::SetUpLink,
            channels: Channel::ALL.into_iter().collect(),
            sms_countries: std::iter::once("NO".parse().unwrap()).collect(),
            ..Settings::new("Acme")
        };
        let alias = format!("acme-{channel}").parse().unwrap();
        let organisation = invites.create_organisation(alias, settings).await.unwrap().id;
        let actor = Actor::system(organisation);
        let users = (0..people).map(|number| {
            let mut user = User::new(UserId::new());
            match channel {
                Channel::Email => user.email = Some(format!("kari{number}@example.com").parse().unwrap()),
                Channel::Sms => {
                    user.phone = Some(format!("+47{}", 91_000_000 + number).try_into().unwrap());
                }
            }
            user
        });
        let users = users.collect();
        self.store.save(SaveUsers { organisation, actor: actor.clone(), users }).await.unwrap();
        let plan = invites.plan(&actor, Invite::all()).await.unwrap();
        let options = ConfirmOptions::new().hold(Duration::ZERO);
        invites.confirm_with(&actor, plan.id(), options).await.unwrap();
    }
}

/// The clock of the store goes with tokio's.
#[derive(Debug)]
struct PausedClock {
    start: DateTime<Utc>,
    origin: Instant,
}

impl Clock for PausedClock {
    fn now(&self) -> DateTime<Utc> {
        self.start + self.origin.elapsed()
    }
}

/// Accepts everything after a while, and keeps when it was called.
#[derive(Debug, Clone)]
struct Provider {
    calls: Arc<Mutex<Vec<(Channel, Instant)>>>,
    takes: Duration,
}

impl Provider {
    fn calls(&self, channel: Channel) -> Vec<Instant> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(of, _)| *of == channel).map(|(_, at)| *at).collect()
    }
}

#[async_trait]
impl Transport for Provider {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        self.calls.lock().unwrap().push((message.channel(), Instant::now()));
        tokio::time::sleep(self.takes).await;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

/// A host that says the rate of e-mail whenever it is asked.
#[derive(Debug)]
struct Host {
    transport: Provider,
    rate: Arc<Mutex<Option<Rate>>>,
}

#[async_trait]
impl Senders for Host {
    async fn sender(&self, _: Arc<Organisation>, channel: Channel) -> PortResult<Option<Sender>> {
        Ok(Some(Sender {
            key: SenderKey(channel.to_string()),
            account: channel.to_string(),
            transport: Arc::new(self.transport.clone()),
            from: None,
            sms_from: None,
            rate: self.rate.lock().unwrap().filter(|_| channel == Channel::Email),
        }))
    }
}
