//! How the tables come to be.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use invite_core::model::actor::Actor;
use invite_core::model::id::{BatchId, ImportId, OrganisationId, UserId};
use invite_core::port::error::PortErrorKind;
use invite_core::port::organisations::Organisations;
use invite_core::port::people::{People, UndoPage, Undone};
use invite_core::port::plans::Plans;
use invite_core::port::records::Records;
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
    assert!(versions.len() > 1 && versions.iter().zip(1..).all(|(version, number)| *version == number));
    let names = sqlx::query(
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'invite\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    assert!(names.fetch_all(&pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_of_the_first_release_is_brought_up_with_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let pool = bare(&path).await;
    sqlx::raw_sql(include_str!("../migrations/0001_first.sql")).execute(&pool).await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE invite_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
         INSERT INTO invite_schema VALUES (1, 0);
         INSERT INTO invite_template VALUES (zeroblob(16), 'invitation/email/en', 1, 'one'),
             (zeroblob(16), 'invitation/email/en', 2, 'two'), (zeroblob(16), 'reminder/sms/nb', 1, NULL);
         INSERT INTO invite_item VALUES (zeroblob(16), zeroblob(16), zeroblob(16), 'skip', 'deactivated', '', NULL, NULL, NULL, 0);
         INSERT INTO invite_audit (organisation, at, actor, what, subject, details)
             VALUES (zeroblob(16), 1, '\"somebody\"', 'organisation_saved', '', '');",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    let organisation = OrganisationId::from_uuid(uuid::Uuid::nil());
    let own = store.templates(organisation).await.unwrap();
    assert_eq!(own.len(), 1);
    let (key, version) = &own[0];
    assert_eq!((key.to_string().as_str(), version.version.as_str()), ("invitation/email/en", "2"));
    assert_eq!((version.saved_at, version.saved_by.as_ref()), (None, None));
    let stored = store.template(organisation, key.clone(), Some("1".into())).await.unwrap();
    assert_eq!(stored.unwrap().source, "one");
    let items = store.items(organisation, BatchId::from_uuid(uuid::Uuid::nil()), None, 10).await.unwrap();
    assert_eq!(items.len(), 1);
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
async fn a_path_that_cannot_be_opened_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("nowhere/invite.db")).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Refused);
}

#[tokio::test]
async fn the_tables_of_the_first_version_are_brought_forward_with_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let pool = bare(&path).await;
    sqlx::raw_sql(include_str!("../migrations/0001_first.sql")).execute(&pool).await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE invite_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
         INSERT INTO invite_schema VALUES (1, 0);",
    )
    .execute(&pool)
    .await
    .unwrap();
    let (organisation, import, user) = (OrganisationId::new(), ImportId::new(), UserId::new());
    let octets = |uuid: uuid::Uuid| uuid.as_bytes().to_vec();
    sqlx::query("INSERT INTO invite_import VALUES (?, ?, 'old.csv', ?)")
        .bind(octets(organisation.as_uuid()))
        .bind(octets(import.as_uuid()))
        .bind(serde_json::to_string(&Actor::system(organisation)).unwrap())
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO invite_import_line VALUES (?, ?, ?, 2, 1, 0)")
        .bind(octets(organisation.as_uuid()))
        .bind(octets(user.as_uuid()))
        .bind(octets(import.as_uuid()))
        .execute(&pool)
        .await
        .unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let listed = store.imports(organisation, None, 10).await.unwrap();
    assert_eq!(
        (listed[0].file_name.as_str(), listed[0].began_at, listed[0].complete),
        ("old.csv", None, true)
    );
    assert_eq!(store.person(organisation, user).await.unwrap().import_lines.len(), 1);
    let actor = Actor::system(organisation);
    let undone =
        store.undo_page(UndoPage { organisation, actor, import, after: None, limit: 10 }).await.unwrap();
    assert_eq!(undone, Undone::TooLate, "what it changed was not kept");
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    let pool = bare(&path).await;
    let first = include_str!("../migrations/0001_first.sql");
    sqlx::raw_sql(first).execute(&pool).await.unwrap();
    let rows = "
        CREATE TABLE invite_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
        INSERT INTO invite_schema VALUES (1, 0);
        INSERT INTO invite_lane VALUES (1, 's', 'a', 'sender:s', 'account:a', 'to:s:');
        INSERT INTO invite_batch (organisation, id, action, by_id, channels, state, planned_by, inviter, planned_at,
            complete, expires_at, templates, totals)
        VALUES (x'01', x'02', 'invite', 0, 'email', 'running', '{}', '', 0, 1, 0, '{}', '{}');
        INSERT INTO invite_delivery (organisation, batch, id, user, invitation, channel, destination, lane, state,
            attempts, unseen, suspect, due_at, changed_at)
        VALUES (x'01', x'02', x'03', x'04', x'05', 'email', 'example.com', 1, 'queued', 0, 0, 0, 0, 0),
            (x'01', x'02', x'06', x'04', x'05', 'email', 'example.com', 1, 'failed', 1, 0, 0, 0, 0);";
    sqlx::raw_sql(rows).execute(&pool).await.unwrap();
    SqliteStore::open(&path).await.unwrap();
    for index in ["invite_delivery_on_its_way", "invite_delivery_to_retry", "invite_delivery_destination"] {
        let there = sqlx::query("SELECT count(*) FROM sqlite_schema WHERE name = ?").bind(index);
        assert_eq!(there.fetch_one(&pool).await.unwrap().get::<i64, _>(0), 1, "{index}");
    }
    let waits = sqlx::query("SELECT count(*) FROM invite_delivery WHERE waits_for IS NULL");
    assert_eq!(waits.fetch_one(&pool).await.unwrap().get::<i64, _>(0), 2);
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
