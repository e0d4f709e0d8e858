//! What is special about one file: several who use it at once, what stays in it, and filters that SQL evaluates.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use invite_core::credential::{HashCost, Hasher, MintOrder, SealingKey, mint, random};
use invite_core::decision::begin::Take;
use invite_core::model::actor::Actor;
use invite_core::model::batch::TemplatePins;
use invite_core::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, Organisation, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::selection::{Filter, PeopleFilter, Selection};
use invite_core::model::sender::SenderKey;
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::accounts::{Accounts, UserPage};
use invite_core::port::organisations::Organisations;
use invite_core::port::people::{People, SaveUsers};
use invite_core::port::plans::{Confirm, Confirmed, NewPlan, PlanPage, Plans};
use invite_core::port::queue::{
    Begin, BeginDelivery, Begun, Claim, Claimed, HandOverResult, Queue, Record, RecordDelivery,
};
use invite_sqlite::SqliteStore;

/// An organisation with so many people in a file.
async fn organisation(store: &SqliteStore, people: usize) -> (OrganisationId, Vec<User>) {
    let id = OrganisationId::new();
    let alias = format!("o-{id}").parse().unwrap();
    let organisation = Organisation { id, alias, settings: Settings::new("Acme") };
    store.save_organisation(organisation, Actor::system(id), TemplatePins::default()).await.unwrap();
    let users: Vec<_> = (0..people)
        .map(|number| User {
            email: Some(format!("p{number}@example.com").parse().unwrap()),
            ..User::new(UserId::new())
        })
        .collect();
    save(store, id, users.clone()).await;
    (id, users)
}

async fn save(store: &SqliteStore, organisation: OrganisationId, users: Vec<User>) {
    let save = SaveUsers { organisation, actor: Actor::system(organisation), users };
    store.save(save).await.unwrap();
}

/// Plans and confirms an invitation of all these people.
async fn invite(store: &SqliteStore, organisation: OrganisationId, users: &[User]) -> BatchId {
    let policy = Policy::default();
    let actor = Actor::system(organisation);
    let plan = NewPlan {
        id: BatchId::new(),
        actor: actor.clone(),
        inviter: "Berit".into(),
        action: Action::Invite,
        scheduled: false,
        selection: Selection::all(),
        channels: ChannelRule::Email,
        templates: TemplatePins::default(),
        lifetime: policy.plan_lifetime,
    };
    let plan = store.open_plan(plan).await.unwrap().id;
    let page = PlanPage {
        organisation,
        plan,
        after: None,
        people: users.iter().map(|user| (user.id, Some(user.clone()))).collect(),
        senders: BTreeMap::from([(Channel::Email, sender())]),
        sms_sizes: BTreeMap::new(),
        last: true,
        policy: policy.clone(),
    };
    store.plan_page(page).await.unwrap();
    let confirm = Confirm {
        plan,
        actor,
        resets: false,
        hold: Some(std::time::Duration::ZERO),
        starts_in: std::time::Duration::ZERO,
        pilot: None,
        policy,
    };
    assert!(matches!(store.confirm(confirm).await.unwrap(), Confirmed::Now(_)));
    plan
}

async fn claim(store: &SqliteStore, limit: usize) -> Claimed {
    let policy = Policy::default();
    store.claim(Claim { worker: "w".into(), limit, lease: policy.lease, policy }).await.unwrap()
}

fn sender() -> (SenderKey, String) {
    (SenderKey("smtp".into()), "account".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_file_give_each_message_to_one_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let web = SqliteStore::open(&path).await.unwrap();
    let worker = SqliteStore::open(&path).await.unwrap();
    let (id, users) = organisation(&web, 200).await;
    invite(&web, id, &users).await;
    let claims: Vec<_> = (0..8)
        .map(|number| {
            let store = if number % 2 == 0 { web.clone() } else { worker.clone() };
            tokio::spawn(async move {
                let mut got: Vec<DeliveryId> = Vec::new();
                loop {
                    let claimed = claim(&store, 7).await;
                    if claimed.deliveries.is_empty() {
                        return got;
                    }
                    got.extend(claimed.deliveries.iter().map(|delivery| delivery.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claim in claims {
        all.extend(claim.await.unwrap());
    }
    let once: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), once.len()), (200, 200));
}

#[tokio::test]
async fn a_wiped_secret_is_nowhere_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let (organisation, users) = organisation(&store, 1).await;
    invite(&store, organisation, &users).await;
    let claimed = claim(&store, 1).await;
    let delivery = &claimed.deliveries[0];
    let wish = delivery.credential.as_ref().unwrap();
    let Take::Mint(generation) = wish.take else { panic!("{wish:?}") };
    let hasher = Hasher::with_threads(HashCost::weak_for_tests(), NonZeroUsize::MIN).unwrap();
    let key = SealingKey::generate(&mut random::system_random().unwrap());
    let invitation = delivery.invitation;
    let order = MintOrder {
        kind: wish.kind,
        organisation,
        user: delivery.user,
        invitation,
        generation,
        salt: wish.salt,
    };
    let minted = mint(order, &hasher, &key).await.unwrap();
    let sealed = minted.sealed.as_bytes().to_vec();
    let policy = Policy::default();
    let user = users.first().cloned();
    let wish = BeginDelivery { id: delivery.id, user, minted: Some(minted), sender: sender() };
    let begin = Begin { token: claimed.token, deliveries: vec![wish], policy: policy.clone() };
    assert!(matches!(store.begin(begin).await.unwrap()[..], [Begun::Go(_)]));
    assert!(is_in(&path, &sealed), "it waits sealed while the message is handed over");

    let result = HandOverResult::Outcome(Outcome::Accepted(Receipt("r".into())));
    let outcomes = vec![RecordDelivery { token: claimed.token, id: delivery.id, result }];
    store.record(Record { outcomes, policy }).await.unwrap();
    drop(store);
    // Whoever opens the file next takes the log over into it.
    let pool = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(&path))
        .await
        .unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
    assert!(!is_in(&path, &sealed));
}

fn is_in(path: &Path, octets: &[u8]) -> bool {
    ["", "-wal"].iter().any(|suffix| {
        let file = format!("{}{suffix}", path.display());
        let content = std::fs::read(file).unwrap_or_default();
        content.windows(octets.len()).any(|window| window == octets)
    })
}

#[tokio::test]
async fn filters_in_sql_agree_with_the_core() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("invite.db")).await.unwrap();
    let (id, _) = organisation(&store, 0).await;
    let names = ["Ægir", "ÆGIR", "Straße", "İpek", "ΟΔΟΣ", "=cmd()", "50%_off", "", "O'Brien", "李雷", "👩‍🚒"];
    let mut users = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        users.push(User {
            first_name: name.into(),
            username: Some(format!("User{number}")),
            group: (number % 3 != 0).then(|| name.to_owned()),
            role: ["member", "administrator", "Shop manager"][number % 3].parse().unwrap(),
            deactivated: number % 2 == 0,
            ..User::new(UserId::new())
        });
    }
    users.sort_by_key(|user| user.id);
    save(&store, id, users.clone()).await;
    let mut filters = vec![PeopleFilter::default()];
    for name in names {
        for text in [name.to_lowercase(), name.to_uppercase(), format!(" {name} ")] {
            filters.push(PeopleFilter { text: Some(text.clone()), ..PeopleFilter::default() });
            filters.push(PeopleFilter { group: Some(text), ..PeopleFilter::default() });
        }
    }
    for deactivated in [true, false] {
        let role = Some("shop manager".parse().unwrap());
        filters.push(PeopleFilter { deactivated: Some(deactivated), role, ..PeopleFilter::default() });
        let role = Some("Shop manager".parse().unwrap());
        filters.push(PeopleFilter { deactivated: Some(deactivated), role, ..PeopleFilter::default() });
    }
    for people in filters {
        let expected: Vec<UserId> =
            users.iter().filter(|user| people.matches(user)).map(|user| user.id).collect();
        let filter = Filter { people: people.clone(), ..Filter::default() };
        let mut found = Vec::new();
        loop {
            let after = found.last().copied();
            let page = UserPage { organisation: id, filter: filter.clone(), after, limit: 2 };
            let page = store.page(page).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|user| user.id));
        }
        assert_eq!(found, expected, "{people:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_process_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("invite.db")).await.unwrap());
    let writers: Vec<_> = (0..50)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { organisation(&store, 3).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.organisations(None, 100).await.unwrap().len(), 50);
}
