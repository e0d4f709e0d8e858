//! What many people cost. Run it with
//! `cargo test --release -p invite-sqlite --test scale -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one prints")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Instant;

use invite_core::credential::{HashCost, Hasher, MintOrder, SealingKey, mint, random};
use invite_core::decision::begin::Take;
use invite_core::decision::person_match::ImportMode;
use invite_core::model::actor::Actor;
use invite_core::model::batch::TemplatePins;
use invite_core::model::id::{BatchId, ImportId, OrganisationId, UserId};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, Organisation, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::selection::{Filter, Selection};
use invite_core::model::sender::SenderKey;
use invite_core::people_file::PersonRow;
use invite_core::policy::Policy;
use invite_core::port::accounts::{Accounts, UserPage};
use invite_core::port::organisations::Organisations;
use invite_core::port::people::{ImportPage, People};
use invite_core::port::plans::{Confirm, Confirmed, NewPlan, PlanPage, Plans};
use invite_core::port::queue::{
    Begin, BeginDelivery, Begun, Claim, HandOverResult, Queue, Record, RecordDelivery,
};
use invite_sqlite::SqliteStore;

const PAGE: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute and proves nothing that others do not; it prints figures"]
async fn a_hundred_thousand_people() {
    let people: usize = std::env::var("PEOPLE").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("invite.db")).await.unwrap();
    let organisation = OrganisationId::new();
    let actor = Actor::system(organisation);
    let settings = Settings::new("Acme");
    let acme = Organisation { id: organisation, alias: "acme".parse().unwrap(), settings };
    store.save_organisation(acme, actor.clone()).await.unwrap();

    let start = Instant::now();
    import(&store, &actor, people).await;
    println!("import of {people}: {:?}", start.elapsed());

    let start = Instant::now();
    let plan = plan(&store, &actor).await;
    println!("plan: {:?}, {:?}", start.elapsed(), plan.totals);

    let start = Instant::now();
    let policy = Policy::default();
    let confirm =
        Confirm { plan: plan.id, actor, resets: false, hold: Some(std::time::Duration::ZERO), policy };
    assert!(matches!(store.confirm(confirm).await.unwrap(), Confirmed::Now(_)));
    println!("confirm: {:?}", start.elapsed());

    let start = Instant::now();
    println!("waiting: {:?} in {:?}", store.waiting().await.unwrap(), start.elapsed());
    send(&store, organisation, 20).await;
    let start = Instant::now();
    let progress = store.progress(organisation, plan.id).await.unwrap();
    println!("progress: {:?} in {:?}", progress.states, start.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    let size = std::fs::metadata(folder.path().join("invite.db")).unwrap().len();
    println!("file: {} MiB", size / 1024 / 1024);
}

async fn import(store: &SqliteStore, actor: &Actor, people: usize) {
    let import = ImportId::new();
    for first in (0..people).step_by(PAGE) {
        let rows = (first..(first + PAGE).min(people))
            .map(|n| {
                let mut row = PersonRow::default();
                row.line = n as u64 + 2;
                row.email = Some(format!("person{n}@example.com").parse().unwrap());
                row.first_name = Some(format!("First{n}"));
                row.last_name = Some(format!("Last{n}"));
                row.employee_number = Some(format!("{n:08}"));
                row
            })
            .collect();
        let page = ImportPage {
            organisation: actor.organisation(),
            actor: actor.clone(),
            import,
            file_name: "people.csv".into(),
            mode: ImportMode::Upsert,
            dry_run: false,
            rows,
        };
        store.import_page(page).await.unwrap();
    }
}

async fn plan(store: &SqliteStore, actor: &Actor) -> invite_core::model::batch::Batch {
    let organisation = actor.organisation();
    let policy = Policy::default();
    let plan = NewPlan {
        id: BatchId::new(),
        actor: actor.clone(),
        inviter: "Berit".into(),
        action: Action::Invite,
        selection: Selection::all(),
        channels: ChannelRule::Email,
        templates: TemplatePins::default(),
        lifetime: policy.plan_lifetime,
    };
    let id = store.open_plan(plan).await.unwrap().id;
    let mut after: Option<UserId> = None;
    loop {
        let page = UserPage { organisation, filter: Filter::default(), after, limit: PAGE };
        let users = store.page(page).await.unwrap();
        let last = users.len() < PAGE;
        let next = users.last().map(|user| user.id);
        let page = PlanPage {
            organisation,
            plan: id,
            after,
            people: users.into_iter().map(|user| (user.id, Some(user))).collect(),
            senders: BTreeMap::from([(Channel::Email, sender())]),
            last,
            policy: policy.clone(),
        };
        let batch = store.plan_page(page).await.unwrap();
        if last {
            return batch;
        }
        after = next;
    }
}

async fn send(store: &SqliteStore, organisation: OrganisationId, rounds: usize) {
    let hasher = Hasher::with_threads(HashCost::weak_for_tests(), NonZeroUsize::MIN).unwrap();
    let key = SealingKey::generate(&mut random::system_random().unwrap());
    let policy = Policy::default();
    let mut times = [std::time::Duration::ZERO; 3];
    for _ in 0..rounds {
        let claim = Claim { worker: "w".into(), limit: 64, lease: policy.lease, policy: policy.clone() };
        let start = Instant::now();
        let claimed = store.claim(claim).await.unwrap();
        times[0] += start.elapsed();
        let users = claimed.deliveries.iter().map(|delivery| delivery.user).collect();
        let facts = store.facts(organisation, users).await.unwrap();
        let mut deliveries = Vec::new();
        for (delivery, user) in claimed.deliveries.iter().zip(facts) {
            let wish = delivery.credential.as_ref().unwrap();
            let Take::Mint(generation) = wish.take else { panic!("it is new") };
            let invitation = delivery.invitation;
            let order = MintOrder { kind: wish.kind, organisation, invitation, generation, salt: wish.salt };
            let minted = Some(mint(order, &hasher, &key).await.unwrap());
            deliveries.push(BeginDelivery { id: delivery.id, user, minted, sender: sender() });
        }
        let start = Instant::now();
        let begin = Begin { token: claimed.token, deliveries, policy: policy.clone() };
        let begun = store.begin(begin).await.unwrap();
        times[1] += start.elapsed();
        assert!(begun.iter().all(|one| matches!(one, Begun::Go(_))));
        let outcomes = claimed
            .deliveries
            .iter()
            .map(|delivery| RecordDelivery {
                token: claimed.token,
                id: delivery.id,
                result: HandOverResult::Outcome(Outcome::Accepted(Receipt("r".into()))),
            })
            .collect();
        let start = Instant::now();
        store.record(Record { outcomes, policy: policy.clone() }).await.unwrap();
        times[2] += start.elapsed();
    }
    let [claim, begin, record] = times.map(|time| time / u32::try_from(rounds).unwrap());
    println!("of 64 messages: claim {claim:?}, begin {begin:?}, record {record:?}");
}

fn sender() -> (SenderKey, String) {
    (SenderKey("smtp".into()), "account".into())
}
