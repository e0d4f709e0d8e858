//! Figures for whoever operates the library.

use invite_core::decision::counts::{of_step, open_batch};
use invite_core::machine::delivery::{DeliveryEvent, Standing};
use invite_core::model::batch::Batch;
use invite_core::model::message::Channel;
use invite_core::model::metrics::{Count, Metrics};
use invite_core::model::sender::SenderPause;
use serde_json::json;
use sqlx::SqliteConnection;

use crate::claim::pauses;
use crate::deliveries::Delivery;
use crate::error::Step;
use crate::rows::{At, Columns, Key, json, micros};
use crate::write::Write;

pub(crate) async fn metrics(db: &mut SqliteConnection, now: At) -> Step<Metrics> {
    let mut metrics = Metrics::default();
    for row in sqlx::query("SELECT counted, value FROM invite_count").fetch_all(&mut *db).await? {
        metrics.keep(&row.text("counted")?, row.plain("value")?);
    }
    let row = sqlx::query(include_str!("sql/oldest_due.sql")).bind(micros(now)).fetch_one(&mut *db).await?;
    metrics.oldest_due = row.maybe_at("since")?.and_then(|since| (now - since).to_std().ok());
    for pause in pauses(db).await?.values() {
        if SenderPause::stopped([pause], now).is_some() {
            *metrics.senders_paused.entry(pause.kind).or_default() += 1;
        }
    }
    for row in sqlx::query(include_str!("sql/open_batches.sql")).fetch_all(db).await? {
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
    /// Counts, when the transaction ends.
    pub(crate) fn add(&mut self, count: Count, added: i64) {
        *self.counts.entry(count).or_default() += added;
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
                self.add(count, added);
            }
        }
    }

    /// Counts the messages of a batch that is confirmed now: those that were planned, as its totals have them. Where some
    /// were cancelled since, which is seldom, they are looked at one by one.
    pub(crate) async fn count_confirmed(&mut self, batch: &Batch) -> Step<()> {
        let totals = &batch.totals;
        let planned = |on: Channel| {
            let of = |messages: &std::collections::BTreeMap<Channel, u64>| messages.get(&on).copied();
            (on, of(&totals.messages).unwrap_or_default() + of(&totals.reset_messages).unwrap_or_default())
        };
        let planned = Channel::ALL.map(planned);
        let row = sqlx::query(
            "SELECT count(*) AS messages FROM invite_delivery INDEXED BY invite_delivery_on_its_way
             WHERE organisation = ? AND batch = ? AND state IN ('queued', 'claimed', 'handing_over')",
        )
        .bind(batch.organisation.blob())
        .bind(batch.id.blob())
        .fetch_one(self.db())
        .await?;
        if row.count("messages")? == planned.iter().map(|(_, messages)| messages).sum::<u64>() {
            for (channel, messages) in planned {
                self.add(Count::OnTheirWay(channel), i64::try_from(messages).unwrap_or(i64::MAX));
            }
            return Ok(());
        }
        let rows = sqlx::query(
            "SELECT channel, count(*) AS messages FROM invite_delivery INDEXED BY invite_delivery_on_its_way
             WHERE organisation = ? AND batch = ? AND state IN ('queued', 'claimed', 'handing_over')
             GROUP BY channel",
        )
        .bind(batch.organisation.blob())
        .bind(batch.id.blob())
        .fetch_all(self.db())
        .await?;
        for row in rows {
            self.add(Count::OnTheirWay(row.word("channel")?), row.plain("messages")?);
        }
        Ok(())
    }

    /// Keeps what was counted.
    pub(crate) async fn keep_counts(&mut self) -> Step<()> {
        let mut counts = std::mem::take(&mut self.counts);
        counts.retain(|_, added| *added != 0);
        if counts.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = counts.iter().map(|(count, added)| json!([count.to_string(), added])).collect();
        sqlx::query(
            "INSERT INTO invite_count (counted, value)
             SELECT w.value ->> 0, w.value ->> 1 FROM json_each(?) AS w WHERE true
             ON CONFLICT (counted) DO UPDATE SET value = invite_count.value + excluded.value",
        )
        .bind(json(&list))
        .execute(self.db())
        .await?;
        Ok(())
    }
}
