//! What became of a batch so far.

use invite_core::model::batch::{BatchState, Progress, Totals};
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{BatchId, OrganisationId};

use crate::db::Db;
use crate::error::Step;
use crate::rows::{Columns, Key};

pub(crate) async fn progress(db: &mut Db, organisation: OrganisationId, batch: BatchId) -> Step<Progress> {
    let mut progress = Progress::default();
    let row = db
        .query("SELECT state, totals FROM invite.batch WHERE organisation = $1 AND id = $2")
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_optional(db.connection())
        .await?;
    let Some(row) = row else { return Ok(progress) };
    let planned = row.word::<BatchState>("state")? == BatchState::Planned;
    let totals: Totals = row.json("totals")?;
    let rows = db
        .query(
            "SELECT state, reason, count(*) AS messages FROM invite.delivery
         WHERE organisation = $1 AND batch = $2 GROUP BY state, reason",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_all(db.connection())
        .await?;
    for row in rows {
        let messages = row.count("messages")?;
        let state = match row.word("state")? {
            DeliveryState::Queued if planned => DeliveryState::Planned,
            state => state,
        };
        *progress.states.entry(state).or_default() += messages;
        if let Some(reason) = row.maybe_word("reason")? {
            *progress.reasons.entry(reason).or_default() += messages;
        }
    }
    let row = db
        .query(
            "SELECT count(DISTINCT user_id) AS sent,
                count(DISTINCT user_id) FILTER (WHERE state IN ('delivered', 'complained')) AS delivered
         FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND sent_at IS NOT NULL",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_one(db.connection())
        .await?;
    progress.funnel.sent = row.count("sent")?;
    progress.funnel.delivered = row.count("delivered")?;
    let row = db
        .query(
            "SELECT count(*) AS accepted FROM invite.item AS i
         JOIN invite.invitation AS v ON v.organisation = i.organisation AND v.id = i.invitation
         WHERE i.organisation = $1 AND i.batch = $2 AND v.state = 'accepted'",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .fetch_one(db.connection())
        .await?;
    progress.funnel.accepted = row.count("accepted")?;
    progress.funnel.selected = totals.people();
    progress.funnel.recipients = totals.recipients();
    Ok(progress)
}
