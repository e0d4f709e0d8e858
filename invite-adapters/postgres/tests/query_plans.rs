//! No statement of the queue looks through a whole table or organisation: on tables that the server has counted, without
//! knowing the values; and on tables that were filled so quickly that it has not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use support::statements::now_used;

macro_rules! statements {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../src/sql/", $file)))),*]
    };
}

/// Tables that grow with the people of a host.
const LARGE: [&str; 6] = ["delivery", "item", "invitation", "credential", "person", "user"];

/// As transactions that write are set up; how plans are kept apart from that.
const WRITING: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
     SET enable_mergejoin = off; SET enable_material = off; SET jit = off";

#[tokio::test]
async fn every_statement_of_the_queue_finds_its_rows_by_a_key() {
    let schema = support::schema();
    let mut connection = filled(&schema).await;
    for table in LARGE {
        run(&mut connection, format!("ANALYZE {schema}.{table}")).await;
    }
    run(&mut connection, format!("{WRITING}; SET plan_cache_mode = force_generic_plan")).await;
    look(&mut connection, &schema, statements_of_the_queue(), |_| "NULL".to_owned()).await;
}

#[tokio::test]
async fn no_statement_goes_through_an_organisation_that_nobody_has_counted() {
    let schema = support::schema();
    let mut connection = filled(&schema).await;
    run(&mut connection, format!("{WRITING}; SET plan_cache_mode = force_custom_plan")).await;
    let inline = now_used().into_iter().filter(|statement| is_about_some(statement));
    let inline = inline.map(|statement| (statement.clone(), statement));
    let statements = statements_of_the_queue().into_iter().chain(inline).collect();
    look(&mut connection, &schema, statements, some_value).await;
}

/// Whether a statement is about people, messages or invitations that it is given.
fn is_about_some(statement: &str) -> bool {
    statement.contains("unnest(") && LARGE.iter().any(|table| statement.contains(&format!("invite.{table} ")))
}

/// A schema whose tables hold something, and that the server is not told to look at.
async fn filled(schema: &str) -> PgConnection {
    invite_postgres::PgStore::in_schema(support::pool().await, schema).await.unwrap();
    let mut connection = PgConnection::connect(&support::url()).await.unwrap();
    for table in LARGE {
        run(&mut connection, format!("ALTER TABLE {schema}.{table} SET (autovacuum_enabled = false)")).await;
    }
    run(&mut connection, include_str!("filled.sql").replace("invite.", &format!("{schema}."))).await;
    connection
}

fn statements_of_the_queue() -> Vec<(String, String)> {
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
    statements.map(|(file, statement)| (file.to_owned(), statement.to_owned())).to_vec()
}

async fn look(
    connection: &mut PgConnection,
    schema: &str,
    statements: Vec<(String, String)>,
    value: impl Fn(&str) -> String,
) {
    let mut astray = Vec::new();
    for (name, statement) in statements {
        let plan = plan(connection, schema, &statement, &value).await;
        let mut found = Vec::new();
        strays(&plan, &mut found);
        astray.extend(found.into_iter().map(|step| format!("{name}: {step}")));
    }
    assert!(astray.is_empty(), "{}", astray.join("\n"));
}

/// How the server would carry out a statement, with such a value for each type.
async fn plan(
    connection: &mut PgConnection,
    schema: &str,
    statement: &str,
    value: impl Fn(&str) -> String,
) -> Value {
    let statement = statement.replace("invite.", &format!("{schema}."));
    run(connection, format!("PREPARE one AS {statement}")).await;
    let types = "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'one'";
    let types: Vec<String> = sqlx::query_scalar(types).fetch_all(&mut *connection).await.unwrap();
    let values: Vec<_> = types.iter().map(|one| value(one)).collect();
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE one {values}");
    let row = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut *connection).await.unwrap();
    run(connection, "DEALLOCATE one".to_owned()).await;
    row.get::<Value, _>(0)[0]["Plan"].clone()
}

/// A value of a type, as a group of 200 has it.
fn some_value(of: &str) -> String {
    let one = match of.trim_end_matches("[]") {
        "uuid" => "md5('o1')::uuid",
        "timestamp with time zone" => "now()",
        "boolean" => "true",
        "jsonb" => "'{}'::jsonb",
        "bytea" => "'\\x00'::bytea",
        "text" => "'u1'::text",
        _ => "1",
    };
    if of.ends_with("[]") { format!("array_fill({one}, ARRAY[200])::{of}") } else { one.to_owned() }
}

/// Steps that read one of the large tables without a key.
fn strays<'a>(step: &'a Value, found: &mut Vec<&'a Value>) {
    let table = step["Relation Name"].as_str().unwrap_or_default();
    let condition = step["Index Cond"].as_str().unwrap_or_default();
    if LARGE.contains(&table) && step["Node Type"] != "ModifyTable" {
        let of_one_organisation = condition.starts_with("(organisation = ") && !condition.contains(" AND ");
        if condition.is_empty() || of_one_organisation {
            found.push(step);
        }
    }
    for step in step["Plans"].as_array().into_iter().flatten() {
        strays(step, found);
    }
}

async fn run(connection: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(connection)
        .await
        .expect("a statement that the server understands");
}
