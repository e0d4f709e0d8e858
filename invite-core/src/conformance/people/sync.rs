//! A file that is the whole truth.

use super::stage::{Stage, person, row};
use crate::conformance::Checked;
use crate::decision::person_match::ImportMode;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::id::ImportId;
use crate::people_file::{PersonRow, RefusedRow};
use crate::port::people::ImportPage;

pub(super) async fn a_sync_writes_nobody_before_it_is_carried_out(stage: Stage) -> Checked {
    let (anna, bo) = (stage.add("Anna").await?, stage.add("Bo").await?);
    let (import, page) = stage.begin_sync(&[row(2, "anna", "Oslo"), row(3, "carl", "Oslo")]).await?;
    same!(page.outcomes.len(), 2, "outcomes");
    let missing = stage.look(import).await?;
    same!((missing.active, missing.missing, missing.yourself), (3, 1, true), "who is missing");
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "who would change");
    same!(stage.people.named(stage.organisation, "carl".into()).await?, [], "who would be added");
    holds!(stage.is_active(&bo).await?, "who is missing is active");
    stage.carry_out(import).await?;
    let group = stage.fact(anna.id).await?.and_then(|user| user.group);
    same!(group.as_deref(), Some("Oslo"), "the group, carried out");
    same!(
        stage.people.named(stage.organisation, "carl".into()).await?.len(),
        1,
        "people called carl, carried out"
    );
    Ok(())
}

pub(super) async fn a_sync_deactivates_whom_its_file_does_not_name(stage: Stage) -> Checked {
    let (anna, bo, mut carl) = (stage.add("Anna").await?, stage.add("Bo").await?, stage.add("Carl").await?);
    carl.deactivated = true;
    stage.save(&carl).await?;
    same!(stage.sync(&[row(2, "anna", "Oslo"), row(3, "carl", "Oslo")]).await?, 1, "people deactivated");
    for (user, active) in [(&anna, true), (&bo, false), (&carl, true)] {
        same!(stage.is_active(user).await?, active, "whether {} is active", user.first_name);
    }
    let story = stage.store.person(stage.organisation, bo.id).await?;
    same!(
        story.import_lines.iter().map(|line| line.line).collect::<Vec<_>>(),
        [0],
        "the line about who is missing"
    );
    same!(
        stage.sync(&[row(2, "anna", "Oslo"), row(3, "carl", "Oslo")]).await?,
        0,
        "people deactivated again"
    );
    Ok(())
}

pub(super) async fn whoever_runs_a_sync_stays_active(stage: Stage) -> Checked {
    stage.add("Anna").await?;
    same!(stage.sync(&[row(2, "anna", "Oslo")]).await?, 0, "people deactivated");
    holds!(stage.is_active(&stage.admin).await?, "the administrator is active");
    Ok(())
}

pub(super) async fn whom_a_refused_row_names_is_not_missing(stage: Stage) -> Checked {
    let (anna, bo, carl) = (stage.add("Anna").await?, stage.add("Bo").await?, stage.add("Carl").await?);
    let import = ImportId::new();
    let refused = |row: PersonRow, identified| RefusedRow { row, identified };
    // The reader refused Anna's row, and the store refuses the second one of Bo and his address.
    let by_address = PersonRow { line: 9, email: carl.email.clone(), ..PersonRow::default() };
    let page = ImportPage {
        refused: vec![
            refused(row(3, "anna", "Oslo"), true),
            refused(row(4, "stranger", "Oslo"), true),
            refused(PersonRow { line: 5, ..PersonRow::default() }, false),
            refused(by_address, false),
        ],
        ..stage.page(import, ImportMode::Sync, &[row(2, "bo", "Oslo"), row(6, "bo", "Oslo")])
    };
    let page = stage.people.import_page(page).await?;
    same!(page.anybody, [5], "lines of rows that may mean anybody");
    same!(stage.look(import).await?.missing, 0, "people who are missing");
    same!(stage.carry_out(import).await?, 0, "people deactivated");
    for user in [&anna, &bo, &carl] {
        holds!(stage.is_active(user).await?, "{} is active", user.first_name);
    }
    Ok(())
}

pub(super) async fn whoever_is_added_while_a_sync_runs_stays_active(stage: Stage) -> Checked {
    let bo = stage.add("Bo").await?;
    let (import, _) = stage.begin_sync(&[row(2, "kari", "Oslo")]).await?;
    stage.look(import).await?;
    let anna = stage.add("Anna").await?;
    same!(stage.carry_out(import).await?, 1, "people deactivated");
    holds!(stage.is_active(&anna).await?, "who was added meanwhile is active");
    holds!(!stage.is_active(&bo).await?, "who was missing is not");
    Ok(())
}

pub(super) async fn a_sync_that_was_broken_off_is_begun_again_by_another(stage: Stage) -> Checked {
    let (anna, bo) = (stage.add("Anna").await?, stage.add("Bo").await?);
    let rows = [row(2, "anna", "Oslo"), row(3, "carl", "Oslo")];
    let (broken, _) = stage.begin_sync(&rows).await?;
    stage.look(broken).await?;
    stage.step(broken, 1).await?;
    same!(stage.sync(&rows).await?, 1, "people deactivated by the next");
    let group = stage.fact(anna.id).await?.and_then(|user| user.group);
    same!(group.as_deref(), Some("Oslo"), "who was changed before it broke off");
    same!(stage.people.named(stage.organisation, "carl".into()).await?.len(), 1, "people called carl");
    holds!(!stage.is_active(&bo).await?, "who is missing is not active");
    Ok(())
}

pub(super) async fn whom_a_sync_deactivates_loses_what_waits(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let batch = stage.invite(&anna).await?;
    stage.sync(&[row(2, "kari", "Oslo")]).await?;
    let expected = (DeliveryState::Cancelled, Some(EndReason::Deactivated));
    same!(stage.ended(batch).await?, expected, "the message");
    Ok(())
}

pub(super) async fn a_sync_sees_its_own_organisation_alone(stage: Stage) -> Checked {
    let neighbour = stage.neighbour().await?;
    let anna = person("Anna", "anna");
    neighbour.save(&anna).await?;
    same!(stage.sync(&[row(2, "kari", "Oslo")]).await?, 0, "people deactivated");
    holds!(neighbour.is_active(&anna).await?, "a person of another organisation is active");
    Ok(())
}
