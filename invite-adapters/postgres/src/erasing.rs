//! Erasing people, addresses of theirs that come again, and what is exported of them.

use invite_core::decision::import_undo::FieldChanges;
use invite_core::decision::people::{self, keys_of_named};
use invite_core::model::contact::without;
use invite_core::model::event::{Event, Happening};
use invite_core::model::id::{BatchId, OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::outcome::Answer;
use invite_core::model::selection::Selection;
use invite_core::model::user::User;
use invite_core::port::records::{Erase, Erased, KnownAddress, Traces};
use sqlx::postgres::PgRow;

use crate::accounts::read_user;
use crate::alone::Alone;
use crate::db::Db;
use crate::error::Step;
use crate::histories::address_key;
use crate::invitations::open_invitations;
use crate::organisations::maybe_settings;
use crate::records::{audit_entry, event, suppression};
use crate::rows::{Columns, Key, json};
use crate::write::Write;

impl Write {
    pub(crate) async fn erase(&mut self, erase: &Erase) -> Step<Erased> {
        let (organisation, id) = (erase.actor.organisation(), erase.user);
        self.db().alone(Alone::WritingPeople(organisation)).await?;
        self.hold(organisation, [id]).await?;
        let mut erased = Erased {
            invitations: open_invitations(self.db(), [(organisation, id)]).await?.len() as u64,
            messages: self.unsent_to(organisation, id).await?,
            ..Erased::default()
        };
        self.leave(organisation, &[(id, None)]).await?;
        let user = self.take_user(organisation, id).await?;
        let addresses = self.addresses_of(organisation, id, user.as_ref()).await?;
        let removed = self.forget_person(organisation, id, user.as_ref()).await?;
        for (channel, address) in &addresses {
            erased.suppressed += self.hash_suppression(erase, *channel, address).await?;
        }
        let quoted: Vec<&str> = addresses.iter().map(|(_, address)| address.as_str()).collect();
        self.forget_quotes(&quoted).await?;
        if let Some(user) = &user {
            self.forget_selections(organisation, user).await?;
        }
        self.forget_inviter(organisation, id).await?;
        erased.found = user.is_some() || removed > 0 || erased.invitations + erased.messages > 0;
        if erased.found {
            self.event(organisation, Happening::Erased { user: id });
            self.audit(&erase.actor, "person_erased", id, "").await?;
        }
        Ok(erased)
    }

    async fn unsent_to(&mut self, organisation: OrganisationId, id: UserId) -> Step<u64> {
        let row = self
            .query(
                "SELECT count(*) AS unsent FROM (
                 SELECT * FROM invite.delivery WHERE organisation = $1 AND user_id = $2 OFFSET 0
             ) AS d
             WHERE state IN ('queued', 'claimed')",
            )
            .bind(organisation.uuid())
            .bind(id.uuid())
            .fetch_one(self.db().connection())
            .await?;
        row.count("unsent")
    }

    async fn take_user(&mut self, organisation: OrganisationId, id: UserId) -> Step<Option<User>> {
        let row = self
            .query("DELETE FROM invite.user WHERE organisation = $1 AND id = $2 RETURNING *")
            .bind(organisation.uuid())
            .bind(id.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        row.as_ref().map(read_user).transpose()
    }

    /// The present addresses of a person, those of their messages, and those that imports replaced, in the form in which
    /// they are compared.
    async fn addresses_of(
        &mut self,
        organisation: OrganisationId,
        id: UserId,
        user: Option<&User>,
    ) -> Step<Vec<(Channel, String)>> {
        let rows = self
            .query(
                "SELECT DISTINCT channel, address_key FROM invite.delivery
             WHERE organisation = $1 AND user_id = $2 AND address_key IS NOT NULL",
            )
            .bind(organisation.uuid())
            .bind(id.uuid())
            .fetch_all(self.db().connection())
            .await?;
        let mut addresses = Vec::new();
        for row in rows {
            addresses.push((row.word("channel")?, row.text("address_key")?));
        }
        let rows = self.query(
            "SELECT changes FROM invite.import_line WHERE organisation = $1 AND user_id = $2 AND changes IS NOT NULL",
        )
        .bind(organisation.uuid())
        .bind(id.uuid())
        .fetch_all(self.db().connection())
        .await?;
        for row in rows {
            addresses.extend(row.json::<FieldChanges>("changes")?.addresses());
        }
        let present = Channel::ALL
            .into_iter()
            .filter_map(|channel| Some((channel, address_key(user?.address(channel)?))));
        addresses.extend(present);
        addresses.sort_unstable();
        addresses.dedup();
        Ok(addresses)
    }

    /// Removes what is kept about a person beside their row; gives how many rows it was in.
    async fn forget_person(
        &mut self,
        organisation: OrganisationId,
        id: UserId,
        user: Option<&User>,
    ) -> Step<u64> {
        let steps = [
            "UPDATE invite.delivery
             SET address = NULL, address_key = NULL, destination = '', answer = NULL, receipt = NULL
             WHERE organisation = $1 AND user_id = $2 AND address IS NOT NULL",
            "DELETE FROM invite.person WHERE organisation = $1 AND user_id = $2
                 AND (came_at IS NOT NULL OR retired_by IS NOT NULL)",
            "DELETE FROM invite.guess WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.due WHERE organisation = $1 AND kind IN ('invite', 'remind') AND subject = $2",
            "DELETE FROM invite.import_line WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.import_row WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.import_missing WHERE organisation = $1 AND user_id = $2",
        ];
        let mut removed = 0;
        for step in steps {
            let query = self.query(step).bind(organisation.uuid()).bind(id.uuid());
            removed += query.execute(self.db().connection()).await?.rows_affected();
        }
        // One that was only locked holds nothing.
        self.query("DELETE FROM invite.person WHERE organisation = $1 AND user_id = $2")
            .bind(organisation.uuid())
            .bind(id.uuid())
            .execute(self.db().connection())
            .await?;
        self.forget_text_messages_to(organisation, id).await?;
        self.query("DELETE FROM invite.fallback WHERE organisation = $1 AND user_id = $2")
            .bind(organisation.uuid())
            .bind(id.uuid())
            .execute(self.db().connection())
            .await?;
        let keys: Vec<String> = user.into_iter().flat_map(people::keys_of).chain(keys_of_named(id)).collect();
        self.query(
            "DELETE FROM invite.import_key WHERE organisation = $1
                 AND import IN (SELECT id FROM invite.import WHERE organisation = $1 AND runs)
                 AND person_key = ANY($2)",
        )
        .bind(organisation.uuid())
        .bind(keys)
        .execute(self.db().connection())
        .await?;
        Ok(removed)
    }

    /// Puts a hash in the place of a suppressed address that nobody has any more; gives 1 where it did.
    async fn hash_suppression(&mut self, erase: &Erase, channel: Channel, address: &str) -> Step<u64> {
        let organisation = erase.actor.organisation();
        let taken = self
            .query(
                "DELETE FROM invite.suppression AS s
             WHERE organisation = $1 AND channel = $2 AND address_key = $3
                 AND NOT EXISTS (SELECT 1 FROM invite.user AS u
                     WHERE u.organisation = $1 AND u.email_key = $3 AND $2 = 'email')
                 AND NOT EXISTS (SELECT 1 FROM invite.user AS u
                     WHERE u.organisation = $1 AND u.phone = $3 AND $2 = 'sms')
                 AND NOT EXISTS (SELECT 1 FROM invite.delivery AS d
                     WHERE d.organisation = $1 AND d.channel = $2 AND d.address_key = $3)
             RETURNING reason, since_at",
            )
            .bind(organisation.uuid())
            .bind(channel.as_str())
            .bind(address.to_owned())
            .fetch_optional(self.db().connection())
            .await?;
        let Some(taken) = taken else { return Ok(0) };
        let hash = erase.key.hash(organisation, channel, address);
        self.query(
            "INSERT INTO invite.hashed_suppression (organisation, channel, hash, reason, since_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(organisation.uuid())
        .bind(channel.as_str())
        .bind(hash.as_bytes().to_vec())
        .bind(taken.text("reason")?)
        .bind(taken.at("since_at")?)
        .execute(self.db().connection())
        .await?;
        Ok(1)
    }

    /// Takes addresses out of what providers said and people wrote.
    async fn forget_quotes(&mut self, addresses: &[&str]) -> Step<()> {
        let rows = self.query(
            "SELECT written, what FROM invite.event WHERE what ->> 'event' IN ('sender_paused', 'batch_paused')",
        );
        for row in rows.fetch_all(self.db().connection()).await? {
            let before: Happening = row.json("what")?;
            let after = before.clone().without(addresses);
            if after != before {
                self.query("UPDATE invite.event SET what = $1 WHERE written = $2")
                    .bind(json(&after))
                    .bind(row.plain::<i64>("written")?)
                    .execute(self.db().connection())
                    .await?;
            }
        }
        let rows =
            self.query("SELECT pause_key, answer FROM invite.sender_pause ORDER BY pause_key FOR UPDATE");
        for row in rows.fetch_all(self.db().connection()).await? {
            let before: Answer = row.json("answer")?;
            let after = before.without(addresses);
            if after != before {
                self.query("UPDATE invite.sender_pause SET answer = $1 WHERE pause_key = $2")
                    .bind(json(&after))
                    .bind(row.text("pause_key")?)
                    .execute(self.db().connection())
                    .await?;
            }
        }
        for row in
            self.query("SELECT DISTINCT answer FROM invite.refusal").fetch_all(self.db().connection()).await?
        {
            let before = row.text("answer")?;
            let after = without(&before, addresses);
            if after != before {
                self.query("UPDATE invite.refusal SET answer = $1 WHERE answer = $2")
                    .bind(after)
                    .bind(before)
                    .execute(self.db().connection())
                    .await?;
            }
        }
        Ok(())
    }

    /// Takes a person out of the texts by which people were selected.
    async fn forget_selections(&mut self, organisation: OrganisationId, user: &User) -> Step<()> {
        let rows = self
            .query(
                "SELECT batch, selection FROM invite.selection
             WHERE organisation = $1 AND selection ? 'matching'",
            )
            .bind(organisation.uuid());
        for row in rows.fetch_all(self.db().connection()).await? {
            let before: Selection = row.json("selection")?;
            let after = before.clone().without(user);
            if after != before {
                self.query(
                    "UPDATE invite.selection SET selection = $1 WHERE organisation = $2 AND batch = $3",
                )
                .bind(json(&after))
                .bind(organisation.uuid())
                .bind(row.id::<BatchId>("batch")?.uuid())
                .execute(self.db().connection())
                .await?;
            }
        }
        Ok(())
    }

    /// Puts the organisation's name in the place of a person's as the inviter.
    async fn forget_inviter(&mut self, organisation: OrganisationId, id: UserId) -> Step<()> {
        let name = maybe_settings(self.db(), organisation).await?.map(|settings| settings.name);
        self.query(
            "UPDATE invite.batch SET inviter = $1 WHERE organisation = $2 AND strpos(planned_by::text, $3) > 0
                 AND inviter <> $1",
        )
        .bind(name.unwrap_or_default())
        .bind(organisation.uuid())
        .bind(id.to_string())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    pub(crate) async fn recognise(
        &mut self,
        organisation: OrganisationId,
        addresses: &[KnownAddress],
    ) -> Step<()> {
        let (mut channels, mut hashes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for known in addresses {
            for hash in &known.hashes {
                channels.push(known.channel.as_str().to_owned());
                hashes.push(hash.as_bytes().to_vec());
                keys.push(known.address.clone());
            }
        }
        self.query(
            "WITH known AS (
                 DELETE FROM invite.hashed_suppression AS h
                 USING unnest($2::text[], $3::bytea[], $4::text[]) AS w (channel, hash, address_key)
                 WHERE h.organisation = $1 AND h.channel = w.channel AND h.hash = w.hash
                 RETURNING h.channel, w.address_key, h.reason, h.since_at
             )
             INSERT INTO invite.suppression (organisation, channel, address_key, reason, since_at)
             SELECT $1, channel, address_key, reason, since_at FROM known
             ORDER BY channel, address_key ON CONFLICT DO NOTHING",
        )
        .bind(organisation.uuid())
        .bind(channels)
        .bind(hashes)
        .bind(keys)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }
}

pub(crate) async fn has_hashed_suppressions(db: &mut Db, organisation: OrganisationId) -> Step<bool> {
    let row = db
        .query("SELECT 1 FROM invite.hashed_suppression WHERE organisation = $1 LIMIT 1")
        .bind(organisation.uuid())
        .fetch_optional(db.connection())
        .await?;
    Ok(row.is_some())
}

pub(crate) async fn traces(
    db: &mut Db,
    organisation: OrganisationId,
    user: UserId,
    addresses: &[(Channel, String)],
) -> Step<Traces> {
    let mut traces = Traces::default();
    let about = |query: sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>| {
        query.bind(organisation.uuid()).bind(user.to_string())
    };
    let rows =
        about(db.query(
            "SELECT * FROM invite.event WHERE organisation = $1 AND strpos(what::text, $2) > 0 AND cursor IS NOT NULL
             ORDER BY cursor",
        ));
    let events = rows.fetch_all(db.connection()).await?;
    let events = events.iter().map(event).collect::<Step<Vec<Event>>>()?;
    traces.events = events.into_iter().filter(|event| event.what.user() == Some(user)).collect();
    let rows = about(db.query(
        "SELECT * FROM invite.audit WHERE organisation = $1 AND (subject = $2 OR strpos(actor::text, $2) > 0)
         ORDER BY number",
    ));
    let audit = rows.fetch_all(db.connection()).await?;
    traces.audit = audit.iter().map(audit_entry).collect::<Step<_>>()?;
    let (channels, keys): (Vec<_>, Vec<_>) = addresses
        .iter()
        .map(|(channel, address)| (channel.as_str().to_owned(), address_key(address)))
        .unzip();
    let rows = db.query(
        "SELECT s.* FROM unnest($2::text[], $3::text[]) AS w (channel, address_key) JOIN invite.suppression AS s
             ON s.organisation = $1 AND s.channel = w.channel AND s.address_key = w.address_key",
    )
    .bind(organisation.uuid())
    .bind(channels)
    .bind(keys)
    .fetch_all(db.connection())
    .await?;
    traces.suppressions = rows.iter().map(suppression).collect::<Step<_>>()?;
    let rows = db.query(
        "SELECT source, failures, last_at FROM invite.guess WHERE organisation = $1 AND user_id = $2 ORDER BY source",
    )
    .bind(organisation.uuid())
    .bind(user.uuid())
    .fetch_all(db.connection())
    .await?;
    let guess = |row: &PgRow| Ok((row.text("source")?, row.small("failures")?, row.at("last_at")?));
    traces.guesses = rows.iter().map(guess).collect::<Step<_>>()?;
    Ok(traces)
}
