//! Rule 15, flat memory: nothing holds a whole selection, file or batch in memory.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::service::ImportOptions;

use crate::house::{House, links};

/// The most people that anything may ask for at once.
const PAGE: usize = 1000;

#[tokio::test]
async fn rule_15_a_plan_of_20_000_people_is_read_in_pages() {
    let house = House::hosted_with(RecordingTransport::new(), links).await;
    for number in 0..20_000 {
        house.add(&format!("person{number}")).await;
    }
    let plan = house.invites.plan(&house.admin, Invite::never_invited()).await.unwrap();
    assert_eq!(plan.totals().send, 20_000);
    let table = house.table.as_ref().unwrap();
    assert!(table.largest() <= PAGE, "{}", table.largest());
    assert!(table.pages() >= 20_000 / PAGE);
}

#[tokio::test]
async fn rule_15_ids_that_were_ticked_are_looked_up_in_pages() {
    let house = House::hosted_with(RecordingTransport::new(), links).await;
    let mut ids = Vec::new();
    for number in 0..3_500 {
        ids.push(house.add(&format!("person{number}")).await);
    }
    let plan = house.invites.plan(&house.admin, Invite::users(ids.clone())).await.unwrap();
    assert_eq!(plan.totals().send, 3_500);
    house.invites.record_change(house.organisation, &ids).await.unwrap();
    let table = house.table.as_ref().unwrap();
    assert!(table.largest() <= PAGE, "{}", table.largest());
}

#[tokio::test]
async fn rule_15_a_worker_asks_for_no_more_people_than_it_sends_at_once() {
    let house = House::hosted_with(RecordingTransport::new(), links).await;
    for number in 0..300 {
        house.add(&format!("person{number}")).await;
    }
    // The plan's own pages are counted on another table.
    let batch = house.confirm(Invite::never_invited()).await;
    let worker = crate::people::Table::default();
    for delivery in house.deliveries(batch).await {
        let user = house.invites.user(&house.admin, delivery.user).await.unwrap().user;
        worker.insert(house.organisation, user);
    }
    let key = invite_core::credential::random::system_random()
        .map(|mut random| invite_core::SealingKey::generate(&mut random));
    let invites = invite_core::Invites::builder_with(worker.clone(), house.store.clone())
        .email(house.transport.clone())
        .sms(house.transport.clone())
        .seal_with(key.unwrap())
        .build()
        .unwrap();
    let report = invites.worker().concurrency(16).run_until_idle().await.unwrap();
    assert_eq!(report.sent, 300);
    assert!((1..=16).contains(&worker.largest()), "{}", worker.largest());
}

/// A file of many lines that is nowhere as a whole, and counts how much of it was read.
struct Endless {
    lines: usize,
    line: usize,
    rest: Vec<u8>,
    read: Arc<AtomicUsize>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() && self.line < self.lines {
            self.rest = match self.line {
                0 => b"email,username,first_name\n".to_vec(),
                number => format!("p{number}@acme.example,p{number},Person\n").into_bytes(),
            };
            self.line += 1;
        }
        let read = self.rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.rest[..read]);
        self.rest.drain(..read);
        self.read.store(self.line, Ordering::Relaxed);
        Ok(read)
    }
}

#[tokio::test]
async fn rule_15_a_file_is_read_a_few_pages_ahead_of_what_is_imported() {
    let house = House::with_links().await;
    let read = Arc::new(AtomicUsize::new(0));
    let file = Endless { lines: 20_001, line: 0, rest: Vec::new(), read: read.clone() };
    let ahead = Arc::new(AtomicUsize::new(0));
    let most = ahead.clone();
    let options = ImportOptions::default().on_progress(move |report| {
        let imported = usize::try_from(report.last_line).unwrap();
        most.fetch_max(read.load(Ordering::Relaxed).saturating_sub(imported), Ordering::Relaxed);
    });
    let report = house.invites.import(&house.admin, file, options).await.unwrap();
    assert_eq!(report.created, 20_000);
    // A page in the hand, one in the pipe, one that is being read, and the buffer of the reader.
    let ahead = ahead.load(Ordering::Relaxed);
    assert!(ahead < 20_000 / 4, "{ahead} lines");
}
