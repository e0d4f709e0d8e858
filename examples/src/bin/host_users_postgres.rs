//! A host that keeps its own users table in the same PostgreSQL database as the library's tables, so that filters such as
//! "never invited" are one join.
//!
//! What the host may join with are the views `invite.reached` (a row for each message that reached a person) and
//! `invite.came` (a row for each person who is known to have come); the library's tables are its own affair. Sign-in is as
//! in `host_users`.
//!
//! ```text
//! INVITE_DB=postgres://app@localhost/app cargo run -p invite-examples --bin host_users_postgres
//! ```

use std::error::Error;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::credential::random;
use invite_core::memory::RecordingTransport;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::organisation::{Alias, Settings};
use invite_core::model::role::Role;
use invite_core::model::selection::{Filter, HistoryFilter};
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::service::Invite;
use invite_core::{Actor, Invites, SealingKey};
use invite_postgres::PgStore;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{FromRow, Row};
use uuid::Uuid;

/// The host's table, as it might have been for years; the two last columns make `set_password` idempotent.
const TABLE: &str = "create table if not exists members (
    tenant uuid not null, id uuid not null, given text not null, family text not null, mail text,
    is_admin boolean not null, left_at timestamptz, secret text, last_login timestamptz,
    secret_credential uuid, secret_reservation bigint, primary key (tenant, id))";

/// One page: what the host knows, joined with what the library knows.
const PAGE: &str = "select m.* from members as m
    where m.tenant = $1 and m.id > $2
      and ($3::boolean is null or (m.left_at is not null) = $3)
      and (not $4 or not exists (
          select from invite.reached as r where r.organisation = m.tenant and r.user_id = m.id))
      and (not $5 or m.last_login is null and not exists (
          select from invite.came as c where c.organisation = m.tenant and c.user_id = m.id))
    order by m.id limit $6";

/// Rows that are read at once.
const AT_ONCE: usize = 500;

/// The host's members, as the library wants to see them.
#[derive(Debug, Clone)]
struct Members {
    pool: PgPool,
}

/// A row of the table as the library's user.
struct Member(User);

impl FromRow<'_, PgRow> for Member {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let mail: Option<String> = row.try_get("mail")?;
        Ok(Self(User {
            first_name: row.try_get("given")?,
            last_name: row.try_get("family")?,
            // An address that is none counts as none: the plan then says "no contact".
            email: mail.and_then(|mail| mail.parse().ok()),
            role: if row.try_get("is_admin")? { Role::Administrator } else { Role::Member },
            deactivated: row.try_get::<Option<DateTime<Utc>>, _>("left_at")?.is_some(),
            has_password: row.try_get::<Option<String>, _>("secret")?.is_some(),
            signed_in_at: row.try_get("last_login")?,
            ..User::new(UserId::from_uuid(row.try_get("id")?))
        }))
    }
}

#[async_trait]
impl Accounts for Members {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        let Filter { people, history } = page.filter;
        let mut after = page.after.map_or(Uuid::nil(), UserId::as_uuid);
        let mut users = Vec::new();
        // Names are looked for by the library's own rule, which knows more letters than `lower` of this database.
        while users.len() < page.limit {
            let rows: Vec<Member> = sqlx::query_as(PAGE)
                .bind(page.organisation.as_uuid())
                .bind(after)
                .bind(people.deactivated)
                .bind(history.never_invited)
                .bind(history.never_signed_in)
                .bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
                .await
                .map_err(|error| port_error("read members", error))?;
            let is_last = rows.len() < AT_ONCE;
            after = rows.last().map_or(after, |member| member.0.id.as_uuid());
            users.extend(rows.into_iter().map(|member| member.0).filter(|user| people.matches(user)));
            if is_last {
                break;
            }
        }
        users.truncate(page.limit);
        Ok(users)
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        let ids: Vec<Uuid> = users.into_iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query(
            "select m.* from unnest($2::uuid[]) with ordinality as asked (id, place)
             left join members as m on m.tenant = $1 and m.id = asked.id order by asked.place",
        )
        .bind(organisation.as_uuid())
        .bind(ids)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| port_error("read members", error))?;
        let fact = |row: &PgRow| match row.try_get::<Option<Uuid>, _>("id")? {
            Some(_) => Member::from_row(row).map(|member| Some(member.0)),
            None => Ok(None),
        };
        rows.iter().map(fact).collect::<Result<_, _>>().map_err(|error| port_error("read members", error))
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        // A host with a hash of its own takes `request.password.chosen()` to it instead.
        let hash = request.password.phc().await?;
        let reservation = i64::try_from(request.reservation).unwrap_or(i64::MAX);
        // One conditional write: a higher reservation of the same credential replaces, another credential too.
        let done = sqlx::query(
            "update members set secret = $1, secret_credential = $2, secret_reservation = $3
             where tenant = $4 and id = $5 and left_at is null
               and (secret_credential is distinct from $2 or secret_reservation < $3)",
        )
        .bind(hash.as_str())
        .bind(request.credential.as_uuid())
        .bind(reservation)
        .bind(request.organisation.as_uuid())
        .bind(request.user.as_uuid())
        .execute(&self.pool)
        .await
        .map_err(|error| port_error("set a password", error))?;
        if done.rows_affected() == 1 {
            return Ok(PasswordSet::Done);
        }
        let last: Option<Option<i64>> = sqlx::query_scalar(
            "select secret_reservation from members where tenant = $1 and id = $2 and left_at is null",
        )
        .bind(request.organisation.as_uuid())
        .bind(request.user.as_uuid())
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| port_error("set a password", error))?;
        Ok(match last.flatten() {
            None => PasswordSet::Refused,
            Some(last) if last == reservation => PasswordSet::Done,
            Some(_) => PasswordSet::Stale,
        })
    }
}

fn port_error(doing: &str, error: sqlx::Error) -> PortError {
    PortError::new(PortErrorKind::Unavailable, doing).caused_by(error)
}

impl Members {
    /// The host's table, beside which the library's come to be in their own schema.
    async fn open(pool: &PgPool) -> Result<(Self, PgStore), Box<dyn Error>> {
        sqlx::raw_sql(TABLE).execute(pool).await?;
        let store = PgStore::new(pool.clone()).await?;
        Ok((Self { pool: pool.clone() }, store))
    }

    async fn put(&self, tenant: OrganisationId, user: &User) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into members (tenant, id, given, family, mail, is_admin, left_at, last_login)
             values ($1, $2, $3, $4, $5, $6, case when $7 then now() end, $8)
             on conflict (tenant, id) do update set given = excluded.given, family = excluded.family,
                 mail = excluded.mail, is_admin = excluded.is_admin, left_at = excluded.left_at,
                 last_login = excluded.last_login",
        )
        .bind(tenant.as_uuid())
        .bind(user.id.as_uuid())
        .bind(&user.first_name)
        .bind(&user.last_name)
        .bind(user.email.as_ref().map(ToString::to_string))
        .bind(user.role.is_administrator())
        .bind(user.deactivated)
        .bind(user.signed_in_at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Invites everybody of a new tenant but one, and gives who was never invited, by the join and by the library.
async fn rollout(pool: &PgPool, alias: Alias) -> Result<(Vec<User>, u64), Box<dyn Error>> {
    let (members, store) = Members::open(pool).await?;
    let transport = RecordingTransport::new();
    let invites = Invites::builder_with(members.clone(), store)
        .email(transport)
        .seal_with(SealingKey::generate(&mut random::system_random()?))
        .build()?;
    let mut settings = Settings::new("Acme Ltd");
    settings.app_link = Some("https://app.acme.example".parse()?);
    let tenant = invites.create_organisation(alias, settings).await?.id;
    let mut people = Vec::new();
    for (name, role) in [
        ("Astrid", Role::Administrator),
        ("Anna", Role::Member),
        ("Bea", Role::Member),
        ("Carl", Role::Member),
    ] {
        let email = Some(format!("{}@acme.example", name.to_lowercase()).parse()?);
        let user = User { first_name: name.into(), email, role, ..User::new(UserId::new()) };
        members.put(tenant, &user).await?;
        people.push(user);
    }
    let admin = Actor::administrator(tenant, people[0].id);
    let plan = invites.plan(&admin, Invite::users([people[1].id, people[2].id])).await?;
    invites.confirm(&admin, plan.id()).await?;
    invites.worker().run_until_idle().await?;

    let history = HistoryFilter { never_invited: true, ..HistoryFilter::default() };
    let filter = Filter { history, ..Filter::default() };
    let joined = members.page(UserPage { organisation: tenant, filter, after: None, limit: 100 }).await?;
    let plan = invites.plan(&admin, Invite::never_invited()).await?;
    Ok((joined, plan.totals().recipients()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("INVITE_DB")
        .map_err(|_| "INVITE_DB says which database: postgres://USER:PASSWORD@HOST/DATABASE")?;
    let pool = PgPool::connect(&url).await?;
    let alias = format!("acme-{}", UserId::new().as_uuid().simple()).parse()?;
    let (never_invited, planned) = rollout(&pool, alias).await?;
    let names: Vec<&str> = never_invited.iter().map(|user| user.first_name.as_str()).collect();
    println!(
        "Anna and Bea were invited. By the join with invite.reached, these never were: {}",
        names.join(", ")
    );
    println!("A plan for whoever was never invited, without Astrid, who makes it: {planned} message");
    Ok(())
}

#[cfg(all(test, feature = "real-server"))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use invite_core::conformance::accounts::{AccountsUnderTest, Population};
    use sqlx::AssertSqlSafe;
    use sqlx::postgres::PgConnectOptions;

    use super::*;

    static NUMBER: AtomicU32 = AtomicU32::new(0);

    /// A database of its own.
    async fn database() -> PgPool {
        let url = std::env::var("INVITE_TEST_POSTGRES").expect("run the tests with `cargo xtask test`");
        let options: PgConnectOptions = url.parse().unwrap();
        let server = PgPool::connect_with(options.clone()).await.unwrap();
        let name = format!("host_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&server).await.unwrap();
        PgPool::connect_with(options.database(&name)).await.unwrap()
    }

    #[async_trait]
    impl Population for Members {
        async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()> {
            Self::put(self, organisation, &user).await.map_err(|error| port_error("put a member", error))
        }
    }

    async fn members() -> AccountsUnderTest {
        let (members, _) = Members::open(&database().await).await.unwrap();
        AccountsUnderTest { accounts: Arc::new(members.clone()), people: Arc::new(members) }
    }

    invite_core::accounts_conformance!(conformance, members().await);

    #[tokio::test]
    async fn whoever_was_never_invited_is_found_by_a_join() {
        let (never_invited, planned) = rollout(&database().await, "acme".parse().unwrap()).await.unwrap();
        let names: Vec<&str> = never_invited.iter().map(|user| user.first_name.as_str()).collect();
        assert_eq!((names.as_slice(), planned), (&["Astrid", "Carl"][..], 1));
    }
}
