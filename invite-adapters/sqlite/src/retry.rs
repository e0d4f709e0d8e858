//! Messages that are sent again because somebody asked for it.

use invite_core::machine::delivery::DeliveryEvent;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::DeliveryState;
use invite_core::port::plans::{Retried, RetryChunk, RetryCursor};

use crate::deliveries::deliveries;
use crate::error::Step;
use crate::rows::{Columns, Key, cursor, limit, micros};
use crate::write::Write;

impl Write {
    /// Puts a chunk of failed or unknown messages back into the queue.
    pub(crate) async fn retry_chunk(&mut self, chunk: &RetryChunk) -> Step<Retried> {
        let organisation = chunk.actor.organisation();
        let row = sqlx::query("SELECT state FROM invite_batch WHERE organisation = ? AND id = ?")
            .bind(organisation.blob())
            .bind(chunk.batch.blob())
            .fetch_optional(self.db())
            .await?;
        let Some(row) = row else { return Ok(Retried::NotFound) };
        match row.word("state")? {
            BatchState::Running | BatchState::Paused => {}
            state => return Ok(Retried::Stopped(state)),
        }
        let since = chunk.cursor.map_or(self.now, |cursor| cursor.since);
        let rows = sqlx::query(include_str!("sql/to_retry.sql"))
            .bind(organisation.blob())
            .bind(chunk.batch.blob())
            .bind(cursor(chunk.cursor.map(|cursor| cursor.after)))
            .bind(chunk.failed)
            .bind(chunk.unknown)
            .bind(micros(since))
            .bind(limit(chunk.limit))
            .fetch_all(self.db())
            .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<_>>>()?;
        let Some(last) = ids.last().copied() else {
            return Ok(Retried::Queued { failed: 0, unknown: 0, next: None });
        };
        let full = ids.len() == chunk.limit;
        let mut rows = deliveries(self.db(), ids).await?;
        let (mut failed, mut unknown) = (0, 0);
        for delivery in &mut rows {
            let before = self.step(delivery, DeliveryEvent::Retry);
            let counted = if before.state == DeliveryState::Failed { &mut failed } else { &mut unknown };
            *counted += 1;
        }
        self.save_deliveries(&rows).await?;
        sqlx::query(
            "UPDATE invite_batch SET finished = 0, finished_at = NULL WHERE organisation = ? AND id = ?",
        )
        .bind(organisation.blob())
        .bind(chunk.batch.blob())
        .execute(self.db())
        .await?;
        let details = format!("{failed} failed, {unknown} unknown");
        self.audit(&chunk.actor, "messages_retried", chunk.batch, details).await?;
        self.make_work();
        let next = full.then_some(RetryCursor { since, after: last });
        Ok(Retried::Queued { failed, unknown, next })
    }
}
