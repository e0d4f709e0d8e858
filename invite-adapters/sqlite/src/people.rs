//! Writing our own people: import, editing, sign-in.

use async_trait::async_trait;
use invite_core::credential::PasswordHash;
use invite_core::decision::people::{self, Around, Change, Stored};
use invite_core::model::contact::EmailAddress;
use invite_core::model::id::{ImportId, OrganisationId, UserId};
use invite_core::model::selection::search_text;
use invite_core::model::user::User;
use invite_core::port::error::PortResult;
use invite_core::port::people::{
    FinishedImport, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople, People, SaveUsers,
    Saved, SignInRecord, SyncDone, SyncStep, UndoPage, Undone,
};
use invite_core::port::records::{Erase, Erased};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::accounts::read_user;
use crate::error::{Fault, Step};
use crate::imports;
use crate::rows::{Columns, Key, hex_list, json, micros, missing};
use crate::write::Write;

#[async_trait]
impl People for SqliteStore {
    async fn import_page(&self, page: ImportPage) -> PortResult<ImportedPage> {
        let mut write = self.write("import people").await?;
        let imported = write.import_page(&page).await;
        write.end(imported).await
    }

    async fn missing_page(&self, page: MissingPage) -> PortResult<MissingPeople> {
        let mut write = self.write("look for people whom a file does not name").await?;
        let missing = write.missing_page(&page).await;
        write.end(missing).await
    }

    async fn carry_out_sync(&self, step: SyncStep) -> PortResult<SyncDone> {
        let mut write = self.write("carry out a sync").await?;
        let done = write.carry_out_sync(&step).await;
        write.end(done).await
    }

    async fn finish_import(&self, import: FinishedImport) -> PortResult<()> {
        let mut write = self.write("finish an import").await?;
        let finished = write.finish_import(&import).await;
        write.end(finished).await
    }

    async fn imports(
        &self,
        organisation: OrganisationId,
        before: Option<ImportId>,
        limit: usize,
    ) -> PortResult<Vec<ImportSummary>> {
        let listed = async { imports::imports(&mut *self.read().await?, organisation, before, limit).await };
        listed.await.map_err(|fault| fault.doing("list imports"))
    }

    async fn undo_page(&self, page: UndoPage) -> PortResult<Undone> {
        let mut write = self.write("undo an import").await?;
        let undone = write.undo_page(&page).await;
        write.end(undone).await
    }

    async fn named(&self, organisation: OrganisationId, name: String) -> PortResult<Vec<User>> {
        let keys = people::keys_of_name(&name);
        let around =
            async { read_around(&mut *self.read().await?, organisation, std::iter::empty(), &keys).await };
        let around = around.await.map_err(|fault| fault.doing("look for who is called so"))?;
        let mut named: Vec<User> = around.people().cloned().collect();
        named.sort_by_key(|user| user.id);
        named.truncate(10);
        Ok(named)
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        self.erase_for_good(&erase).await
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
pub(crate) async fn read_around(
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

    /// Writes people, and takes away what they must not have any more. Gives who was written.
    pub(crate) async fn write_people(
        &mut self,
        organisation: OrganisationId,
        around: Around,
    ) -> Step<Vec<Change>> {
        let changes = around.into_changes();
        if changes.is_empty() {
            return Ok(changes);
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
        let people: Vec<_> =
            changes.iter().map(|change| (change.user.id, Some(change.user.clone()))).collect();
        self.leave(organisation, &people).await?;
        Ok(changes)
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
        "prefers": user.prefers,
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
