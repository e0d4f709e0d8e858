//! Taking an import back.

use std::collections::BTreeSet;

use super::stage::{DAY, Stage, row};
use crate::conformance::Checked;
use crate::decision::import_undo::PersonUndone;
use crate::decision::person_match::RowOutcome;
use crate::model::id::{ImportId, UserId};
use crate::port::people::{UndoPage, Undone};

impl Stage {
    async fn undo_page(&self, import: ImportId, after: Option<UserId>, limit: usize) -> Checked<Undone> {
        let page = UndoPage { organisation: self.organisation, actor: self.actor(), import, after, limit };
        Ok(self.people.undo_page(page).await?)
    }

    async fn undo(&self, import: ImportId) -> Checked<Vec<(UserId, PersonUndone)>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.undo_page(import, after, 1).await?;
            let (people, next) = has_form!(page, Undone::Page { people, next } => (people, next), "a page");
            holds!(people.len() <= 1, "a page is not longer than its limit");
            all.extend(people);
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    async fn undone(&self, import: ImportId) -> Checked<bool> {
        let listed = self.people.imports(self.organisation, None, 100).await?;
        Ok(listed.iter().any(|one| one.import == import && one.undone_at.is_some()))
    }
}

pub(super) async fn undoing_restores_what_was_and_deactivates_whom_it_added(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let (import, outcomes) = stage.import(&[row(2, "anna", "Oslo"), row(3, "bo", "Oslo")]).await?;
    let bo = has_form!(&outcomes[1], RowOutcome::Created(id) => *id, "a new person");
    let undone = stage.undo(import).await?;
    same!(undone.len(), 2, "people of the import");
    for (user, undone) in undone {
        let restored = undone.restored.iter().map(String::as_str).collect::<Vec<_>>();
        let expected: &[&str] = if user == anna.id { &["group"] } else { &[] };
        same!((restored.as_slice(), undone.deactivated), (expected, user == bo), "what was done");
    }
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "who was changed");
    holds!(stage.fact(bo).await?.is_some_and(|user| user.deactivated), "who was added is deactivated");
    holds!(stage.undone(import).await?, "the list says that it was undone");
    Ok(())
}

pub(super) async fn undoing_page_by_page_reaches_everybody_once(stage: Stage) -> Checked {
    let rows: Vec<_> = (0..7).map(|number| row(number + 2, &format!("p{number}"), "Oslo")).collect();
    let (import, _) = stage.import(&rows).await?;
    // It is broken off after the first page, and begun again.
    let page = stage.undo_page(import, None, 3).await?;
    let first = has_form!(page, Undone::Page { people, next: Some(_) } => people, "the first page");
    holds!(!stage.undone(import).await?, "it is not undone yet");
    let rest = stage.undo(import).await?;
    let all: BTreeSet<_> = first.iter().chain(&rest).map(|(user, _)| *user).collect();
    same!((all.len(), first.len() + rest.len()), (7, 7), "people, and how often one was dealt with");
    Ok(())
}

pub(super) async fn undoing_twice_is_undoing_once(stage: Stage) -> Checked {
    let mut anna = stage.add("Anna").await?;
    let (import, _) = stage.import(&[row(2, "anna", "Oslo")]).await?;
    stage.undo(import).await?;
    anna.group = Some("Oslo".into());
    stage.save(&anna).await?;
    same!(stage.undo_page(import, None, 10).await?, Undone::Already, "the second time");
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "who was changed anew since");
    Ok(())
}

pub(super) async fn whoever_was_invited_since_stays(stage: Stage) -> Checked {
    let mut bo = row(2, "bo", "Oslo");
    bo.email = "bo@example.com".parse().ok();
    let (import, outcomes) = stage.import(&[bo]).await?;
    let id = has_form!(&outcomes[0], RowOutcome::Created(id) => *id, "a new person");
    if let Some(bo) = stage.fact(id).await? {
        stage.invite(&bo).await?;
    }
    let undone = stage.undo(import).await?;
    same!((undone[0].1.left, undone[0].1.deactivated), (true, false), "what was done");
    holds!(stage.fact(id).await?.is_some_and(|user| !user.deactivated), "who was invited stays active");
    Ok(())
}

pub(super) async fn what_was_changed_since_is_left(stage: Stage) -> Checked {
    let mut anna = stage.add("Anna").await?;
    let (import, _) = stage.import(&[row(2, "anna", "Oslo")]).await?;
    anna.group = Some("Bergen".into());
    stage.save(&anna).await?;
    let undone = stage.undo(import).await?;
    same!(undone[0].1.changed_since, ["group"], "fields that were changed since");
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "the person");
    Ok(())
}

pub(super) async fn an_import_is_not_undone_after_its_time(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let (import, _) = stage.import(&[row(2, "anna", "Oslo")]).await?;
    stage.clock.advance(DAY * 91).await;
    same!(stage.undo_page(import, None, 10).await?, Undone::TooLate, "after 91 days");
    while stage.store.sweep(100, crate::policy::Policy::default()).await? > 0 {}
    let story = stage.store.person(stage.organisation, anna.id).await?;
    let kept: Vec<_> = story.import_lines.iter().map(|line| line.changes.fields().count()).collect();
    same!(kept, [0], "fields that the line still has, swept");
    Ok(())
}

pub(super) async fn an_import_is_not_undone_from_another_organisation(stage: Stage) -> Checked {
    stage.add("Anna").await?;
    let (import, _) = stage.import(&[row(2, "anna", "Oslo")]).await?;
    let neighbour = stage.neighbour().await?;
    same!(neighbour.undo_page(import, None, 10).await?, Undone::Unknown, "undoing it from elsewhere");
    holds!(!stage.undone(import).await?, "it is not undone");
    Ok(())
}
