//! The rows of an SQLite file.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::id::{ClaimToken, DeliveryId};
use invite_core::port::clock::{Clock, SystemClock};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use uuid::Uuid;

use super::{Backend, HandingOver, Rows};

/// See above. SQLite's clock is the machine's.
#[derive(Debug)]
pub(crate) struct SqliteRows(SqlitePool);

impl SqliteRows {
    pub(crate) async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(10));
        Ok(Self(SqlitePoolOptions::new().max_connections(2).connect_with(options).await?))
    }
}

fn now() -> i64 {
    SystemClock.now().timestamp_micros()
}

#[async_trait]
impl Rows for SqliteRows {
    async fn handing_over(&self) -> Result<Vec<HandingOver>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT address, attempts, lease_until FROM invite_delivery
             WHERE lease_until IS NOT NULL AND state = 'handing_over'",
        )
        .fetch_all(&self.0)
        .await?;
        let now = now();
        rows.iter()
            .map(|row| {
                let lease_until: i64 = row.try_get("lease_until")?;
                Ok(HandingOver {
                    to: row.try_get("address")?,
                    attempt: row.try_get("attempts")?,
                    lease_left_ms: (lease_until - now) / 1_000,
                })
            })
            .collect()
    }

    async fn due(&self, limit: usize) -> Result<Vec<DeliveryId>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT d.id FROM invite_delivery AS d JOIN invite_batch AS b ON b.id = d.batch
             WHERE d.state = 'queued' AND d.suspect = 0 AND d.due_at <= ? AND b.state = 'running' LIMIT ?",
        )
        .bind(now())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.0)
        .await?;
        rows.iter().map(|row| id(&row.try_get::<Vec<u8>, _>("id")?).map(DeliveryId::from_uuid)).collect()
    }

    async fn put_back(&self, ids: &[DeliveryId]) -> Result<(), sqlx::Error> {
        for id in ids {
            sqlx::query(
                "UPDATE invite_delivery SET state = 'queued', token = NULL, lease_until = NULL WHERE id = ?",
            )
            .bind(octets(*id))
            .execute(&self.0)
            .await?;
        }
        Ok(())
    }

    async fn token(&self, delivery: DeliveryId) -> Result<Option<ClaimToken>, sqlx::Error> {
        let row = sqlx::query("SELECT token FROM invite_delivery WHERE id = ?")
            .bind(octets(delivery))
            .fetch_one(&self.0)
            .await?;
        let token: Option<Vec<u8>> = row.try_get("token")?;
        token.map(|token| id(&token).map(ClaimToken::from_uuid)).transpose()
    }

    async fn add_attempts(&self, ids: &[DeliveryId], attempts: i64) -> Result<(), sqlx::Error> {
        for id in ids {
            sqlx::query(
                "UPDATE invite_delivery SET attempts = attempts + ? WHERE id = ? AND state = 'handing_over'",
            )
            .bind(attempts)
            .bind(octets(*id))
            .execute(&self.0)
            .await?;
        }
        Ok(())
    }

    async fn backends(&self, _: &str) -> Result<Vec<Backend>, sqlx::Error> {
        Ok(Vec::new())
    }

    async fn terminate(&self, _: &Backend) -> Result<bool, sqlx::Error> {
        Ok(false)
    }
}

fn octets(id: DeliveryId) -> Vec<u8> {
    id.as_uuid().as_bytes().to_vec()
}

fn id(octets: &[u8]) -> Result<Uuid, sqlx::Error> {
    Uuid::from_slice(octets).map_err(|error| sqlx::Error::Decode(error.into()))
}
