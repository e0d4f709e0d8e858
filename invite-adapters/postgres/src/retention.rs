//! What is kept too long goes.

use invite_core::model::id::{BatchId, DeliveryId, OrganisationId};

use crate::alone::Alone;
use crate::error::Step;
use crate::records::number_events;
use crate::rows::{Columns, Key, cursor, delta, limit};
use crate::write::Write;

impl Write {
    /// Removes contacts of messages of the batch that finished first of those that have been finished for too long: those
    /// after where it was left. How many; none where there is no such batch.
    pub(crate) async fn sweep_contacts(&mut self, most: i64) -> Step<Option<u64>> {
        if self.date_a_batch().await? {
            return Ok(Some(1));
        }
        let before = self.now - delta(self.policy.contacts_kept);
        let row = self
            .query(
                // A replica of a release before has reopened one that has a date and is not finished.
                "SELECT organisation, id, contacts_removed_to FROM invite.batch
                 WHERE finished_at IS NOT NULL AND NOT contacts_removed AND finished_at <= $1
                     AND (finished OR confirmed_order IS NULL)
                 ORDER BY finished_at LIMIT 1 FOR UPDATE SKIP LOCKED",
            )
            .bind(before)
            .fetch_optional(self.db().connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (organisation, batch) = (row.id("organisation")?, row.id("id")?);
        let removed =
            self.remove_contacts(organisation, batch, row.maybe_id("contacts_removed_to")?, most).await?;
        Ok(Some(removed))
    }

    async fn remove_contacts(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<DeliveryId>,
        most: i64,
    ) -> Step<u64> {
        let rows = self
            .query(
                "SELECT id FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND id > $3
                 ORDER BY id LIMIT $4",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(cursor(after))
            .bind(most)
            .fetch_all(self.db().connection())
            .await?;
        let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id("id")).collect::<Step<_>>()?;
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            self.query(
                "UPDATE invite.delivery
                 SET address = NULL, address_key = NULL, destination = '', answer = NULL, receipt = NULL
                 WHERE organisation = $1 AND batch = $2 AND id BETWEEN $3 AND $4",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(first.uuid())
            .bind(last.uuid())
            .execute(self.db().connection())
            .await?;
        }
        self.query("DELETE FROM invite.fallback WHERE organisation = $1 AND batch = $2")
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .execute(self.db().connection())
            .await?;
        self.query(
            "UPDATE invite.batch SET contacts_removed_to = coalesce($3, contacts_removed_to), contacts_removed = $4
             WHERE organisation = $1 AND id = $2",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .bind(ids.last().map(|last| last.uuid()))
        .bind(limit(ids.len()) < most)
        .execute(self.db().connection())
        .await?;
        Ok(ids.len() as u64)
    }

    /// Keeps when a batch finished that a release finished which did not keep it: not before its last message changed.
    /// Whether there was one.
    async fn date_a_batch(&mut self) -> Step<bool> {
        let done = self
            .query(
                "UPDATE invite.batch AS b
                 SET finished_at = greatest(b.planned_at, b.confirmed_at, b.stopped_at, (
                     SELECT max(d.changed_at) FROM invite.delivery AS d
                     WHERE d.organisation = b.organisation AND d.batch = b.id))
                 FROM (
                     SELECT organisation, id FROM invite.batch
                     WHERE finished_at IS NULL AND (finished OR (confirmed_order IS NULL AND stopped_at IS NOT NULL))
                     LIMIT 1
                 ) AS undated
                 WHERE b.organisation = undated.organisation AND b.id = undated.id AND b.finished_at IS NULL
                     AND (b.finished OR (b.confirmed_order IS NULL AND b.stopped_at IS NOT NULL))",
            )
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes the oldest events, in the order in which they are read, up to the first that is not old. How many.
    pub(crate) async fn sweep_events(&mut self, most: i64) -> Step<u64> {
        let before = self.now - delta(self.policy.events_kept);
        // Nobody may have read them yet.
        let unread = self
            .query("SELECT at FROM invite.event WHERE cursor IS NULL ORDER BY written LIMIT 1")
            .fetch_optional(self.db().connection())
            .await?;
        if unread.map(|row| row.at("at")).transpose()?.is_some_and(|at| at <= before) {
            self.db().alone(Alone::NumberingEvents).await?;
            number_events(self.db(), most).await?;
        }
        let row = self
            .query(
                "SELECT max(cursor) AS until FROM (
                     SELECT cursor, bool_and(at <= $2) OVER (ORDER BY cursor) AS goes FROM (
                         SELECT cursor, at FROM invite.event WHERE cursor IS NOT NULL ORDER BY cursor LIMIT $1
                     ) AS oldest
                 ) AS beginning WHERE goes",
            )
            .bind(most)
            .bind(before)
            .fetch_one(self.db().connection())
            .await?;
        let Some(until) = row.plain::<Option<i64>>("until")? else { return Ok(0) };
        let done = self
            .query("DELETE FROM invite.event WHERE cursor <= $1")
            .bind(until)
            .execute(self.db().connection())
            .await?;
        self.query("UPDATE invite.events_removed SET until = $1 WHERE one")
            .bind(until)
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected())
    }

    /// Removes lines of the audit; they are in the order of their time, so no more than the oldest are looked at. How many.
    pub(crate) async fn sweep_audit(&mut self, most: i64) -> Step<u64> {
        let before = self.now - delta(self.policy.audit_kept);
        let done = self
            .query(
                "DELETE FROM invite.audit WHERE number = ANY (ARRAY(
                     SELECT number FROM (SELECT number, at FROM invite.audit ORDER BY number LIMIT $1) AS oldest
                     WHERE at <= $2))",
            )
            .bind(most)
            .bind(before)
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected())
    }
}
