//! Our own people, as `Accounts`.

use async_trait::async_trait;
use invite_core::credential::PasswordHash;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::selection::PeopleFilter;
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::PortResult;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::error::{Fault, Step};
use crate::rows::{Columns, Key, cursor, hex_list, limit};
use crate::write::Write;

#[async_trait]
impl Accounts for SqliteStore {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        let PeopleFilter { group, role, deactivated, text } = page.filter.people;
        let rows = sqlx::query(include_str!("sql/page_of_users.sql"))
            .bind(page.organisation.blob())
            .bind(cursor(page.after))
            .bind(group.map(|group| group.to_lowercase()))
            .bind(role.map(String::from))
            .bind(deactivated.map(i64::from))
            .bind(text.map(|text| text.trim().to_lowercase()))
            .bind(limit(page.limit))
            .fetch_all(&self.pool)
            .await;
        rows.map_err(Fault::from)
            .and_then(|rows| rows.iter().map(read_user).collect())
            .map_err(|fault| fault.doing("list people"))
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        let rows = sqlx::query(
            "SELECT u.* FROM json_each(?2) AS w
             LEFT JOIN invite_user AS u ON u.organisation = ?1 AND u.id = unhex(w.value) ORDER BY w.key",
        )
        .bind(organisation.blob())
        .bind(hex_list(users))
        .fetch_all(&self.pool)
        .await;
        let fact = |row: &SqliteRow| match row.maybe_id::<UserId>("id")? {
            Some(_) => read_user(row).map(Some),
            None => Ok(None),
        };
        rows.map_err(Fault::from)
            .and_then(|rows| rows.iter().map(fact).collect())
            .map_err(|fault| fault.doing("read people"))
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        const DOING: &str = "set a password";
        let answer = async { password_answer(&mut *self.read().await?, &request).await };
        if let Some(answer) = answer.await.map_err(|fault| fault.doing(DOING))? {
            return Ok(answer);
        }
        // Hashing takes long: nothing is locked meanwhile, so the answer is looked for again.
        let hash = request.password.phc().await?;
        let mut write = self.write(DOING).await?;
        let set = write.set_password(&request, &hash).await;
        write.end(set).await
    }
}

/// The answer to a request that needs no writing.
async fn password_answer(db: &mut SqliteConnection, request: &SetPassword) -> Step<Option<PasswordSet>> {
    let row = sqlx::query(
        "SELECT password_credential, password_reservation FROM invite_user
         WHERE organisation = ? AND id = ? AND deactivated = 0",
    )
    .bind(request.organisation.blob())
    .bind(request.user.blob())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(Some(PasswordSet::Refused)) };
    if row.maybe_id("password_credential")? != Some(request.credential) {
        return Ok(None);
    }
    let number = row.count("password_reservation")?;
    Ok(match number.cmp(&request.reservation) {
        std::cmp::Ordering::Equal => Some(PasswordSet::Done),
        std::cmp::Ordering::Greater => Some(PasswordSet::Stale),
        std::cmp::Ordering::Less => None,
    })
}

impl Write {
    async fn set_password(&mut self, request: &SetPassword, hash: &PasswordHash) -> Step<PasswordSet> {
        if let Some(answer) = password_answer(self.db(), request).await? {
            return Ok(answer);
        }
        sqlx::query(
            "UPDATE invite_user SET password = ?, password_credential = ?, password_reservation = ?
             WHERE organisation = ? AND id = ?",
        )
        .bind(hash.as_str().to_owned())
        .bind(request.credential.blob())
        .bind(i64::try_from(request.reservation).unwrap_or(i64::MAX))
        .bind(request.organisation.blob())
        .bind(request.user.blob())
        .execute(self.db())
        .await?;
        Ok(PasswordSet::Done)
    }
}

/// A person.
pub(crate) fn read_user(row: &SqliteRow) -> Step<User> {
    Ok(User {
        first_name: row.text("first_name")?,
        last_name: row.text("last_name")?,
        username: row.maybe_text("username")?,
        employee_number: row.maybe_text("employee_number")?,
        external_id: row.maybe_text("external_id")?,
        email: row.maybe_word("email")?,
        phone: row.maybe_word("phone")?,
        locale: row.maybe_word("locale")?,
        time_zone: row.maybe_word("time_zone")?,
        prefers: row.maybe_word("prefers")?,
        role: row.word("role")?,
        group: row.maybe_text("group_name")?,
        sign_in: row.maybe_word("sign_in")?,
        deactivated: row.flag("deactivated")?,
        has_password: row.plain::<Option<&str>>("password")?.is_some(),
        signed_in_at: row.maybe_at("signed_in_at")?,
        elsewhere: row.flag("elsewhere")?,
        returned_at: row.maybe_at("returned_at")?,
        ..User::new(row.id("id")?)
    })
}
