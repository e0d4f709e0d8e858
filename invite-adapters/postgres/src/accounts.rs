//! Our own people, as `Accounts`.

use crate::db::Db;
use async_trait::async_trait;
use invite_core::credential::PasswordHash;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::selection::PeopleFilter;
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::PortResult;
use sqlx::postgres::PgRow;

use crate::PgStore;
use crate::error::Step;
use crate::rows::{Columns, Key, cursor, limit, uuids};
use crate::source::Single;
use crate::write::Write;

#[async_trait]
impl Accounts for PgStore {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        let PeopleFilter { group, role, deactivated, text } = page.filter.people;
        let rows = self
            .schema
            .query(include_str!("sql/page_of_users.sql"))
            .bind(page.organisation.uuid())
            .bind(cursor(page.after))
            .bind(group.map(|group| group.to_lowercase()))
            .bind(role.map(String::from))
            .bind(deactivated)
            .bind(text.map(|text| text.trim().to_lowercase()))
            .bind(limit(page.limit))
            .rows(&self.source)
            .await;
        rows.and_then(|rows| rows.iter().map(read_user).collect()).map_err(|fault| fault.doing("list people"))
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        let rows = self
            .schema
            .query(
                "SELECT u.* FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place)
                 LEFT JOIN LATERAL (
                     SELECT * FROM invite.user AS u WHERE u.organisation = $1 AND u.id = w.id OFFSET 0
                 ) AS u ON true
                 ORDER BY w.place",
            )
            .bind(organisation.uuid())
            .bind(uuids(users))
            .rows(&self.source)
            .await;
        let fact = |row: &PgRow| match row.maybe_id::<UserId>("id")? {
            Some(_) => read_user(row).map(Some),
            None => Ok(None),
        };
        rows.and_then(|rows| rows.iter().map(fact).collect()).map_err(|fault| fault.doing("read people"))
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        const DOING: &str = "set a password";
        let answer = async { password_answer(&mut self.read().await?, PASSWORD_KEY, &request).await };
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

const PASSWORD_KEY: &str = "SELECT password_credential, password_reservation FROM invite.user
     WHERE organisation = $1 AND id = $2 AND NOT deactivated";

const LOCKED_PASSWORD_KEY: &str = "SELECT password_credential, password_reservation FROM invite.user
     WHERE organisation = $1 AND id = $2 AND NOT deactivated FOR UPDATE";

/// The answer to a request that needs no writing.
async fn password_answer(db: &mut Db, key: &'static str, request: &SetPassword) -> Step<Option<PasswordSet>> {
    let row = db
        .query(key)
        .bind(request.organisation.uuid())
        .bind(request.user.uuid())
        .fetch_optional(db.connection())
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
        if let Some(answer) = password_answer(self.db(), LOCKED_PASSWORD_KEY, request).await? {
            return Ok(answer);
        }
        self.query(
            "UPDATE invite.user SET password = $1, password_credential = $2, password_reservation = $3
             WHERE organisation = $4 AND id = $5",
        )
        .bind(hash.as_str().to_owned())
        .bind(request.credential.uuid())
        .bind(i64::try_from(request.reservation).unwrap_or(i64::MAX))
        .bind(request.organisation.uuid())
        .bind(request.user.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(PasswordSet::Done)
    }
}

/// A person.
pub(crate) fn read_user(row: &PgRow) -> Step<User> {
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
