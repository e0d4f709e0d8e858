//! Text messages that may have gone within a day: what the limits count.

use std::collections::HashMap;

use invite_core::decision::sms_limits::SmsDay;
use invite_core::model::id::{DeliveryId, OrganisationId, UserId};
use invite_core::model::message::Channel;
use serde_json::json;

use crate::deliveries::Delivery;
use crate::error::Step;
use crate::rows::{Columns, Key, delta, json, micros};
use crate::write::Write;

impl Write {
    /// What counts for the limits of these messages, by organisation.
    pub(crate) async fn sms_days(&mut self, rows: &[Delivery]) -> Step<HashMap<OrganisationId, SmsDay>> {
        let mut numbers: HashMap<OrganisationId, Vec<&str>> = HashMap::new();
        for delivery in rows.iter().filter(|delivery| delivery.channel == Channel::Sms) {
            numbers.entry(delivery.organisation).or_default().extend(delivery.address.as_deref());
        }
        let since = micros(self.now - delta(self.policy.sms_within));
        let most = i64::from(self.policy.sms_of_organisation);
        let mut days = HashMap::new();
        for (organisation, numbers) in numbers {
            let all = sqlx::query(
                "SELECT at FROM invite_text_message INDEXED BY invite_text_message_at
                 WHERE organisation = ? AND at > ? ORDER BY at DESC LIMIT ?",
            )
            .bind(organisation.blob())
            .bind(since)
            .bind(most)
            .fetch_all(self.db())
            .await?;
            let to = sqlx::query(
                "SELECT t.number, t.at FROM (SELECT DISTINCT value AS number FROM json_each(?2)) AS w
                 CROSS JOIN invite_text_message AS t INDEXED BY invite_text_message_number
                     ON t.organisation = ?1 AND t.number = w.number AND t.at > ?3",
            )
            .bind(organisation.blob())
            .bind(json(&numbers))
            .bind(since)
            .fetch_all(self.db())
            .await?;
            let all = all.iter().map(|row| row.at("at")).collect::<Step<_>>()?;
            let to =
                to.iter().map(|row| Ok((row.text("number")?, row.at("at")?))).collect::<Step<Vec<_>>>()?;
            days.insert(organisation, SmsDay::new(all, to));
        }
        Ok(days)
    }

    /// Notes text messages that go now.
    pub(crate) async fn note_text_messages(
        &mut self,
        going: &[(OrganisationId, DeliveryId, String)],
    ) -> Step<()> {
        if going.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = going.iter().map(|(o, d, number)| json!([o.hex(), d.hex(), number])).collect();
        let now = micros(self.now);
        sqlx::query(
            "INSERT INTO invite_text_message (organisation, delivery, number, at)
             SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, ?2 FROM json_each(?1) WHERE true
             ON CONFLICT (organisation, delivery) DO UPDATE SET number = excluded.number, at = excluded.at",
        )
        .bind(json(&list))
        .bind(now)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// These certainly did not go.
    pub(crate) async fn forget_text_messages(&mut self, ids: Vec<(OrganisationId, DeliveryId)>) -> Step<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = ids.iter().map(|(o, d)| json!([o.hex(), d.hex()])).collect();
        sqlx::query(
            "DELETE FROM invite_text_message WHERE (organisation, delivery) IN (
                 SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each(?))",
        )
        .bind(json(&list))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Forgets the number of somebody who is erased.
    pub(crate) async fn forget_text_messages_to(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
    ) -> Step<()> {
        let rows = sqlx::query(
            "SELECT id FROM invite_delivery INDEXED BY invite_delivery_user WHERE organisation = ? AND user = ?",
        )
        .bind(organisation.blob())
        .bind(user.blob())
        .fetch_all(self.db())
        .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<DeliveryId>>>()?;
        self.forget_text_messages(ids.into_iter().map(|id| (organisation, id)).collect()).await
    }

    pub(crate) async fn sweep_text_messages(&mut self, most: i64) -> Step<u64> {
        let before = micros(self.now - delta(self.policy.sms_within));
        let done = sqlx::query(
            "DELETE FROM invite_text_message WHERE (organisation, delivery) IN (
                 SELECT organisation, delivery FROM invite_text_message INDEXED BY invite_text_message_old
                 WHERE at <= ? LIMIT ?)",
        )
        .bind(before)
        .bind(most)
        .execute(self.db())
        .await?;
        Ok(done.rows_affected())
    }
}
