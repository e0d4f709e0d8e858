//! Pilots: a batch goes to its first people, and pauses itself when that is done.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use invite_core::decision::pilot;
use invite_core::model::batch::{Batch, Pilot};
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{BatchId, DeliveryId, OrganisationId};
use sqlx::postgres::PgRow;

use crate::error::Step;
use crate::rows::{Columns, Key};
use crate::write::Write;

/// Whether nothing of a pilot that goes on is on its way. $1: organisation, $2: batch
macro_rules! pilot_is_out {
    () => {
        "pilot_until IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM invite.delivery AS d
             WHERE d.organisation = $1 AND d.batch = $2 AND d.id <= pilot_until
                 AND d.state IN ('queued', 'claimed', 'handing_over'))"
    };
}

/// The pilot of a batch, from its row.
pub(crate) fn read_pilot(row: &PgRow) -> Step<Option<Pilot>> {
    let people: Option<i64> = row.plain("pilot")?;
    let over = row.maybe_id::<DeliveryId>("pilot_until")?.is_none();
    Ok(people.and_then(|people| u64::try_from(people).ok()).map(|people| Pilot { people, over }))
}

impl Write {
    /// Cuts a batch that is being confirmed off after its first people.
    pub(crate) async fn begin_pilot(
        &mut self,
        batch: &Batch,
        people: Option<NonZeroU64>,
    ) -> Step<Option<Pilot>> {
        let people = people.map(NonZeroU64::get).filter(|people| *people < batch.totals.recipients());
        let Some(people) = people else { return Ok(None) };
        let done = self
            .query(
                "UPDATE invite.batch SET pilot = $3, pilot_until = (
                 SELECT d.id FROM invite.delivery AS d
                 WHERE d.organisation = $1 AND d.batch = $2 AND d.user_id = (
                     SELECT i.user_id FROM invite.item AS i
                     WHERE i.organisation = $1 AND i.batch = $2 AND i.decision <> 'skip'
                     ORDER BY i.user_id LIMIT 1 OFFSET $3::bigint - 1)
                 ORDER BY d.id DESC LIMIT 1)
             WHERE organisation = $1 AND id = $2",
            )
            .bind(batch.organisation.uuid())
            .bind(batch.id.uuid())
            .bind(i64::try_from(people).unwrap_or(i64::MAX))
            .execute(self.db().connection())
            .await?;
        debug_assert_eq!(done.rows_affected(), 1, "the batch is there");
        Ok(Some(Pilot { people, over: false }))
    }

    /// Lets the rest of a batch go on, if its pilot is out.
    pub(crate) async fn resume_pilot(&mut self, organisation: OrganisationId, batch: BatchId) -> Step<()> {
        self.query(concat!(
            "UPDATE invite.batch SET pilot_until = NULL WHERE organisation = $1 AND id = $2 AND ",
            pilot_is_out!()
        ))
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Pauses a batch whose pilot is out, if there is more of it.
    pub(crate) async fn end_pilot(&mut self, organisation: OrganisationId, batch: BatchId) -> Step<()> {
        let out = self.query(concat!(
            "SELECT pilot, pilot_until FROM invite.batch WHERE organisation = $1 AND id = $2 AND state = 'running'
                 AND ",
            pilot_is_out!(),
            " AND EXISTS (
                 SELECT 1 FROM invite.delivery AS d
                 WHERE d.organisation = $1 AND d.batch = $2 AND d.id > pilot_until
                     AND d.state IN ('queued', 'claimed', 'handing_over'))"
        ))
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_optional(self.db().connection())
        .await?;
        let Some(row) = out else { return Ok(()) };
        let rows = self
            .query(
                "SELECT state, count(*) AS messages FROM invite.delivery
             WHERE organisation = $1 AND batch = $2 AND id <= $3 GROUP BY state",
            )
            .bind(organisation.uuid())
            .bind(batch.uuid())
            .bind(row.id::<DeliveryId>("pilot_until")?.uuid())
            .fetch_all(self.db().connection())
            .await?;
        let states: BTreeMap<DeliveryState, u64> =
            rows.iter().map(|row| Ok((row.word("state")?, row.count("messages")?))).collect::<Step<_>>()?;
        let because = pilot::because(row.count("pilot")?, &states);
        self.pause(organisation, batch, Some(because)).await
    }
}
