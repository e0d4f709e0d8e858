//! A worker without work hears of new work, whoever made it, and does not look for it all the time.
//!
//! Two `Invites` over one store are as good as two processes: they share nothing else. The worker would look by itself only
//! after an hour.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::memory::{MemoryStore, RecordingTransport};
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Answer, Outcome, Refusal};
use invite_core::model::sender::{Covers, SenderKey};
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::clock::Clock;
use invite_core::port::error::PortResult;
use invite_core::port::queue::Queue;
use invite_core::service::{ConfirmOptions, Invite, Invites, Retry, WorkReport};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_hours(1);
/// More than a worker needs that was told, and much less than it takes to look.
const SOON: Duration = Duration::from_millis(500);

/// A process that works, and another that asks.
struct Processes {
    store: MemoryStore,
    readings: Arc<Readings>,
    asks: Invites,
    transport: RecordingTransport,
    system: Actor,
    worker: JoinHandle<PortResult<WorkReport>>,
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Processes {
    /// The worker has found nothing and waits.
    async fn new() -> Self {
        let readings = Arc::new(Readings { start: Instant::now(), count: AtomicU32::default() });
        let store = MemoryStore::with_clock(readings.clone());
        let key = SealingKey::generate(&mut system_random().unwrap());
        let transport = RecordingTransport::new();
        let process = || {
            let builder = Invites::builder(store.clone()).email(transport.clone());
            builder.seal_with(key.clone()).build().unwrap()
        };
        let (works, asks) = (process(), process());
        let settings = Settings {
            app_link: Some("https://app.example.com".parse().unwrap()),
            link_pattern: Some("https://app.example.com/welcome#{token}".parse().unwrap()),
            credential: CredentialKind::SetUpLink,
            quiet_hours: None,
            ..Settings::new("Acme")
        };
        let acme = asks.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
        let work = works.worker().poll_every(HOUR).run_until(std::future::pending());
        let worker = tokio::spawn(work);
        sleep(HOUR / 3).await;
        Self { store, readings, asks, transport, system: Actor::system(acme), worker }
    }

    /// A plan for one person who is new.
    async fn plan(&self) -> BatchId {
        let user = User {
            email: Some(format!("kari-{}@example.com", BatchId::new()).parse().unwrap()),
            ..User::new(UserId::new())
        };
        let id = user.id;
        self.asks.add_user(&self.system, user).await.unwrap();
        self.asks.plan(&self.system, Invite::users([id])).await.unwrap().id()
    }

    async fn confirm(&self, plan: BatchId, hold: Duration) {
        let options = ConfirmOptions::new().hold(hold);
        self.asks.confirm_with(&self.system, plan, options).await.unwrap();
    }

    async fn invite(&self) -> BatchId {
        let plan = self.plan().await;
        self.confirm(plan, Duration::ZERO).await;
        plan
    }

    /// How many messages have been sent in a moment.
    async fn sent_soon(&self) -> usize {
        sleep(SOON).await;
        self.transport.messages().len()
    }
}

/// Goes with the time of the test, and counts how often it is asked: the memory store asks once a transaction.
#[derive(Debug)]
struct Readings {
    start: Instant,
    count: AtomicU32,
}

impl Clock for Readings {
    fn now(&self) -> DateTime<Utc> {
        self.count.fetch_add(1, Ordering::Relaxed);
        "2026-11-23T08:00:00Z".parse::<DateTime<Utc>>().unwrap() + self.start.elapsed()
    }
}

impl Readings {
    fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_hears_of_whatever_another_process_makes_possible() {
    let both = Processes::new().await;

    both.invite().await;
    assert_eq!(both.sent_soon().await, 1, "confirmed");

    let plan = both.plan().await;
    both.asks.pause_sender(&both.system, covers(), "moved").await.unwrap();
    both.confirm(plan, Duration::ZERO).await;
    assert_eq!(both.sent_soon().await, 1, "its sender is stopped");
    both.asks.resume_sender(&both.system, covers()).await.unwrap();
    assert_eq!(both.sent_soon().await, 2, "its sender goes on");

    let refused = Outcome::Refused { refusal: Refusal::Content, answer: Answer::new("554", "no") };
    both.transport.script([refused]);
    let batch = both.invite().await;
    assert_eq!(both.sent_soon().await, 3, "refused");
    both.asks.retry(&both.system, batch, Retry::Failed).await.unwrap();
    assert_eq!(both.sent_soon().await, 4, "sent again");
}

#[tokio::test(start_paused = true)]
async fn a_worker_hears_that_a_batch_goes_on_and_until_when_one_is_held() {
    let both = Processes::new().await;
    let minute = Duration::from_mins(1);
    let plan = both.plan().await;
    both.confirm(plan, minute).await;
    assert_eq!(both.sent_soon().await, 0, "held");
    sleep(minute).await;
    assert_eq!(both.transport.messages().len(), 1, "held no more");

    let plan = both.plan().await;
    both.confirm(plan, minute).await;
    both.asks.pause(&both.system, plan, "wait").await.unwrap();
    sleep(minute * 2).await;
    assert_eq!(both.transport.messages().len(), 1, "paused");
    both.asks.resume(&both.system, plan).await.unwrap();
    assert_eq!(both.sent_soon().await, 2, "it goes on");
}

#[tokio::test(start_paused = true)]
async fn rings_while_a_worker_is_at_work_are_not_lost() {
    let both = Processes::new().await;
    for number in 1..=20 {
        both.invite().await;
        // At another moment of its work each time.
        sleep(Duration::from_millis(number * 7 % 120)).await;
    }
    assert_eq!(both.sent_soon().await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_cancelled_by_another_process_is_swept_at_once() {
    let both = Processes::new().await;
    let plan = both.plan().await;
    both.confirm(plan, HOUR * 24).await;
    // Between two of its sweeps.
    sleep(Duration::from_millis(450)).await;
    both.asks.cancel(&both.system, plan).await.unwrap();
    sleep(Duration::from_millis(150)).await;
    assert_eq!(both.store.sweep(1_000, Policy::default()).await.unwrap(), 0, "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_work_looks_as_often_as_it_was_told() {
    let both = Processes::new().await;
    both.invite().await;
    assert_eq!(both.sent_soon().await, 1);
    let before = both.readings.count();
    sleep(HOUR * 10).await;
    let looks = both.readings.count() - before;
    // Of two lanes, beside a sweep each second and a look for what schedules ask every five.
    let others = 10 * 3_600 + 10 * 3_600 / 5;
    assert!((others..=others + 2 * 2 * 11 + 30).contains(&looks), "{looks} looks");
}

#[tokio::test(start_paused = true)]
async fn many_rings_make_no_worker_look_all_the_time() {
    let both = Processes::new().await;
    let batch = {
        let plan = both.plan().await;
        both.confirm(plan, HOUR * 24).await;
        plan
    };
    sleep(SOON).await;
    let before = both.readings.count();
    for _ in 0..1_000 {
        both.asks.pause(&both.system, batch, "a storm").await.unwrap();
        both.asks.resume(&both.system, batch).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    // Each of those who ask asks twice. In 10 s each of two lanes claims and counts at most 100 times, and a sweep is done
    // as often, and a look for what schedules ask.
    let looks = both.readings.count() - before;
    assert!(looks <= 2 * 1_000 + 6 * 100 + 10, "{looks} looks");
}

fn covers() -> Covers {
    Covers::Sender(SenderKey("email".into()))
}
