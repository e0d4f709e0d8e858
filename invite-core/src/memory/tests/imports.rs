//! Importing, editing and signing in.

use super::world::World;
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::id::{CredentialId, ImportId};
use crate::people_file::PersonRow;
use crate::port::people::{FinishedImport, ImportFigures, ImportPage, People};

impl World {
    async fn import(&self, dry_run: bool, rows: &[PersonRow]) -> Vec<RowOutcome> {
        let (organisation, actor, import) = (self.organisation, self.system(), ImportId::new());
        let mut outcomes = Vec::new();
        for rows in rows.chunks(2) {
            let page = ImportPage {
                organisation,
                actor: actor.clone(),
                import,
                file_name: "people.csv".into(),
                mode: ImportMode::Upsert,
                reactivates: false,
                dry_run,
                rows: rows.to_vec(),
                refused: Vec::new(),
            };
            outcomes.extend(self.store.import_page(page).await.unwrap().outcomes);
        }
        let import = FinishedImport {
            organisation,
            actor,
            import,
            file_name: "people.csv".into(),
            mode: ImportMode::Upsert,
            dry_run,
            complete: true,
            figures: ImportFigures::default(),
        };
        self.store.finish_import(import).await.unwrap();
        outcomes
    }
}

fn row(line: u64, username: Option<&str>, email: &str, name: &str) -> PersonRow {
    PersonRow {
        line,
        username: username.map(str::to_owned),
        email: Some(email.parse().unwrap()),
        first_name: Some(name.to_owned()),
        ..PersonRow::default()
    }
}

#[tokio::test]
async fn importing_a_file_twice_changes_nothing_and_a_person_twice_in_it_is_named() {
    let world = World::new().await;
    let rows = [
        row(2, Some("anna"), "shop@example.com", "Anna"),
        row(3, Some("berit"), "shop@example.com", "Berit"),
        row(4, None, "carl@example.com", "Carl"),
        row(5, Some("ANNA"), "anna@example.com", "Other"),
        row(6, None, "Carl@Example.com", "Other"),
    ];
    let dry = world.import(true, &rows).await;
    let first = world.import(false, &rows).await;
    let created = |outcomes: &[RowOutcome]| {
        outcomes.iter().map(|one| matches!(one, RowOutcome::Created(_))).collect::<Vec<_>>()
    };
    assert_eq!(created(&dry), [true, true, true, false, false], "a dry run says the same");
    assert_eq!(created(&first), created(&dry));
    let RowOutcome::Refused { column: Some("username"), message } = &first[3] else {
        panic!("{:?}", first[3]);
    };
    assert!(message.starts_with("line 5 is the same person as line 2 (same username)"), "{message}");

    let second = world.import(false, &rows).await;
    let unchanged = second.iter().filter(|one| matches!(one, RowOutcome::Unchanged(_))).count();
    assert_eq!(unchanged, 3);
    assert_eq!(&second[3..], &first[3..]);
    let RowOutcome::Created(anna) = first[0] else { panic!() };
    assert_eq!(world.person(anna).await.import_lines.len(), 1);
}

#[tokio::test]
async fn a_second_row_that_finds_the_same_person_by_another_key_is_refused() {
    let world = World::new().await;
    let rows = [row(2, None, "shop@example.com", "Anna"), row(3, Some("berit"), "shop@example.com", "Berit")];
    for _ in 0..2 {
        let outcomes = world.import(false, &rows).await;
        assert!(matches!(&outcomes[1], RowOutcome::Refused { message, .. }
            if message.starts_with("line 3 is the same person as line 2")));
    }
}

#[tokio::test]
async fn whoever_comes_back_after_a_month_begins_anew() {
    let world = World::new().await;
    let people = world.people(2).await;
    world.set_password(people[0], CredentialId::new(), 1).await;
    for (days, password) in [(29, true), (30, false)] {
        world.change(people[0], |user| user.deactivated = true).await;
        world.minutes(days * 24 * 60);
        world.change(people[0], |user| user.deactivated = false).await;
        let user = world.user(people[0]).await;
        assert_eq!((user.has_password, user.returned_at.is_none()), (password, password));
    }
}

#[tokio::test]
async fn people_sign_in_by_the_first_column_that_means_one_person() {
    let world = World::new().await;
    let people = world.people(2).await;
    world.change(people[0], |user| user.username = Some("Anna".into())).await;
    world.change(people[1], |user| user.email = Some("p0@example.com".parse().unwrap())).await;
    let who = async |name: &str| {
        let record = world.store.sign_in_record(world.organisation, name.into()).await.unwrap();
        record.map(|record| record.user.id)
    };
    assert_eq!(who(" anna ").await, Some(people[0]));
    assert_eq!(who("p0@example.com").await, None, "two people share it");
    assert_eq!(who("+4791000001").await, Some(people[1]));
}
