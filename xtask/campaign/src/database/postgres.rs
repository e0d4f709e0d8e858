//! The rows of a PostgreSQL database, and its backends.

use async_trait::async_trait;
use invite_core::model::id::{ClaimToken, DeliveryId};
use sqlx::Row;
use sqlx::postgres::{PgPool, PgPoolOptions};
use uuid::Uuid;

use super::{Backend, HandingOver, Rows};

/// See above. PostgreSQL's clock is the server's. Ids go as text, so that it needs no types of its own.
#[derive(Debug)]
pub(crate) struct PgRows(PgPool);

impl PgRows {
    pub(crate) async fn open(url: &str) -> Result<Self, sqlx::Error> {
        Ok(Self(PgPoolOptions::new().max_connections(2).connect(url).await?))
    }
}

#[async_trait]
impl Rows for PgRows {
    async fn handing_over(&self) -> Result<Vec<HandingOver>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT address, attempts, (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::bigint AS left_ms
             FROM invite.delivery WHERE lease_until IS NOT NULL AND state = 'handing_over'",
        )
        .fetch_all(&self.0)
        .await?;
        rows.iter()
            .map(|row| {
                let attempts: i64 = row.try_get("attempts")?;
                Ok(HandingOver {
                    to: row.try_get("address")?,
                    attempt: u32::try_from(attempts).unwrap_or_default(),
                    lease_left_ms: row.try_get("left_ms")?,
                })
            })
            .collect()
    }

    async fn due(&self, limit: usize) -> Result<Vec<DeliveryId>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT d.id::text AS id FROM invite.delivery AS d JOIN invite.batch AS b ON b.id = d.batch
             WHERE d.state = 'queued' AND NOT d.suspect AND d.due_at <= clock_timestamp() AND b.state = 'running' LIMIT $1",
        )
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.0)
        .await?;
        rows.iter().map(|row| id(&row.try_get::<String, _>("id")?).map(DeliveryId::from_uuid)).collect()
    }

    async fn put_back(&self, ids: &[DeliveryId]) -> Result<(), sqlx::Error> {
        for id in ids {
            sqlx::query(
                "UPDATE invite.delivery SET state = 'queued', token = NULL, lease_until = NULL WHERE id = $1::uuid",
            )
            .bind(id.to_string())
            .execute(&self.0)
            .await?;
        }
        Ok(())
    }

    async fn token(&self, delivery: DeliveryId) -> Result<Option<ClaimToken>, sqlx::Error> {
        let row = sqlx::query("SELECT token::text AS token FROM invite.delivery WHERE id = $1::uuid")
            .bind(delivery.to_string())
            .fetch_one(&self.0)
            .await?;
        let token: Option<String> = row.try_get("token")?;
        token.map(|token| id(&token).map(ClaimToken::from_uuid)).transpose()
    }

    async fn add_attempts(&self, ids: &[DeliveryId], attempts: i64) -> Result<(), sqlx::Error> {
        for id in ids {
            sqlx::query(
                "UPDATE invite.delivery SET attempts = attempts + $1 WHERE id = $2::uuid AND state = 'handing_over'",
            )
            .bind(attempts)
            .bind(id.to_string())
            .execute(&self.0)
            .await?;
        }
        Ok(())
    }

    async fn backends(&self, worker: &str) -> Result<Vec<Backend>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT pid, coalesce(state, 'starting') AS state FROM pg_stat_activity
             WHERE application_name = $1 ORDER BY pid",
        )
        .bind(worker.to_owned())
        .fetch_all(&self.0)
        .await?;
        rows.iter()
            .map(|row| Ok(Backend { pid: row.try_get("pid")?, state: row.try_get("state")? }))
            .collect()
    }

    async fn terminate(&self, backend: &Backend) -> Result<bool, sqlx::Error> {
        let row = sqlx::query("SELECT pg_terminate_backend($1) AS done")
            .bind(backend.pid)
            .fetch_one(&self.0)
            .await?;
        row.try_get("done")
    }
}

fn id(text: &str) -> Result<Uuid, sqlx::Error> {
    text.parse().map_err(|error: uuid::Error| sqlx::Error::Decode(error.into()))
}
