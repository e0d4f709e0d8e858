//! Bare SQL on SQLite.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use invite_core::model::id::{BatchId, ClaimToken, OrganisationId, UserId};
use invite_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::{Bare, GROUP, Sieve};
use crate::Answer;

/// A file beside ours with the same tables, empty, and as durable; ours is attached to it as `ours`.
#[derive(Debug)]
pub struct BareSqlite(SqliteConnection);

impl BareSqlite {
    /// Makes it.
    pub async fn beside(file: &Path) -> Answer<Self> {
        let beside = Self::file_beside(file);
        drop(SqliteStore::open(&beside).await?);
        let mut connection = SqliteConnectOptions::new()
            .filename(&beside)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .disable_statement_logging()
            .connect()
            .await?;
        let ours = file.to_string_lossy().into_owned();
        sqlx::query("ATTACH ? AS ours").bind(ours).execute(&mut connection).await?;
        Ok(Self(connection))
    }

    /// Where it is.
    pub fn file_beside(file: &Path) -> PathBuf {
        file.with_extension("bare.db")
    }
}

#[async_trait]
impl Bare for BareSqlite {
    async fn write_plan(&mut self, organisation: OrganisationId) -> Answer<usize> {
        // Each with a condition: without one SQLite would copy pages' records as they are, which no plan can.
        const TABLES: [&str; 6] = [
            "INSERT INTO main.invite_lane SELECT * FROM ours.invite_lane WHERE ?1 IS NOT NULL",
            "INSERT INTO main.invite_batch SELECT * FROM ours.invite_batch WHERE organisation = ?1",
            "INSERT INTO main.invite_selection SELECT * FROM ours.invite_selection WHERE organisation = ?1",
            "INSERT INTO main.invite_batch_lane SELECT * FROM ours.invite_batch_lane WHERE organisation = ?1",
            "INSERT INTO main.invite_item SELECT * FROM ours.invite_item WHERE organisation = ?1",
            "INSERT INTO main.invite_delivery SELECT * FROM ours.invite_delivery NOT INDEXED WHERE organisation = ?1",
        ];
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let mut rows = 0;
        for table in TABLES {
            let written =
                sqlx::query(table).bind(blob(organisation.as_uuid())).execute(&mut *transaction).await?;
            rows += usize::try_from(written.rows_affected())?;
        }
        transaction.commit().await?;
        Ok(rows)
    }

    async fn confirm(&mut self, batch: BatchId) -> Answer<()> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "UPDATE main.invite_batch SET state = 'running', confirmed_by = '\"system\"', confirmed_at = 1,
                 not_before = 1, confirmed_order = 1
             WHERE organisation = (SELECT organisation FROM main.invite_batch) AND id = ?",
        )
        .bind(blob(batch.as_uuid()))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    async fn claim_and_acknowledge(&mut self, batch: BatchId) -> Answer<usize> {
        let token = blob(ClaimToken::new().as_uuid());
        let mut claim = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let claimed = sqlx::query(
            "UPDATE main.invite_delivery SET state = 'claimed', token = ?1, lease_until = 2, changed_at = 1
             WHERE id IN (
                 SELECT id FROM main.invite_delivery
                 WHERE batch = ?2 AND lane = 1 AND state = 'queued' AND suspect = 0 ORDER BY due_at LIMIT ?3)
             RETURNING id",
        )
        .bind(token.clone())
        .bind(blob(batch.as_uuid()))
        .bind(i64::try_from(GROUP)?)
        .fetch_all(&mut *claim)
        .await?;
        claim.commit().await?;
        let mut acknowledge = self.0.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "UPDATE main.invite_delivery SET state = 'sent', token = NULL, lease_until = NULL, attempts = 1,
                 sent_at = 3, changed_at = 3, receipt = 'receipt'
             WHERE token = ?",
        )
        .bind(token)
        .execute(&mut *acknowledge)
        .await?;
        acknowledge.commit().await?;
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
            .bind(blob(organisation.as_uuid()))
            .bind(after.map(|after| blob(after.as_uuid())).unwrap_or_default())
            .bind(i64::try_from(limit)?)
            .fetch_all(&mut self.0)
            .await?;
        let last = match rows.last() {
            Some(row) => Some(UserId::from_uuid(uuid::Uuid::from_slice(row.try_get("id")?)?)),
            None => None,
        };
        Ok((last, rows.len()))
    }
}

/// ?1: organisation, ?2: after, ?3: at most
macro_rules! keyset {
    ($condition:literal) => {
        concat!(
            "SELECT * FROM ours.invite_user AS u WHERE u.organisation = ?1 AND u.id > ?2 AND ",
            $condition,
            " ORDER BY u.id LIMIT ?3"
        )
    };
}

const fn page(sieve: Sieve) -> &'static str {
    match sieve {
        Sieve::Everybody => keyset!("true"),
        Sieve::Group => keyset!("u.group_key = 'shop 7'"),
        Sieve::Role => keyset!("u.role = 'administrator'"),
        Sieve::Deactivated => keyset!("u.deactivated = 1"),
        Sieve::Text => keyset!("instr(u.search_text, 'kari777@') > 0"),
        Sieve::NeverInvited => keyset!(
            "NOT EXISTS (SELECT 1 FROM ours.invite_delivery AS d
             WHERE d.organisation = u.organisation AND d.user = u.id AND d.sent_at IS NOT NULL)"
        ),
        Sieve::NeverSignedIn => keyset!(
            "u.signed_in_at IS NULL AND NOT EXISTS (SELECT 1 FROM ours.invite_invitation AS i INDEXED BY invite_invitation_user
             WHERE i.organisation = u.organisation AND i.user = u.id AND i.state = 'accepted')"
        ),
        Sieve::Failed => keyset!(
            "(SELECT d.state FROM ours.invite_delivery AS d
              WHERE d.organisation = u.organisation AND d.user = u.id ORDER BY d.id DESC LIMIT 1)
             IN ('failed', 'suppressed', 'bounced', 'unknown')"
        ),
        Sieve::InvitedBefore => keyset!(
            "(SELECT max(i.created_at) FROM ours.invite_invitation AS i INDEXED BY invite_invitation_user
              WHERE i.organisation = u.organisation AND i.user = u.id) < 9000000000000000"
        ),
        Sieve::RemindedBefore => keyset!(
            "(SELECT max(d.sent_at) FROM ours.invite_delivery AS d
              WHERE d.organisation = u.organisation AND d.user = u.id) < 9000000000000000"
        ),
    }
}

fn blob(id: uuid::Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}
