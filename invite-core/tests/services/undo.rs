//! The list of imports, and undoing one.

use std::time::Duration;

use invite_core::Invite;
use invite_core::decision::person_match::ImportMode;
use invite_core::model::id::ImportId;
use invite_core::model::user::User;
use invite_core::service::{ChangedSince, Error, ImportOptions, ImportReport};

use crate::support::World;

async fn import(world: &World, mode: ImportMode, file: &str) -> ImportReport {
    let options = ImportOptions { mode, ..ImportOptions::of_file("people.csv") };
    let file = std::io::Cursor::new(file.to_owned());
    world.invites.import(&world.admin, file, options).await.unwrap()
}

async fn user(world: &World, name: &str) -> User {
    let id = world.invites.find_user(&world.admin, name).await.unwrap();
    world.invites.user(&world.admin, id).await.unwrap().user
}

#[tokio::test]
async fn undoing_restores_what_the_import_changed_and_deactivates_whom_it_added() {
    let world = World::new().await;
    world.add("Anna").await;
    let before = user(&world, "anna").await;
    let file =
        "username,email,group,first_name\nanna,anna@elsewhere.example,Oslo,Anne\nbo,bo@example.com,,Bo\n";
    let wrong = import(&world, ImportMode::Upsert, file).await;
    let report = world.invites.undo_import(&world.admin, wrong.import).await.unwrap();
    assert_eq!((report.restored, report.deactivated, report.reactivated), (1, 1, 0));
    assert_eq!((report.changed_since_count, report.left_count, report.already), (0, 0, false));
    assert_eq!(user(&world, "anna").await, before);
    assert!(user(&world, "bo").await.deactivated);

    let again = world.invites.undo_import(&world.admin, wrong.import).await.unwrap();
    assert!(again.already && again.restored == 0, "undoing twice is undoing once");
    let audit = world.invites.audit(&world.admin, None, 100).await.unwrap().rows;
    assert_eq!(audit.iter().filter(|entry| entry.what == "import_undone").count(), 1);
    let unknown = world.invites.undo_import(&world.admin, ImportId::new()).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound("import")));
}

#[tokio::test]
async fn what_was_changed_since_is_left_and_listed() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let wrong =
        import(&world, ImportMode::Upsert, "username,email,group\nanna,anna@elsewhere.example,Oslo\n").await;
    world.invites.change_user(&world.admin, anna, |user| user.group = Some("Bergen".into())).await.unwrap();
    let report = world.invites.undo_import(&world.admin, wrong.import).await.unwrap();
    assert_eq!(report.changed_since, [ChangedSince { user: anna, field: "group".into() }]);
    let after = user(&world, "anna").await;
    assert_eq!(after.group.as_deref(), Some("Bergen"));
    assert_eq!(after.email.unwrap().as_str(), "anna@example.com");
}

#[tokio::test]
async fn a_former_user_name_that_is_somebody_elses_now_is_left_and_listed() {
    let world = World::new().await;
    let anna = world.add_with("Anna", |user| user.external_id = Some("7".into())).await;
    let wrong = import(&world, ImportMode::Upsert, "external_id,username,first_name\n7,anne,Anne\n").await;
    world.add_with("Anna", |user| user.email = None).await;
    let report = world.invites.undo_import(&world.admin, wrong.import).await.unwrap();
    assert_eq!(report.changed_since, [ChangedSince { user: anna, field: "username".into() }]);
    assert_eq!(user(&world, "7").await.first_name, "Anna", "the rest is restored");
}

#[tokio::test]
async fn whoever_was_added_and_invited_since_stays_and_is_listed() {
    let world = World::new().await;
    let wrong =
        import(&world, ImportMode::Upsert, "username,email\nbo,bo@example.com\nida,ida@example.com\n").await;
    let bo = user(&world, "bo").await.id;
    world.send(Invite::users([bo])).await;
    let report = world.invites.undo_import(&world.admin, wrong.import).await.unwrap();
    assert_eq!((report.deactivated, report.left), (1, vec![bo]));
    assert!(!user(&world, "bo").await.deactivated && user(&world, "ida").await.deactivated);
}

#[tokio::test]
async fn whom_a_sync_deactivated_is_active_again_unless_it_was_done_anew_since() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let bo = world.add("Bo").await;
    let wrong = import(&world, ImportMode::Sync, "username\nkari\n").await;
    assert_eq!(wrong.deactivated, 2);
    world.wait(Duration::from_hours(1));
    for deactivated in [false, true] {
        world.invites.change_user(&world.admin, bo, |user| user.deactivated = deactivated).await.unwrap();
        world.wait(Duration::from_hours(1));
    }
    let report = world.invites.undo_import(&world.admin, wrong.import).await.unwrap();
    assert_eq!(report.reactivated, 1);
    assert_eq!(report.changed_since, [ChangedSince { user: bo, field: "deactivated".into() }]);
    assert!(!world.invites.user(&world.admin, anna).await.unwrap().user.deactivated);
    assert!(world.invites.user(&world.admin, bo).await.unwrap().user.deactivated);
}

#[tokio::test]
async fn an_import_can_be_undone_for_90_days_and_what_it_changed_is_then_forgotten() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let old = import(&world, ImportMode::Upsert, "username,group\nanna,Oslo\n").await;
    world.wait(Duration::from_hours(24 * 91));
    let error = world.invites.undo_import(&world.admin, old.import).await.unwrap_err();
    assert!(matches!(error, Error::UndoTooLate), "{error}");
    world.invites.worker().run_until_idle().await.unwrap();
    let export = world.invites.export_person(&world.admin, anna).await.unwrap();
    assert_eq!(export.imports[0].changes.fields().count(), 0);
}

#[tokio::test]
async fn imports_are_listed_the_newest_first_with_what_became_of_them() {
    let world = World::new().await;
    world.add("Anna").await;
    let dry = ImportOptions { dry_run: true, ..ImportOptions::default() };
    world.invites.import(&world.admin, "username\nbo\n".as_bytes(), dry).await.unwrap();
    let first = import(&world, ImportMode::Upsert, "username,group\nanna,Oslo\nbo,\n").await;
    world.wait(Duration::from_mins(1));
    let second = import(&world, ImportMode::Sync, "username\nanna\nkari\n").await;
    world.invites.undo_import(&world.admin, second.import).await.unwrap();
    let page = world.invites.imports(&world.admin, None, 1).await.unwrap();
    let newest = &page.rows[0];
    assert_eq!((newest.import, newest.mode), (second.import, Some(ImportMode::Sync)));
    assert_eq!((newest.figures.deactivated, newest.figures.unchanged, newest.complete), (1, 2, true));
    assert_eq!(newest.undone_by.as_ref(), Some(&world.admin));
    let older = world.invites.imports(&world.admin, page.next, 10).await.unwrap().rows;
    assert_eq!(older.len(), 1, "dry runs are not kept");
    assert_eq!((older[0].import, older[0].file_name.as_str()), (first.import, "people.csv"));
    assert_eq!((older[0].figures.created, older[0].figures.updated, older[0].undone_at), (1, 1, None));
    assert_eq!(older[0].by, world.admin);
}
