//! Many workers on several pools: nothing is given twice, and nobody is told of a deadlock.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use invite_core::memory::ManualClock;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{DeliveryId, UserId};
use invite_core::policy::Policy;
use invite_core::port::plans::Plans;
use invite_core::port::queue::Queue;
use invite_postgres::PgStore;
use support::rollout::{Rollout, accept, claim};

const PEOPLE: usize = 1000;

/// What workers saw of one message.
#[derive(Debug, Default, Clone)]
struct Seen {
    handed_over: u32,
    accepted: u32,
}

/// A worker's side of the story.
#[derive(Debug, Default)]
struct Journal(Mutex<HashMap<(UserId, DeliveryId), Seen>>);

impl Journal {
    fn note(&self, message: (UserId, DeliveryId), note: impl FnOnce(&mut Seen)) {
        note(self.0.lock().unwrap().entry(message).or_default());
    }
}

/// A worker, until nothing is due. Every so often it dies over what it has, in the middle of a step, and everybody's
/// leases lapse.
async fn work(
    store: PgStore,
    rollout: Arc<Rollout>,
    clock: Arc<ManualClock>,
    journal: Arc<Journal>,
    deaths: Arc<AtomicU32>,
) {
    for round in 0_usize.. {
        let claimed = claim(&store, 20).await;
        if claimed.deliveries.is_empty() {
            let waiting = store.waiting().await.unwrap();
            if waiting.leased == 0 && waiting.due == 0 {
                return;
            }
            clock.advance(Policy::default().lease + Duration::from_secs(1));
            continue;
        }
        let people: HashMap<_, _> = claimed.deliveries.iter().map(|one| (one.id, one.user)).collect();
        let dies = round % 7 == 6 && deaths.fetch_add(1, Ordering::Relaxed) < 8;
        let (begun, left) = claimed.deliveries.split_at(if dies {
            claimed.deliveries.len() / 2
        } else {
            claimed.deliveries.len()
        });
        let sent = rollout.begin(&store, claimed.token, begun).await;
        for id in &sent {
            journal.note((people[id], *id), |seen| seen.handed_over += 1);
        }
        if dies {
            assert_eq!(begun.len() + left.len(), claimed.deliveries.len());
            clock.advance(Policy::default().lease + Duration::from_secs(1));
            continue;
        }
        for (id, state) in sent.iter().zip(accept(&store, claimed.token, &sent).await) {
            if state.is_some() {
                journal.note((people[id], *id), |seen| seen.accepted += 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_batches_that_many_workers_send_while_some_die_everybody_gets_one_message() {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    let schema = support::schema();
    let mut stores = Vec::new();
    for _ in 0..3 {
        let store = PgStore::in_schema(support::pool().await, &schema).await.unwrap();
        stores.push(store.with_clock(clock.clone()));
    }
    let rollout = Rollout::new(&stores[0], "acme", PEOPLE).await;
    let (one, other) = (rollout.plan().await, rollout.plan().await);
    let batches = tokio::join!(rollout.confirm(one), rollout.confirm(other));
    let journal = Arc::new(Journal::default());
    let deaths = Arc::new(AtomicU32::default());
    let workers: Vec<_> = (0..6)
        .map(|number| {
            let store = stores[number % stores.len()].clone();
            let (rollout, clock) = (Arc::clone(&rollout), Arc::clone(&clock));
            tokio::spawn(work(store, rollout, clock, Arc::clone(&journal), Arc::clone(&deaths)))
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let seen = journal.0.lock().unwrap().clone();
    let mut accepted: HashMap<UserId, u32> = HashMap::new();
    for ((user, message), seen) in &seen {
        // One that was lost on the way is handed over once more.
        assert!(seen.handed_over <= 2 && seen.accepted <= 1, "{message}: {seen:?}");
        *accepted.entry(*user).or_default() += seen.accepted;
    }
    assert!(accepted.values().all(|messages| *messages <= 1), "somebody got a message of each batch");
    let mut sent = 0;
    for batch in [batches.0.id, batches.1.id] {
        let progress = stores[0].progress(rollout.organisation, batch).await.unwrap();
        let on_its_way = progress.states.keys().any(|state| state.is_on_its_way());
        assert!(!on_its_way, "{progress:?}");
        sent += progress.states.get(&DeliveryState::Sent).copied().unwrap_or_default();
    }
    assert_eq!(sent, u64::from(accepted.values().sum::<u32>()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_few_messages_of_one_organisation_do_not_wait_for_many_of_another() {
    let store = support::store().await;
    let many = Rollout::new(&store, "many", 2000).await;
    let few = Rollout::new(&store, "few", 10).await;
    many.invite().await;
    few.invite().await;
    let claims: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { claim(&store, 32).await })
        })
        .collect();
    let mut given = Vec::new();
    for one in claims {
        given.extend(one.await.unwrap().deliveries);
    }
    assert_eq!(given.iter().filter(|one| one.organisation == few.organisation).count(), 10);
    assert_eq!(given.len(), 128);
    let mut ids: Vec<_> = given.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 128, "a message was given twice");
}

#[tokio::test]
async fn organisations_take_turns_even_where_a_claim_is_of_one_message() {
    let store = support::store().await;
    let (one, other) = (Rollout::new(&store, "one", 4).await, Rollout::new(&store, "other", 4).await);
    one.invite().await;
    other.invite().await;
    let mut given = Vec::new();
    for _ in 0..4 {
        given.extend(claim(&store, 1).await.deliveries.into_iter().map(|one| one.organisation));
    }
    assert_eq!(given.iter().filter(|of| **of == one.organisation).count(), 2, "{given:?}");
    assert_eq!(given.len(), 4);
}
