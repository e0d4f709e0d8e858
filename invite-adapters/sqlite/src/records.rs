//! What is known and what happened.

use async_trait::async_trait;
use invite_core::decision::history::{History, View};
use invite_core::model::actor::Actor;
use invite_core::model::event::{Event, EventCursor};
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::invitation::Invitation as SeenInvitation;
use invite_core::model::message::Channel;
use invite_core::model::sender::{Covers, PauseKind, SenderPause};
use invite_core::model::suppression::{Suppression, SuppressionReason};
use invite_core::model::user::User;
use invite_core::port::error::PortResult;
use invite_core::port::records::{
    Arrival, AuditEntry, CredentialFact, Erase, Erased, EventsForgotten, ImportLine, KnownAddress,
    PersonRecord, Records, SenderStop, SuppressionAct, SuppressionChange, Traces,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::claim::pauses;
use crate::erasing;
use crate::error::Step;
use crate::histories::{People, address_key};
use crate::invitations::Invitation;
use crate::plans::{read_batch, read_delivery, read_item};
use crate::record::Put;
use crate::rows::{Columns, Key, json, limit, missing};
use crate::write::Write;

#[async_trait]
impl Records for SqliteStore {
    async fn histories(&self, organisation: OrganisationId, users: Vec<User>) -> PortResult<Vec<History>> {
        let people = async { People::read(&mut *self.read().await?, organisation, &users).await };
        let people = people.await.map_err(|fault| fault.doing("read histories"))?;
        Ok(users.iter().map(|user| people.history(user, View::All)).collect())
    }

    async fn record_changes(
        &self,
        organisation: OrganisationId,
        people: Vec<(UserId, Option<User>)>,
    ) -> PortResult<()> {
        let mut write = self.write("keep changes of people").await?;
        let left = write.leave(organisation, &people).await;
        write.end(left.map(drop)).await
    }

    async fn record_arrivals(&self, organisation: OrganisationId, arrivals: Vec<Arrival>) -> PortResult<()> {
        let mut write = self.write("keep arrivals").await?;
        let arrived = write.arrive(organisation, &arrivals).await;
        write.end(arrived).await
    }

    async fn events(
        &self,
        after: EventCursor,
        most: usize,
    ) -> PortResult<Result<Vec<Event>, EventsForgotten>> {
        let read = async { events(&mut *self.read().await?, after, most).await };
        read.await.map_err(|fault| fault.doing("read events"))
    }

    async fn audit(
        &self,
        organisation: OrganisationId,
        before: Option<u64>,
        most: usize,
    ) -> PortResult<Vec<AuditEntry>> {
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "SELECT * FROM invite_audit WHERE organisation = ? AND number < ? ORDER BY number DESC LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(before)
        .bind(limit(most))
        .fetch_all(&self.pool)
        .await;
        read_all(rows, audit_entry).map_err(|fault| fault.doing("read the audit"))
    }

    async fn person(&self, organisation: OrganisationId, user: UserId) -> PortResult<PersonRecord> {
        let record = async { person(&mut *self.read().await?, organisation, user).await };
        record.await.map_err(|fault| fault.doing("read a person's story"))
    }

    async fn pause_sender(&self, pause: SenderStop) -> PortResult<()> {
        let mut write = self.write("stop a sender").await?;
        let paused = write.pause_sender(pause).await;
        write.end(paused).await
    }

    async fn resume_sender(&self, actor: Actor, covers: Covers) -> PortResult<bool> {
        let mut write = self.write("let a sender go on").await?;
        let resumed = write.let_sender_go_on(&actor, &covers).await;
        write.end(resumed).await
    }

    async fn sender_pauses(&self) -> PortResult<Vec<SenderPause>> {
        let now = self.instant();
        let all = async { pauses(&mut *self.read().await?).await };
        let all = all.await.map_err(|fault| fault.doing("read the pauses of senders"))?;
        let stands = |pause: &SenderPause| pause.kind == PauseKind::Blocked || pause.stops(now);
        Ok(all.into_values().filter(stands).collect())
    }

    async fn suppressions(
        &self,
        organisation: OrganisationId,
        after: Option<(Channel, String)>,
        most: usize,
    ) -> PortResult<Vec<Suppression>> {
        let (channel, address) = after.map_or_else(Default::default, |(channel, address)| {
            (channel.as_str().to_owned(), address_key(&address))
        });
        let rows = sqlx::query(
            "SELECT * FROM invite_suppression WHERE organisation = ? AND (channel, address_key) > (?, ?)
             ORDER BY channel, address_key LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(channel)
        .bind(address)
        .bind(limit(most))
        .fetch_all(&self.pool)
        .await;
        read_all(rows, suppression).map_err(|fault| fault.doing("list suppressed addresses"))
    }

    async fn suppress(&self, change: SuppressionChange) -> PortResult<()> {
        let mut write = self.write("change the suppression list").await?;
        let changed = write.change_suppression(&change).await;
        write.end(changed).await
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        self.erase_for_good(&erase).await
    }

    async fn has_hashed_suppressions(&self, organisation: OrganisationId) -> PortResult<bool> {
        let found = async { erasing::has_hashed_suppressions(&mut *self.read().await?, organisation).await };
        found.await.map_err(|fault| fault.doing("look for suppressed addresses of erased people"))
    }

    async fn recognise(&self, organisation: OrganisationId, addresses: Vec<KnownAddress>) -> PortResult<()> {
        let mut write = self.write("recognise suppressed addresses").await?;
        let recognised = write.recognise(organisation, &addresses).await;
        write.end(recognised).await
    }

    async fn traces(
        &self,
        organisation: OrganisationId,
        user: UserId,
        addresses: Vec<(Channel, String)>,
    ) -> PortResult<Traces> {
        let found = async { erasing::traces(&mut *self.read().await?, organisation, user, &addresses).await };
        found.await.map_err(|fault| fault.doing("read what is kept about a person"))
    }
}

fn read_all<T>(rows: Result<Vec<SqliteRow>, sqlx::Error>, read: fn(&SqliteRow) -> Step<T>) -> Step<Vec<T>> {
    rows?.iter().map(read).collect()
}

pub(crate) fn event(row: &SqliteRow) -> Step<Event> {
    Ok(Event {
        cursor: EventCursor(row.count("cursor")?),
        organisation: row.maybe_id("organisation")?,
        at: row.at("at")?,
        what: row.json("what")?,
    })
}

pub(crate) fn audit_entry(row: &SqliteRow) -> Step<AuditEntry> {
    Ok(AuditEntry {
        number: row.count("number")?,
        at: row.at("at")?,
        actor: row.json("actor")?,
        what: row.text("what")?,
        subject: row.text("subject")?,
        details: row.text("details")?,
    })
}

pub(crate) fn suppression(row: &SqliteRow) -> Step<Suppression> {
    Ok(Suppression {
        channel: row.word("channel")?,
        address: row.text("address_key")?,
        reason: row.word("reason")?,
        since: row.at("since_at")?,
    })
}

async fn events(
    db: &mut SqliteConnection,
    after: EventCursor,
    most: usize,
) -> Step<Result<Vec<Event>, EventsForgotten>> {
    let row =
        sqlx::query("SELECT until FROM invite_events_removed WHERE one = 1").fetch_one(&mut *db).await?;
    if let Err(forgotten) = EventsForgotten::check(after, EventCursor(row.count("until")?)) {
        return Ok(Err(forgotten));
    }
    let rows = sqlx::query("SELECT * FROM invite_event WHERE cursor > ? ORDER BY cursor LIMIT ?")
        .bind(i64::try_from(after.0).unwrap_or(i64::MAX))
        .bind(limit(most))
        .fetch_all(db)
        .await;
    read_all(rows, event).map(Ok)
}

async fn person(db: &mut SqliteConnection, organisation: OrganisationId, user: UserId) -> Step<PersonRecord> {
    let mut record = PersonRecord::default();
    let rows = sqlx::query(
        "SELECT l.*, i.file_name, i.actor FROM invite_import_line AS l
         JOIN invite_import AS i ON i.organisation = l.organisation AND i.id = l.import
         WHERE l.organisation = ? AND l.user = ? ORDER BY l.at, l.import, l.line",
    );
    for row in of_person(rows, db, organisation, user).await? {
        record.import_lines.push(ImportLine {
            import: row.id("import")?,
            file_name: row.text("file_name")?,
            line: row.count("line")?,
            created: row.flag("created")?,
            changes: row.maybe_json("changes")?.unwrap_or_default(),
            actor: row.json("actor")?,
            at: row.at("at")?,
        });
    }
    let rows = sqlx::query(
        "SELECT i.user, i.decision, i.reason, i.channels, i.invitation, i.batch
         FROM invite_item AS i INDEXED BY invite_item_user
         WHERE i.organisation = ? AND i.user = ? ORDER BY i.batch",
    );
    for row in of_person(rows, db, organisation, user).await? {
        let item = read_item(&row)?;
        let batch = sqlx::query(
            "SELECT b.*, s.selection FROM invite_batch AS b
             JOIN invite_selection AS s ON s.organisation = b.organisation AND s.batch = b.id
             WHERE b.organisation = ? AND b.id = ?",
        )
        .bind(organisation.blob())
        .bind(row.plain::<Vec<u8>>("batch")?)
        .fetch_one(&mut *db)
        .await?;
        record.items.push((read_batch(&batch)?, item));
    }
    let rows = sqlx::query(
        "SELECT v.*, b.state AS batch_state, b.stopped_at FROM invite_invitation AS v
         JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
         WHERE v.organisation = ? AND v.user = ? ORDER BY v.created_at, v.id",
    );
    for row in of_person(rows, db, organisation, user).await? {
        record.invitations.push(invitation(&row)?);
    }
    let rows = sqlx::query(
        "SELECT d.*, b.state AS batch_state FROM invite_delivery AS d
         JOIN invite_batch AS b ON b.organisation = d.organisation AND b.id = d.batch
         WHERE d.organisation = ? AND d.user = ? ORDER BY d.id",
    );
    for row in of_person(rows, db, organisation, user).await? {
        record.deliveries.push(read_delivery(&row)?);
    }
    let rows = sqlx::query(
        "SELECT c.invitation, c.generation, c.minted_at, c.expires_at, c.used_at, c.sealed IS NOT NULL AS is_sealed
         FROM invite_invitation AS v
         JOIN invite_credential AS c ON c.organisation = v.organisation AND c.invitation = v.id
         WHERE v.organisation = ? AND v.user = ? ORDER BY v.created_at, v.id, c.generation",
    );
    for row in of_person(rows, db, organisation, user).await? {
        record.credentials.push(CredentialFact {
            invitation: row.id("invitation")?,
            generation: row.maybe_generation("generation")?.ok_or_else(|| missing("generation"))?,
            minted_at: row.at("minted_at")?,
            expires_at: row.at("expires_at")?,
            used_at: row.maybe_at("used_at")?,
            sealed: row.flag("is_sealed")?,
        });
    }
    let rows = sqlx::query("SELECT * FROM invite_person WHERE organisation = ? AND user = ?");
    for row in of_person(rows, db, organisation, user).await? {
        record.retired = row.maybe_id("retired_by")?.zip(row.maybe_at("retired_at")?);
        record.came_at = row.maybe_at("came_at")?;
    }
    Ok(record)
}

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

async fn of_person(
    query: Query,
    db: &mut SqliteConnection,
    organisation: OrganisationId,
    user: UserId,
) -> Step<Vec<SqliteRow>> {
    Ok(query.bind(organisation.blob()).bind(user.blob()).fetch_all(db).await?)
}

/// An invitation, with when its batch was stopped in `stopped_at`.
fn invitation(row: &SqliteRow) -> Step<SeenInvitation> {
    let read = Invitation::read(row)?;
    let unswept = read.state != read.stored;
    Ok(SeenInvitation {
        id: read.id,
        user: read.user,
        batch: read.batch,
        state: read.state,
        created_at: read.created_at,
        expires_at: read.expires_at,
        closed_at: row.maybe_at("closed_at")?.or(row.maybe_at("stopped_at")?.filter(|_| unswept)),
    })
}

impl Write {
    async fn change_suppression(&mut self, change: &SuppressionChange) -> Step<()> {
        let SuppressionChange { actor, channel, address, act } = change;
        let organisation = actor.organisation();
        let released = match act {
            SuppressionAct::Put(reason) => {
                return match self.suppress(organisation, *channel, address, *reason).await? {
                    Put::Unchanged => Ok(()),
                    _ => self.audit(actor, "address_suppressed", channel, reason.as_str()).await,
                };
            }
            SuppressionAct::Release => SuppressionReason::ALL,
            SuppressionAct::OptIn => &[SuppressionReason::OptedOut],
        };
        let done = sqlx::query(
            "DELETE FROM invite_suppression WHERE organisation = ? AND channel = ? AND address_key = ?
                 AND reason IN (SELECT value FROM json_each(?))",
        )
        .bind(organisation.blob())
        .bind(channel.as_str())
        .bind(address_key(address))
        .bind(json(&released))
        .execute(self.db())
        .await?;
        if done.rows_affected() > 0 {
            self.audit(actor, "address_released", channel, "").await?;
        }
        Ok(())
    }
}
