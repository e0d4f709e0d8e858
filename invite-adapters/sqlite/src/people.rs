//! Writing our own people: import, editing, sign-in.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use chrono::TimeDelta;
use invite_core::credential::PasswordHash;
use invite_core::decision::person_match::{self, ImportMode, Match, RowOutcome, match_row, merge};
use invite_core::model::contact::EmailAddress;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::selection::search_text;
use invite_core::model::user::User;
use invite_core::people_file::PersonRow;
use invite_core::port::error::PortResult;
use invite_core::port::people::{FinishedImport, ImportPage, People, SaveUsers, Saved, SignInRecord};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::accounts::read_user;
use crate::error::{Fault, Step};
use crate::rows::{At, Columns, Key, hex_list, json, micros, missing};
use crate::write::Write;

/// Who comes back after so long deactivated begins anew.
const LONG_AWAY: TimeDelta = TimeDelta::days(30);

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
    let key = name.to_lowercase();
    let email = name.parse::<EmailAddress>().ok().map(|email| email.key());
    let columns = [
        ("SELECT * FROM invite_user WHERE organisation = ? AND username_key = ? LIMIT 2", Some(key.clone())),
        ("SELECT * FROM invite_user WHERE organisation = ? AND email_key = ? LIMIT 2", email),
        ("SELECT * FROM invite_user WHERE organisation = ? AND phone = ? LIMIT 2", Some(key.clone())),
        ("SELECT * FROM invite_user WHERE organisation = ? AND employee_number_key = ? LIMIT 2", Some(key)),
    ];
    for (query, key) in columns {
        let rows = sqlx::query(query).bind(organisation.blob()).bind(key).fetch_all(&mut *db).await?;
        if let [row] = rows.as_slice() {
            let password = row.maybe_text("password")?;
            let password = password.map(|phc| phc.parse().map_err(|_| missing("password"))).transpose()?;
            return Ok(Some(SignInRecord { user: read_user(row)?, password }));
        }
    }
    Ok(None)
}

/// A person as stored, with what `User` does not show.
#[derive(Debug, Clone)]
struct Stored {
    user: User,
    deactivated_at: Option<At>,
    /// Whether the hash is dropped when it is written.
    forget_password: bool,
}

/// People who share a key or a contact with those who are to be written, and whoever was written in the meantime.
#[derive(Debug, Default)]
struct Around {
    people: HashMap<UserId, Stored>,
    by_key: HashMap<String, Vec<UserId>>,
    /// Those who have to be written, in order.
    written: Vec<UserId>,
}

impl Around {
    async fn read(
        db: &mut SqliteConnection,
        organisation: OrganisationId,
        users: impl Iterator<Item = UserId>,
        keys: &[String],
    ) -> Step<Self> {
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
        let mut around = Self::default();
        for row in rows {
            let deactivated_at = row.maybe_at("deactivated_at")?;
            around.place(Stored { user: read_user(&row)?, deactivated_at, forget_password: false });
        }
        Ok(around)
    }

    fn place(&mut self, stored: Stored) {
        for key in keys_of(&stored.user) {
            self.by_key.entry(key).or_default().push(stored.user.id);
        }
        self.people.insert(stored.user.id, stored);
    }

    /// Notes a person as they are to be written.
    fn write(&mut self, mut user: User, now: At) {
        let id = user.id;
        let before = self.people.remove(&id);
        for key in before.iter().flat_map(|before| keys_of(&before.user)) {
            if let Some(owners) = self.by_key.get_mut(&key) {
                owners.retain(|owner| *owner != id);
            }
        }
        let (away, mut forget_password) =
            before.map_or((None, false), |before| (before.deactivated_at, before.forget_password));
        if !user.deactivated && away.is_some_and(|since| now - since >= LONG_AWAY) {
            user.returned_at = Some(now);
            user.has_password = false;
            forget_password = true;
        }
        let deactivated_at = user.deactivated.then(|| away.unwrap_or(now));
        self.place(Stored { user, deactivated_at, forget_password });
        if !self.written.contains(&id) {
            self.written.push(id);
        }
    }

    fn owners(&self, key: &str) -> impl Iterator<Item = UserId> {
        self.by_key.get(key).into_iter().flatten().copied()
    }

    /// Everybody who shares a key or a contact with a row.
    fn sharing(&self, row: &PersonRow) -> Vec<User> {
        let keys = keys_of(&as_new(row));
        let mut ids: Vec<_> = keys.iter().flat_map(|key| self.owners(key)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.people.get(id)).map(|stored| stored.user.clone()).collect()
    }

    /// Who else has a unique key of this person, and which.
    fn taken(&self, user: &User) -> Option<(UserId, &'static str)> {
        let unique = [
            ("username", &user.username),
            ("employee_number", &user.employee_number),
            ("external_id", &user.external_id),
        ];
        unique.into_iter().find_map(|(column, value)| {
            let key = key(column, value.as_deref()?);
            let other = self.owners(&key).find(|owner| *owner != user.id)?;
            Some((other, column))
        })
    }
}

impl Write {
    async fn import_page(&mut self, page: &ImportPage) -> Step<Vec<RowOutcome>> {
        let keys: Vec<String> = page.rows.iter().flat_map(|row| keys_of(&as_new(row))).collect();
        let mut around = Around::read(self.db(), page.organisation, std::iter::empty(), &keys).await?;
        let mut seen = self.seen_keys(page, &around).await?;
        let mut lines = Vec::new();
        let outcomes: Vec<_> =
            page.rows.iter().map(|row| import_row(page, row, &mut around, &mut seen, self.now)).collect();
        for (row, outcome) in page.rows.iter().zip(&outcomes) {
            match outcome {
                RowOutcome::Created(id) => lines.push(json!([id.hex(), row.line, 1])),
                RowOutcome::Updated(id) => lines.push(json!([id.hex(), row.line, 0])),
                RowOutcome::Unchanged(_) | RowOutcome::Refused { .. } => {}
            }
        }
        self.keep_seen(page, &seen).await?;
        if !page.dry_run {
            self.write_people(page.organisation, &around).await?;
            self.keep_lines(page, &lines).await?;
        }
        Ok(outcomes)
    }

    /// On which lines this import has seen the keys of the page's rows, and the people whom they may be.
    async fn seen_keys(&mut self, page: &ImportPage, around: &Around) -> Step<Seen> {
        let people = around.people.keys().map(|id| key("person", &id.to_string()));
        let keys: Vec<_> = page.rows.iter().flat_map(person_match::keys).chain(people).collect();
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
        Ok(Seen { lines, new: BTreeMap::new() })
    }

    async fn keep_seen(&mut self, page: &ImportPage, seen: &Seen) -> Step<()> {
        let list: Vec<_> = seen.new.iter().map(|(key, line)| json!([key, line])).collect();
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
        let keys: Vec<String> = save.users.iter().flat_map(keys_of).collect();
        let ids = save.users.iter().map(|user| user.id);
        let mut around = Around::read(self.db(), save.organisation, ids, &keys).await?;
        let mut answers = Vec::with_capacity(save.users.len());
        for user in save.users {
            let id = user.id;
            let saved = save_one(user, &mut around, self.now);
            match saved {
                Saved::Created => self.audit(&save.actor, "user_saved", id, "created").await?,
                Saved::Updated => self.audit(&save.actor, "user_saved", id, "updated").await?,
                Saved::Unchanged | Saved::Taken { .. } => {}
            }
            answers.push(saved);
        }
        self.write_people(save.organisation, &around).await?;
        Ok(answers)
    }

    /// Writes people, and takes away what they must not have any more.
    async fn write_people(&mut self, organisation: OrganisationId, around: &Around) -> Step<()> {
        if around.written.is_empty() {
            return Ok(());
        }
        let written: Vec<&Stored> = around.written.iter().filter_map(|id| around.people.get(id)).collect();
        let list: Vec<_> = written.iter().map(|stored| columns(stored)).collect();
        sqlx::query(include_str!("sql/save_users.sql"))
            .bind(organisation.blob())
            .bind(json(&list))
            .execute(self.db())
            .await?;
        sqlx::query(
            "UPDATE invite_user SET password = NULL WHERE organisation = ?1 AND id IN (
                 SELECT unhex(value ->> 'id') FROM json_each(?2) WHERE value ->> 'forget_password' = 1)",
        )
        .bind(organisation.blob())
        .bind(json(&list))
        .execute(self.db())
        .await?;
        let people: Vec<_> =
            written.iter().map(|stored| (stored.user.id, Some(stored.user.clone()))).collect();
        self.leave(organisation, &people).await?;
        Ok(())
    }
}

/// The lines on which an import has seen keys.
struct Seen {
    lines: HashMap<String, u64>,
    new: BTreeMap<String, u64>,
}

impl Seen {
    /// Notes the keys of a row; the refusal, where an earlier row had one of them.
    fn note(&mut self, row: &PersonRow, keys: Vec<String>) -> Option<RowOutcome> {
        let mut refused = None;
        for key in keys {
            let first = *self.lines.entry(key.clone()).or_insert(row.line);
            if first == row.line {
                self.new.insert(key, first);
            } else if refused.is_none() {
                let what = key.split_once(':').map_or("person", |(column, _)| column);
                let message = format!(
                    "line {} is the same person as line {first} (same {what}): give each a username, \
                     employee_number or external_id",
                    row.line
                );
                refused = Some(RowOutcome::Refused { column: column(what), message });
            }
        }
        refused
    }
}

fn import_row(
    page: &ImportPage,
    row: &PersonRow,
    around: &mut Around,
    seen: &mut Seen,
    now: At,
) -> RowOutcome {
    if let Some(refused) = seen.note(row, person_match::keys(row)) {
        return refused;
    }
    let candidates = around.sharing(row);
    let (user, created) = match match_row(row, &candidates) {
        Match::Unclear(message) => return RowOutcome::Refused { column: None, message },
        Match::New => (merge(row, &User::new(UserId::new())), true),
        Match::Known(id) => {
            // Two rows may find the same person by different keys.
            if let Some(refused) = seen.note(row, vec![key("person", &id.to_string())]) {
                return refused;
            }
            let known = candidates.into_iter().find(|user| user.id == id).expect("it is a candidate");
            let merged = if page.mode == ImportMode::Add { known.clone() } else { merge(row, &known) };
            if merged == known {
                return RowOutcome::Unchanged(id);
            }
            (merged, false)
        }
    };
    let id = user.id;
    if let Some((by, column)) = around.taken(&user) {
        let name = around.people.get(&by).map(|stored| stored.user.display_name()).unwrap_or_default();
        let message = format!("{name} has this {column}; correct the row, or change them first");
        return RowOutcome::Refused { column: Some(column), message };
    }
    if created {
        seen.note(row, vec![key("person", &id.to_string())]);
    }
    around.write(user, now);
    if created { RowOutcome::Created(id) } else { RowOutcome::Updated(id) }
}

fn save_one(mut user: User, around: &mut Around, now: At) -> Saved {
    if let Some((by, column)) = around.taken(&user) {
        return Saved::Taken { by, column };
    }
    let saved = match around.people.get(&user.id) {
        None => {
            user.has_password = false;
            user.signed_in_at = None;
            Saved::Created
        }
        Some(Stored { user: before, .. }) => {
            user.has_password = before.has_password;
            user.signed_in_at = before.signed_in_at;
            user.returned_at = user.returned_at.max(before.returned_at);
            if user == *before {
                return Saved::Unchanged;
            }
            Saved::Updated
        }
    };
    around.write(user, now);
    saved
}

fn columns(stored: &Stored) -> serde_json::Value {
    let Stored { user, deactivated_at, forget_password } = stored;
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
        "forget_password": i64::from(*forget_password),
        "username_key": lower(&user.username),
        "employee_number_key": lower(&user.employee_number),
        "external_id_key": lower(&user.external_id),
        "email_key": user.email.as_ref().map(EmailAddress::key),
        "group_key": lower(&user.group),
        "search_text": search_text(user),
    })
}

/// The person that a row makes where there is none, without an id of their own.
fn as_new(row: &PersonRow) -> User {
    merge(row, &User::new(UserId::from_uuid(uuid::Uuid::nil())))
}

fn keys_of(user: &User) -> Vec<String> {
    [
        user.external_id.as_deref().map(|value| key("external_id", value)),
        user.employee_number.as_deref().map(|value| key("employee_number", value)),
        user.username.as_deref().map(|value| key("username", value)),
        user.email.as_ref().map(|email| format!("email:{}", email.key())),
        user.phone.as_ref().map(|phone| key("phone_number", phone.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn key(column: &str, value: &str) -> String {
    format!("{column}:{}", value.to_lowercase())
}

/// The column of a key; none for the person themselves.
fn column(name: &str) -> Option<&'static str> {
    ["external_id", "employee_number", "username", "email", "phone_number"]
        .into_iter()
        .find(|column| *column == name)
}
