//! No statement that runs often looks through a whole organisation, whatever SQLite's planner thinks of an empty file.

use invite_sqlite::SqliteStore;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

macro_rules! statements {
    ($($file:literal),* $(,)?) => {
        [$(($file, concat!("EXPLAIN QUERY PLAN ", include_str!(concat!("../src/sql/", $file))))),*]
    };
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invite.db");
    SqliteStore::open(&path).await.unwrap();
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await.unwrap();
    let statements = statements![
        "deliveries.sql",
        "due_lanes.sql",
        "due_of_lane.sql",
        "due_of_pilot.sql",
        "due_suspect.sql",
        "finish.sql",
        "invitations.sql",
        "messages_of.sql",
        "messages_to_leave.sql",
        "open_invitations_of.sql",
        "oldest_due.sql",
        "open_batches.sql",
        "open_passwords.sql",
        "page_of_users.sql",
        "people_around.sql",
        "probe_of_destination.sql",
        "probe_of_lanes.sql",
        "probe_of_pilots.sql",
        "save_deliveries.sql",
        "to_lift.sql",
        "to_retry.sql",
        "under_sso.sql",
        "waiting.sql",
        "waiting_by_destination.sql",
        "waits.sql",
        "waits_by_destination.sql",
        "wipe.sql",
    ];
    for (file, statement) in statements {
        for row in sqlx::raw_sql(statement).fetch_all(&pool).await.unwrap() {
            let step: String = row.get("detail");
            // Lists that come as JSON, lanes (a few) and open batches (a few) are gone through whole, and the people
            // of an organisation that came under SSO once. Suspects are few as well.
            let listed = [
                "SCAN w",
                "SCAN v VIRTUAL",
                "SCAN json_each",
                "SCAN l",
                "SCAN b USING INDEX invite_batch_open",
                "SCAN d USING INDEX invite_delivery_suspect",
            ];
            let through = step.starts_with("SCAN") && !listed.iter().any(|list| step.starts_with(list));
            let wide = step.ends_with("(organisation=?)")
                && !(file == "under_sso.sql" && step.starts_with("SEARCH u"));
            assert!(!through && !wide, "{file}: {step}");
        }
    }
}
