//! How the tables come to be.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use invite_core::port::error::PortErrorKind;
use invite_core::port::plans::Plans;
use invite_sqlite::SqliteStore;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

async fn bare(path: &std::path::Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).create_if_missing(true))
        .await
        .unwrap()
}

#[tokio::test]
async fn an_empty_file_and_a_current_one_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    for _ in 0..2 {
        let store = SqliteStore::open(&path).await.unwrap();
        store.now().await.unwrap();
    }
    let pool = bare(&path).await;
    let rows = sqlx::query("SELECT version FROM invite_schema").fetch_all(&pool).await.unwrap();
    let versions: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert!((1..).zip(&versions).all(|(step, version)| step == *version), "each step once: {versions:?}");
    let names = sqlx::query(
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'invite\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    assert!(names.fetch_all(&pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_newer_file_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    SqliteStore::open(&path).await.unwrap();
    let pool = bare(&path).await;
    sqlx::query("INSERT INTO invite_schema (version, applied_at) VALUES (1000, 0)")
        .execute(&pool)
        .await
        .unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Refused);
    assert!(error.to_string().contains("a newer release"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_start_at_once_find_one_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SqliteStore::open(path).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_hosts_own_tables_and_pool_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let pool = bare(&folder.path().join("app.db")).await;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY)").execute(&pool).await.unwrap();
    SqliteStore::with_pool(pool.clone()).await.unwrap();
    sqlx::query("INSERT INTO users (id) VALUES (1)").execute(&pool).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let _store = SqliteStore::open(&path).await.unwrap();
    for name in ["invite.db", "invite.db-wal", "invite.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn sqlite_is_one_whose_log_does_not_lose_pages() {
    let folder = tempfile::tempdir().unwrap();
    let pool = bare(&folder.path().join("a.db")).await;
    let row = sqlx::query("SELECT sqlite_version()").fetch_one(&pool).await.unwrap();
    let version: String = row.get(0);
    let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{version}");
}

#[tokio::test]
async fn a_path_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("nowhere/invite.db")).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::NotWritable);
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let pool = bare(&path).await;
    for statements in [
        include_str!("../migrations/0001_first.sql"),
        "CREATE TABLE invite_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT",
        "INSERT INTO invite_schema (version, applied_at) VALUES (1, 0)",
        "INSERT INTO invite_audit (organisation, at, actor, what, subject, details) VALUES (x'00', 1, '', 'old', '', '')",
    ] {
        sqlx::raw_sql(statements).execute(&pool).await.unwrap();
    }
    SqliteStore::open(&path).await.unwrap();
    let kept = sqlx::query("SELECT what FROM invite_audit").fetch_one(&pool).await.unwrap();
    assert_eq!(kept.get::<String, _>(0), "old");
    sqlx::query("SELECT count(*) FROM invite_fresh_request").fetch_one(&pool).await.unwrap();
}
