//! Writing our own people: import, editing, sign-in.

use crate::db::Db;
use async_trait::async_trait;
use invite_core::credential::PasswordHash;
use invite_core::decision::people::{self, Around, Change, Stored};
use invite_core::model::contact::EmailAddress;
use invite_core::model::id::{ImportId, OrganisationId, UserId};
use invite_core::model::selection::search_text;
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::people::{
    FinishedImport, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople, People, SaveUsers,
    Saved, SignInRecord, SyncDone, SyncStep, UndoPage, Undone,
};
use invite_core::port::records::{Erase, Erased};
use serde_json::json;

use crate::PgStore;
use crate::accounts::read_user;
use crate::alone::Alone;
use crate::error::{Fault, Step};
use crate::imports;
use crate::rows::{Columns, Key, json, missing, uuids};
use crate::write::Write;

#[async_trait]
impl People for PgStore {
    async fn import_page(&self, page: ImportPage) -> PortResult<ImportedPage> {
        self.writing("import people", &Policy::default(), &page, |write, page| {
            Box::pin(write.import_page(page))
        })
        .await
    }

    async fn missing_page(&self, page: MissingPage) -> PortResult<MissingPeople> {
        self.writing("look for people whom a file does not name", &Policy::default(), &page, |write, page| {
            Box::pin(write.missing_page(page))
        })
        .await
    }

    async fn carry_out_sync(&self, step: SyncStep) -> PortResult<SyncDone> {
        self.writing("carry out a sync", &Policy::default(), &step, |write, step| {
            Box::pin(write.carry_out_sync(step))
        })
        .await
    }

    async fn finish_import(&self, import: FinishedImport) -> PortResult<()> {
        self.writing("finish an import", &Policy::default(), &import, |write, import| {
            Box::pin(write.finish_import(import))
        })
        .await
    }

    async fn imports(
        &self,
        organisation: OrganisationId,
        before: Option<ImportId>,
        limit: usize,
    ) -> PortResult<Vec<ImportSummary>> {
        let listed = async { imports::imports(&mut self.read().await?, organisation, before, limit).await };
        listed.await.map_err(|fault| fault.doing("list imports"))
    }

    async fn undo_page(&self, page: UndoPage) -> PortResult<Undone> {
        self.writing("undo an import", &Policy::default(), &page, |write, page| {
            Box::pin(write.undo_page(page))
        })
        .await
    }

    async fn named(&self, organisation: OrganisationId, name: String) -> PortResult<Vec<User>> {
        let keys = people::keys_of_name(&name);
        let around =
            async { read_around(&mut self.read().await?, organisation, std::iter::empty(), &keys).await };
        let around = around.await.map_err(|fault| fault.doing("look for who is called so"))?;
        let mut named: Vec<User> = around.people().cloned().collect();
        named.sort_by_key(|user| user.id);
        named.truncate(10);
        Ok(named)
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        self.writing("erase a person", &Policy::default(), &erase, |write, erase| {
            Box::pin(write.erase(erase))
        })
        .await
    }

    async fn save(&self, save: SaveUsers) -> PortResult<Vec<Saved>> {
        self.writing("save people", &Policy::default(), &save, |write, save| Box::pin(write.save(save))).await
    }

    async fn sign_in_record(
        &self,
        organisation: OrganisationId,
        name: String,
    ) -> PortResult<Option<SignInRecord>> {
        let record = async { sign_in_record(&mut self.read().await?, organisation, name.trim()).await };
        record.await.map_err(|fault| fault.doing("look for who signs in"))
    }

    async fn note_sign_in(
        &self,
        organisation: OrganisationId,
        user: UserId,
        rehashed: Option<PasswordHash>,
    ) -> PortResult<()> {
        let mut write = self.write("note a sign-in").await?;
        let now = write.now;
        let noted = write.query(
            "UPDATE invite.user SET signed_in_at = $1, password = CASE WHEN password IS NOT NULL THEN coalesce($2, password) END
             WHERE organisation = $3 AND id = $4",
        )
        .bind(now)
        .bind(rehashed.map(|hash| hash.as_str().to_owned()))
        .bind(organisation.uuid())
        .bind(user.uuid())
        .execute(write.db().connection())
        .await;
        write.end(noted.map(drop).map_err(Fault::from)).await
    }
}

async fn sign_in_record(db: &mut Db, organisation: OrganisationId, name: &str) -> Step<Option<SignInRecord>> {
    for key in people::keys_of_sign_in(name) {
        let (column, value) = key.split_once(':').unwrap_or_default();
        let query = match column {
            "username" => "SELECT * FROM invite.user WHERE organisation = $1 AND username_key = $2 LIMIT 2",
            "email" => "SELECT * FROM invite.user WHERE organisation = $1 AND email_key = $2 LIMIT 2",
            "phone_number" => "SELECT * FROM invite.user WHERE organisation = $1 AND phone = $2 LIMIT 2",
            _ => "SELECT * FROM invite.user WHERE organisation = $1 AND employee_number_key = $2 LIMIT 2",
        };
        let rows = db
            .query(query)
            .bind(organisation.uuid())
            .bind(value.to_owned())
            .fetch_all(db.connection())
            .await?;
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
    db: &mut Db,
    organisation: OrganisationId,
    users: impl Iterator<Item = UserId>,
    keys: &[String],
) -> Step<Around> {
    let of = |column: &str| -> Vec<String> {
        keys.iter().filter_map(|key| Some(key.strip_prefix(column)?.strip_prefix(':')?.to_owned())).collect()
    };
    let rows = db
        .query(include_str!("sql/people_around.sql"))
        .bind(organisation.uuid())
        .bind(uuids(users))
        .bind(of("username"))
        .bind(of("employee_number"))
        .bind(of("external_id"))
        .bind(of("email"))
        .bind(of("phone_number"))
        .fetch_all(db.connection())
        .await?;
    let stored = rows
        .iter()
        .map(|row| Ok(Stored { user: read_user(row)?, deactivated_at: row.maybe_at("deactivated_at")? }));
    Ok(Around::new(stored.collect::<Step<Vec<_>>>()?))
}

impl Write {
    async fn save(&mut self, save: &SaveUsers) -> Step<Vec<Saved>> {
        self.db().alone(Alone::WritingPeople(save.organisation)).await?;
        let keys: Vec<String> = save.users.iter().flat_map(people::keys_of).collect();
        let ids = save.users.iter().map(|user| user.id);
        let mut around = read_around(self.db(), save.organisation, ids, &keys).await?;
        let mut answers = Vec::with_capacity(save.users.len());
        for user in &save.users {
            let id = user.id;
            let saved = around.save(user.clone(), self.now);
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

    /// Writes people, and takes away what they must not have any more. Gives who was written. Only where nobody else
    /// [writes people](Alone::WritingPeople) since they were read.
    pub(crate) async fn write_people(
        &mut self,
        organisation: OrganisationId,
        around: Around,
    ) -> Step<Vec<Change>> {
        let changes = around.into_changes();
        if changes.is_empty() {
            return Ok(changes);
        }
        // Whoever was not there before has nothing to leave.
        let known = changes.iter().filter(|change| change.before.is_some());
        let known: Vec<_> = known.map(|change| (change.user.id, Some(change.user.clone()))).collect();
        self.leave(organisation, &known).await?;
        let list: Vec<_> = changes.iter().map(columns).collect();
        self.query(include_str!("sql/save_users.sql"))
            .bind(organisation.uuid())
            .bind(json(&list))
            .execute(self.db().connection())
            .await?;
        let forgetting = changes.iter().filter(|change| change.forgets_password);
        self.query(
            "UPDATE invite.user AS u SET password = NULL
             FROM (SELECT $1::uuid AS organisation, w.id FROM unnest($2::uuid[]) AS w (id) OFFSET 0) AS w
             WHERE u.organisation = w.organisation AND u.id = w.id",
        )
        .bind(organisation.uuid())
        .bind(uuids(forgetting.map(|change| change.user.id)))
        .execute(self.db().connection())
        .await?;
        Ok(changes)
    }
}

fn columns(change: &Change) -> serde_json::Value {
    let Change { user, deactivated_at, .. } = change;
    let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    json!({
        "id": user.id.uuid(),
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
        "deactivated": user.deactivated,
        "elsewhere": user.elsewhere,
        "deactivated_at": deactivated_at,
        "returned_at": user.returned_at,
        "username_key": lower(&user.username),
        "employee_number_key": lower(&user.employee_number),
        "external_id_key": lower(&user.external_id),
        "email_key": user.email.as_ref().map(EmailAddress::key),
        "group_key": lower(&user.group),
        "search_text": search_text(user),
    })
}
