//! Sync: a file that is the whole truth.

use invite_core::decision::import_sync::SyncAllowance;
use invite_core::decision::person_match::ImportMode;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::selection::Filter;
use invite_core::model::sign_in::SignInMethod;
use invite_core::port::records::Records;
use invite_core::service::{ConfirmOptions, Error, ImportOptions, ImportReport};
use invite_core::{Actor, Invite};

use crate::support::World;

fn options() -> ImportOptions {
    ImportOptions { mode: ImportMode::Sync, ..ImportOptions::of_file("staff.csv") }
}

async fn sync_with(
    world: &World,
    file: impl Into<String>,
    options: ImportOptions,
) -> Result<ImportReport, Error> {
    let file = std::io::Cursor::new(file.into());
    world.invites.import(&world.admin, file, options).await
}

async fn sync(world: &World, file: impl Into<String>) -> ImportReport {
    sync_with(world, file, options()).await.unwrap()
}

/// The first names of those who are active.
async fn active(world: &World) -> Vec<String> {
    let rows = world.invites.users(&world.admin, Filter::default(), None, 10_000).await.unwrap().rows;
    let active = rows.into_iter().map(|row| row.user).filter(|user| !user.deactivated);
    let mut names: Vec<String> = active.map(|user| user.first_name).collect();
    names.sort();
    names
}

/// A file that names so many people.
fn people(count: usize, domain: &str) -> String {
    let rows = (0..count).map(|n| format!("p{n},p{n}@{domain},P{n}\n"));
    format!("username,email,first_name\n{}", rows.collect::<String>())
}

#[tokio::test]
async fn whoever_the_file_names_is_active_and_whoever_it_does_not_name_is_not() {
    let world = World::new().await;
    world.add("Anna").await;
    world.add("Bo").await;
    world.add_with("Carl", |user| user.deactivated = true).await;
    let file = "username,email,group\nanna,,\ncarl,,Oslo\ndina,dina@example.com,\n";
    let would = sync_with(&world, file, ImportOptions { dry_run: true, ..options() }).await.unwrap();
    assert_eq!(active(&world).await, ["Anna", "Bo", "Kari"], "a dry run writes nothing");
    let did = sync(&world, file).await;
    assert_eq!((did.created, did.updated, did.unchanged, did.deactivated, did.reactivated), (1, 1, 1, 1, 1));
    assert!(did.yourself_missing, "whoever runs it stays active, and is told");
    let figures = |report: &ImportReport| {
        (
            report.created,
            report.updated,
            report.unchanged,
            report.deactivated,
            report.reactivated,
            report.contacts_replaced,
        )
    };
    assert_eq!(figures(&would), figures(&did), "and says exactly what would be");
    assert_eq!(active(&world).await, ["", "Anna", "Carl", "Kari"]);
    let again = sync(&world, file).await;
    assert_eq!(figures(&again), (0, 0, 3, 0, 0, 0), "the same file again changes nothing");
}

#[tokio::test]
async fn more_than_ten_people_and_two_per_cent_are_deactivated_only_where_so_many_are_allowed() {
    let world = World::new().await;
    sync(&world, people(30, "example.com")).await;
    let file = people(19, "example.com");
    let before = active(&world).await;
    for allow_deactivate in [None, Some(10)] {
        let error =
            sync_with(&world, &*file, ImportOptions { allow_deactivate, ..options() }).await.unwrap_err();
        let words = error.to_string();
        assert!(
            words.contains("would deactivate 11 of 31") && words.contains("allow 11 (allow_deactivate)"),
            "{words}"
        );
        let Error::SyncTooMuch { report, .. } = error else { panic!("{error}") };
        assert_eq!(report.needs, SyncAllowance { deactivate: Some(11), contacts: None });
        assert_eq!(active(&world).await, before, "nothing was written");
    }
    let would = sync_with(&world, &*file, ImportOptions { dry_run: true, ..options() }).await.unwrap();
    assert_eq!((would.deactivated, would.needs.deactivate), (11, Some(11)), "a dry run says what it needs");
    let did =
        sync_with(&world, file, ImportOptions { allow_deactivate: Some(11), ..options() }).await.unwrap();
    assert_eq!(did.deactivated, 11);
    assert_eq!(sync(&world, people(9, "example.com")).await.deactivated, 10, "ten are free");
    let figures =
        invite_core::decision::import_sync::SyncFigures { active: 1000, deactivate: 20, contacts: 100 };
    assert_eq!(figures.needs(SyncAllowance::default()), SyncAllowance::default(), "and 2 %, and 10 %");
}

#[tokio::test]
async fn more_than_ten_contacts_are_replaced_only_where_so_many_are_allowed() {
    let world = World::new().await;
    sync(&world, people(11, "example.com")).await;
    let file = people(11, "elsewhere.example");
    let error = sync_with(&world, &*file, options()).await.unwrap_err();
    assert!(error.to_string().contains("allow 11 (allow_contacts)"), "{error}");
    let page = world.invites.users(&world.admin, Filter::default(), None, 100).await.unwrap();
    let moved = page.rows.iter().filter_map(|row| row.user.email.as_ref());
    assert_eq!(moved.filter(|email| email.domain() == "elsewhere.example").count(), 0);
    let did = sync_with(&world, file, ImportOptions { allow_contacts: Some(11), ..options() }).await.unwrap();
    assert_eq!((did.updated, did.contacts_replaced), (11, 11));
    assert_eq!(
        sync(&world, people(11, "Elsewhere.Example")).await.contacts_replaced,
        0,
        "case is no replacement"
    );
}

#[tokio::test]
async fn a_file_that_is_broken_writes_nothing() {
    let world = World::new().await;
    world.add("Anna").await;
    let file = [b"username,email\nbo,bo@example.com\n".as_slice(), b"\xff\xfe\n"].concat();
    let error = world.invites.import(&world.admin, std::io::Cursor::new(file), options()).await.unwrap_err();
    assert!(error.to_string().contains("Nothing was written"), "{error}");
    assert_eq!(active(&world).await, ["Anna", "Kari"]);
    let listed = world.invites.imports(&world.admin, None, 10).await.unwrap().rows;
    assert!(!listed[0].complete && listed[0].ended_at.is_some());
}

#[tokio::test]
async fn a_file_that_was_torn_off_deactivates_nobody() {
    let world = World::new().await;
    let whole = people(4, "example.com");
    sync(&world, &*whole).await;
    for cut in 0..whole.len() {
        let torn = whole.get(..cut).unwrap();
        // Where it is torn between two rows it cannot be told from a shorter file; then the limits hold.
        if torn.ends_with('\n') {
            continue;
        }
        match sync_with(&world, torn, ImportOptions { dry_run: true, ..options() }).await {
            Ok(report) => assert_eq!(report.deactivated, 0, "{torn:?}"),
            Err(error) => assert!(matches!(error, Error::File { .. }), "{error}"),
        }
    }
    let report = sync(&world, &whole[..whole.len() - 1 - "p3,p3@example.com,P3\n".len()]).await;
    assert!(report.withheld.unwrap().contains("line break"));
    assert_eq!(active(&world).await.len(), 5);
}

#[tokio::test]
async fn nobody_is_deactivated_whom_a_refused_row_may_mean() {
    let world = World::new().await;
    world.add("Anna").await;
    world.add("Bo").await;
    world.add("Carl").await;
    // Anna's row is wrong and names her, and so does Bo's; Carl is missing.
    let file = "username,email,locale\nanna,,nowhere at all\nx,bo@example.com,nowhere at all\n";
    let report = sync(&world, file).await;
    assert_eq!((report.refused, report.deactivated, report.withheld), (2, 1, None));
    assert_eq!(active(&world).await, ["Anna", "Bo", "Kari"]);
    // This row may mean anybody.
    for row in [",bo@,\n", ",,nb,Oslo\n", ",,nb\n"] {
        let report = sync(&world, format!("username,email,locale\nanna,,\n{row}")).await;
        assert_eq!((report.refused, report.deactivated), (1, 0), "{row}");
        assert!(report.withheld.unwrap().contains("(line 3)"), "{row}");
    }
    // Two rows for one person: the second is refused, and the person is named.
    let report = sync(&world, "username,email\nanna,\nanna,\n").await;
    assert_eq!((report.refused, report.deactivated), (1, 1));
    assert_eq!(active(&world).await, ["Anna", "Kari"]);
}

#[tokio::test]
async fn a_file_that_names_nobody_deactivates_nobody() {
    let world = World::new().await;
    world.add("Anna").await;
    let report = sync(&world, "username,email\n").await;
    assert_eq!((report.deactivated, report.withheld.is_some()), (0, true));
    assert_eq!(active(&world).await, ["Anna", "Kari"]);
}

#[tokio::test]
async fn what_a_row_refused_for_good_says_of_a_stranger_withholds_nothing() {
    let world = World::new().await;
    world.add("Anna").await;
    let report = sync(&world, "username,locale\nstranger,nowhere at all\n").await;
    assert_eq!((report.refused, report.deactivated, report.withheld), (1, 1, None));
}

#[tokio::test]
async fn rule_18_whom_a_sync_deactivates_loses_what_was_sent_and_what_waits() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let bo = world.add("Bo").await;
    world.send(Invite::users([anna])).await;
    let plan = world.plan(Invite::users([bo])).await;
    world.invites.confirm_with(&world.admin, plan.id(), ConfirmOptions::new()).await.unwrap();
    sync(&world, "username\nkari\n").await;
    let record = world.store.person(world.organisation, anna).await.unwrap();
    assert_eq!(record.invitations[0].state, InvitationState::Revoked(RevokeReason::Deactivated));
    let record = world.store.person(world.organisation, bo).await.unwrap();
    let ended = (record.deliveries[0].state, record.deliveries[0].reason);
    assert_eq!(ended, (DeliveryState::Cancelled, Some(EndReason::Deactivated)));
    assert!(world.dispatch().await.is_empty());
    let words = world.invites.story(&world.admin, bo).await.unwrap().to_string();
    assert!(words.contains("deactivated by staff.csv, which does not name them, by Kari"), "{words}");
}

#[tokio::test]
async fn what_the_file_does_not_say_stays_as_it_is() {
    let world = World::new().await;
    let anna = world.add_with("Anna", |user| user.sign_in = Some(SignInMethod::Sso)).await;
    let before = world.invites.user(&world.admin, anna).await.unwrap().user;
    sync(&world, "username,email,sign_in\nanna,,\n").await;
    assert_eq!(world.invites.user(&world.admin, anna).await.unwrap().user, before);
}

#[tokio::test]
async fn thousands_are_synchronised_page_by_page_by_the_system_too() {
    let world = World::new().await;
    let file = people(2_345, "example.com");
    let system = Actor::system(world.organisation);
    let import = async |file: String| {
        let options = ImportOptions { allow_deactivate: Some(2_000), ..options() };
        world.invites.import(&system, std::io::Cursor::new(file), options).await.unwrap()
    };
    let first = import(format!("{file}kari,,\n")).await;
    assert_eq!((first.created, first.unchanged, first.deactivated), (2_345, 1, 0));
    let second = import(format!("{}kari,,\n", people(1_111, "example.com"))).await;
    assert_eq!((second.unchanged, second.deactivated, second.yourself_missing), (1_112, 1_234, false));
    assert_eq!(active(&world).await.len(), 1_112);
}

#[tokio::test]
async fn an_upload_brings_nobody_back_unless_it_is_asked_to() {
    let world = World::new().await;
    world.add_with("Anna", |user| user.deactivated = true).await;
    for (reactivate, expected) in [(false, 0), (true, 1)] {
        let options = ImportOptions { reactivate, ..ImportOptions::default() };
        let report = sync_with(&world, "username\nanna\n", options).await.unwrap();
        assert_eq!((report.updated, report.reactivated), (expected, expected));
    }
    assert_eq!(active(&world).await, ["Anna", "Kari"]);
}
