//! Importing a file.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::stage::{DAY, Stage, row};
use crate::conformance::{Checked, Failure};
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::id::ImportId;
use crate::people_file::PersonRow;
use crate::port::people::ImportPage;

fn kinds(outcomes: &[RowOutcome]) -> Vec<&'static str> {
    let kind = |outcome: &RowOutcome| match outcome {
        RowOutcome::Created(_) => "created",
        RowOutcome::Updated(_) => "updated",
        RowOutcome::Unchanged(_) => "unchanged",
        RowOutcome::Refused { .. } => "refused",
    };
    outcomes.iter().map(kind).collect()
}

pub(super) async fn importing_a_file_twice_changes_nothing_the_second_time(stage: Stage) -> Checked {
    stage.add("Anna").await?;
    let rows = [row(2, "anna", "Oslo"), row(3, "bo", "Oslo"), row(4, "carl", "Oslo")];
    let (_, first) = stage.import(&rows).await?;
    same!(kinds(&first), ["updated", "created", "created"], "the first time");
    let (_, second) = stage.import(&rows).await?;
    same!(kinds(&second), ["unchanged", "unchanged", "unchanged"], "the second time");
    Ok(())
}

pub(super) async fn a_second_row_of_a_person_is_refused_with_the_line_of_the_first(stage: Stage) -> Checked {
    let mut anna = stage.add("Anna").await?;
    anna.external_id = Some("7".into());
    stage.save(&anna).await?;
    let by_id = PersonRow { line: 5, external_id: Some("7".into()), ..PersonRow::default() };
    let rows = [row(2, "anna", "Oslo"), row(3, "bo", "Oslo"), row(4, "BO", "Bergen"), by_id];
    let (_, outcomes) = stage.import(&rows).await?;
    same!(kinds(&outcomes), ["updated", "created", "refused", "refused"], "rows in two pages");
    for (outcome, first) in outcomes[2..].iter().zip(["line 3", "line 2"]) {
        let message = has_form!(outcome, RowOutcome::Refused { message, .. } => message, "the second row");
        holds!(message.contains(first), "it names {first}: {message}");
    }
    Ok(())
}

pub(super) async fn a_row_sees_what_an_earlier_row_of_its_page_has_written(stage: Stage) -> Checked {
    let mut anna = stage.add("Anna").await?;
    anna.external_id = Some("7".into());
    stage.save(&anna).await?;
    // The first row gives Anna the employee number that the second row asks for.
    let number = |line, row: PersonRow| PersonRow { line, employee_number: Some("1".into()), ..row };
    let rows = [
        number(2, PersonRow { external_id: Some("7".into()), ..PersonRow::default() }),
        PersonRow { external_id: Some("8".into()), ..number(3, PersonRow::default()) },
    ];
    let (_, outcomes) = stage.import(&rows).await?;
    same!(kinds(&outcomes), ["updated", "refused"], "two rows with one employee number");
    Ok(())
}

pub(super) async fn a_dry_run_says_the_same_and_writes_nobody(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let rows = [row(2, "anna", "Oslo"), row(3, "bo", "Oslo"), row(4, "bo", "Oslo")];
    let import = ImportId::new();
    let mut would = Vec::new();
    for rows in rows.chunks(2) {
        let page = ImportPage { dry_run: true, ..stage.page(import, ImportMode::Upsert, rows) };
        would.extend(stage.people.import_page(page).await?.outcomes);
    }
    stage.finish(import, ImportMode::Upsert, true).await?;
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "who is there");
    same!(stage.people.named(stage.organisation, "bo".into()).await?, [], "who is new");
    let story = stage.store.person(stage.organisation, anna.id).await?;
    same!(story.import_lines, [], "lines about who is there");
    let (_, did) = stage.import(&rows).await?;
    same!(kinds(&would), kinds(&did), "what would be");
    Ok(())
}

pub(super) async fn an_import_that_changes_an_address_cancels_what_waits(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let batch = stage.invite(&anna).await?;
    let moved = PersonRow { email: "new@example.com".parse().ok(), ..row(2, "anna", "Oslo") };
    stage.import(&[moved]).await?;
    let expected = (DeliveryState::Cancelled, Some(EndReason::AddressChanged));
    same!(stage.ended(batch).await?, expected, "the message");
    Ok(())
}

pub(super) async fn imports_are_listed_the_newest_first_and_dry_runs_are_not(stage: Stage) -> Checked {
    let (first, _) = stage.import(&[row(2, "anna", "Oslo")]).await?;
    let dry = ImportId::new();
    let page = ImportPage { dry_run: true, ..stage.page(dry, ImportMode::Upsert, &[row(2, "bo", "Oslo")]) };
    stage.people.import_page(page).await?;
    stage.finish(dry, ImportMode::Upsert, true).await?;
    stage.clock.advance(DAY).await;
    let (second, _) = stage.import(&[row(2, "anna", "Oslo")]).await?;
    let listed = stage.people.imports(stage.organisation, None, 10).await?;
    same!(listed.iter().map(|one| one.import).collect::<Vec<_>>(), [second, first], "the list");
    let one = &listed[0];
    same!((&one.by, one.mode, one.complete), (&stage.actor(), Some(ImportMode::Upsert), true), "the newest");
    same!((one.figures.created, one.undone_at, one.ended_at.is_some()), (7, None, true), "what became of it");
    let older = stage.people.imports(stage.organisation, Some(second), 10).await?;
    same!(older.iter().map(|one| one.import).collect::<Vec<_>>(), [first], "before the newest");
    let neighbour = stage.neighbour().await?;
    same!(neighbour.people.imports(neighbour.organisation, None, 10).await?, [], "the list elsewhere");
    Ok(())
}

pub(super) async fn the_story_has_the_line_that_changed_a_person_and_what_it_changed(
    stage: Stage,
) -> Checked {
    stage.add("Anna").await?;
    let (import, outcomes) = stage.import(&[row(2, "anna", "Oslo"), row(3, "bo", "Oslo")]).await?;
    for (outcome, created, fields) in [(&outcomes[0], false, vec!["group"]), (&outcomes[1], true, vec![])] {
        let id = has_form!(outcome, RowOutcome::Created(id) | RowOutcome::Updated(id) => *id, "the row");
        let story = stage.store.person(stage.organisation, id).await?;
        same!(story.import_lines.len(), 1, "lines");
        let line = &story.import_lines[0];
        same!((line.import, line.created, &line.actor), (import, created, &stage.actor()), "the line");
        same!(line.changes.fields().map(|(field, ..)| field).collect::<Vec<_>>(), fields, "what it changed");
    }
    Ok(())
}

pub(super) async fn a_file_that_many_import_at_the_same_time_adds_each_person_once(stage: Stage) -> Checked {
    let rows: Vec<_> = (2..8).map(|line| row(line, &format!("person{line}"), "Oslo")).collect();
    let start = Arc::new(Barrier::new(6));
    let imports: Vec<_> = (0..6)
        .map(|_| {
            let (people, start) = (Arc::clone(&stage.people), Arc::clone(&start));
            let page = stage.page(ImportId::new(), ImportMode::Upsert, &rows);
            tokio::spawn(async move {
                start.wait().await;
                people.import_page(page).await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for import in imports {
        outcomes.extend(import.await.map_err(|error| Failure::new(error.to_string()))??.outcomes);
    }
    let count = |kind| kinds(&outcomes).into_iter().filter(|one| *one == kind).count();
    same!((count("created"), count("unchanged")), (6, 30), "rows that added somebody, and others");
    for row in &rows {
        let name = row.username.clone().unwrap_or_default();
        same!(stage.people.named(stage.organisation, name).await?.len(), 1, "people who are called so");
    }
    Ok(())
}
