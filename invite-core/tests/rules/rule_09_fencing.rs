//! Rule 9, fencing: a worker whose lease has passed on changes nothing, and no hand-over starts with less than a ninth of
//! the lease left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::message::{Channel, Message};
use invite_core::model::organisation::Organisation;
use invite_core::model::outcome::{Outcome, Receipt, Refusal, Scope};
use invite_core::model::sender::SenderKey;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::senders::{Sender, Senders};
use invite_core::port::transport::Transport;
use invite_core::{Invites, SealingKey};
use tokio::sync::Notify;

use crate::house::{House, LEASE_OVER, answer};

/// A provider that keeps the first message until it is told, and then answers `late`; it accepts all others at once.
#[derive(Debug, Clone)]
struct Stuck {
    late: Outcome,
    calls: Arc<AtomicUsize>,
    called: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[async_trait]
impl Transport for Stuck {
    async fn send(&self, _: &Message, _: Duration) -> Outcome {
        if self.calls.fetch_add(1, Ordering::Relaxed) > 0 {
            return Outcome::Accepted(Receipt("of the second worker".into()));
        }
        self.called.notify_one();
        self.go_on.notified().await;
        self.late.clone()
    }
}

#[tokio::test]
async fn rule_09_the_outcome_of_a_worker_whose_lease_passed_on_changes_nothing() {
    for late in [
        Outcome::Accepted(Receipt("of the first worker".into())),
        Outcome::Refused { refusal: Refusal::Recipient, answer: answer("no such user") },
        Outcome::Deferred { retry_after: None, answer: answer("later") },
        Outcome::Blocked { scope: Scope::Account, answer: answer("suspended") },
        Outcome::Unknown { answer: answer("reset") },
    ] {
        let (called, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let stuck = Stuck { late, calls: Arc::default(), called: called.clone(), go_on: go_on.clone() };
        let house = House::hosted_with(stuck, |_| {}).await;
        let anna = house.add_with("anna", |user| user.has_password = true).await;
        let batch = house.confirm(Invite::users([anna])).await;
        let first = tokio::spawn(house.invites.worker().run_until_idle());
        called.notified().await;
        house.clock.advance(LEASE_OVER);
        assert_eq!(house.work().await.sent, 1);

        let before = (house.record(anna).await, house.events().await);
        go_on.notify_one();
        let report = first.await.unwrap().unwrap();
        assert_eq!((report.fenced, report.sent), (1, 0));
        assert_eq!((house.record(anna).await, house.events().await), before);
        assert_eq!(house.ended(batch, anna).await.0, DeliveryState::Sent);
        assert!(house.invites.suppressions(&house.admin, None, 10).await.unwrap().rows.is_empty());
        assert_eq!(house.invites.sender_pauses(&house.admin).await.unwrap(), []);
    }
}

/// Takes its time when a worker asks, once; whoever asks holds a claim meanwhile.
#[derive(Debug, Clone)]
struct Slow {
    sender: Sender,
    asked: Arc<AtomicUsize>,
    millis: Arc<AtomicUsize>,
}

#[async_trait]
impl Senders for Slow {
    async fn sender(&self, _: Arc<Organisation>, _: Channel) -> PortResult<Option<Sender>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let millis = self.millis.swap(0, Ordering::Relaxed);
        // It blocks the thread, so that nobody renews the lease meanwhile.
        std::thread::sleep(Duration::from_millis(millis as u64));
        Ok(Some(self.sender.clone()))
    }
}

#[tokio::test]
async fn rule_09_no_hand_over_starts_with_less_than_a_ninth_of_the_lease_left() {
    let transport = RecordingTransport::new();
    let sender = Sender {
        key: SenderKey("email".into()),
        account: "email".into(),
        transport: Arc::new(transport.clone()),
        from: None,
        sms_from: None,
        rate: None,
    };
    let slow = Slow { sender, asked: Arc::default(), millis: Arc::default() };
    let lease = Duration::from_secs(1);
    let policy = Policy { lease, renewal: lease / 2, ..Policy::default() };
    assert_eq!(policy.margin(), lease / 9);

    let house = House::with(transport.clone(), crate::house::links).await;
    let anna = house.add("anna").await;
    // The same store, with senders that take their time.
    let key = SealingKey::generate(&mut invite_core::credential::random::system_random().unwrap());
    let invites = Invites::builder(house.store.clone()).senders(slow.clone()).seal_with(key);
    let invites = invites.policy(policy).build().unwrap();
    let plan = invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    invites.confirm(&house.admin, plan.id()).await.unwrap();

    slow.asked.store(0, Ordering::Relaxed);
    slow.millis.store(950, Ordering::Relaxed);
    let report = invites.worker().run_until_idle().await.unwrap();
    // By the store's clock, which stands, the claim was good all the time: the worker itself let it go and claimed anew.
    assert_eq!((report.sent, report.fenced), (1, 0));
    assert!(slow.asked.load(Ordering::Relaxed) >= 2);
    assert_eq!(transport.messages().len(), 1);
}
