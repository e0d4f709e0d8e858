//! A host that keeps its own users table and its own sign-in.
//!
//! The library never writes to the table, but for the password that a person chose. Sign-in asks it two things: is the
//! person's own password retired, and does this secret belong to an open credential of theirs.
//!
//! ```text
//! cargo run -p invite-examples --bin host_users
//! cargo test -p invite-examples --bin host_users
//! ```

use std::error::Error;

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use invite_core::credential::{HashCost, Hasher, PasswordHash, random};
use invite_core::memory::RecordingTransport;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::message::Content;
use invite_core::model::organisation::Settings;
use invite_core::model::role::Role;
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::clock::{Clock, SystemClock};
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, Invite, SecretCheck};
use invite_core::{Actor, Invites, SealingKey, Secret};
use invite_sqlite::SqliteStore;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{FromRow, Row};
use uuid::Uuid;

/// The host's table, as it might have been for years; the two last columns make `set_password` idempotent.
const TABLE: &str = "create table members (
    tenant blob not null, id blob not null, given text not null, family text not null, mail text,
    is_admin integer not null, left_at integer, secret text, last_login integer,
    secret_credential blob, secret_reservation integer, primary key (tenant, id))";

/// The host's members, as the library wants to see them.
#[derive(Debug, Clone)]
struct Members {
    pool: SqlitePool,
}

/// A row of the table as the library's user.
struct Member(User);

impl FromRow<'_, SqliteRow> for Member {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let mail: Option<String> = row.try_get("mail")?;
        let last_login: Option<i64> = row.try_get("last_login")?;
        Ok(Self(User {
            first_name: row.try_get("given")?,
            last_name: row.try_get("family")?,
            // An address that is none counts as none: the plan then says "no contact".
            email: mail.and_then(|mail| mail.parse().ok()),
            role: if row.try_get("is_admin")? { Role::Administrator } else { Role::Member },
            deactivated: row.try_get::<Option<i64>, _>("left_at")?.is_some(),
            has_password: row.try_get::<Option<String>, _>("secret")?.is_some(),
            signed_in_at: last_login.and_then(|at| Utc.timestamp_opt(at, 0).single()),
            ..User::new(UserId::from_uuid(row.try_get("id")?))
        }))
    }
}

#[async_trait]
impl Accounts for Members {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        let after = page.after.map_or(Uuid::nil(), UserId::as_uuid);
        let (mut after, mut users) = (after, Vec::new());
        // What SQL does not filter here is filtered by the library's own rule; a large table would do it in SQL.
        while users.len() < page.limit {
            let rows: Vec<Member> =
                sqlx::query_as("select * from members where tenant = ? and id > ? order by id limit 500")
                    .bind(page.organisation.as_uuid())
                    .bind(after)
                    .fetch_all(&self.pool)
                    .await
                    .map_err(|error| port_error("read members", error))?;
            let is_last = rows.len() < 500;
            after = rows.last().map_or(after, |member| member.0.id.as_uuid());
            users.extend(
                rows.into_iter().map(|member| member.0).filter(|user| page.filter.people.matches(user)),
            );
            if is_last {
                break;
            }
        }
        users.truncate(page.limit);
        Ok(users)
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        let mut facts = Vec::with_capacity(users.len());
        for user in users {
            let member: Option<Member> = sqlx::query_as("select * from members where tenant = ? and id = ?")
                .bind(organisation.as_uuid())
                .bind(user.as_uuid())
                .fetch_optional(&self.pool)
                .await
                .map_err(|error| port_error("read a member", error))?;
            facts.push(member.map(|member| member.0));
        }
        Ok(facts)
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        // A host with a hash of its own takes `request.password.chosen()` to it instead.
        let hash = request.password.phc().await?;
        let reservation = i64::try_from(request.reservation).unwrap_or(i64::MAX);
        // One conditional write: a higher reservation of the same credential replaces, another credential too.
        let done = sqlx::query(
            "update members set secret = ?1, secret_credential = ?2, secret_reservation = ?3
             where tenant = ?4 and id = ?5 and left_at is null
               and (secret_credential is not ?2 or secret_reservation < ?3)",
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
            "select secret_reservation from members where tenant = ? and id = ? and left_at is null",
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

/// What the host's own sign-in answers.
#[derive(Debug, PartialEq, Eq)]
enum SignIn {
    In,
    ChooseAPassword,
    No,
}

/// The host's own sign-in, with the two questions that it asks the library.
async fn sign_in(
    host: &Host,
    user: UserId,
    secret: &Secret,
    new_password: Option<&Secret>,
) -> Result<SignIn, Box<dyn Error>> {
    let Host { members, hasher, invites, tenant, .. } = host;
    let own: Option<Option<String>> =
        sqlx::query_scalar("select secret from members where tenant = ? and id = ?")
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .fetch_optional(&members.pool)
            .await?;
    if let Some(own) = own.flatten() {
        let right = hasher.verify(secret.clone(), own.parse::<PasswordHash>()?).await?;
        if right && invites.own_password_counts(*tenant, vec![user]).await? == [true] {
            invites.record_sign_in(*tenant, &[(user, host.now())]).await?;
            return Ok(SignIn::In);
        }
    }
    let source = "203.0.113.7"; // the address that the request came from
    match (invites.check_secret(*tenant, user, secret, source).await?, new_password) {
        (SecretCheck::Belongs(_), None) => Ok(SignIn::ChooseAPassword),
        (SecretCheck::Belongs(_), Some(new_password)) => {
            invites.redeem(*tenant, user, secret, new_password, source).await?;
            Ok(SignIn::In)
        }
        _ => Ok(SignIn::No),
    }
}

/// The host.
struct Host {
    members: Members,
    hasher: Hasher,
    invites: Invites,
    tenant: OrganisationId,
}

impl Host {
    /// Opens both databases, here in memory and in a temporary folder, with three members.
    async fn open(transport: impl Transport + 'static) -> Result<(Self, [UserId; 3]), Box<dyn Error>> {
        let members = Members::in_memory().await?;
        let folder = tempfile::tempdir()?.keep();
        let store = SqliteStore::open(folder.join("invitations.db")).await?;
        let invites = Invites::builder_with(members.clone(), store)
            .email(transport)
            .seal_with(SealingKey::generate(&mut random::system_random()?))
            .build()?;
        let mut settings = Settings::new("Acme Ltd");
        settings.app_link = Some("https://app.acme.example".parse()?);
        let tenant = invites.create_organisation("acme".parse()?, settings).await?.id;
        let people = [("Astrid", true), ("Anna", false), ("Bjørn", false)];
        let mut ids = [UserId::new(); 3];
        for ((name, is_admin), id) in people.into_iter().zip(&mut ids) {
            *id = UserId::new();
            let mail = format!("{}@acme.example", name.to_lowercase().replace('ø', "o"));
            members.insert(tenant, *id, name, "", Some(&mail), is_admin).await?;
        }
        let hasher = Hasher::new(HashCost::default())?;
        Ok((Self { members, hasher, invites, tenant }, ids))
    }

    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }
}

impl Members {
    async fn in_memory() -> Result<Self, sqlx::Error> {
        // One connection: each would have a database of its own.
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
        sqlx::raw_sql(TABLE).execute(&pool).await?;
        Ok(Self { pool })
    }

    async fn insert(
        &self,
        tenant: OrganisationId,
        id: UserId,
        given: &str,
        family: &str,
        mail: Option<&str>,
        is_admin: bool,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into members (id, tenant, given, family, mail, is_admin) values (?, ?, ?, ?, ?, ?)",
        )
        .bind(id.as_uuid())
        .bind(tenant.as_uuid())
        .bind(given)
        .bind(family)
        .bind(mail)
        .bind(is_admin)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let transport = RecordingTransport::new();
    let (host, [astrid, anna, _]) = Host::open(transport.clone()).await?;
    let admin = Actor::administrator(host.tenant, astrid);

    println!("Astrid invites everybody in the host's own table:");
    let plan = host.invites.plan(&admin, Invite::never_invited()).await?;
    println!("{}", plan.summary());
    host.invites.confirm(&admin, plan.id()).await?;
    println!("{} messages sent\n", host.invites.worker().run_until_idle().await?.sent);

    let temporary = password_for(&transport, anna, &host).await?;
    let own = Secret::new("rain over the fjord".into());
    println!(
        "Anna signs in at the host, with the temporary password: {:?}",
        sign_in(&host, anna, &temporary, None).await?
    );
    println!("and a password of her own: {:?}", sign_in(&host, anna, &temporary, Some(&own)).await?);
    println!("and later with her own: {:?}", sign_in(&host, anna, &own, None).await?);
    println!("and with the temporary one again: {:?}\n", sign_in(&host, anna, &temporary, None).await?);

    println!("Anna forgot it. Astrid invites her again and consents to the reset:");
    let plan = host.invites.plan(&admin, Invite::users([anna])).await?;
    host.invites.confirm_with(&admin, plan.id(), ConfirmOptions::new().resets(true)).await?;
    host.invites.worker().run_until_idle().await?;
    println!(
        "Her own password, still in the host's table, is retired: {:?}",
        sign_in(&host, anna, &own, None).await?
    );
    let temporary = password_for(&transport, anna, &host).await?;
    let newer = Secret::new("wind in the birches".into());
    println!("The new message lets her in: {:?}", sign_in(&host, anna, &temporary, Some(&newer)).await?);
    Ok(())
}

/// The temporary password of the newest message to a member: three groups of four, alone on its line.
async fn password_for(
    transport: &RecordingTransport,
    user: UserId,
    host: &Host,
) -> Result<Secret, Box<dyn Error>> {
    let facts = host.members.facts(host.tenant, vec![user]).await?;
    let address = facts.into_iter().flatten().next().and_then(|user| user.email).ok_or("no address")?;
    let text = transport
        .messages()
        .into_iter()
        .rev()
        .find_map(|message| match message.content {
            Content::Email(email) if email.to.address == address => Some(email.text),
            _ => None,
        })
        .ok_or("no message")?;
    let is_password = |line: &&str| line.len() == 14 && line.split('-').all(|group| group.len() == 4);
    let line = text.lines().map(str::trim).find(is_password).ok_or("no password in the message")?;
    Ok(Secret::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use invite_core::conformance::accounts::{AccountsUnderTest, Population};

    use super::*;

    #[async_trait]
    impl Population for Members {
        async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()> {
            sqlx::query(
                "insert or replace into members (tenant, id, given, family, mail, is_admin, left_at, last_login)
                 values (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(organisation.as_uuid())
            .bind(user.id.as_uuid())
            .bind(user.first_name)
            .bind(user.last_name)
            .bind(user.email.map(|email| email.to_string()))
            .bind(user.role.is_administrator())
            .bind(user.deactivated.then_some(0))
            .bind(user.signed_in_at.map(|at| at.timestamp()))
            .execute(&self.pool)
            .await
            .map_err(|error| port_error("put a member", error))?;
            Ok(())
        }
    }

    async fn members() -> AccountsUnderTest {
        let members = Members::in_memory().await.unwrap();
        AccountsUnderTest { accounts: Arc::new(members.clone()), people: Arc::new(members) }
    }

    invite_core::accounts_conformance!(conformance, members().await);

    #[tokio::test]
    async fn a_member_comes_by_the_hosts_own_sign_in_and_the_own_password_is_retired_by_a_reset() {
        let transport = RecordingTransport::new();
        let (host, [astrid, anna, _]) = Host::open(transport.clone()).await.unwrap();
        let admin = Actor::administrator(host.tenant, astrid);
        let plan = host.invites.plan(&admin, Invite::never_invited()).await.unwrap();
        assert_eq!((plan.totals().send, plan.totals().skipped()), (2, 1));
        host.invites.confirm(&admin, plan.id()).await.unwrap();
        assert_eq!(host.invites.worker().run_until_idle().await.unwrap().sent, 2);

        let temporary = password_for(&transport, anna, &host).await.unwrap();
        let own = Secret::new("rain over the fjord".into());
        assert_eq!(sign_in(&host, anna, &temporary, None).await.unwrap(), SignIn::ChooseAPassword);
        assert_eq!(sign_in(&host, anna, &temporary, Some(&own)).await.unwrap(), SignIn::In);
        assert_eq!(sign_in(&host, anna, &own, None).await.unwrap(), SignIn::In);
        assert_eq!(sign_in(&host, anna, &temporary, None).await.unwrap(), SignIn::No);

        let plan = host.invites.plan(&admin, Invite::users([anna])).await.unwrap();
        assert_eq!(plan.totals().reset, 1);
        host.invites.confirm_with(&admin, plan.id(), ConfirmOptions::new().resets(true)).await.unwrap();
        host.invites.worker().run_until_idle().await.unwrap();
        assert_eq!(sign_in(&host, anna, &own, None).await.unwrap(), SignIn::No);
    }

    #[tokio::test]
    async fn the_hosts_people_are_not_written_to() {
        let (host, _) = Host::open(RecordingTransport::new()).await.unwrap();
        let admin = Actor::system(host.tenant);
        let refused =
            host.invites.import(&admin, "email\na@b.example\n".as_bytes(), Default::default()).await;
        assert!(refused.unwrap_err().to_string().contains("kept by the host"));
    }
}
