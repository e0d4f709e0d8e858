//! What the database says, as errors of the port: whether trying again helps, and what to do.

mod support;

use invite_core::model::actor::Actor;
use invite_core::model::batch::TemplatePins;
use invite_core::model::id::OrganisationId;
use invite_core::model::organisation::{Organisation, Settings};
use invite_core::port::error::{PortError, PortErrorKind};
use invite_core::port::organisations::Organisations;
use invite_postgres::PgStore;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolOptions};

async fn run(pool: &PgPool, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await.expect("it can be done");
}

async fn save(store: &PgStore) -> Result<(), PortError> {
    let id = OrganisationId::new();
    let acme = Organisation { id, alias: "acme".parse().expect("an alias"), settings: Settings::new("Acme") };
    store.save_organisation(acme, Actor::system(id), TemplatePins::default()).await.map(drop)
}

#[tokio::test]
async fn each_code_says_whether_trying_again_helps() {
    use PortErrorKind::{Corrupt, NotWritable, Refused, Unavailable};
    let pool = support::pool().await;
    let schema = support::schema();
    let store = PgStore::in_schema(pool.clone(), &schema).await.expect("the tables can be made");
    let raising = |code: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'made by the test' USING ERRCODE = '{code}'; END $$"
        )
    };
    run(&pool, raising("25006")).await;
    run(
        &pool,
        format!(
            "CREATE TRIGGER fails BEFORE INSERT ON {schema}.organisation FOR EACH ROW EXECUTE FUNCTION {schema}.fail()"
        ),
    )
    .await;
    for (code, kind, advice) in [
        ("25006", NotWritable, "connect to the primary"),
        ("53100", NotWritable, "make room"),
        ("53400", NotWritable, "raise it"),
        ("28P01", Refused, "role or password"),
        ("28000", Refused, "pg_hba.conf"),
        ("3D000", Refused, "no such database"),
        ("3F000", Refused, "run the migrations"),
        ("42P01", Refused, "run the migrations"),
        ("42703", Refused, "of another release"),
        ("42501", Refused, "lacks a right"),
        ("23514", Refused, ""),
        ("22001", Refused, ""),
        ("XX001", Corrupt, ""),
        ("XX002", Corrupt, ""),
        ("53300", Unavailable, "max_connections"),
        ("53200", Unavailable, ""),
        ("57P01", Unavailable, ""),
        ("57P02", Unavailable, ""),
        ("57P03", Unavailable, ""),
        ("57P05", Unavailable, ""),
        ("57014", Unavailable, ""),
        ("55P03", Unavailable, ""),
        ("40001", Unavailable, ""),
        ("40P01", Unavailable, ""),
        ("08000", Unavailable, ""),
        ("08006", Unavailable, ""),
        ("08P01", Unavailable, ""),
        ("58030", Unavailable, ""),
    ] {
        run(&pool, raising(code)).await;
        let error = save(&store).await.expect_err("the trigger fails");
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(error.to_string().contains(advice), "{code}: {error}");
    }
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_at_once_what_to_mend() {
    let url = support::url();
    let (server, _) = url.rsplit_once('/').expect("a database's name");
    let nobody = url.replacen("postgres@", "nobody-of-this-name@", 1);
    for (url, advice) in [
        (nobody, "the URL's role or password is wrong"),
        (format!("{server}/nowhere"), "no such database"),
        // Without TLS in sqlx, as with a certificate that nobody trusts.
        (format!("{url}?sslmode=verify-full"), "sslmode"),
        (format!("{server}/postgres?sslmode=sometimes"), ""),
    ] {
        let error = PgStore::connect(&url).await.expect_err("it is not let in");
        assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_wrong_password_is_refused_and_stands_in_no_error() {
    let mut server = support::server::Server::start();
    PgStore::connect(&server.url(support::server::PASSWORD)).await.expect("the right one opens it");
    let error = PgStore::connect(&server.url("wrong-password")).await.expect_err("it is wrong");
    assert_eq!(error.kind(), PortErrorKind::Refused);
    let words = format!("{} {error:?}", support::whole(&error));
    assert!(words.contains("role or password is wrong") && !words.contains("wrong-password"), "{words}");
    server.end();
    let error = PgStore::connect(&server.url(support::server::PASSWORD)).await.expect_err("it has ended");
    assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn tables_that_are_gone_are_an_error_that_says_how_to_make_them() {
    let pool = support::pool().await;
    let schema = support::schema();
    let store = PgStore::in_schema(pool.clone(), &schema).await.expect("the tables can be made");
    run(&pool, format!("DROP SCHEMA {schema} CASCADE")).await;
    for error in [
        save(&store).await.expect_err("there is no table"),
        store.by_alias("acme".parse().expect("an alias")).await.map(drop).expect_err("there is no table"),
    ] {
        assert_eq!(error.kind(), PortErrorKind::Refused);
        assert!(error.to_string().contains("run the migrations"), "{error}");
    }
}

#[tokio::test]
async fn a_pool_without_a_connection_left_is_waited_for_and_a_closed_one_is_not() {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(std::time::Duration::from_secs(5));
    let pool = pool.connect(&support::url()).await.expect("PostgreSQL is there");
    let store = PgStore::in_schema(pool.clone(), &support::schema()).await.expect("the tables can be made");
    let held = pool.acquire().await.expect("it has one connection");
    assert_eq!(save(&store).await.expect_err("none is left").kind(), PortErrorKind::Unavailable);
    drop(held);
    pool.close().await;
    let error = save(&store).await.expect_err("the pool is closed");
    assert_eq!(error.kind(), PortErrorKind::Refused);
    assert!(error.to_string().contains("end workers before it"), "{error}");
}
