//! E-mail, and SMS if it does not arrive.

use std::collections::BTreeMap;

use invite_core::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::metrics::Count;
use uuid::Uuid;

use crate::error::Step;
use crate::planning::Messages;
use crate::rows::{Columns, Key, uuids};
use crate::write::Write;

impl Write {
    /// Keeps messages of a plan in reserve.
    pub(crate) async fn insert_fallbacks(
        &mut self,
        organisation: OrganisationId,
        plan: BatchId,
        fallbacks: Messages,
    ) -> Step<()> {
        if fallbacks.ids.is_empty() {
            return Ok(());
        }
        self.query(
            "INSERT INTO invite.fallback
                 (organisation, batch, user_id, invitation, channel, address, address_key, destination, lane)
             SELECT $1, $2, w.*
             FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[]) AS w",
        )
        .bind(organisation.uuid())
        .bind(plan.uuid())
        .bind(fallbacks.users)
        .bind(fallbacks.invitations)
        .bind(fallbacks.channels)
        .bind(fallbacks.addresses)
        .bind(fallbacks.address_keys)
        .bind(fallbacks.destinations)
        .bind(fallbacks.lanes)
        .execute(self.db().connection())
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
        let done = self
            .query("DELETE FROM invite.fallback WHERE organisation = $1 AND batch = $2 AND user_id = $3")
            .bind(organisation.uuid())
            .bind(plan.uuid())
            .bind(user.uuid())
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Sends what is held in reserve for people whose messages did not arrive, where their invitations are open. The
    /// credentials of those messages are revoked; the next ones are minted for what goes now.
    ///
    /// The people and the states of the batches are held by whoever moved the messages.
    pub(crate) async fn fall_back(&mut self) -> Step<()> {
        let missed = std::mem::take(&mut self.missed);
        if missed.is_empty() {
            return Ok(());
        }
        let rows = self
            .query(
                "DELETE FROM invite.fallback AS f
                 USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, batch, user_id)
                 WHERE f.organisation = w.organisation AND f.batch = w.batch AND f.user_id = w.user_id
                     AND NOT EXISTS (SELECT 1 FROM invite.invitation AS v
                         WHERE v.organisation = f.organisation AND v.id = f.invitation
                             AND v.state NOT IN ('pending', 'expired'))
                 RETURNING f.*",
            )
            .bind(uuids(missed.iter().map(|(organisation, _, _)| *organisation)))
            .bind(uuids(missed.iter().map(|(_, batch, _)| *batch)))
            .bind(uuids(missed.iter().map(|(_, _, user)| *user)))
            .fetch_all(self.db().connection())
            .await?;
        let mut going: BTreeMap<(OrganisationId, BatchId), Messages> = BTreeMap::new();
        for row in rows {
            let (organisation, batch) = (row.id("organisation")?, row.id("batch")?);
            let channel: Channel = row.word("channel")?;
            self.add(batch, Count::OnTheirWay(channel), 1);
            let messages = going.entry((organisation, batch)).or_default();
            messages.ids.push(DeliveryId::new().uuid());
            messages.users.push(row.plain("user_id")?);
            messages.invitations.push(row.plain("invitation")?);
            messages.channels.push(channel.as_str());
            messages.addresses.push(Some(row.text("address")?));
            messages.address_keys.push(Some(row.text("address_key")?));
            messages.destinations.push(row.text("destination")?);
            messages.lanes.push(row.plain("lane")?);
        }
        for ((organisation, batch), messages) in going {
            let people = messages.users.clone();
            self.insert_messages(organisation, batch, messages).await?;
            self.revoke_carried(organisation, batch, people).await?;
            self.reopened.insert((organisation, batch));
            self.make_work();
        }
        Ok(())
    }

    /// Revokes the credentials that the items of these people have used so far.
    async fn revoke_carried(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        people: Vec<Uuid>,
    ) -> Step<()> {
        let now = self.now;
        self.query(
            "UPDATE invite.credential AS c SET sealed = NULL, expires_at = least(c.expires_at, $4)
             FROM unnest($3::uuid[]) AS w (user_id)
             CROSS JOIN LATERAL (
                 SELECT i.invitation, i.generation FROM invite.item AS i
                 WHERE i.organisation = $1 AND i.batch = $2 AND i.user_id = w.user_id AND i.generation IS NOT NULL
                 OFFSET 0
             ) AS i
             WHERE c.organisation = $1 AND c.invitation = i.invitation AND c.generation = i.generation",
        )
        .bind(organisation.uuid())
        .bind(batch.uuid())
        .bind(people)
        .bind(now)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Batches that had finished go on: their rows are held by now, in order.
    pub(crate) async fn reopen(&mut self) -> Step<()> {
        let reopened = std::mem::take(&mut self.reopened);
        if reopened.is_empty() {
            return Ok(());
        }
        self.query(
            "UPDATE invite.batch AS b SET finished = false, finished_at = NULL
             FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             WHERE b.organisation = w.organisation AND b.id = w.id AND b.finished",
        )
        .bind(uuids(reopened.iter().map(|(organisation, _)| *organisation)))
        .bind(uuids(reopened.iter().map(|(_, batch)| *batch)))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }
}
