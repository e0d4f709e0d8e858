//! Whoever is erased stands in none of the tables any more.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use invite_core::credential::{HashCost, random};
use invite_core::decision::person_match::ImportMode;
use invite_core::memory::RecordingTransport;
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, Settings};
use invite_core::model::outcome::{Answer, Outcome, Scope};
use invite_core::service::{ConfirmOptions, ImportOptions, SignIn};
use invite_core::{Actor, Invite, Invites, SealingKey, Secret};
use invite_postgres::PgStore;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

/// Everything that says who it was.
const TRACES: [&str; 8] = [
    "Wilhelmina",
    "Zuckerkandl",
    "wzuckerkandl",
    "mina@zuckerkandl.example",
    "minette@zuckerkandl.example",
    "91234567",
    "EXT-4711",
    "203.0.113.77",
];

/// Which trace stands in which table, in whatever case.
async fn found(pool: &PgPool, schema: &str) -> Vec<String> {
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename";
    let tables: Vec<String> = sqlx::query_scalar(tables).bind(schema).fetch_all(pool).await.unwrap();
    let mut found = Vec::new();
    for table in tables {
        let rows = format!("SELECT lower(rows::text) FROM {schema}.{table} AS rows");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(pool).await.unwrap();
        for trace in TRACES {
            if rows.iter().any(|row| row.contains(&trace.to_lowercase())) {
                found.push(format!("{trace} in {table}"));
            }
        }
    }
    found
}

#[tokio::test]
async fn whoever_is_erased_is_nowhere_in_the_tables() {
    let (pool, schema) = (support::pool().await, support::schema());
    let store = PgStore::in_schema(pool.clone(), &schema).await.unwrap();
    let transport = RecordingTransport::new();
    let invites = Invites::builder(store)
        .email(transport.clone())
        .sms(transport.clone())
        .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
        .hash_cost(HashCost::weak_for_tests())
        .build()
        .unwrap();
    let mut settings = Settings::new("Acme");
    settings.app_link = Some("https://app.acme.example".parse().unwrap());
    settings.channels = Channel::ALL.into();
    settings.country = Some("NO".parse().unwrap());
    let acme = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
    let system = Actor::system(acme);
    let import = async |mode, rows: &str| {
        let header = "username,first_name,last_name,email,phone_number,external_id,role\n";
        let file = std::io::Cursor::new(format!("{header}{rows}"));
        let options = ImportOptions { mode, allow_contacts: Some(1000), ..ImportOptions::default() };
        invites.import(&system, file, options).await.unwrap()
    };

    // She comes by a file among many, is changed by two more, and invites others as an administrator.
    let others: Vec<String> = (0..600).map(|n| format!("p{n},P{n},Last,p{n}@acme.example,,,\n")).collect();
    let others = others.concat();
    let her =
        "wzuckerkandl,Wilhelmina,Zuckerkandl,mina@zuckerkandl.example,91234567,EXT-4711,administrator\n";
    import(ImportMode::Upsert, &format!("{others}{her}")).await;
    import(ImportMode::Sync, &format!("{others}wzuckerkandl,,,minette@zuckerkandl.example,,,\n")).await;
    let id = invites.find_user(&system, "EXT-4711").await.unwrap();
    let mina = Actor::administrator(acme, id);
    let p0 = invites.find_user(&system, "p0").await.unwrap();
    invites.plan(&mina, Invite::users([p0])).await.unwrap();

    // A provider refuses her address and quotes it; another message is sent; a third waits. Somebody guesses.
    let quoting = Answer::new("550 5.7.1", "relaying to <Minette@Zuckerkandl.example> denied");
    transport.script([Outcome::Blocked { scope: Scope::Sender, answer: quoting }]);
    let send = async |users: Vec<_>| {
        let request = Invite::users(users).channels(ChannelRule::Both);
        let plan = invites.plan(&system, request).await.unwrap();
        let options = ConfirmOptions::new().hold(Duration::ZERO).resets(true);
        invites.confirm_with(&system, plan.id(), options).await.unwrap();
        invites.worker().run_until_idle().await.unwrap()
    };
    send(vec![id]).await;
    invites.suppress(&system, Channel::Email, "mina@zuckerkandl.example").await.unwrap();
    let mut guess = SignIn::new("wzuckerkandl", Secret::new("is it this one".into()));
    guess.source = Some("203.0.113.77".into());
    invites.sign_in(acme, guess).await.unwrap();
    let before = found(&pool, &schema).await;
    for trace in TRACES {
        assert!(before.iter().any(|found| found.starts_with(trace)), "{trace} was to be in {before:?}");
    }

    let erased = invites.erase_person(&system, id).await.unwrap();
    assert!(erased.found && erased.messages > 0);
    assert_eq!(found(&pool, &schema).await, Vec::<String>::new());
    // And it works on.
    assert!(invites.find_user(&system, "p599").await.is_ok());
    let again = import(ImportMode::Upsert, her).await;
    assert_eq!(again.created, 1);
}
