//! What SQLite says, as errors of the port: whether trying again helps, and what to do.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::time::Duration;

use invite_core::model::actor::Actor;
use invite_core::model::batch::TemplatePins;
use invite_core::model::id::OrganisationId;
use invite_core::model::organisation::{Organisation, Settings};
use invite_core::port::error::{PortError, PortErrorKind};
use invite_core::port::organisations::Organisations;
use invite_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_millis(50))
}

async fn pool(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap()
}

async fn save(store: &SqliteStore, name: &str) -> Result<(), PortError> {
    let id = OrganisationId::new();
    let acme = Organisation { id, alias: name.parse().unwrap(), settings: Settings::new(name) };
    store.save_organisation(acme, Actor::system(id), TemplatePins::default()).await.map(drop)
}

/// On each connection of the pool.
async fn everywhere(pool: &SqlitePool, pragma: &'static str) {
    let mut connections = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    for connection in &mut connections {
        sqlx::raw_sql(pragma).execute(&mut **connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_became_read_only_says_so_and_takes_writes_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(options(&folder.path().join("invite.db"))).await;
    let store = SqliteStore::with_pool(pool.clone()).await.unwrap();
    everywhere(&pool, "PRAGMA query_only = ON").await;
    let error = save(&store, "acme").await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::NotWritable);
    assert!(error.to_string().contains("read-only: make"), "{error}");
    assert_eq!(store.organisations(None, 10).await.unwrap().len(), 0, "reading goes on");
    everywhere(&pool, "PRAGMA query_only = OFF").await;
    save(&store, "acme").await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_opened_to_be_read_is_not_writable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    drop(SqliteStore::open(&path).await.unwrap());
    let store = SqliteStore::with_pool(pool(options(&path).read_only(true)).await).await.unwrap();
    let error = save(&store, "acme").await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::NotWritable, "{error}");
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_full_says_so_and_takes_writes_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(options(&folder.path().join("invite.db"))).await;
    let store = SqliteStore::with_pool(pool.clone()).await.unwrap();
    everywhere(&pool, "PRAGMA max_page_count = 1").await;
    let error = async {
        for number in 0..10_000 {
            save(&store, &format!("acme{number}")).await?;
        }
        Ok(())
    };
    let error: PortError = Result::<(), _>::unwrap_err(error.await);
    assert_eq!(error.kind(), PortErrorKind::NotWritable, "{error}");
    assert!(error.to_string().contains("make room"), "{error}");
    everywhere(&pool, "PRAGMA max_page_count = 1000000").await;
    save(&store, "last").await.unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_writes_to_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let store = SqliteStore::with_pool(pool(options(&path)).await).await.unwrap();
    let other = pool(options(&path)).await;
    let writes = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = save(&store, "acme").await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
    assert!(error.to_string().contains("another process"), "{error}");
    drop(writes);
    other.close().await;
    save(&store, "acme").await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    std::fs::write(&path, "This is a letter, and no database at all. ".repeat(100)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("backup"), "{error}");
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter"), "").unwrap();
    for (path, advice) in [
        (folder.path().join("nowhere/invite.db"), "create it"),
        (folder.path().to_path_buf(), "this is no file"),
        (folder.path().join("letter/invite.db"), "this is no file"),
    ] {
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(advice), "{error}");
    }
    let nowhere = options(&folder.path().join("nowhere/invite.db"));
    let lazy = SqlitePoolOptions::new().connect_lazy_with(nowhere);
    let error = SqliteStore::with_pool(lazy).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("folder is there"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_without_the_right_to_write_it_is_refused_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    drop(SqliteStore::open(&path).await.unwrap());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
    // Root may write all the same.
    if std::fs::OpenOptions::new().append(true).open(&path).is_ok() {
        return;
    }
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Refused);
    assert!(error.to_string().contains("change its rights"), "{error}");
}

#[tokio::test]
async fn tables_that_are_gone_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(options(&folder.path().join("invite.db"))).await;
    let store = SqliteStore::with_pool(pool.clone()).await.unwrap();
    let drop = "PRAGMA foreign_keys = OFF; DROP TABLE invite_organisation";
    sqlx::raw_sql(drop).execute(&pool).await.unwrap();
    let error = save(&store, "acme").await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("tables are not there"), "{error}");
    pool.close().await;
    assert_eq!(save(&store, "acme").await.unwrap_err().kind(), PortErrorKind::Refused);
}
