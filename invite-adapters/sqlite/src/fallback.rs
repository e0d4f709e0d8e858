//! E-mail, and SMS if it does not arrive.

use std::collections::BTreeMap;

use invite_core::model::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::metrics::Count;
use serde_json::{Value, json};

use crate::error::Step;
use crate::rows::{Columns, Key, json, micros};
use crate::write::Write;

impl Write {
    /// Keeps messages of a plan in reserve.
    pub(crate) async fn insert_fallbacks(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        fallbacks: &[Value],
    ) -> Step<()> {
        if fallbacks.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO invite_fallback
                 (organisation, batch, user, invitation, channel, address, address_key, destination, lane)
             SELECT ?1, ?2, unhex(value ->> 'user'), unhex(value ->> 'invitation'), value ->> 'channel',
                 value ->> 'address', value ->> 'address_key', value ->> 'destination', value ->> 'lane'
             FROM json_each(?3)",
        )
        .bind(organisation.blob())
        .bind(plan.blob())
        .bind(json(&fallbacks))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Takes the reserve of a person in a plan away; whether there was one.
    pub(crate) async fn drop_fallback(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        user: UserId,
    ) -> Step<bool> {
        let done =
            sqlx::query("DELETE FROM invite_fallback WHERE organisation = ? AND batch = ? AND user = ?")
                .bind(organisation.blob())
                .bind(plan.blob())
                .bind(user.blob())
                .execute(self.db())
                .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Sends what is held in reserve for people whose messages did not arrive, where their invitations are open. The
    /// credentials of those messages are revoked; the next ones are minted for what goes now.
    pub(crate) async fn fall_back(&mut self) -> Step<()> {
        let missed = std::mem::take(&mut self.missed);
        if missed.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = missed.iter().map(|(o, b, u)| json!([o.hex(), b.hex(), u.hex()])).collect();
        let rows = sqlx::query(
            "DELETE FROM invite_fallback AS f
             WHERE (organisation, batch, user) IN (
                     SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2) FROM json_each(?))
                 AND NOT EXISTS (SELECT 1 FROM invite_invitation AS v
                     WHERE v.organisation = f.organisation AND v.id = f.invitation
                         AND v.state NOT IN ('pending', 'expired'))
             RETURNING *",
        )
        .bind(json(&list))
        .fetch_all(self.db())
        .await?;
        let mut going: BTreeMap<(OrganisationId, BatchId), Vec<Value>> = BTreeMap::new();
        for row in rows {
            let key = (row.id("organisation")?, row.id("batch")?);
            let channel: Channel = row.word("channel")?;
            self.add(Count::OnTheirWay(channel), 1);
            going.entry(key).or_default().push(json!({
                "id": DeliveryId::new().hex(),
                "user": row.id::<UserId>("user")?.hex(),
                "invitation": row.id::<InvitationId>("invitation")?.hex(),
                "channel": channel,
                "address": row.text("address")?,
                "address_key": row.text("address_key")?,
                "destination": row.text("destination")?,
                "lane": row.plain::<i64>("lane")?,
            }));
        }
        for ((organisation, batch), deliveries) in going {
            self.insert_deliveries(organisation, batch, &deliveries).await?;
            self.revoke_carried(organisation, batch, &deliveries).await?;
            sqlx::query(
                "UPDATE invite_batch SET finished = 0, finished_at = NULL
                 WHERE organisation = ? AND id = ? AND finished = 1",
            )
            .bind(organisation.blob())
            .bind(batch.blob())
            .execute(self.db())
            .await?;
            self.make_work();
        }
        Ok(())
    }

    /// Revokes the credentials that the items of these messages have used so far.
    async fn revoke_carried(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        deliveries: &[Value],
    ) -> Step<()> {
        let now = micros(self.now);
        sqlx::query(
            "UPDATE invite_credential SET sealed = NULL, expires_at = min(expires_at, ?4)
             WHERE (organisation, invitation, generation) IN (
                 SELECT i.organisation, i.invitation, i.generation FROM json_each(?3) AS w
                 CROSS JOIN invite_item AS i ON i.organisation = ?1 AND i.batch = ?2
                     AND i.user = unhex(w.value ->> 'user')
                 WHERE i.generation IS NOT NULL)",
        )
        .bind(organisation.blob())
        .bind(batch.blob())
        .bind(json(&deliveries))
        .bind(now)
        .execute(self.db())
        .await?;
        Ok(())
    }
}
