//! Importing people: pages, the steps of a sync, the list, undoing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::state::{following, preceding_in};
use super::transaction::Transaction;
use crate::decision::import_undo::{self, FieldChanges, KeptLine, PersonUndone, came_since};
use crate::decision::people::{self, Around, RowImport, Seen};
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::decision::schedule::due_on_import;
use crate::model::actor::Actor;
use crate::model::id::{ImportId, OrganisationId, UserId};
use crate::people_file::PersonRow;
use crate::port::people::{
    FinishedImport, ImportFigures, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople,
    SyncDone, SyncStep, UndoPage, Undone,
};
use crate::port::records::ImportLine;

/// An import that nobody ended is taken for broken off after so long.
const RUNS_AT_MOST: TimeDelta = TimeDelta::days(1);

/// An import, with what it needs while it runs.
#[derive(Clone)]
pub(super) struct ImportRow {
    summary: ImportSummary,
    dry_run: bool,
    reactivates: bool,
    /// The lines on which it has seen a key.
    seen: BTreeMap<String, u64>,
    /// The rows of a sync that are not written yet, by line.
    rows: BTreeMap<u64, PersonRow>,
    /// Whom the file of a sync does not name.
    missing: BTreeSet<UserId>,
    /// Whether what it changed is still kept.
    kept: bool,
}

/// What an import did to one person.
#[derive(Clone)]
pub(super) struct ImportLineRow {
    pub(super) line: ImportLine,
    undone: bool,
}

impl Transaction<'_> {
    pub(super) fn import(&mut self, page: &ImportPage) -> ImportedPage {
        let place = (page.organisation, page.import);
        let summary = ImportSummary {
            import: page.import,
            file_name: page.file_name.clone(),
            mode: Some(page.mode),
            by: page.actor.clone(),
            began_at: Some(self.now),
            ended_at: None,
            complete: false,
            figures: ImportFigures::default(),
            undone_at: None,
            undone_by: None,
        };
        self.state.imports.entry(place).or_insert_with(|| ImportRow {
            summary,
            dry_run: page.dry_run,
            reactivates: page.reactivates,
            seen: BTreeMap::new(),
            rows: BTreeMap::new(),
            missing: BTreeSet::new(),
            kept: true,
        });
        let writes = !page.dry_run && page.mode != ImportMode::Sync;
        let refused = page.refused.iter().map(|refused| &refused.row);
        let (mut around, mut seen) = self.around_rows(place, page.rows.iter().chain(refused));
        let how = RowImport { mode: page.mode, reactivates: page.reactivates };
        let import = |row: &PersonRow| around.import(row, how, &mut seen, UserId::new(), self.now);
        let outcomes: Vec<_> = page.rows.iter().map(import).collect();
        let mut anybody = Vec::new();
        if page.mode == ImportMode::Sync {
            let unclear = page.refused.iter().filter(|row| around.may_mean_anybody(row, &mut seen));
            anybody = unclear.map(|refused| refused.row.line).collect();
        }
        let (contacts, reactivated) = around.counts();
        let import = self.state.imports.get_mut(&place).expect("it was put there");
        import.seen.extend(seen.into_new());
        if page.mode == ImportMode::Sync && !page.dry_run {
            let kept = page.rows.iter().zip(&outcomes).filter(|(_, outcome)| changes(outcome));
            import.rows.extend(kept.map(|(row, _)| (row.line, row.clone())));
        }
        if writes {
            let rows = page.rows.iter().map(|row| row.line).zip(&outcomes);
            self.write_import(place, &page.actor, &page.file_name, around, rows.collect());
        }
        ImportedPage { outcomes, contacts, reactivated, anybody }
    }

    /// The people who share something with rows of an import, and what it has seen of them.
    fn around_rows<'a>(
        &self,
        place: (OrganisationId, ImportId),
        rows: impl Iterator<Item = &'a PersonRow> + Clone,
    ) -> (Around, Seen) {
        let around = self.around(place.0, std::iter::empty(), rows.clone().flat_map(people::keys_of_row));
        let lines = &self.state.imports[&place].seen;
        let known = Seen::keys(rows, &around).into_iter();
        let known = known.filter_map(|key| lines.get(&key).map(|line| (key.clone(), *line)));
        let seen = Seen::new(known.collect());
        (around, seen)
    }

    /// Writes what an import made of people, with a line for each.
    fn write_import(
        &mut self,
        (organisation, import): (OrganisationId, ImportId),
        actor: &Actor,
        file_name: &str,
        around: Around,
        rows: Vec<(u64, &RowOutcome)>,
    ) {
        let lines: BTreeMap<UserId, u64> = rows
            .into_iter()
            .filter_map(|(line, outcome)| match outcome {
                RowOutcome::Created(id) | RowOutcome::Updated(id) => Some((*id, line)),
                RowOutcome::Unchanged(_) | RowOutcome::Refused { .. } => None,
            })
            .collect();
        let mut added = Vec::new();
        for change in self.write_people(organisation, around) {
            let user = change.user.id;
            let before = change.before.as_ref();
            added.extend(before.is_none().then_some(user));
            let line = ImportLine {
                import,
                file_name: file_name.to_owned(),
                line: lines.get(&user).copied().unwrap_or_default(),
                created: before.is_none(),
                changes: before.map(|before| FieldChanges::between(before, &change.user)).unwrap_or_default(),
                actor: actor.clone(),
                at: self.now,
            };
            let row = ImportLineRow { line, undone: false };
            self.state.import_lines.insert((organisation, import, user), row);
            self.person_mut(organisation, user).imports.insert(import);
        }
        let due = self.settings(organisation).map(|settings| due_on_import(settings, &added, self.now));
        self.add_due(organisation, due.unwrap_or_default());
    }

    pub(super) fn missing(&mut self, page: &MissingPage) -> MissingPeople {
        let Some(import) = self.state.imports.get_mut(&(page.organisation, page.import)) else {
            return MissingPeople::default();
        };
        let range = super::state::following_in(page.organisation, page.after, UserId::from_uuid);
        let mut missing = MissingPeople::default();
        let mut looked_at = 0;
        for (_, account) in self.state.accounts.range(range).take(page.limit) {
            let id = account.user.id;
            looked_at += 1;
            missing.next = Some(id);
            if account.user.deactivated {
                continue;
            }
            missing.active += 1;
            if people::keys_of_named(id).iter().any(|key| import.seen.contains_key(key)) {
                continue;
            }
            if page.actor.user() == Some(id) {
                missing.yourself = true;
            } else {
                missing.missing += 1;
                if !import.dry_run {
                    import.missing.insert(id);
                }
            }
        }
        missing.next = missing.next.filter(|_| looked_at == page.limit);
        missing
    }

    pub(super) fn carry_out_sync(&mut self, step: &SyncStep) -> SyncDone {
        let place = (step.organisation, step.import);
        let Some(import) = self.state.imports.get_mut(&place) else { return SyncDone::All };
        let file_name = import.summary.file_name.clone();
        let how = RowImport { mode: ImportMode::Sync, reactivates: import.reactivates };
        let mut rows = Vec::new();
        while rows.len() < step.limit
            && let Some((_, row)) = import.rows.pop_first()
        {
            rows.push(row);
        }
        if !rows.is_empty() {
            let (mut around, mut seen) = self.around_rows(place, rows.iter());
            let import = |row: &PersonRow| around.import(row, how, &mut seen, UserId::new(), self.now);
            let outcomes: Vec<_> = rows.iter().map(import).collect();
            let (contacts, reactivated) = around.counts();
            let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
            let import = self.state.imports.get_mut(&place).expect("it is there");
            import.seen.extend(seen.into_new());
            let of_lines = lines.iter().copied().zip(&outcomes).collect();
            self.write_import(place, &step.actor, &file_name, around, of_lines);
            let page = ImportedPage { outcomes, contacts, reactivated, anybody: Vec::new() };
            return SyncDone::Rows { lines, page };
        }
        let mut missing = Vec::new();
        while step.deactivates
            && missing.len() < step.limit
            && let Some(id) = import.missing.pop_first()
        {
            missing.push(id);
        }
        if missing.is_empty() {
            return SyncDone::All;
        }
        let named = |id: &UserId| people::keys_of_named(*id).iter().any(|key| import.seen.contains_key(key));
        missing.retain(|id| !named(id) && step.actor.user() != Some(*id));
        let mut around = self.around(step.organisation, missing.iter().copied(), std::iter::empty());
        let count = missing.iter().filter(|id| around.deactivate(**id, self.now)).count();
        self.write_import(place, &step.actor, &file_name, around, Vec::new());
        SyncDone::Deactivated(count as u64)
    }

    pub(super) fn finish_import(&mut self, finished: &FinishedImport) {
        let place = (finished.organisation, finished.import);
        if finished.dry_run {
            self.state.imports.remove(&place);
        } else if let Some(import) = self.state.imports.get_mut(&place) {
            import.seen.clear();
            import.rows.clear();
            import.missing.clear();
            import.summary.ended_at = Some(self.now);
            import.summary.complete = finished.complete;
            import.summary.figures = finished.figures;
        }
        self.audit(&finished.actor, "imported", &finished.import, finished.in_words());
    }

    pub(super) fn imports(
        &self,
        organisation: OrganisationId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Vec<ImportSummary> {
        let range = preceding_in(organisation, before, ImportId::from_uuid);
        let imports = self.state.imports.range(range).rev().map(|(_, import)| import);
        imports.filter(|import| !import.dry_run).map(|import| import.summary.clone()).take(limit).collect()
    }

    pub(super) fn undo(&mut self, page: &UndoPage) -> Undone {
        let place = (page.organisation, page.import);
        let Some(import) = self.state.imports.get(&place).filter(|import| !import.dry_run) else {
            return Undone::Unknown;
        };
        if import.summary.undone_at.is_some() {
            return Undone::Already;
        }
        if !import.kept || import.summary.began_at.is_none_or(|at| self.now - at > import_undo::KEPT) {
            return Undone::TooLate;
        }
        let (from, to) = following(page.after, UserId::from_uuid);
        let of = |id| (page.organisation, page.import, id);
        let lines: Vec<ImportLineRow> = self
            .state
            .import_lines
            .range((from.map(of), to.map(of)))
            .map(|((_, _, user), row)| (*user, row))
            .take(page.limit)
            .map(|(_, row)| row.clone())
            .collect();
        let users: Vec<UserId> = self
            .state
            .import_lines
            .range((from.map(of), to.map(of)))
            .map(|((_, _, user), _)| *user)
            .take(page.limit)
            .collect();
        let kept: Vec<KeptLine> = users
            .iter()
            .zip(&lines)
            .filter(|(_, row)| !row.undone)
            .map(|(user, row)| KeptLine {
                user: *user,
                at: row.line.at,
                created: row.line.created,
                changes: row.line.changes.clone(),
            })
            .collect();
        let restored = kept.iter().flat_map(|line| self.keys_to_restore(page.organisation, line));
        let restored: Vec<String> = restored.collect();
        let ids = kept.iter().map(|line| line.user);
        let mut around = self.around(page.organisation, ids, restored.into_iter());
        let mut undone: Vec<(UserId, PersonUndone)> = Vec::with_capacity(kept.len());
        for line in &kept {
            let Some(account) = self.state.accounts.get(&(page.organisation, line.user)) else { continue };
            let rows = self.rows(page.organisation, line.user, None);
            let came = came_since(&rows, &account.user, line.at);
            undone.push((line.user, around.undo(line, came, page.actor.user(), self.now)));
        }
        self.write_people(page.organisation, around);
        for user in &users {
            if let Some(row) = self.state.import_lines.get_mut(&of(*user)) {
                row.undone = true;
            }
        }
        let next = users.last().copied().filter(|_| users.len() == page.limit);
        if next.is_none() {
            let import = self.state.imports.get_mut(&place).expect("it is there");
            import.summary.undone_at = Some(self.now);
            import.summary.undone_by = Some(page.actor.clone());
            self.audit(&page.actor, "import_undone", &page.import, "");
        }
        Undone::Page { people: undone, next }
    }

    /// The keys that a person may get back.
    fn keys_to_restore(&self, organisation: OrganisationId, line: &KeptLine) -> Vec<String> {
        let account = self.state.accounts.get(&(organisation, line.user));
        account.map(|account| line.keys_before(&account.user)).unwrap_or_default()
    }

    /// What an import that nobody ended needed, and what imports changed too long ago.
    pub(super) fn sweep_imports(&mut self, limit: u64) -> u64 {
        let (broken, old) = (self.now - RUNS_AT_MOST, self.now - import_undo::KEPT);
        let mut changed = 0;
        let began_before =
            |import: &ImportRow, at: DateTime<Utc>| import.summary.began_at.is_some_and(|began| began < at);
        let places: Vec<_> = self.state.imports.keys().copied().collect();
        for place in places {
            if changed >= limit {
                break;
            }
            let import = self.state.imports.get_mut(&place).expect("it is there");
            if import.summary.ended_at.is_none() && began_before(import, broken) {
                let needed = import.seen.len() + import.rows.len() + import.missing.len();
                changed += needed as u64;
                if import.dry_run {
                    self.state.imports.remove(&place);
                    continue;
                }
                import.seen.clear();
                import.rows.clear();
                import.missing.clear();
            }
            if import.kept && began_before(import, old) {
                import.kept = false;
                let of = |id| (place.0, place.1, id);
                let (from, to) = following(None, UserId::from_uuid);
                for (_, row) in self.state.import_lines.range_mut((from.map(of), to.map(of))) {
                    row.line.changes = FieldChanges::default();
                    changed += 1;
                }
            }
        }
        changed
    }
}

/// Whether a row changes anything.
const fn changes(outcome: &RowOutcome) -> bool {
    matches!(outcome, RowOutcome::Created(_) | RowOutcome::Updated(_))
}
