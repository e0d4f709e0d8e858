//! Figures for whoever operates the library.

use invite_core::decision::counts::{of_step, open_batch};
use invite_core::machine::delivery::{DeliveryEvent, Standing};
use invite_core::model::batch::Batch;
use invite_core::model::id::BatchId;
use invite_core::model::message::Channel;
use invite_core::model::metrics::{Count, Metrics};
use invite_core::model::sender::SenderPause;

use crate::claim::pauses;
use crate::db::Db;
use crate::deliveries::Delivery;
use crate::error::Step;
use crate::rows::{At, Columns, Key};
use crate::write::Write;

/// A count is kept in so many rows, so that those who count for one batch seldom wait for those of another.
const SHARDS: u8 = 16;

/// The row in which a batch counts: by what is random in its id.
fn shard(batch: BatchId) -> i16 {
    i16::from(batch.uuid().as_bytes()[15] % SHARDS)
}

pub(crate) async fn metrics(db: &mut Db, now: At) -> Step<Metrics> {
    let mut metrics = Metrics::default();
    let rows = db
        .query("SELECT counted, sum(value)::bigint AS value FROM invite.count GROUP BY counted")
        .fetch_all(db.connection())
        .await?;
    for row in rows {
        metrics.keep(&row.text("counted")?, row.plain("value")?);
    }
    let row = db.query(include_str!("sql/oldest_due.sql")).bind(now).fetch_one(db.connection()).await?;
    metrics.oldest_due = row.maybe_at("since")?.and_then(|since| (now - since).to_std().ok());
    for pause in pauses(db).await?.values() {
        if SenderPause::stopped([pause], now).is_some() {
            *metrics.senders_paused.entry(pause.kind).or_default() += 1;
        }
    }
    for row in db.query(include_str!("sql/open_batches.sql")).fetch_all(db.connection()).await? {
        let because = row.maybe_text("paused_because")?;
        let pilot = row.flag("goes_to_pilot")?;
        let stands = open_batch(row.word("state")?, because.as_deref(), row.at("not_before")?, pilot, now);
        if let Some(stands) = stands {
            *metrics.batches.entry(stands).or_default() += 1;
        }
    }
    Ok(metrics)
}

impl Write {
    /// Counts something of a batch, when the transaction ends.
    pub(crate) fn add(&mut self, batch: BatchId, count: Count, added: i64) {
        *self.counts.entry((count, shard(batch))).or_default() += added;
    }

    /// Counts a step of a message.
    pub(crate) fn count_step(
        &mut self,
        delivery: &Delivery,
        before: &Standing,
        event: &DeliveryEvent<'_>,
        after: &Standing,
    ) {
        if delivery.batch.order.is_some() {
            for (count, added) in of_step(delivery.channel, before, event, after) {
                self.add(delivery.batch.id, count, added);
            }
        }
    }

    /// Counts the messages of a batch that is confirmed now: those that were planned, as its totals have them. Where some
    /// were cancelled since, which is seldom, they are looked at one by one.
    pub(crate) async fn count_confirmed(&mut self, batch: &Batch) -> Step<()> {
        let totals = &batch.totals;
        let planned = Channel::ALL.map(|on| {
            let of = |messages: &std::collections::BTreeMap<Channel, u64>| messages.get(&on).copied();
            (on, of(&totals.messages).unwrap_or_default() + of(&totals.reset_messages).unwrap_or_default())
        });
        let row = self
            .query(
                "SELECT count(*) AS messages FROM invite.delivery
                 WHERE organisation = $1 AND batch = $2 AND state IN ('queued', 'claimed', 'handing_over')",
            )
            .bind(batch.organisation.uuid())
            .bind(batch.id.uuid())
            .fetch_one(self.db().connection())
            .await?;
        if row.count("messages")? == planned.iter().map(|(_, messages)| messages).sum::<u64>() {
            for (channel, messages) in planned {
                let messages = i64::try_from(messages).unwrap_or(i64::MAX);
                self.add(batch.id, Count::OnTheirWay(channel), messages);
            }
            return Ok(());
        }
        let rows = self
            .query(
                "SELECT channel, count(*) AS messages FROM invite.delivery
                 WHERE organisation = $1 AND batch = $2 AND state IN ('queued', 'claimed', 'handing_over')
                 GROUP BY channel",
            )
            .bind(batch.organisation.uuid())
            .bind(batch.id.uuid())
            .fetch_all(self.db().connection())
            .await?;
        for row in rows {
            self.add(batch.id, Count::OnTheirWay(row.word("channel")?), row.plain("messages")?);
        }
        Ok(())
    }

    /// Keeps what was counted. Everybody takes the rows in the order of their keys, and after all others.
    pub(crate) async fn keep_counts(&mut self) -> Step<()> {
        let counts = std::mem::take(&mut self.counts).into_iter().filter(|(_, added)| *added != 0);
        let mut counts: Vec<_> =
            counts.map(|((count, shard), added)| (count.to_string(), shard, added)).collect();
        if counts.is_empty() {
            return Ok(());
        }
        counts.sort_unstable();
        self.query(
            "INSERT INTO invite.count (counted, shard, value)
             SELECT w.counted, w.shard, w.added
             FROM unnest($1::text[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS w (counted, shard, added, place)
             ORDER BY w.place
             ON CONFLICT (counted, shard) DO UPDATE SET value = count.value + excluded.value",
        )
        .bind(counts.iter().map(|(counted, ..)| counted.clone()).collect::<Vec<_>>())
        .bind(counts.iter().map(|(_, shard, _)| *shard).collect::<Vec<_>>())
        .bind(counts.iter().map(|(.., added)| *added).collect::<Vec<_>>())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }
}
