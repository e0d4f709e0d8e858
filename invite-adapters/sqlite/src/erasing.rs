//! Erasing people, addresses of theirs that come again, and what is exported of them.

use invite_core::decision::import_undo::FieldChanges;
use invite_core::decision::people::{self, keys_of_named};
use invite_core::model::contact::without;
use invite_core::model::event::{Event, Happening};
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::outcome::Answer;
use invite_core::model::selection::Selection;
use invite_core::model::user::User;
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::port::records::{Erase, Erased, KnownAddress, Traces};
use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
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

impl SqliteStore {
    /// Erases, and takes the log over into the file, so that nothing of it stays readable there.
    pub(crate) async fn erase_for_good(&self, erase: &Erase) -> PortResult<Erased> {
        let mut write = self.write(DOING).await?;
        let erased = write.erase(erase).await;
        let erased = write.end(erased).await?;
        for _ in 0..TRIES {
            let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await;
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
        let row = sqlx::query(
            "SELECT count(*) AS unsent FROM invite_delivery INDEXED BY invite_delivery_user
             WHERE organisation = ? AND user = ? AND state IN ('queued', 'claimed')",
        )
        .bind(organisation.blob())
        .bind(id.blob())
        .fetch_one(self.db())
        .await?;
        row.count("unsent")
    }

    async fn take_user(&mut self, organisation: OrganisationId, id: UserId) -> Step<Option<User>> {
        let row = sqlx::query("DELETE FROM invite_user WHERE organisation = ? AND id = ? RETURNING *")
            .bind(organisation.blob())
            .bind(id.blob())
            .fetch_optional(self.db())
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
        let rows = sqlx::query(
            "SELECT DISTINCT channel, address_key FROM invite_delivery INDEXED BY invite_delivery_user
             WHERE organisation = ? AND user = ? AND address_key IS NOT NULL",
        )
        .bind(organisation.blob())
        .bind(id.blob())
        .fetch_all(self.db())
        .await?;
        let mut addresses = Vec::new();
        for row in rows {
            addresses.push((row.word("channel")?, row.text("address_key")?));
        }
        let rows = sqlx::query(
            "SELECT changes FROM invite_import_line WHERE organisation = ? AND user = ? AND changes IS NOT NULL",
        )
        .bind(organisation.blob())
        .bind(id.blob())
        .fetch_all(self.db())
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
            "UPDATE invite_delivery INDEXED BY invite_delivery_user
             SET address = NULL, address_key = NULL, destination = '', answer = NULL, receipt = NULL
             WHERE organisation = ? AND user = ? AND address IS NOT NULL",
            "DELETE FROM invite_person WHERE organisation = ? AND user = ?",
            "DELETE FROM invite_guess WHERE organisation = ? AND user = ?",
            "DELETE FROM invite_due WHERE organisation = ? AND kind IN ('invite', 'remind') AND subject = ?",
            "DELETE FROM invite_import_line WHERE organisation = ? AND user = ?",
            "DELETE FROM invite_import_row WHERE organisation = ? AND user = ?",
            "DELETE FROM invite_import_missing WHERE organisation = ? AND user = ?",
        ];
        let mut removed = 0;
        for step in steps {
            let query = sqlx::query(step).bind(organisation.blob()).bind(id.blob());
            removed += query.execute(self.db()).await?.rows_affected();
        }
        self.forget_text_messages_to(organisation, id).await?;
        sqlx::query("DELETE FROM invite_fallback WHERE organisation = ? AND user = ?")
            .bind(organisation.blob())
            .bind(id.blob())
            .execute(self.db())
            .await?;
        let keys: Vec<String> = user.into_iter().flat_map(people::keys_of).chain(keys_of_named(id)).collect();
        sqlx::query(
            "DELETE FROM invite_import_key WHERE organisation = ?1
                 AND import IN (SELECT id FROM invite_import WHERE organisation = ?1 AND runs = 1)
                 AND person_key IN (SELECT value FROM json_each(?2))",
        )
        .bind(organisation.blob())
        .bind(json(&keys))
        .execute(self.db())
        .await?;
        Ok(removed)
    }

    /// Puts a hash in the place of a suppressed address that nobody has any more; gives 1 where it did.
    async fn hash_suppression(&mut self, erase: &Erase, channel: Channel, address: &str) -> Step<u64> {
        let organisation = erase.actor.organisation();
        let taken = sqlx::query(
            "DELETE FROM invite_suppression AS s
             WHERE organisation = ?1 AND channel = ?2 AND address_key = ?3
                 AND NOT EXISTS (SELECT 1 FROM invite_user AS u
                     WHERE u.organisation = ?1 AND u.email_key = ?3 AND ?2 = 'email')
                 AND NOT EXISTS (SELECT 1 FROM invite_user AS u
                     WHERE u.organisation = ?1 AND u.phone = ?3 AND ?2 = 'sms')
                 AND NOT EXISTS (SELECT 1 FROM invite_delivery AS d
                     WHERE d.organisation = ?1 AND d.channel = ?2 AND d.address_key = ?3)
             RETURNING reason, since_at",
        )
        .bind(organisation.blob())
        .bind(channel.as_str())
        .bind(address.to_owned())
        .fetch_optional(self.db())
        .await?;
        let Some(taken) = taken else { return Ok(0) };
        let hash = erase.key.hash(organisation, channel, address);
        sqlx::query(
            "INSERT INTO invite_hashed_suppression (organisation, channel, hash, reason, since_at)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(organisation.blob())
        .bind(channel.as_str())
        .bind(hash.as_bytes().to_vec())
        .bind(taken.text("reason")?)
        .bind(taken.plain::<i64>("since_at")?)
        .execute(self.db())
        .await?;
        Ok(1)
    }

    /// Takes addresses out of what providers said and people wrote.
    async fn forget_quotes(&mut self, addresses: &[&str]) -> Step<()> {
        let rows = sqlx::query(
            "SELECT cursor, what FROM invite_event WHERE what ->> 'event' IN ('sender_paused', 'batch_paused')",
        );
        for row in rows.fetch_all(self.db()).await? {
            let before: Happening = row.json("what")?;
            let after = before.clone().without(addresses);
            if after != before {
                sqlx::query("UPDATE invite_event SET what = ? WHERE cursor = ?")
                    .bind(json(&after))
                    .bind(row.plain::<i64>("cursor")?)
                    .execute(self.db())
                    .await?;
            }
        }
        let rows = sqlx::query("SELECT pause_key, answer FROM invite_sender_pause");
        for row in rows.fetch_all(self.db()).await? {
            let before: Answer = row.json("answer")?;
            let after = before.without(addresses);
            if after != before {
                sqlx::query("UPDATE invite_sender_pause SET answer = ? WHERE pause_key = ?")
                    .bind(json(&after))
                    .bind(row.text("pause_key")?)
                    .execute(self.db())
                    .await?;
            }
        }
        for row in sqlx::query("SELECT DISTINCT answer FROM invite_refusal").fetch_all(self.db()).await? {
            let before = row.text("answer")?;
            let after = without(&before, addresses);
            if after != before {
                sqlx::query("UPDATE invite_refusal SET answer = ? WHERE answer = ?")
                    .bind(after)
                    .bind(before)
                    .execute(self.db())
                    .await?;
            }
        }
        Ok(())
    }

    /// Takes a person out of the texts by which people were selected.
    async fn forget_selections(&mut self, organisation: OrganisationId, user: &User) -> Step<()> {
        let rows = sqlx::query(
            "SELECT batch, selection FROM invite_selection
             WHERE organisation = ? AND selection LIKE '{\"matching\"%'",
        )
        .bind(organisation.blob());
        for row in rows.fetch_all(self.db()).await? {
            let before: Selection = row.json("selection")?;
            let after = before.clone().without(user);
            if after != before {
                sqlx::query("UPDATE invite_selection SET selection = ? WHERE organisation = ? AND batch = ?")
                    .bind(json(&after))
                    .bind(organisation.blob())
                    .bind(row.plain::<Vec<u8>>("batch")?)
                    .execute(self.db())
                    .await?;
            }
        }
        Ok(())
    }

    /// Puts the organisation's name in the place of a person's as the inviter.
    async fn forget_inviter(&mut self, organisation: OrganisationId, id: UserId) -> Step<()> {
        let name = maybe_settings(self.db(), organisation).await?.map(|settings| settings.name);
        sqlx::query(
            "UPDATE invite_batch SET inviter = ?1 WHERE organisation = ?2 AND instr(planned_by, ?3) > 0
                 AND inviter <> ?1",
        )
        .bind(name.unwrap_or_default())
        .bind(organisation.blob())
        .bind(id.to_string())
        .execute(self.db())
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
        sqlx::query(
            "INSERT INTO invite_suppression (organisation, channel, address_key, reason, since_at)
             SELECT ?1, h.channel, w.value ->> 2, h.reason, h.since_at FROM json_each(?2) AS w
             CROSS JOIN invite_hashed_suppression AS h
                 ON h.organisation = ?1 AND h.channel = w.value ->> 0 AND h.hash = unhex(w.value ->> 1)
             WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(organisation.blob())
        .bind(json(&list))
        .execute(self.db())
        .await?;
        sqlx::query(
            "DELETE FROM invite_hashed_suppression WHERE organisation = ?1 AND (channel, hash) IN (
                 SELECT w.value ->> 0, unhex(w.value ->> 1) FROM json_each(?2) AS w)",
        )
        .bind(organisation.blob())
        .bind(json(&list))
        .execute(self.db())
        .await?;
        Ok(())
    }
}

pub(crate) async fn has_hashed_suppressions(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
) -> Step<bool> {
    let row = sqlx::query("SELECT 1 FROM invite_hashed_suppression WHERE organisation = ? LIMIT 1")
        .bind(organisation.blob())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

pub(crate) async fn traces(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    user: UserId,
    addresses: &[(Channel, String)],
) -> Step<Traces> {
    let mut traces = Traces::default();
    let about = |query: sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>| {
        query.bind(organisation.blob()).bind(user.to_string())
    };
    let rows = about(sqlx::query(
        "SELECT * FROM invite_event WHERE organisation = ? AND instr(what, ?) > 0 ORDER BY cursor",
    ));
    let events = rows.fetch_all(&mut *db).await?;
    let events = events.iter().map(event).collect::<Step<Vec<Event>>>()?;
    traces.events = events.into_iter().filter(|event| event.what.user() == Some(user)).collect();
    let rows = about(sqlx::query(
        "SELECT * FROM invite_audit WHERE organisation = ?1 AND (subject = ?2 OR instr(actor, ?2) > 0)
         ORDER BY number",
    ));
    let audit = rows.fetch_all(&mut *db).await?;
    traces.audit = audit.iter().map(audit_entry).collect::<Step<_>>()?;
    let list: Vec<_> =
        addresses.iter().map(|(channel, address)| json!([channel, address_key(address)])).collect();
    let rows = sqlx::query(
        "SELECT s.* FROM json_each(?2) AS w CROSS JOIN invite_suppression AS s
             ON s.organisation = ?1 AND s.channel = w.value ->> 0 AND s.address_key = w.value ->> 1",
    )
    .bind(organisation.blob())
    .bind(json(&list))
    .fetch_all(&mut *db)
    .await?;
    traces.suppressions = rows.iter().map(suppression).collect::<Step<_>>()?;
    let rows = sqlx::query(
        "SELECT source, failures, last_at FROM invite_guess WHERE organisation = ? AND user = ? ORDER BY source",
    )
    .bind(organisation.blob())
    .bind(user.blob())
    .fetch_all(&mut *db)
    .await?;
    let guess = |row: &SqliteRow| Ok((row.text("source")?, row.small("failures")?, row.at("last_at")?));
    traces.guesses = rows.iter().map(guess).collect::<Step<_>>()?;
    Ok(traces)
}
