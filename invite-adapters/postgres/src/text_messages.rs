//! Text messages that may have gone within a day: what the limits count.

use std::collections::{BTreeMap, HashMap};

use invite_core::decision::sms_limits::SmsDay;
use invite_core::model::id::{DeliveryId, OrganisationId, UserId};
use invite_core::model::message::Channel;

use crate::alone::Alone;
use crate::deliveries::Delivery;
use crate::error::Step;
use crate::rows::{Columns, Key, delta, uuids};
use crate::write::Write;

impl Write {
    /// What counts for the limits of these messages, by organisation. Nobody else counts until the transaction ends.
    pub(crate) async fn sms_days(&mut self, rows: &[Delivery]) -> Step<HashMap<OrganisationId, SmsDay>> {
        let mut numbers: BTreeMap<OrganisationId, Vec<String>> = BTreeMap::new();
        for delivery in rows.iter().filter(|delivery| delivery.channel == Channel::Sms) {
            numbers.entry(delivery.organisation).or_default().extend(delivery.address.clone());
        }
        let most = i64::from(self.policy.sms_of_organisation);
        let mut days = HashMap::new();
        for (organisation, mut numbers) in numbers {
            self.db().alone(Alone::CountingSms(organisation)).await?;
            let since = self.now - delta(self.policy.sms_within);
            let all = self
                .query(
                    "SELECT at FROM invite.text_message WHERE organisation = $1 AND at > $2
                     ORDER BY at DESC LIMIT $3",
                )
                .bind(organisation.uuid())
                .bind(since)
                .bind(most)
                .fetch_all(self.db().connection())
                .await?;
            numbers.sort_unstable();
            numbers.dedup();
            let to = self
                .query(
                    "SELECT t.number, t.at FROM unnest($2::text[]) AS w (number)
                     CROSS JOIN LATERAL (
                         SELECT * FROM invite.text_message AS t
                         WHERE t.organisation = $1 AND t.number = w.number AND t.at > $3 OFFSET 0
                     ) AS t",
                )
                .bind(organisation.uuid())
                .bind(numbers)
                .bind(since)
                .fetch_all(self.db().connection())
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
        going: Vec<(OrganisationId, DeliveryId, String)>,
    ) -> Step<()> {
        if going.is_empty() {
            return Ok(());
        }
        self.query(
            "INSERT INTO invite.text_message (organisation, delivery, number, at)
             SELECT w.*, $4 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w
             ON CONFLICT (organisation, delivery) DO UPDATE SET number = excluded.number, at = excluded.at",
        )
        .bind(uuids(going.iter().map(|(organisation, _, _)| *organisation)))
        .bind(uuids(going.iter().map(|(_, delivery, _)| *delivery)))
        .bind(going.into_iter().map(|(_, _, number)| number).collect::<Vec<_>>())
        .bind(self.now)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// These certainly did not go.
    pub(crate) async fn forget_text_messages(&mut self, ids: Vec<(OrganisationId, DeliveryId)>) -> Step<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.query(
            "DELETE FROM invite.text_message AS t USING unnest($1::uuid[], $2::uuid[]) AS w (organisation, delivery)
             WHERE t.organisation = w.organisation AND t.delivery = w.delivery",
        )
        .bind(uuids(ids.iter().map(|(organisation, _)| *organisation)))
        .bind(uuids(ids.iter().map(|(_, delivery)| *delivery)))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Forgets the number of somebody who is erased.
    pub(crate) async fn forget_text_messages_to(
        &mut self,
        organisation: OrganisationId,
        user: UserId,
    ) -> Step<()> {
        let rows = self
            .query("SELECT id FROM invite.delivery WHERE organisation = $1 AND user_id = $2")
            .bind(organisation.uuid())
            .bind(user.uuid())
            .fetch_all(self.db().connection())
            .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<DeliveryId>>>()?;
        self.forget_text_messages(ids.into_iter().map(|id| (organisation, id)).collect()).await
    }

    pub(crate) async fn sweep_text_messages(&mut self, most: i64) -> Step<u64> {
        let before = self.now - delta(self.policy.sms_within);
        let done = self
            .query(
                "DELETE FROM invite.text_message WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM invite.text_message WHERE at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
            )
            .bind(before)
            .bind(most)
            .execute(self.db().connection())
            .await?;
        Ok(done.rows_affected())
    }
}
