//! What is kept too long goes.

use invite_core::model::id::{BatchId, DeliveryId, OrganisationId};

use crate::error::Step;
use crate::rows::{Columns, Key, cursor, delta, limit, micros};
use crate::write::Write;

impl Write {
    /// The batch that finished first of those whose messages' contacts are kept too long.
    pub(crate) async fn batch_with_old_contacts(&mut self) -> Step<Option<(OrganisationId, BatchId)>> {
        let before = micros(self.now - delta(self.policy.contacts_kept));
        let row = sqlx::query(
            "SELECT organisation, id FROM invite_batch INDEXED BY invite_batch_contacts
             WHERE finished_at IS NOT NULL AND contacts_removed = 0 AND finished_at <= ?
             ORDER BY finished_at LIMIT 1",
        )
        .bind(before)
        .fetch_optional(self.db())
        .await?;
        row.map(|row| Ok((row.id("organisation")?, row.id("id")?))).transpose()
    }

    /// Removes contacts of a batch's messages, those after where it was left.
    pub(crate) async fn remove_contacts(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        most: i64,
    ) -> Step<u64> {
        let row =
            sqlx::query("SELECT contacts_removed_to FROM invite_batch WHERE organisation = ? AND id = ?")
                .bind(organisation.blob())
                .bind(batch.blob())
                .fetch_one(self.db())
                .await?;
        let rows = sqlx::query(
            "SELECT id FROM invite_delivery WHERE organisation = ? AND batch = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .bind(cursor(row.maybe_id::<DeliveryId>("contacts_removed_to")?))
        .bind(most)
        .fetch_all(self.db())
        .await?;
        let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id("id")).collect::<Step<_>>()?;
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            sqlx::query(
                "UPDATE invite_delivery
                 SET address = NULL, address_key = NULL, destination = '', answer = NULL, receipt = NULL
                 WHERE organisation = ? AND batch = ? AND id BETWEEN ? AND ?",
            )
            .bind(organisation.blob())
            .bind(batch.blob())
            .bind(first.blob())
            .bind(last.blob())
            .execute(self.db())
            .await?;
        }
        sqlx::query("DELETE FROM invite_fallback WHERE organisation = ? AND batch = ?")
            .bind(organisation.blob())
            .bind(batch.blob())
            .execute(self.db())
            .await?;
        sqlx::query(
            "UPDATE invite_batch
             SET contacts_removed_to = coalesce(?, contacts_removed_to), contacts_removed = ?
             WHERE organisation = ? AND id = ?",
        )
        .bind(ids.last().map(|last| last.blob()))
        .bind(limit(ids.len()) < most)
        .bind(organisation.blob())
        .bind(batch.blob())
        .execute(self.db())
        .await?;
        Ok(ids.len() as u64)
    }

    /// Events are in the order of their time, so no more than the oldest are looked at.
    pub(crate) async fn sweep_events(&mut self, most: i64) -> Step<u64> {
        let before = micros(self.now - delta(self.policy.events_kept));
        let rows = sqlx::query(
            "DELETE FROM invite_event WHERE cursor IN (
                 SELECT cursor FROM (SELECT cursor, at FROM invite_event ORDER BY cursor LIMIT ?1) WHERE at <= ?2)
             RETURNING cursor",
        )
        .bind(most)
        .bind(before)
        .fetch_all(self.db())
        .await?;
        let removed: Vec<i64> = rows.iter().map(|row| row.plain("cursor")).collect::<Step<_>>()?;
        if let Some(last) = removed.iter().max() {
            sqlx::query("UPDATE invite_events_removed SET until = ? WHERE one = 1")
                .bind(*last)
                .execute(self.db())
                .await?;
        }
        Ok(removed.len() as u64)
    }

    /// As [`sweep_events`](Self::sweep_events).
    pub(crate) async fn sweep_audit(&mut self, most: i64) -> Step<u64> {
        let before = micros(self.now - delta(self.policy.audit_kept));
        let done = sqlx::query(
            "DELETE FROM invite_audit WHERE number IN (
                 SELECT number FROM (SELECT number, at FROM invite_audit ORDER BY number LIMIT ?1) WHERE at <= ?2)",
        )
        .bind(most)
        .bind(before)
        .execute(self.db())
        .await?;
        Ok(done.rows_affected())
    }
}
