//! Import.

use std::sync::{Arc, Mutex};

use invite_core::decision::person_match::ImportMode;
use invite_core::model::selection::Filter;
use invite_core::service::{Error, ImportOptions};

use crate::support::World;

const FILE: &str = "\
email;first_name;shoe_size;employee_number
anna@example.com;Anna;38;001
per@;Per;44;002
ida@example.com;Ida;39;003
eva@example.com;Eva;40;003
";

async fn people(world: &World) -> usize {
    world.invites.users(&world.admin, Filter::default(), None, 1000).await.unwrap().rows.len()
}

#[tokio::test]
async fn the_report_says_what_became_of_each_row_and_why() {
    let world = World::new().await;
    let report = world.invites.import(&world.admin, FILE.as_bytes(), ImportOptions::of_file("people.csv"));
    let report = report.await.unwrap();
    assert_eq!((report.created, report.updated, report.unchanged, report.refused), (2, 0, 0, 2));
    assert_eq!((report.rows(), report.last_line), (4, 5));
    assert_eq!(report.unknown_columns, ["shoe_size"]);
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    assert!(errors[0].starts_with("line 3, column email: \"per@\" is not an e-mail address"), "{errors:?}");
    assert!(errors[1].starts_with("line 5") && errors[1].contains("line 4"), "{errors:?}");
    assert_eq!(people(&world).await, 3);
}

#[tokio::test]
async fn importing_a_file_twice_changes_nothing_the_second_time() {
    let world = World::new().await;
    for unchanged in [0, 2] {
        let report =
            world.invites.import(&world.admin, FILE.as_bytes(), ImportOptions::default()).await.unwrap();
        assert_eq!((report.created, report.unchanged), (2 - unchanged, unchanged));
    }
}

#[tokio::test]
async fn people_who_are_there_are_changed_or_left_alone_as_asked() {
    let world = World::new().await;
    world.invites.import(&world.admin, FILE.as_bytes(), ImportOptions::default()).await.unwrap();
    let newer = "email,first_name,group\nanna@example.com,,Oslo\n".as_bytes();
    let add = ImportOptions { mode: ImportMode::Add, ..ImportOptions::default() };
    let report = world.invites.import(&world.admin, newer, add).await.unwrap();
    assert_eq!((report.updated, report.unchanged), (0, 1));
    let report = world.invites.import(&world.admin, newer, ImportOptions::default()).await.unwrap();
    assert_eq!((report.updated, report.unchanged), (1, 0));
    let rows = world.invites.users(&world.admin, Filter::default(), None, 10).await.unwrap().rows;
    let anna = rows.into_iter().find(|row| row.user.first_name == "Anna").unwrap().user;
    assert_eq!(anna.group.as_deref(), Some("Oslo"));
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nobody() {
    let world = World::new().await;
    let dry = ImportOptions { dry_run: true, ..ImportOptions::default() };
    let would = world.invites.import(&world.admin, FILE.as_bytes(), dry).await.unwrap();
    assert_eq!(people(&world).await, 1);
    let did = world.invites.import(&world.admin, FILE.as_bytes(), ImportOptions::default()).await.unwrap();
    assert_eq!((would.created, would.refused, would.errors), (did.created, did.refused, did.errors));
    assert!(would.dry_run && !did.dry_run);
}

#[tokio::test]
async fn a_file_that_is_broken_half_way_says_to_which_line_it_is_imported() {
    let world = World::new().await;
    let file = [b"email\nanna@example.com\nida@example.com\n".as_slice(), b"\xff\xfe\n"].concat();
    let error = world
        .invites
        .import(&world.admin, std::io::Cursor::new(file), ImportOptions::default())
        .await
        .unwrap_err();
    let words = error.to_string();
    assert!(words.contains("line 4 is not UTF-8") && words.contains("to line 3"), "{words}");
    let Error::File { report, .. } = error else { panic!("{error}") };
    assert_eq!((report.created, report.last_line), (2, 3));
    assert_eq!(people(&world).await, 3);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_at_all_says_why_and_nothing_else() {
    let world = World::new().await;
    let error = world
        .invites
        .import(&world.admin, "name,age\nAnna,7\n".as_bytes(), ImportOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("names no column that is known"), "{error}");
    assert!(!error.to_string().contains("is imported"), "{error}");
}

#[tokio::test]
async fn so_many_errors_as_asked_are_kept_and_all_are_counted_page_by_page() {
    let world = World::new().await;
    let file: String = std::iter::once("email\n".to_owned())
        .chain((0..1200).map(|n| if n % 2 == 0 { format!("p{n}@example.com\n") } else { "nobody\n".into() }))
        .collect();
    let told = Arc::new(Mutex::new(Vec::new()));
    let options = ImportOptions { max_errors: 10, ..ImportOptions::default() }.on_progress({
        let told = told.clone();
        move |report| told.lock().unwrap().push(report.rows())
    });
    let report = world.invites.import(&world.admin, std::io::Cursor::new(file), options).await.unwrap();
    assert_eq!((report.created, report.refused, report.errors.len()), (600, 600, 10));
    assert_eq!(*told.lock().unwrap(), [500, 1000, 1200]);
}
