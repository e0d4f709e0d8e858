//! How the tables come to be, and that the release before still works on them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::PathBuf;

use invite_core::model::actor::Actor;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::user::User;
use invite_core::port::accounts::Accounts;
use invite_core::port::error::PortErrorKind;
use invite_core::port::people::{People, SaveUsers, Saved};
use invite_postgres::{PgStore, migrations};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Executor, Row};
use support::statements::{kept, kept_in, now_used};

/// Runs statements by hand.
async fn run(pool: &PgPool, text: String) {
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn bare_schema(pool: &PgPool) -> String {
    let schema = support::schema();
    run(pool, format!("CREATE SCHEMA {schema}")).await;
    schema
}

fn newest() -> u64 {
    migrations("invite").unwrap().last().unwrap().number
}

/// Saves somebody and reads them.
async fn works(store: &PgStore) -> bool {
    let organisation = OrganisationId::new();
    let user = User { first_name: "Anna".into(), ..User::new(UserId::new()) };
    let users = vec![user.clone()];
    let saved = store.save(SaveUsers { organisation, actor: Actor::system(organisation), users }).await;
    let found = store.facts(organisation, vec![user.id]).await;
    saved.unwrap() == [Saved::Created] && found.unwrap() == [Some(user)]
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_replicas_that_start_at_once_find_the_tables_made_once() {
    let schema = support::schema();
    let start = |schema: String| async move {
        let store = PgStore::in_schema(support::pool().await, &schema).await.unwrap();
        works(&store).await
    };
    let replicas: Vec<_> = (0..10).map(|_| tokio::spawn(start(schema.clone()))).collect();
    for replica in replicas {
        assert!(replica.await.unwrap());
    }
    let versions = format!("SELECT version FROM {schema}.schema_version ORDER BY version");
    let rows = sqlx::query(AssertSqlSafe(versions)).fetch_all(&support::pool().await).await.unwrap();
    let versions: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert!(versions.into_iter().eq(1..=i64::try_from(newest()).unwrap()));
}

#[tokio::test]
async fn nothing_but_the_schema_is_made_in_the_hosts_database() {
    let pool = support::pool().await;
    let others = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let before: i64 = sqlx::query_scalar(others).fetch_one(&pool).await.unwrap();
    support::store().await;
    let after: i64 = sqlx::query_scalar(others).fetch_one(&pool).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_host_that_migrates_by_hand_is_told_which_files_to_run() {
    let pool = support::pool().await;
    let schema = bare_schema(&pool).await;
    for migration in migrations(&schema).unwrap() {
        let refused = PgStore::checked_in_schema(pool.clone(), &schema).await.unwrap_err();
        assert_eq!(refused.kind(), PortErrorKind::Refused);
        assert!(support::whole(&refused).contains(migration.name), "{refused:?}");
        run(&pool, migration.sql).await;
    }
    let store = PgStore::checked_in_schema(pool, &schema).await.unwrap();
    assert!(works(&store).await);
}

#[tokio::test]
async fn the_files_run_one_by_one_make_the_same_tables() {
    let pool = support::pool().await;
    let by_hand = bare_schema(&pool).await;
    for migration in migrations(&by_hand).unwrap() {
        run(&pool, migration.sql).await;
    }
    let at_once = support::schema();
    PgStore::in_schema(pool.clone(), &at_once).await.unwrap();
    let described = async |schema: &str| -> Vec<String> {
        let columns = sqlx::query_scalar(
            "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, collation_name)
             FROM information_schema.columns WHERE table_schema = $1
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY 1",
        );
        let lines: Vec<String> = columns.bind(schema.to_owned()).fetch_all(&pool).await.unwrap();
        lines.into_iter().map(|line| line.replace(schema, "invite")).collect()
    };
    assert_eq!(described(&by_hand).await, described(&at_once).await);
}

#[tokio::test]
async fn a_role_that_may_not_create_schemas_opens_tables_that_are_there() {
    let pool = support::pool().await;
    let schema = support::schema();
    PgStore::in_schema(pool.clone(), &schema).await.unwrap();
    let role = format!("{schema}_app");
    run(
        &pool,
        format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role};"
        ),
    )
    .await;
    let options = pool.connect_options().as_ref().clone().username(&role);
    let app = PgPool::connect_with(options).await.unwrap();
    let store = PgStore::in_schema(app.clone(), &schema).await.unwrap();
    assert!(works(&store).await);
    let refused = PgStore::in_schema(app.clone(), &support::schema()).await.unwrap_err();
    assert_eq!(refused.kind(), PortErrorKind::Refused);
    app.close().await;
    run(&pool, format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_release_goes_on_while_the_next_one_has_migrated() {
    let pool = support::pool().await;
    let schema = support::schema();
    let running = PgStore::in_schema(pool.clone(), &schema).await.unwrap();
    let next = newest() + 1;
    let migrated = format!(
        "ALTER TABLE {schema}.user ADD COLUMN pronoun text;
         ALTER TABLE {schema}.user ADD COLUMN visits bigint NOT NULL DEFAULT 0;
         CREATE TABLE {schema}.badge (organisation uuid PRIMARY KEY);
         INSERT INTO {schema}.schema_version VALUES ({next}, {}, clock_timestamp())",
        newest()
    );
    run(&pool, migrated).await;
    assert!(works(&running).await);
    let restarted = PgStore::in_schema(pool.clone(), &schema).await.unwrap();
    assert!(works(&restarted).await);
    assert!(works(&PgStore::checked_in_schema(pool, &schema).await.unwrap()).await);
}

#[tokio::test]
async fn tables_that_are_too_new_are_refused_with_what_to_do() {
    let pool = support::pool().await;
    let schema = support::schema();
    PgStore::in_schema(pool.clone(), &schema).await.unwrap();
    let (later, next) = (newest() + 2, newest() + 1);
    let note = format!("INSERT INTO {schema}.schema_version VALUES ({later}, {next}, clock_timestamp())");
    run(&pool, note).await;
    let opened = PgStore::in_schema(pool.clone(), &schema).await;
    let checked = PgStore::checked_in_schema(pool, &schema).await;
    for refused in [opened.unwrap_err(), checked.unwrap_err()] {
        assert_eq!(refused.kind(), PortErrorKind::Refused);
        assert!(support::whole(&refused).contains("a newer release has written them"), "{refused:?}");
    }
}

#[tokio::test]
async fn the_name_of_a_schema_is_a_plain_identifier() {
    let pool = support::pool().await;
    for name in ["", "Invite", "in vite", "in\"vite", "1st", "pg_invite", "ïnvite", &"i".repeat(64)] {
        let refused = PgStore::in_schema(pool.clone(), name).await.unwrap_err();
        assert_eq!(refused.kind(), PortErrorKind::Refused);
        assert!(support::whole(&refused).contains("cannot be the name of a schema"), "{refused:?}");
        migrations(name).unwrap_err();
    }
}

#[tokio::test]
async fn a_url_names_the_schema() {
    let schema = support::schema();
    for parameters in [format!("schema={schema}"), format!("application_name=here&schema={schema}")] {
        let store = PgStore::connect(&format!("{}?{parameters}", support::url())).await.unwrap();
        assert!(works(&store).await);
    }
    PgStore::checked_in_schema(support::pool().await, &schema).await.unwrap();
}

#[test]
fn every_file_notes_itself_and_from_which_release_on_the_tables_can_be_worked_on() {
    for (migration, number) in migrations("invite").unwrap().into_iter().zip(1..) {
        assert_eq!(migration.number, number);
        assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        let (_, noted) = migration.sql.split_once("INSERT INTO invite.schema_version").unwrap();
        let (_, values) = noted.split_once("VALUES (").unwrap();
        let values: Vec<u64> = values.split(", ").take(2).map(|value| value.parse().unwrap()).collect();
        let works_from = number.max(2) - 1;
        assert_eq!(values[0], number, "{}", migration.name);
        assert!(values[1] <= works_from, "{}: the release before no longer works", migration.name);
    }
}

/// What the release before could trip over. What it no longer needs is dropped by a later release, which then tells so
/// here.
#[test]
fn a_file_but_the_first_only_adds_what_the_release_before_need_not_know() {
    for migration in migrations("invite").unwrap().into_iter().skip(1) {
        let text = migration.sql.lines().map(|line| line.split("--").next().unwrap_or_default());
        let text = text.collect::<Vec<_>>().join(" ").to_uppercase();
        for statement in text.split(';') {
            let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            // Of indexes a statement knows those alone that make something unique, and it would not be understood.
            if words.starts_with("DROP INDEX ") {
                continue;
            }
            let narrows = ["DROP ", "RENAME ", "SET NOT NULL", "ALTER COLUMN", " TYPE ", "ADD CONSTRAINT"];
            for word in narrows {
                assert!(!words.contains(word), "{}: {words}", migration.name);
            }
            assert!(!words.starts_with("CREATE UNIQUE INDEX"), "{}: {words}", migration.name);
            for column in words.split("ADD COLUMN").skip(1) {
                let must = column.contains("NOT NULL") && !column.contains("DEFAULT");
                assert!(!must, "{}: {words}", migration.name);
            }
        }
    }
}

/// Each statement as the server understands it, or what it says against it.
async fn not_understood(connection: &mut PgConnection, schema: &str, statements: Vec<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for statement in statements {
        let statement = statement.replace("invite.", &format!("{schema}."));
        let prepare = format!("PREPARE one AS {statement}");
        match connection.execute(sqlx::raw_sql(AssertSqlSafe(prepare))).await {
            Ok(_) => {
                connection.execute("DEALLOCATE one").await.unwrap();
            }
            Err(error) => faults.push(format!("{error}\n{statement}")),
        }
    }
    faults
}

#[tokio::test]
async fn the_statements_of_this_release_and_of_those_before_are_understood() {
    let pool = support::pool().await;
    let schema = support::schema();
    PgStore::in_schema(pool.clone(), &schema).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let mut releases = vec![now_used()];
    releases.extend((1..newest()).map(kept));
    for statements in releases {
        assert!(statements.len() > 100, "{} statements are not all", statements.len());
        let faults = not_understood(&mut connection, &schema, statements).await;
        assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    }
}

/// `cargo test -p invite-postgres --test migrations keep -- --ignored`
#[test]
#[ignore = "run before a migration is added: keeps the statements of the release that it follows"]
fn keep_the_statements() {
    let file: PathBuf = kept_in(newest());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, now_used().join("\n;\n")).unwrap();
}
