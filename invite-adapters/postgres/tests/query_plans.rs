//! No statement of the queue looks through a whole table or organisation: on filled tables, without knowing the values.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

macro_rules! statements {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../src/sql/", $file)))),*]
    };
}

/// Tables that grow with the people of a host.
const LARGE: [&str; 6] = ["delivery", "item", "invitation", "credential", "person", "user"];

/// As transactions that write are set up.
const WRITING: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
     SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

#[tokio::test]
async fn every_statement_of_the_queue_finds_its_rows_by_a_key() {
    let schema = support::schema();
    invite_postgres::PgStore::in_schema(support::pool().await, &schema).await.unwrap();
    let mut connection = PgConnection::connect(&support::url()).await.unwrap();
    run(&mut connection, include_str!("filled.sql").replace("invite.", &format!("{schema}."))).await;
    for table in LARGE {
        run(&mut connection, format!("ANALYZE {schema}.{table}")).await;
    }
    run(&mut connection, WRITING.to_owned()).await;
    let statements = statements![
        "arrivals_of.sql",
        "deliveries.sql",
        "due_lanes.sql",
        "due_of_lane.sql",
        "due_of_pilot.sql",
        "due_suspect.sql",
        "finish.sql",
        "invitations.sql",
        "invitations_of.sql",
        "messages_of.sql",
        "messages_to_leave.sql",
        "oldest_due.sql",
        "open_invitations_of.sql",
        "open_passwords.sql",
        "probe_of_destination.sql",
        "probe_of_lanes.sql",
        "probe_of_pilots.sql",
        "save_deliveries.sql",
        "to_lift.sql",
        "wipe.sql",
    ];
    for (file, statement) in statements {
        let name = file.trim_end_matches(".sql");
        let statement = statement.replace("invite.", &format!("{schema}."));
        let values = (1..=20).filter(|number| statement.contains(&format!("${number}"))).map(|_| "NULL");
        let values = values.collect::<Vec<_>>().join(", ");
        run(&mut connection, format!("PREPARE {name} AS {statement}")).await;
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE {name} ({values})");
        let row = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut connection).await.unwrap();
        let plan: Value = row.get(0);
        look(file, &plan[0]["Plan"]);
    }
}

fn look(file: &str, step: &Value) {
    let table = step["Relation Name"].as_str().unwrap_or_default();
    let condition = step["Index Cond"].as_str().unwrap_or_default();
    if LARGE.contains(&table) && step["Node Type"] != "ModifyTable" {
        let of_one_organisation = condition.starts_with("(organisation = ") && !condition.contains(" AND ");
        assert!(!condition.is_empty() && !of_one_organisation, "{file}: {step}");
    }
    for step in step["Plans"].as_array().into_iter().flatten() {
        look(file, step);
    }
}

async fn run(connection: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(connection)
        .await
        .expect("a statement that the server understands");
}
