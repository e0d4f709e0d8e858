//! What is done in the host's own transaction happens with it or not at all, and what is refused leaves it usable.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::conformance::store::{Clockwork, StoreUnderTest};
use invite_core::credential::{HashCost, random};
use invite_core::memory::{ManualClock, RecordingTransport};
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::item::SkipReason;
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::organisation::Settings;
use invite_core::model::user::User;
use invite_core::service::{ConfirmOptions, Error};
use invite_core::{Actor, Invite, Invites, SealingKey};
use invite_postgres::PgStore;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Postgres, Transaction};

/// A host: its database with a table of its own, and an organisation of one person.
struct Host {
    pool: PgPool,
    schema: String,
    store: PgStore,
    invites: Invites,
    transport: RecordingTransport,
    system: Actor,
    ada: UserId,
}

impl Host {
    async fn new() -> Self {
        let (pool, schema) = (support::pool().await, support::schema());
        let store = PgStore::in_schema(pool.clone(), &schema).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE TABLE {schema}.shop (id bigint PRIMARY KEY)")))
            .execute(&pool)
            .await
            .unwrap();
        let transport = RecordingTransport::new();
        let invites = Invites::builder(store.clone())
            .email(transport.clone())
            .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
            .hash_cost(HashCost::weak_for_tests())
            .build()
            .unwrap();
        let mut settings = Settings::new("Acme");
        settings.app_link = Some("https://app.acme.example".parse().unwrap());
        settings.channels = [Channel::Email].into();
        settings.quiet_hours = None;
        let acme = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
        let system = Actor::system(acme);
        let ada = person("ada");
        invites.add_user(&system, ada.clone()).await.unwrap();
        Self { pool, schema, store, invites, transport, system, ada: ada.id }
    }

    async fn begin(&self) -> Transaction<'static, Postgres> {
        self.pool.begin().await.unwrap()
    }

    /// A transaction in which the host has opened a shop.
    async fn with_shop(&self, id: i64) -> Transaction<'static, Postgres> {
        let mut transaction = self.begin().await;
        self.open_shop(&mut transaction, id).await.unwrap();
        transaction
    }

    async fn open_shop(&self, transaction: &mut Transaction<'static, Postgres>, id: i64) -> sqlx::Result<()> {
        let insert = format!("INSERT INTO {}.shop VALUES ($1)", self.schema);
        sqlx::query(AssertSqlSafe(insert)).bind(id).execute(&mut **transaction).await.map(drop)
    }

    async fn shops(&self) -> Vec<i64> {
        let select = format!("SELECT id FROM {}.shop ORDER BY id", self.schema);
        sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&self.pool).await.unwrap()
    }

    async fn plan(&self) -> BatchId {
        self.invites.plan(&self.system, Invite::users([self.ada])).await.unwrap().id()
    }

    /// To whom a worker sends what there is to send.
    async fn sent(&self) -> Vec<String> {
        self.invites.worker().run_until_idle().await.unwrap();
        let email = |message: &Message| match &message.content {
            Content::Email(email) => email.to.address.as_str().to_owned(),
            Content::Sms(_) => panic!("nobody has a phone"),
        };
        self.transport.messages().iter().map(email).collect()
    }

    async fn batches(&self) -> usize {
        self.invites.batches(&self.system, None, 100).await.unwrap().rows.len()
    }
}

fn person(name: &str) -> User {
    User {
        username: Some(name.to_owned()),
        email: Some(format!("{name}@acme.example").parse().unwrap()),
        ..User::new(UserId::new())
    }
}

const fn at_once() -> ConfirmOptions {
    ConfirmOptions::new().hold(Duration::ZERO)
}

#[tokio::test]
async fn a_plan_is_confirmed_with_the_hosts_transaction_and_not_before() {
    let host = Host::new().await;
    let plan = host.plan().await;
    let transaction = host.with_shop(7).await;
    let confirmed = host.store.confirm_in(&host.invites, transaction, &host.system, plan, at_once()).await;
    let (transaction, batch) = confirmed.unwrap();
    assert_eq!(batch.unwrap().totals.recipients(), 1);
    // A worker neither sees it nor waits for it.
    assert_eq!(host.sent().await, [""; 0]);
    transaction.commit().await.unwrap();
    assert_eq!(host.shops().await, [7]);
    assert_eq!(host.sent().await, ["ada@acme.example"]);
}

#[tokio::test]
async fn a_plan_that_was_confirmed_and_rolled_back_is_a_plan_as_before() {
    let host = Host::new().await;
    let plan = host.plan().await;
    let transaction = host.with_shop(7).await;
    let confirmed = host.store.confirm_in(&host.invites, transaction, &host.system, plan, at_once()).await;
    let (transaction, batch) = confirmed.unwrap();
    batch.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(host.shops().await, [0; 0]);
    assert_eq!(host.sent().await, [""; 0]);
    host.invites.planned(&host.system, plan).await.unwrap();
    host.invites.confirm_with(&host.system, plan, at_once()).await.unwrap();
    assert_eq!(host.sent().await, ["ada@acme.example"]);
}

#[tokio::test]
async fn a_person_is_added_and_invited_in_one_transaction() {
    let host = Host::new().await;
    let grace = person("grace");
    let mut transactions = Vec::new();
    for id in [UserId::new(), grace.id] {
        let within = host.store.within(host.with_shop(7).await);
        let invites = host.invites.over(within.store());
        invites.add_user(&host.system, User { id, ..grace.clone() }).await.unwrap();
        drop(invites);
        let transaction = within.into_transaction().await.unwrap();
        let invited = host.store.invite_one_in(&host.invites, transaction, &host.system, id, at_once());
        let (transaction, batch) = invited.await.unwrap();
        assert_eq!(batch.unwrap().totals.recipients(), 1);
        // The first is undone, or the second would be called as she is.
        match transactions.len() {
            0 => transaction.rollback().await.unwrap(),
            _ => transaction.commit().await.unwrap(),
        }
        transactions.push(host.batches().await);
    }
    assert_eq!(transactions, [0, 1]);
    assert_eq!(host.shops().await, [7]);
    assert_eq!(host.sent().await, ["grace@acme.example"]);
}

#[tokio::test]
async fn what_is_refused_leaves_the_transaction_usable() {
    let host = Host::new().await;
    let within = host.store.within(host.with_shop(7).await);
    let invites = host.invites.over(within.store());
    let unknown = invites.confirm_with(&host.system, BatchId::new(), at_once()).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let taken = invites.add_user(&host.system, person("ada")).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
    let stranger = Actor::administrator(host.system.organisation(), UserId::new());
    let not_allowed = invites.plan(&stranger, Invite::users([host.ada])).await;
    assert!(matches!(not_allowed, Err(Error::NotAllowed)), "{not_allowed:?}");
    drop(invites);
    let transaction = within.into_transaction().await.unwrap();
    let nobody = UserId::new();
    let invited = host.store.invite_one_in(&host.invites, transaction, &host.system, nobody, at_once()).await;
    let (mut transaction, batch) = invited.unwrap();
    let totals = batch.unwrap().totals;
    assert_eq!((totals.recipients(), totals.skip.keys().copied().collect()), (0, vec![SkipReason::NotFound]));
    host.open_shop(&mut transaction, 8).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(host.shops().await, [7, 8]);
    assert_eq!(host.sent().await, [""; 0]);
}

#[tokio::test]
async fn what_was_begun_and_dropped_is_undone_alone() {
    let host = Host::new().await;
    let within = host.store.within(host.with_shop(7).await);
    let invites = host.invites.over(within.store());
    let system = host.system.clone();
    // Whoever waits goes away in the middle, at ever later moments.
    for micros in (0..6_000).step_by(100) {
        let adding = invites.add_user(&system, person(&format!("p{micros}")));
        let _ = tokio::time::timeout(Duration::from_micros(micros), adding).await;
    }
    drop(invites);
    sqlx::query("SELECT 1").execute(&mut *within.connection().await.unwrap()).await.unwrap();
    within.into_transaction().await.unwrap().commit().await.unwrap();
    assert_eq!(host.shops().await, [7]);
    host.invites
        .users(&host.system, invite_core::model::selection::Filter::default(), None, 100)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_hosts_statements_and_ours_take_turns_in_one_transaction() {
    let host = Host::new().await;
    let within = host.store.within(host.begin().await);
    let invites = host.invites.over(within.store());
    let count_shops = async || {
        let mut connection = within.connection().await.unwrap();
        let insert = format!("INSERT INTO {}.shop SELECT count(*) FROM {0}.shop", host.schema);
        sqlx::query(AssertSqlSafe(insert)).execute(&mut *connection).await.unwrap();
    };
    count_shops().await;
    let plan = invites.plan(&host.system, Invite::users([host.ada])).await.unwrap();
    count_shops().await;
    invites.confirm_with(&host.system, plan.id(), at_once()).await.unwrap();
    let held = within.into_transaction().await;
    let told = support::whole(&held.expect_err("the store is still there"));
    assert!(told.contains("drop the stores"), "{told}");
    drop(invites);
    assert_eq!(host.batches().await, 0);
}

#[tokio::test]
async fn the_planner_is_told_again_what_the_host_had_told_it() {
    let host = Host::new().await;
    let mut transaction = host.begin().await;
    sqlx::query("SET LOCAL enable_mergejoin = off").execute(&mut *transaction).await.unwrap();
    let invited =
        host.store.invite_one_in(&host.invites, transaction, &host.system, host.ada, at_once()).await;
    let (mut transaction, batch) = invited.unwrap();
    batch.unwrap();
    let settings =
        "SELECT concat_ws(' ', current_setting('enable_seqscan'), current_setting('enable_hashjoin'),
         current_setting('enable_mergejoin'))";
    let settings: String = sqlx::query_scalar(settings).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(settings, "on on off");
}

/// The clock.
#[derive(Debug)]
struct TestClock(Arc<ManualClock>);

#[async_trait]
impl Clockwork for TestClock {
    async fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

/// A store whose transactions are all savepoints of one: a method that began one while another is open would wait for itself.
async fn within() -> StoreUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    let (pool, schema) = (support::pool().await, support::schema());
    let store = PgStore::in_schema(pool.clone(), &schema).await.unwrap().with_clock(clock.clone());
    let store = store.within(pool.begin().await.unwrap()).store();
    StoreUnderTest { store: Arc::new(store), clock: Arc::new(TestClock(clock)) }
}

invite_core::store_conformance!(store_in_a_transaction, within().await);
