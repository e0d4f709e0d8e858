//! Importing people: pages, the steps of a sync, the list, undoing.

use std::collections::HashMap;

use chrono::TimeDelta;
use invite_core::decision::import_undo::{self, FieldChanges, KeptLine, came_since};
use invite_core::decision::people::{self, Around, RowImport, Seen};
use invite_core::decision::person_match::{ImportMode, RowOutcome};
use invite_core::model::actor::Actor;
use invite_core::model::id::{ImportId, OrganisationId, UserId};
use invite_core::people_file::PersonRow;
use invite_core::port::people::{
    FinishedImport, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople, SyncDone, SyncStep,
    UndoPage, Undone,
};
use serde_json::json;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::alone::Alone;
use crate::db::Db;
use crate::error::Step;
use crate::histories::People;
use crate::people::read_around;
use crate::rows::{Columns, Key, cursor, json, limit, uuids};
use crate::write::Write;

/// An import that nobody ended is taken for broken off after so long.
const RUNS_AT_MOST: TimeDelta = TimeDelta::days(1);

/// So many rows are removed by one statement.
const FORGOTTEN_AT_ONCE: i64 = 10_000;

type Place = (OrganisationId, ImportId);

impl Write {
    pub(crate) async fn import_page(&mut self, page: &ImportPage) -> Step<ImportedPage> {
        let place = (page.organisation, page.import);
        self.db().alone(Alone::WritingPeople(page.organisation)).await?;
        self.begin_import(page).await?;
        let refused = page.refused.iter().map(|refused| &refused.row);
        let rows: Vec<&PersonRow> = page.rows.iter().chain(refused).collect();
        let (mut around, mut seen) = self.around_rows(place, &rows).await?;
        let how = RowImport { mode: page.mode, reactivates: page.reactivates };
        let import = |row: &PersonRow| around.import(row, how, &mut seen, UserId::new(), self.now);
        let outcomes: Vec<_> = page.rows.iter().map(import).collect();
        let mut anybody = Vec::new();
        if page.mode == ImportMode::Sync {
            let unclear = page.refused.iter().filter(|row| around.may_mean_anybody(row, &mut seen));
            anybody = unclear.map(|refused| refused.row.line).collect();
        }
        let (contacts, reactivated) = around.counts();
        self.keep_seen(place, seen).await?;
        match page.mode {
            ImportMode::Sync if !page.dry_run => self.keep_rows(page, &outcomes).await?,
            ImportMode::Add | ImportMode::Upsert if !page.dry_run => {
                let lines = page.rows.iter().map(|row| row.line).zip(&outcomes);
                self.write_import(place, around, lines).await?;
            }
            _ => {}
        }
        Ok(ImportedPage { outcomes, contacts, reactivated, anybody })
    }

    async fn begin_import(&mut self, page: &ImportPage) -> Step<()> {
        let now = self.now;
        self.query(
            "INSERT INTO invite.import
                 (organisation, id, file_name, actor, mode, dry_run, reactivates, began_at, complete, runs, kept)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, true, NOT $6) ON CONFLICT DO NOTHING",
        )
        .bind(page.organisation.uuid())
        .bind(page.import.uuid())
        .bind(page.file_name.clone())
        .bind(json(&page.actor))
        .bind(crate::rows::word(&page.mode))
        .bind(page.dry_run)
        .bind(page.reactivates)
        .bind(now)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// The people who share something with rows of an import, and what it has seen of them.
    async fn around_rows(&mut self, place: Place, rows: &[&PersonRow]) -> Step<(Around, Seen)> {
        let keys: Vec<String> = rows.iter().flat_map(|row| people::keys_of_row(row)).collect();
        let around = read_around(self.db(), place.0, std::iter::empty(), &keys).await?;
        let lines = self.seen_keys(place, &Seen::keys(rows.iter().copied(), &around)).await?;
        Ok((around, Seen::new(lines)))
    }

    /// On which lines an import has seen these keys.
    async fn seen_keys(&mut self, place: Place, keys: &[String]) -> Step<HashMap<String, u64>> {
        let rows = self
            .query(
                "SELECT k.person_key, k.line FROM unnest($3::text[]) AS w (key)
                 CROSS JOIN LATERAL (
                     SELECT * FROM invite.import_key AS k
                     WHERE k.organisation = $1 AND k.import = $2 AND k.person_key = w.key OFFSET 0
                 ) AS k",
            )
            .bind(place.0.uuid())
            .bind(place.1.uuid())
            .bind(keys.to_vec())
            .fetch_all(self.db().connection())
            .await?;
        rows.iter().map(|row| Ok((row.text("person_key")?, row.count("line")?))).collect()
    }

    async fn keep_seen(&mut self, place: Place, seen: Seen) -> Step<()> {
        let (keys, lines): (Vec<_>, Vec<_>) =
            seen.into_new().into_iter().map(|(key, line)| (key, number(line))).unzip();
        self.query(
            "INSERT INTO invite.import_key (organisation, import, person_key, line)
             SELECT $1, $2, w.key, w.line FROM unnest($3::text[], $4::bigint[]) AS w (key, line)
             ON CONFLICT DO NOTHING",
        )
        .bind(place.0.uuid())
        .bind(place.1.uuid())
        .bind(keys)
        .bind(lines)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Keeps the rows of a sync that would change something.
    async fn keep_rows(&mut self, page: &ImportPage, outcomes: &[RowOutcome]) -> Step<()> {
        let mut list = Vec::new();
        for (row, outcome) in page.rows.iter().zip(outcomes) {
            match outcome {
                RowOutcome::Created(_) => list.push(json!({ "line": row.line, "person": row })),
                RowOutcome::Updated(id) => {
                    list.push(json!({ "line": row.line, "user_id": id.uuid(), "person": row }));
                }
                RowOutcome::Unchanged(_) | RowOutcome::Refused { .. } => {}
            }
        }
        self.query(
            "INSERT INTO invite.import_row (organisation, import, line, user_id, person)
             SELECT $1, $2, line, user_id, person FROM jsonb_populate_recordset(NULL::invite.import_row, $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(page.organisation.uuid())
        .bind(page.import.uuid())
        .bind(json(&list))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Writes what an import made of people, with a line for each.
    async fn write_import(
        &mut self,
        (organisation, import): Place,
        around: Around,
        rows: impl Iterator<Item = (u64, &RowOutcome)>,
    ) -> Step<()> {
        let mut lines: HashMap<UserId, u64> = HashMap::new();
        for (line, outcome) in rows {
            if let RowOutcome::Created(id) | RowOutcome::Updated(id) = outcome {
                lines.insert(*id, line);
            }
        }
        let changes = self.write_people(organisation, around).await?;
        let added = changes.iter().filter(|change| change.before.is_none()).map(|change| change.user.id);
        self.add_due_of_import(organisation, added.collect()).await?;
        let list: Vec<_> = changes
            .iter()
            .map(|change| {
                let user = change.user.id;
                let line = lines.get(&user).copied().unwrap_or_default();
                let changed =
                    change.before.as_ref().map(|before| FieldChanges::between(before, &change.user));
                json!({
                    "user_id": user.uuid(),
                    "line": line,
                    "created": change.before.is_none(),
                    "changes": changed,
                })
            })
            .collect();
        let now = self.now;
        self.query(
            "INSERT INTO invite.import_line (organisation, user_id, import, line, created, changes, at)
             SELECT $1, user_id, $2, line, created, changes, $4
             FROM jsonb_populate_recordset(NULL::invite.import_line, $3) ON CONFLICT DO NOTHING",
        )
        .bind(organisation.uuid())
        .bind(import.uuid())
        .bind(json(&list))
        .bind(now)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    pub(crate) async fn missing_page(&mut self, page: &MissingPage) -> Step<MissingPeople> {
        let place = (page.organisation, page.import);
        let rows = self.query(
            "SELECT id, deactivated FROM invite.user WHERE organisation = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(page.organisation.uuid())
        .bind(cursor(page.after))
        .bind(limit(page.limit))
        .fetch_all(self.db().connection())
        .await?;
        let mut active: Vec<UserId> = Vec::new();
        for row in &rows {
            if !row.flag("deactivated")? {
                active.push(row.id("id")?);
            }
        }
        let mut found = MissingPeople { active: active.len() as u64, ..MissingPeople::default() };
        if rows.len() == page.limit {
            found.next = rows.last().map(|row| row.id("id")).transpose()?;
        }
        let mut missing = self.not_named(place, active).await?;
        let everybody = missing.len();
        missing.retain(|id| page.actor.user() != Some(*id));
        found.yourself = missing.len() < everybody;
        found.missing = missing.len() as u64;
        self.query(
            "INSERT INTO invite.import_missing (organisation, import, user_id)
             SELECT $1, $2, w.id FROM unnest($3::uuid[]) AS w (id) ON CONFLICT DO NOTHING",
        )
        .bind(page.organisation.uuid())
        .bind(page.import.uuid())
        .bind(uuids(missing))
        .execute(self.db().connection())
        .await?;
        Ok(found)
    }

    /// Those of these people whom the file of an import does not name.
    async fn not_named(&mut self, place: Place, mut users: Vec<UserId>) -> Step<Vec<UserId>> {
        let keys: Vec<String> = users.iter().flat_map(|id| people::keys_of_named(*id)).collect();
        let seen = self.seen_keys(place, &keys).await?;
        users.retain(|id| !people::keys_of_named(*id).iter().any(|key| seen.contains_key(key)));
        Ok(users)
    }

    pub(crate) async fn carry_out_sync(&mut self, step: &SyncStep) -> Step<SyncDone> {
        let place = (step.organisation, step.import);
        self.db().alone(Alone::WritingPeople(step.organisation)).await?;
        let rows = self.take_rows(place, step.limit).await?;
        if !rows.is_empty() {
            let (mut around, mut seen) = self.around_rows(place, &rows.iter().collect::<Vec<_>>()).await?;
            let how = RowImport { mode: ImportMode::Sync, reactivates: true };
            let import = |row: &PersonRow| around.import(row, how, &mut seen, UserId::new(), self.now);
            let outcomes: Vec<_> = rows.iter().map(import).collect();
            let (contacts, reactivated) = around.counts();
            let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
            self.keep_seen(place, seen).await?;
            self.write_import(place, around, lines.iter().copied().zip(&outcomes)).await?;
            let page = ImportedPage { outcomes, contacts, reactivated, anybody: Vec::new() };
            return Ok(SyncDone::Rows { lines, page });
        }
        if !step.deactivates {
            return Ok(SyncDone::All);
        }
        let taken = self
            .query(
                "DELETE FROM invite.import_missing WHERE organisation = $1 AND import = $2 AND user_id IN (
                 SELECT user_id FROM invite.import_missing WHERE organisation = $1 AND import = $2 LIMIT $3)
             RETURNING user_id",
            )
            .bind(place.0.uuid())
            .bind(place.1.uuid())
            .bind(limit(step.limit))
            .fetch_all(self.db().connection())
            .await?;
        if taken.is_empty() {
            return Ok(SyncDone::All);
        }
        let taken = taken.iter().map(|row| row.id("user_id")).collect::<Step<Vec<_>>>()?;
        let mut missing = self.not_named(place, taken).await?;
        missing.retain(|id| step.actor.user() != Some(*id));
        let mut around = read_around(self.db(), step.organisation, missing.iter().copied(), &[]).await?;
        let count = missing.iter().filter(|id| around.deactivate(**id, self.now)).count();
        self.write_import(place, around, std::iter::empty()).await?;
        Ok(SyncDone::Deactivated(count as u64))
    }

    /// Takes the next rows of a sync, in the order of the file.
    async fn take_rows(&mut self, place: Place, most: usize) -> Step<Vec<PersonRow>> {
        let taken = self.query(
            "DELETE FROM invite.import_row WHERE organisation = $1 AND import = $2 AND line IN (
                 SELECT line FROM invite.import_row WHERE organisation = $1 AND import = $2 ORDER BY line LIMIT $3)
             RETURNING person",
        )
        .bind(place.0.uuid())
        .bind(place.1.uuid())
        .bind(limit(most))
        .fetch_all(self.db().connection())
        .await?;
        let mut rows = taken.iter().map(|row| row.json("person")).collect::<Step<Vec<PersonRow>>>()?;
        rows.sort_by_key(|row| row.line);
        Ok(rows)
    }

    pub(crate) async fn finish_import(&mut self, finished: &FinishedImport) -> Step<()> {
        let place = (finished.organisation, finished.import);
        let now = self.now;
        while self.forget_run(place, FORGOTTEN_AT_ONCE).await? > 0 {}
        self.query(
            "UPDATE invite.import SET ended_at = $1, complete = $2, figures = $3, runs = false
             WHERE organisation = $4 AND id = $5 AND NOT dry_run",
        )
        .bind(now)
        .bind(finished.complete)
        .bind(json(&finished.figures))
        .bind(place.0.uuid())
        .bind(place.1.uuid())
        .execute(self.db().connection())
        .await?;
        self.forget_dry_run(place).await?;
        self.audit(&finished.actor, "imported", finished.import, finished.in_words()).await
    }

    /// Removes at most about `most` rows of each kind that an import needs while it runs; gives how many.
    async fn forget_run(&mut self, place: Place, most: i64) -> Step<u64> {
        let steps = [
            "DELETE FROM invite.import_key WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM invite.import_key WHERE organisation = $1 AND import = $2 LIMIT $3))
                 AND organisation = $1 AND import = $2",
            "DELETE FROM invite.import_row WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM invite.import_row WHERE organisation = $1 AND import = $2 LIMIT $3))
                 AND organisation = $1 AND import = $2",
            "DELETE FROM invite.import_missing WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM invite.import_missing WHERE organisation = $1 AND import = $2 LIMIT $3))
                 AND organisation = $1 AND import = $2",
        ];
        let mut removed = 0;
        for step in steps {
            let query = self.query(step).bind(place.0.uuid()).bind(place.1.uuid()).bind(most);
            removed += query.execute(self.db().connection()).await?.rows_affected();
        }
        Ok(removed)
    }

    async fn forget_dry_run(&mut self, place: Place) -> Step<()> {
        self.query("DELETE FROM invite.import WHERE organisation = $1 AND id = $2 AND dry_run")
            .bind(place.0.uuid())
            .bind(place.1.uuid())
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    pub(crate) async fn undo_page(&mut self, page: &UndoPage) -> Step<Undone> {
        let place = (page.organisation, page.import);
        self.db().alone(Alone::WritingPeople(page.organisation)).await?;
        let found = self
            .query(
                "SELECT undone_at, began_at, kept FROM invite.import
                 WHERE organisation = $1 AND id = $2 AND NOT dry_run",
            )
            .bind(place.0.uuid())
            .bind(place.1.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        let Some(found) = found else { return Ok(Undone::Unknown) };
        if found.maybe_at("undone_at")?.is_some() {
            return Ok(Undone::Already);
        }
        let is_old = found.maybe_at("began_at")?.is_none_or(|at| self.now - at > import_undo::KEPT);
        if is_old || !found.flag("kept")? {
            return Ok(Undone::TooLate);
        }
        let rows = self
            .query(
                "SELECT user_id, created, changes, at, undone FROM invite.import_line
             WHERE organisation = $1 AND import = $2 AND user_id > $3 ORDER BY user_id LIMIT $4",
            )
            .bind(place.0.uuid())
            .bind(place.1.uuid())
            .bind(cursor(page.after))
            .bind(limit(page.limit))
            .fetch_all(self.db().connection())
            .await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            if !row.flag("undone")? {
                lines.push(kept_line(row)?);
            }
        }
        let people = self.undo_lines(page, &lines).await?;
        self.query(
            "UPDATE invite.import_line AS l SET undone = true
             FROM (
                 SELECT $1::uuid AS organisation, $2::uuid AS import, w.id FROM unnest($3::uuid[]) AS w (id) OFFSET 0
             ) AS w
             WHERE l.organisation = w.organisation AND l.import = w.import AND l.user_id = w.id",
        )
        .bind(place.0.uuid())
        .bind(place.1.uuid())
        .bind(uuids(lines.iter().map(|line| line.user)))
        .execute(self.db().connection())
        .await?;
        let mut next = None;
        if rows.len() == page.limit {
            next = rows.last().map(|row| row.id("user_id")).transpose()?;
        }
        if next.is_none() {
            self.mark_undone(place, &page.actor).await?;
        }
        Ok(Undone::Page { people, next })
    }

    async fn undo_lines(
        &mut self,
        page: &UndoPage,
        lines: &[KeptLine],
    ) -> Step<Vec<(UserId, import_undo::PersonUndone)>> {
        let organisation = page.organisation;
        let ids = || lines.iter().map(|line| line.user);
        self.hold(organisation, ids()).await?;
        self.hold_users(organisation, ids()).await?;
        let now = read_around(self.db(), organisation, ids(), &[]).await?;
        let before = lines.iter().filter_map(|line| Some(line.keys_before(&now.stored(line.user)?.user)));
        let keys: Vec<String> = before.flatten().collect();
        let mut around = read_around(self.db(), organisation, ids(), &keys).await?;
        let users: Vec<_> = ids().filter_map(|id| Some(now.stored(id)?.user.clone())).collect();
        let histories = People::read(self.db(), organisation, &users).await?;
        let mut undone = Vec::with_capacity(lines.len());
        for line in lines {
            let Some(stored) = now.stored(line.user) else { continue };
            let came = came_since(&histories.rows_of(line.user), &stored.user, line.at);
            undone.push((line.user, around.undo(line, came, page.actor.user(), self.now)));
        }
        self.write_people(organisation, around).await?;
        Ok(undone)
    }

    /// Keeps people of our own as they are: nobody signs in meanwhile.
    async fn hold_users(
        &mut self,
        organisation: OrganisationId,
        users: impl IntoIterator<Item = UserId>,
    ) -> Step<()> {
        self.query(
            "SELECT 1 FROM (SELECT DISTINCT w.id FROM unnest($2::uuid[]) AS w (id) ORDER BY w.id) AS w
             CROSS JOIN LATERAL (
                 SELECT 1 FROM invite.user AS u WHERE u.organisation = $1 AND u.id = w.id FOR UPDATE
             ) AS u",
        )
        .bind(organisation.uuid())
        .bind(uuids(users))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    async fn mark_undone(&mut self, place: Place, actor: &Actor) -> Step<()> {
        let now = self.now;
        self.query(
            "UPDATE invite.import SET undone_at = $1, undone_by = $2 WHERE organisation = $3 AND id = $4",
        )
        .bind(now)
        .bind(json(actor))
        .bind(place.0.uuid())
        .bind(place.1.uuid())
        .execute(self.db().connection())
        .await?;
        self.audit(actor, "import_undone", place.1, "").await
    }

    /// What an import that nobody ended needed, and what imports changed too long ago.
    pub(crate) async fn sweep_imports(&mut self, most: i64) -> Step<u64> {
        let broken = self.now - RUNS_AT_MOST;
        let old = self.now - import_undo::KEPT;
        let mut changed = 0;
        let found = self
            .query(
                "SELECT organisation, id FROM invite.import
             WHERE runs AND began_at < $1 ORDER BY began_at LIMIT 1",
            )
            .bind(broken)
            .fetch_optional(self.db().connection())
            .await?;
        if let Some(row) = found {
            let place = (row.id("organisation")?, row.id("id")?);
            changed += self.forget_run(place, most).await?;
            if changed == 0 {
                self.query("UPDATE invite.import SET runs = false WHERE organisation = $1 AND id = $2")
                    .bind(place.0.uuid())
                    .bind(place.1.uuid())
                    .execute(self.db().connection())
                    .await?;
                self.forget_dry_run(place).await?;
                changed += 1;
            }
        }
        let found = self
            .query(
                "SELECT organisation, id FROM invite.import
             WHERE kept AND began_at < $1 ORDER BY began_at LIMIT 1",
            )
            .bind(old)
            .fetch_optional(self.db().connection())
            .await?;
        if let Some(row) = found {
            let place: Place = (row.id("organisation")?, row.id("id")?);
            let done = self
                .query(
                    "UPDATE invite.import_line SET changes = NULL
                     WHERE changes IS NOT NULL AND ctid = ANY(ARRAY(
                         SELECT ctid FROM invite.import_line
                         WHERE organisation = $1 AND import = $2 AND changes IS NOT NULL LIMIT $3))",
                )
                .bind(place.0.uuid())
                .bind(place.1.uuid())
                .bind(most)
                .execute(self.db().connection())
                .await?;
            changed += done.rows_affected();
            if done.rows_affected() == 0 {
                self.query("UPDATE invite.import SET kept = false WHERE organisation = $1 AND id = $2")
                    .bind(place.0.uuid())
                    .bind(place.1.uuid())
                    .execute(self.db().connection())
                    .await?;
                changed += 1;
            }
        }
        Ok(changed)
    }
}

pub(crate) async fn imports(
    db: &mut Db,
    organisation: OrganisationId,
    before: Option<ImportId>,
    most: usize,
) -> Step<Vec<ImportSummary>> {
    let before = before.map_or(Uuid::max(), Key::uuid);
    let rows = db.query(
        "SELECT * FROM invite.import WHERE organisation = $1 AND id < $2 AND NOT dry_run ORDER BY id DESC LIMIT $3",
    )
    .bind(organisation.uuid())
    .bind(before)
    .bind(limit(most))
    .fetch_all(db.connection())
    .await?;
    rows.iter().map(summary).collect()
}

fn number(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

fn summary(row: &PgRow) -> Step<ImportSummary> {
    Ok(ImportSummary {
        import: row.id("id")?,
        file_name: row.text("file_name")?,
        mode: row.maybe_word("mode")?,
        by: row.json("actor")?,
        began_at: row.maybe_at("began_at")?,
        ended_at: row.maybe_at("ended_at")?,
        complete: row.flag("complete")?,
        figures: row.maybe_json("figures")?.unwrap_or_default(),
        undone_at: row.maybe_at("undone_at")?,
        undone_by: row.maybe_json("undone_by")?,
    })
}

fn kept_line(row: &PgRow) -> Step<KeptLine> {
    Ok(KeptLine {
        user: row.id("user_id")?,
        at: row.at("at")?,
        created: row.flag("created")?,
        changes: row.maybe_json("changes")?.unwrap_or_default(),
    })
}
