//! Erasing people, addresses of theirs that come again, and what is exported of them.

use crate::db::Db;
use invite_core::decision::import_undo::FieldChanges;
use invite_core::decision::people::{self, keys_of_named};
use invite_core::model::contact::without;
use invite_core::model::event::{Event, Happening};
use invite_core::model::id::{BatchId, OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::outcome::Answer;
use invite_core::model::selection::Selection;
use invite_core::model::user::User;
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::port::records::{Erase, Erased, KnownAddress, Traces};
use serde_json::json;
use sqlx::postgres::PgRow;

use crate::PgStore;
use crate::accounts::read_user;
use crate::error::{Fault, Step};
use crate::histories::address_key;
use crate::invitations::open_invitations;
use crate::organisations::maybe_settings;
use crate::records::{audit_entry, event, suppression};
use crate::rows::{Columns, Key, json};
use crate::write::Write;

const DOING: &str = "erase a person";

/// How often the log is asked to be taken over into the file: each time waits for readers as long as a writer waits.
const TRIES: usize = 3;

impl PgStore {
    /// Erases, and takes the log over into the file, so that nothing of it stays readable there.
    pub(crate) async fn erase_for_good(&self, erase: &Erase) -> PortResult<Erased> {
        let mut write = self.write(DOING).await?;
        let erased = write.erase(erase).await;
        let erased = write.end(erased).await?;
        for _ in 0..TRIES {
            let row = self.schema.query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await;
            let busy = row.map_err(Fault::from).and_then(|row| row.flag("busy"));
            if !busy.map_err(|fault| fault.doing(DOING))? {
                return Ok(erased);
            }
        }
        Err(PortError::new(PortErrorKind::Unavailable, DOING).caused_by(
            "the person is erased, but what was removed can still be read in the database's log, since others read it \
             all the time: do it again, at a quieter time",
        ))
    }
}

impl Write {
    async fn erase(&mut self, erase: &Erase) -> Step<Erased> {
        let (organisation, id) = (erase.actor.organisation(), erase.user);
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
                "SELECT count(*) AS unsent FROM invite.delivery
             WHERE organisation = $1 AND user_id = $2 AND state IN ('queued', 'claimed')",
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
            "DELETE FROM invite.person WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.guess WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.import_line WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.import_row WHERE organisation = $1 AND user_id = $2",
            "DELETE FROM invite.import_missing WHERE organisation = $1 AND user_id = $2",
        ];
        let mut removed = 0;
        for step in steps {
            let query = self.query(step).bind(organisation.uuid()).bind(id.uuid());
            removed += query.execute(self.db().connection()).await?.rows_affected();
        }
        let keys: Vec<String> = user.into_iter().flat_map(people::keys_of).chain(keys_of_named(id)).collect();
        self.query(
            "DELETE FROM invite.import_key WHERE organisation = $1
                 AND import IN (SELECT id FROM invite.import WHERE organisation = $1 AND runs = 1)
                 AND person_key IN (SELECT value FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key))",
        )
        .bind(organisation.uuid())
        .bind(json(&keys))
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
            "SELECT cursor, what FROM invite.event WHERE what ->> 'event' IN ('sender_paused', 'batch_paused')",
        );
        for row in rows.fetch_all(self.db().connection()).await? {
            let before: Happening = row.json("what")?;
            let after = before.clone().without(addresses);
            if after != before {
                self.query("UPDATE invite.event SET what = $1 WHERE cursor = $2")
                    .bind(json(&after))
                    .bind(row.plain::<i64>("cursor")?)
                    .execute(self.db().connection())
                    .await?;
            }
        }
        let rows = self.query("SELECT pause_key, answer FROM invite.sender_pause");
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
             WHERE organisation = $1 AND selection LIKE '{\"matching\"%'",
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
            "UPDATE invite.batch SET inviter = $1 WHERE organisation = $2 AND instr(planned_by, $3) > 0
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
        let mut list = Vec::new();
        for known in addresses {
            let hex = |hash: &[u8; 32]| -> String {
                let digits = hash.iter().flat_map(|octet| [octet >> 4, octet & 15]);
                digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
            };
            list.extend(
                known.hashes.iter().map(|hash| json!([known.channel, hex(hash.as_bytes()), known.address])),
            );
        }
        self.query(
            "INSERT INTO invite.suppression (organisation, channel, address_key, reason, since_at)
             SELECT $1, h.channel, w.value ->> 2, h.reason, h.since_at FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key)
             JOIN invite.hashed_suppression AS h
                 ON h.organisation = $1 AND h.channel = w.value ->> 0 AND h.hash = (w.value ->> 1)::uuid
             WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(organisation.uuid())
        .bind(json(&list))
        .execute(self.db().connection())
        .await?;
        self.query(
            "DELETE FROM invite.hashed_suppression WHERE organisation = $1 AND (channel, hash) IN (
                 SELECT w.value ->> 0, (w.value ->> 1)::uuid FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key))",
        )
        .bind(organisation.uuid())
        .bind(json(&list))
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
            "SELECT * FROM invite.event WHERE organisation = $1 AND instr(what, $2) > 0 ORDER BY cursor",
        ));
    let events = rows.fetch_all(db.connection()).await?;
    let events = events.iter().map(event).collect::<Step<Vec<Event>>>()?;
    traces.events = events.into_iter().filter(|event| event.what.user() == Some(user)).collect();
    let rows = about(db.query(
        "SELECT * FROM invite.audit WHERE organisation = $1 AND (subject = $2 OR instr(actor, $2) > 0)
         ORDER BY number",
    ));
    let audit = rows.fetch_all(db.connection()).await?;
    traces.audit = audit.iter().map(audit_entry).collect::<Step<_>>()?;
    let list: Vec<_> =
        addresses.iter().map(|(channel, address)| json!([channel, address_key(address)])).collect();
    let rows = db.query(
        "SELECT s.* FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key) JOIN invite.suppression AS s
             ON s.organisation = $1 AND s.channel = w.value ->> 0 AND s.address_key = w.value ->> 1",
    )
    .bind(organisation.uuid())
    .bind(json(&list))
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
