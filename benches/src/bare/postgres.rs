//! Bare SQL on PostgreSQL.

use async_trait::async_trait;
use invite_core::model::id::{BatchId, ClaimToken, OrganisationId, UserId};
use invite_postgres::PgStore;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{Connection, Row};

use super::{Bare, GROUP, Sieve};
use crate::Answer;

/// A schema `bare` in our database with the same tables, empty.
#[derive(Debug)]
pub struct BarePostgres(PgConnection);

impl BarePostgres {
    /// Makes it.
    pub async fn beside(url: &str) -> Answer<Self> {
        let pool = PgPoolOptions::new().max_connections(2).connect(url).await?;
        PgStore::in_schema(pool.clone(), "bare").await?;
        pool.close().await;
        Ok(Self(PgConnection::connect(url).await?))
    }
}

#[async_trait]
impl Bare for BarePostgres {
    async fn write_plan(&mut self, organisation: OrganisationId) -> Answer<usize> {
        const TABLES: [&str; 5] = [
            "INSERT INTO bare.batch SELECT * FROM invite.batch WHERE organisation = $1",
            "INSERT INTO bare.selection SELECT * FROM invite.selection WHERE organisation = $1",
            "INSERT INTO bare.batch_lane SELECT * FROM invite.batch_lane WHERE organisation = $1",
            "INSERT INTO bare.item SELECT * FROM invite.item WHERE organisation = $1",
            "INSERT INTO bare.delivery SELECT * FROM invite.delivery WHERE organisation = $1",
        ];
        let mut transaction = self.0.begin().await?;
        let mut rows = 0;
        for table in TABLES {
            let written = sqlx::query(table).bind(organisation.as_uuid()).execute(&mut *transaction).await?;
            rows += usize::try_from(written.rows_affected())?;
        }
        transaction.commit().await?;
        Ok(rows)
    }

    async fn confirm(&mut self, batch: BatchId) -> Answer<()> {
        sqlx::query(
            "UPDATE bare.batch SET state = 'running', confirmed_by = '\"system\"', confirmed_at = now(),
                 not_before = now(), confirmed_order = 1
             WHERE organisation = (SELECT organisation FROM bare.batch) AND id = $1",
        )
        .bind(batch.as_uuid())
        .execute(&mut self.0)
        .await?;
        Ok(())
    }

    async fn claim_and_acknowledge(&mut self, batch: BatchId) -> Answer<usize> {
        let token = ClaimToken::new().as_uuid();
        let claimed = sqlx::query(
            "UPDATE bare.delivery SET state = 'claimed', token = $1, lease_until = now() + interval '90 s', changed_at = now()
             WHERE id = ANY(ARRAY(
                 SELECT id FROM bare.delivery
                 WHERE batch = $2 AND lane = (SELECT lane FROM bare.batch_lane WHERE batch = $2)
                     AND state = 'queued' AND NOT suspect
                 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
             RETURNING id",
        )
        .bind(token)
        .bind(batch.as_uuid())
        .bind(i64::try_from(GROUP)?)
        .fetch_all(&mut self.0)
        .await?;
        sqlx::query(
            "UPDATE bare.delivery SET state = 'sent', token = NULL, lease_until = NULL, attempts = 1,
                 sent_at = now(), changed_at = now(), receipt = 'receipt'
             WHERE token = $1",
        )
        .bind(token)
        .execute(&mut self.0)
        .await?;
        Ok(claimed.len())
    }

    async fn page(
        &mut self,
        organisation: OrganisationId,
        sieve: Sieve,
        after: Option<UserId>,
        limit: usize,
    ) -> Answer<(Option<UserId>, usize)> {
        let rows = sqlx::query(page(sieve))
            .bind(organisation.as_uuid())
            .bind(after.map(UserId::as_uuid).unwrap_or_default())
            .bind(i64::try_from(limit)?)
            .fetch_all(&mut self.0)
            .await?;
        let last = match rows.last() {
            Some(row) => Some(UserId::from_uuid(row.try_get("id")?)),
            None => None,
        };
        Ok((last, rows.len()))
    }
}

/// $1: organisation, $2: after, $3: at most
macro_rules! keyset {
    ($condition:literal) => {
        concat!(
            "SELECT * FROM invite.user AS u WHERE u.organisation = $1 AND u.id > $2 AND ",
            $condition,
            " ORDER BY u.id LIMIT $3"
        )
    };
}

const fn page(sieve: Sieve) -> &'static str {
    match sieve {
        Sieve::Everybody => keyset!("true"),
        Sieve::Group => keyset!("u.group_key = 'shop 7'"),
        Sieve::Role => keyset!("u.role = 'administrator'"),
        Sieve::Deactivated => keyset!("u.deactivated"),
        Sieve::Text => keyset!("strpos(u.search_text, 'kari777@') > 0"),
        Sieve::NeverInvited => keyset!(
            "NOT EXISTS (SELECT 1 FROM invite.delivery AS d
             WHERE d.organisation = u.organisation AND d.user_id = u.id AND d.sent_at IS NOT NULL)"
        ),
        Sieve::NeverSignedIn => keyset!(
            "u.signed_in_at IS NULL AND NOT EXISTS (SELECT 1 FROM invite.invitation AS i
             WHERE i.organisation = u.organisation AND i.user_id = u.id AND i.state = 'accepted')"
        ),
        Sieve::Failed => keyset!(
            "(SELECT d.state FROM invite.delivery AS d
              WHERE d.organisation = u.organisation AND d.user_id = u.id ORDER BY d.id DESC LIMIT 1)
             IN ('failed', 'suppressed', 'bounced', 'unknown')"
        ),
        Sieve::InvitedBefore => keyset!(
            "(SELECT max(i.created_at) FROM invite.invitation AS i
              WHERE i.organisation = u.organisation AND i.user_id = u.id) < 'infinity'"
        ),
        Sieve::RemindedBefore => keyset!(
            "(SELECT max(d.sent_at) FROM invite.delivery AS d
              WHERE d.organisation = u.organisation AND d.user_id = u.id) < 'infinity'"
        ),
    }
}
