//! Writing our own people: import, editing, sign-in.

use std::collections::HashMap;

use async_trait::async_trait;
use invite_core::credential::PasswordHash;
use invite_core::decision::people::{self, Around, Change, Seen, Stored};
use invite_core::decision::person_match::RowOutcome;
use invite_core::model::contact::EmailAddress;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::selection::search_text;
use invite_core::people_file::PersonRow;
use invite_core::port::error::PortResult;
use invite_core::port::people::{FinishedImport, ImportPage, People, SaveUsers, Saved, SignInRecord};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::accounts::read_user;
use crate::error::{Fault, Step};
use crate::rows::{Columns, Key, hex_list, json, micros, missing};
use crate::write::Write;

#[async_trait]
impl People for SqliteStore {
    async fn import_page(&self, page: ImportPage) -> PortResult<Vec<RowOutcome>> {
        let mut write = self.write("import people").await?;
        let imported = write.import_page(&page).await;
        write.end(imported).await
    }

    async fn finish_import(&self, import: FinishedImport) -> PortResult<()> {
        let mut write = self.write("finish an import").await?;
        let finished = write.finish_import(&import).await;
        write.end(finished).await
    }

    async fn save(&self, save: SaveUsers) -> PortResult<Vec<Saved>> {
        let mut write = self.write("save people").await?;
        let saved = write.save(save).await;
        write.end(saved).await
    }

    async fn sign_in_record(
        &self,
        organisation: OrganisationId,
        name: String,
    ) -> PortResult<Option<SignInRecord>> {
        let record = async { sign_in_record(&mut *self.read().await?, organisation, name.trim()).await };
        record.await.map_err(|fault| fault.doing("look for who signs in"))
    }

    async fn note_sign_in(
        &self,
        organisation: OrganisationId,
        user: UserId,
        rehashed: Option<PasswordHash>,
    ) -> PortResult<()> {
        let mut write = self.write("note a sign-in").await?;
        let now = micros(write.now);
        let noted = sqlx::query(
            "UPDATE invite_user SET signed_in_at = ?, password = iif(password IS NULL, NULL, coalesce(?, password))
             WHERE organisation = ? AND id = ?",
        )
        .bind(now)
        .bind(rehashed.map(|hash| hash.as_str().to_owned()))
        .bind(organisation.blob())
        .bind(user.blob())
        .execute(write.db())
        .await;
        write.end(noted.map(drop).map_err(Fault::from)).await
    }
}

async fn sign_in_record(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    name: &str,
) -> Step<Option<SignInRecord>> {
    for key in people::keys_of_sign_in(name) {
        let (column, value) = key.split_once(':').unwrap_or_default();
        let query = match column {
            "username" => "SELECT * FROM invite_user WHERE organisation = ? AND username_key = ? LIMIT 2",
            "email" => "SELECT * FROM invite_user WHERE organisation = ? AND email_key = ? LIMIT 2",
            "phone_number" => "SELECT * FROM invite_user WHERE organisation = ? AND phone = ? LIMIT 2",
            _ => "SELECT * FROM invite_user WHERE organisation = ? AND employee_number_key = ? LIMIT 2",
        };
        let rows =
            sqlx::query(query).bind(organisation.blob()).bind(value.to_owned()).fetch_all(&mut *db).await?;
        if let [row] = rows.as_slice() {
            let password = row.maybe_text("password")?;
            let password = password.map(|phc| phc.parse().map_err(|_| missing("password"))).transpose()?;
            return Ok(Some(SignInRecord { user: read_user(row)?, password }));
        }
    }
    Ok(None)
}

/// The people with these ids and keys.
async fn read_around(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    users: impl Iterator<Item = UserId>,
    keys: &[String],
) -> Step<Around> {
    let of = |column: &str| -> String {
        let values: Vec<_> =
            keys.iter().filter_map(|key| key.strip_prefix(column)?.strip_prefix(':')).collect();
        json(&values)
    };
    let rows = sqlx::query(include_str!("sql/people_around.sql"))
        .bind(organisation.blob())
        .bind(hex_list(users))
        .bind(of("username"))
        .bind(of("employee_number"))
        .bind(of("external_id"))
        .bind(of("email"))
        .bind(of("phone_number"))
        .fetch_all(db)
        .await?;
    let stored = rows
        .iter()
        .map(|row| Ok(Stored { user: read_user(row)?, deactivated_at: row.maybe_at("deactivated_at")? }));
    Ok(Around::new(stored.collect::<Step<Vec<_>>>()?))
}

impl Write {
    async fn import_page(&mut self, page: &ImportPage) -> Step<Vec<RowOutcome>> {
        let keys: Vec<String> = page.rows.iter().flat_map(people::keys_of_row).collect();
        let mut around = read_around(self.db(), page.organisation, std::iter::empty(), &keys).await?;
        let mut seen = self.seen_keys(page, &around).await?;
        let mut import = |row: &PersonRow| around.import(row, page.mode, &mut seen, UserId::new(), self.now);
        let outcomes: Vec<_> = page.rows.iter().map(&mut import).collect();
        let mut lines = Vec::new();
        for (row, outcome) in page.rows.iter().zip(&outcomes) {
            match outcome {
                RowOutcome::Created(id) => lines.push(json!([id.hex(), row.line, 1])),
                RowOutcome::Updated(id) => lines.push(json!([id.hex(), row.line, 0])),
                RowOutcome::Unchanged(_) | RowOutcome::Refused { .. } => {}
            }
        }
        self.keep_seen(page, seen).await?;
        if !page.dry_run {
            self.write_people(page.organisation, around).await?;
            self.keep_lines(page, &lines).await?;
        }
        Ok(outcomes)
    }

    /// On which lines this import has seen the keys of the page's rows, and the people whom they may be.
    async fn seen_keys(&mut self, page: &ImportPage, around: &Around) -> Step<Seen> {
        let keys = Seen::keys(&page.rows, around);
        let rows = sqlx::query(
            "SELECT k.person_key, k.line FROM json_each(?3) AS w
             CROSS JOIN invite_import_key AS k
                 ON k.organisation = ?1 AND k.import = ?2 AND k.person_key = w.value",
        )
        .bind(page.organisation.blob())
        .bind(page.import.blob())
        .bind(json(&keys))
        .fetch_all(self.db())
        .await?;
        let mut lines = HashMap::with_capacity(rows.len());
        for row in rows {
            lines.insert(row.text("person_key")?, row.count("line")?);
        }
        Ok(Seen::new(lines))
    }

    async fn keep_seen(&mut self, page: &ImportPage, seen: Seen) -> Step<()> {
        let list: Vec<_> = seen.into_new().iter().map(|(key, line)| json!([key, line])).collect();
        sqlx::query(
            "INSERT INTO invite_import_key (organisation, import, person_key, line)
             SELECT ?1, ?2, value ->> 0, value ->> 1 FROM json_each(?3) WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(page.organisation.blob())
        .bind(page.import.blob())
        .bind(json(&list))
        .execute(self.db())
        .await?;
        Ok(())
    }

    async fn keep_lines(&mut self, page: &ImportPage, lines: &[serde_json::Value]) -> Step<()> {
        if lines.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO invite_import (organisation, id, file_name, actor) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(page.organisation.blob())
        .bind(page.import.blob())
        .bind(page.file_name.clone())
        .bind(json(&page.actor))
        .execute(self.db())
        .await?;
        let now = micros(self.now);
        sqlx::query(
            "INSERT INTO invite_import_line (organisation, user, import, line, created, at)
             SELECT ?1, unhex(value ->> 0), ?2, value ->> 1, value ->> 2, ?4 FROM json_each(?3)
             WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(page.organisation.blob())
        .bind(page.import.blob())
        .bind(json(&lines))
        .bind(now)
        .execute(self.db())
        .await?;
        Ok(())
    }

    async fn finish_import(&mut self, import: &FinishedImport) -> Step<()> {
        sqlx::query("DELETE FROM invite_import_key WHERE organisation = ? AND import = ?")
            .bind(import.organisation.blob())
            .bind(import.import.blob())
            .execute(self.db())
            .await?;
        let FinishedImport { file_name, dry_run, created, updated, unchanged, refused, .. } = import;
        let details = format!(
            "{file_name}: {created} created, {updated} updated, {unchanged} unchanged, {refused} refused{}",
            if *dry_run { "; dry run, nothing written" } else { "" }
        );
        self.audit(&import.actor, "imported", import.import, details).await
    }

    async fn save(&mut self, save: SaveUsers) -> Step<Vec<Saved>> {
        let keys: Vec<String> = save.users.iter().flat_map(people::keys_of).collect();
        let ids = save.users.iter().map(|user| user.id);
        let mut around = read_around(self.db(), save.organisation, ids, &keys).await?;
        let mut answers = Vec::with_capacity(save.users.len());
        for user in save.users {
            let id = user.id;
            let saved = around.save(user, self.now);
            match saved {
                Saved::Created => self.audit(&save.actor, "user_saved", id, "created").await?,
                Saved::Updated => self.audit(&save.actor, "user_saved", id, "updated").await?,
                Saved::Unchanged | Saved::Taken { .. } => {}
            }
            answers.push(saved);
        }
        self.write_people(save.organisation, around).await?;
        Ok(answers)
    }

    /// Writes people, and takes away what they must not have any more.
    async fn write_people(&mut self, organisation: OrganisationId, around: Around) -> Step<()> {
        let changes = around.into_changes();
        if changes.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = changes.iter().map(columns).collect();
        sqlx::query(include_str!("sql/save_users.sql"))
            .bind(organisation.blob())
            .bind(json(&list))
            .execute(self.db())
            .await?;
        sqlx::query(
            "UPDATE invite_user SET password = NULL WHERE organisation = ?1 AND id IN (
                 SELECT unhex(value ->> 'id') FROM json_each(?2) WHERE value ->> 'forgets_password' = 1)",
        )
        .bind(organisation.blob())
        .bind(json(&list))
        .execute(self.db())
        .await?;
        let people: Vec<_> = changes.into_iter().map(|change| (change.user.id, Some(change.user))).collect();
        self.leave(organisation, &people).await?;
        Ok(())
    }
}

fn columns(change: &Change) -> serde_json::Value {
    let Change { user, deactivated_at, forgets_password, .. } = change;
    let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    json!({
        "id": user.id.hex(),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username,
        "employee_number": user.employee_number,
        "external_id": user.external_id,
        "email": user.email,
        "phone": user.phone,
        "locale": user.locale,
        "time_zone": user.time_zone,
        "role": user.role,
        "group_name": user.group,
        "sign_in": user.sign_in,
        "deactivated": i64::from(user.deactivated),
        "elsewhere": i64::from(user.elsewhere),
        "deactivated_at": deactivated_at.map(micros),
        "returned_at": user.returned_at.map(micros),
        "forgets_password": i64::from(*forgets_password),
        "username_key": lower(&user.username),
        "employee_number_key": lower(&user.employee_number),
        "external_id_key": lower(&user.external_id),
        "email_key": user.email.as_ref().map(EmailAddress::key),
        "group_key": lower(&user.group),
        "search_text": search_text(user),
    })
}
