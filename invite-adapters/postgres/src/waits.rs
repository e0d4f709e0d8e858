//! Why the messages of a batch wait.

use std::collections::BTreeMap;

use crate::db::Db;
use invite_core::decision::waits::{Queued, waits};
use invite_core::model::batch::{BatchState, Waits};
use invite_core::model::delivery::WaitCause;
use invite_core::model::id::{BatchId, DeliveryId, OrganisationId};
use invite_core::model::sender::SenderPause;

use crate::claim::{pauses, stops_a_destination};
use crate::error::Step;
use crate::rows::{At, Columns, Key};

/// The queued messages of a batch that wait, by why they do.
pub(crate) async fn waits_of(
    db: &mut Db,
    organisation: OrganisationId,
    batch: BatchId,
    now: At,
) -> Step<BTreeMap<WaitCause, Waits>> {
    let mut found: BTreeMap<WaitCause, Waits> = BTreeMap::new();
    let row = db
        .query(
            "SELECT state, not_before, pilot_until FROM invite.batch
         WHERE organisation = $1 AND id = $2 AND confirmed_order IS NOT NULL AND NOT finished",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_optional(db.connection())
        .await?;
    let Some(row) = row else { return Ok(found) };
    let (state, not_before): (BatchState, At) = (row.word("state")?, row.at("not_before")?);
    let pauses = pauses(db).await?;
    let query = if stops_a_destination(&pauses) {
        db.query(include_str!("sql/waits_by_destination.sql"))
    } else {
        db.query(include_str!("sql/waits.sql"))
    };
    let rows = query
        .bind(now)
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .bind(row.maybe_id::<DeliveryId>("pilot_until")?.map(Key::uuid))
        .fetch_all(db.connection())
        .await?;
    for row in rows {
        let keys = [row.text("account_key")?, row.text("sender_key")?, row.text("destination_key")?];
        let queued = Queued {
            batch: state,
            not_before,
            beyond_pilot: row.flag("beyond_pilot")?,
            stopped: SenderPause::stopped(keys.iter().filter_map(|key| pauses.get(key)), now),
            due_at: row.at("due_at")?,
            waits_for: row.maybe_word("waits_for")?,
        };
        let messages = row.count("messages")?;
        if let Some((cause, until)) = waits(&queued, now).filter(|_| messages > 0) {
            found.entry(cause).or_default().add(messages, until);
        }
    }
    Ok(found)
}
