//! What is known and what happened.

use async_trait::async_trait;
use invite_core::decision::history::{History, View};
use invite_core::model::actor::Actor;
use invite_core::model::event::{Event, EventCursor};
use invite_core::model::id::{BatchId, OrganisationId, UserId};
use invite_core::model::invitation::Invitation as SeenInvitation;
use invite_core::model::message::Channel;
use invite_core::model::sender::{Covers, PauseKind, SenderPause};
use invite_core::model::suppression::{Suppression, SuppressionReason};
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::records::{
    Arrival, AuditEntry, CredentialFact, Erase, Erased, EventsForgotten, ImportLine, KnownAddress,
    PersonRecord, Records, SenderStop, SuppressionAct, SuppressionChange, Traces,
};
use sqlx::postgres::PgRow;

use crate::PgStore;
use crate::alone::Alone;
use crate::claim::pauses;
use crate::db::Db;
use crate::erasing;
use crate::error::{Fault, Step};
use crate::histories::{People, address_key};
use crate::invitations::Invitation;
use crate::plans::{read_batch, read_delivery, read_item};
use crate::record::Put;
use crate::rows::{Columns, Key, limit, missing};
use crate::source::Single;
use crate::write::Write;

#[async_trait]
impl Records for PgStore {
    async fn histories(&self, organisation: OrganisationId, users: Vec<User>) -> PortResult<Vec<History>> {
        let people = async { People::read(&mut self.read().await?, organisation, &users).await };
        let people = people.await.map_err(|fault| fault.doing("read histories"))?;
        Ok(users.iter().map(|user| people.history(user, View::All)).collect())
    }

    async fn record_changes(
        &self,
        organisation: OrganisationId,
        people: Vec<(UserId, Option<User>)>,
    ) -> PortResult<()> {
        let asked = (organisation, people);
        self.writing("keep changes of people", &Policy::default(), &asked, |write, (organisation, people)| {
            Box::pin(async move { write.leave(*organisation, people).await.map(drop) })
        })
        .await
    }

    async fn record_arrivals(&self, organisation: OrganisationId, arrivals: Vec<Arrival>) -> PortResult<()> {
        let asked = (organisation, arrivals);
        self.writing("keep arrivals", &Policy::default(), &asked, |write, (organisation, arrivals)| {
            Box::pin(write.arrive(*organisation, arrivals))
        })
        .await
    }

    async fn events(
        &self,
        after: EventCursor,
        most: usize,
    ) -> PortResult<Result<Vec<Event>, EventsForgotten>> {
        let events = async {
            self.number_events(limit(most)).await?;
            // One statement, so that both are seen in one snapshot within a host's transaction too.
            let rows = self
                .schema
                .query(
                    "SELECT removed.until, e.* FROM invite.events_removed AS removed
                     LEFT JOIN (
                         SELECT * FROM invite.event WHERE cursor > $1 ORDER BY cursor LIMIT $2
                     ) AS e ON true ORDER BY e.cursor",
                )
                .bind(i64::try_from(after.0).unwrap_or(i64::MAX))
                .bind(limit(most))
                .rows(&self.source)
                .await?;
            let until = rows.first().ok_or_else(|| missing("until"))?.count("until")?;
            if let Err(forgotten) = EventsForgotten::check(after, EventCursor(until)) {
                return Ok(Err(forgotten));
            }
            let none = |row: &PgRow| row.maybe_at("at").is_ok_and(|at| at.is_none());
            rows.iter().filter(|row| !none(row)).map(event).collect::<Step<_>>().map(Ok)
        };
        events.await.map_err(|fault: Fault| fault.doing("read events"))
    }

    async fn audit(
        &self,
        organisation: OrganisationId,
        before: Option<u64>,
        most: usize,
    ) -> PortResult<Vec<AuditEntry>> {
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let rows = self.schema.query(
            "SELECT * FROM invite.audit WHERE organisation = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
        )
        .bind(organisation.uuid())
        .bind(before)
        .bind(limit(most))
        .rows(&self.source)
        .await;
        read_all(rows, audit_entry).map_err(|fault| fault.doing("read the audit"))
    }

    async fn person(&self, organisation: OrganisationId, user: UserId) -> PortResult<PersonRecord> {
        let record = async { person(&mut self.read().await?, organisation, user).await };
        record.await.map_err(|fault| fault.doing("read a person's story"))
    }

    async fn pause_sender(&self, pause: SenderStop) -> PortResult<()> {
        self.writing("stop a sender", &Policy::default(), &pause, |write, pause| {
            Box::pin(write.pause_sender(pause.clone()))
        })
        .await
    }

    async fn resume_sender(&self, actor: Actor, covers: Covers) -> PortResult<bool> {
        let asked = (actor, covers);
        self.writing("let a sender go on", &Policy::default(), &asked, |write, (actor, covers)| {
            Box::pin(write.let_sender_go_on(actor, covers))
        })
        .await
    }

    async fn sender_pauses(&self) -> PortResult<Vec<SenderPause>> {
        let read = async {
            let mut db = self.read().await?;
            Ok((self.instant(&mut db).await?, pauses(&mut db).await?))
        };
        let (now, all) = read.await.map_err(|fault: Fault| fault.doing("read the pauses of senders"))?;
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
        let rows = self.schema.query(
            "SELECT * FROM invite.suppression WHERE organisation = $1 AND (channel, address_key) > ($2, $3)
             ORDER BY channel, address_key LIMIT $4",
        )
        .bind(organisation.uuid())
        .bind(channel)
        .bind(address)
        .bind(limit(most))
        .rows(&self.source)
        .await;
        read_all(rows, suppression).map_err(|fault| fault.doing("list suppressed addresses"))
    }

    async fn suppress(&self, change: SuppressionChange) -> PortResult<()> {
        self.writing("change the suppression list", &Policy::default(), &change, |write, change| {
            Box::pin(write.change_suppression(change))
        })
        .await
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        self.writing("erase a person", &Policy::default(), &erase, |write, erase| {
            Box::pin(write.erase(erase))
        })
        .await
    }

    async fn has_hashed_suppressions(&self, organisation: OrganisationId) -> PortResult<bool> {
        let found = async { erasing::has_hashed_suppressions(&mut self.read().await?, organisation).await };
        found.await.map_err(|fault| fault.doing("look for suppressed addresses of erased people"))
    }

    async fn recognise(&self, organisation: OrganisationId, addresses: Vec<KnownAddress>) -> PortResult<()> {
        let asked = (organisation, addresses);
        self.writing(
            "recognise suppressed addresses",
            &Policy::default(),
            &asked,
            |write, (organisation, addresses)| Box::pin(write.recognise(*organisation, addresses)),
        )
        .await
    }

    async fn traces(
        &self,
        organisation: OrganisationId,
        user: UserId,
        addresses: Vec<(Channel, String)>,
    ) -> PortResult<Traces> {
        let found = async {
            self.number_events(i64::MAX).await?;
            erasing::traces(&mut self.read().await?, organisation, user, &addresses).await
        };
        found.await.map_err(|fault| fault.doing("read what is kept about a person"))
    }
}

impl PgStore {
    /// Numbers the next events that have no number yet, at most so many.
    async fn number_events(&self, most: i64) -> Step<()> {
        let new = self.schema.query("SELECT 1 FROM invite.event WHERE cursor IS NULL LIMIT 1");
        if new.row(&self.source).await?.is_none() {
            return Ok(());
        }
        let mut db = Db::writing(&self.source, &self.schema, self.clock.clone()).await?;
        db.alone(Alone::NumberingEvents).await?;
        number_events(&mut db, most).await?;
        db.commit().await
    }
}

/// Numbers the next events that have no number yet, at most so many; to be done [alone](Alone::NumberingEvents).
pub(crate) async fn number_events(db: &mut Db, most: i64) -> Step<()> {
    db.query(
        "WITH new AS MATERIALIZED (
             SELECT written FROM invite.event WHERE cursor IS NULL ORDER BY written LIMIT $1
         ), numbered AS MATERIALIZED (
             SELECT written, nextval('invite.event_cursor_number') AS number FROM new
         )
         UPDATE invite.event AS e SET cursor = numbered.number FROM numbered WHERE e.written = numbered.written",
    )
    .bind(most)
    .execute(db.connection())
    .await?;
    Ok(())
}

fn read_all<T>(rows: Step<Vec<PgRow>>, read: fn(&PgRow) -> Step<T>) -> Step<Vec<T>> {
    rows?.iter().map(read).collect()
}

pub(crate) fn event(row: &PgRow) -> Step<Event> {
    Ok(Event {
        cursor: EventCursor(row.count("cursor")?),
        organisation: row.maybe_id("organisation")?,
        at: row.at("at")?,
        what: row.json("what")?,
    })
}

pub(crate) fn audit_entry(row: &PgRow) -> Step<AuditEntry> {
    Ok(AuditEntry {
        number: row.count("number")?,
        at: row.at("at")?,
        actor: row.json("actor")?,
        what: row.text("what")?,
        subject: row.text("subject")?,
        details: row.text("details")?,
    })
}

pub(crate) fn suppression(row: &PgRow) -> Step<Suppression> {
    Ok(Suppression {
        channel: row.word("channel")?,
        address: row.text("address_key")?,
        reason: row.word("reason")?,
        since: row.at("since_at")?,
    })
}

async fn person(db: &mut Db, organisation: OrganisationId, user: UserId) -> Step<PersonRecord> {
    let mut record = PersonRecord::default();
    let rows = db.query(
        "SELECT l.*, i.file_name, i.actor FROM invite.import_line AS l
         JOIN invite.import AS i ON i.organisation = l.organisation AND i.id = l.import
         WHERE l.organisation = $1 AND l.user_id = $2 ORDER BY l.at, l.import, l.line",
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
    let rows = db.query(
        "SELECT i.user_id, i.decision, i.reason, i.channels, i.invitation, i.batch
         FROM invite.item AS i
         WHERE i.organisation = $1 AND i.user_id = $2 ORDER BY i.batch",
    );
    for row in of_person(rows, db, organisation, user).await? {
        let item = read_item(&row)?;
        let batch = db
            .query(
                "SELECT b.*, s.selection FROM invite.batch AS b
             JOIN invite.selection AS s ON s.organisation = b.organisation AND s.batch = b.id
             WHERE b.organisation = $1 AND b.id = $2",
            )
            .bind(organisation.uuid())
            .bind(row.id::<BatchId>("batch")?.uuid())
            .fetch_one(db.connection())
            .await?;
        record.items.push((read_batch(&batch)?, item));
    }
    let rows = db.query(
        "SELECT v.*, b.state AS batch_state, b.stopped_at FROM invite.invitation AS v
         JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
         WHERE v.organisation = $1 AND v.user_id = $2 ORDER BY v.created_at, v.id",
    );
    for row in of_person(rows, db, organisation, user).await? {
        record.invitations.push(invitation(&row)?);
    }
    let rows = db.query(
        "SELECT d.*, b.state AS batch_state FROM invite.delivery AS d
         JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
         WHERE d.organisation = $1 AND d.user_id = $2 ORDER BY d.id",
    );
    for row in of_person(rows, db, organisation, user).await? {
        record.deliveries.push(read_delivery(&row)?);
    }
    let rows = db.query(
        "SELECT c.invitation, c.generation, c.minted_at, c.expires_at, c.used_at, c.sealed IS NOT NULL AS is_sealed
         FROM invite.invitation AS v
         JOIN invite.credential AS c ON c.organisation = v.organisation AND c.invitation = v.id
         WHERE v.organisation = $1 AND v.user_id = $2 ORDER BY v.created_at, v.id, c.generation",
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
    let rows = db.query("SELECT * FROM invite.person WHERE organisation = $1 AND user_id = $2");
    for row in of_person(rows, db, organisation, user).await? {
        record.retired = row.maybe_id("retired_by")?.zip(row.maybe_at("retired_at")?);
        record.came_at = row.maybe_at("came_at")?;
    }
    Ok(record)
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

async fn of_person(
    query: Query,
    db: &mut Db,
    organisation: OrganisationId,
    user: UserId,
) -> Step<Vec<PgRow>> {
    Ok(query.bind(organisation.uuid()).bind(user.uuid()).fetch_all(db.connection()).await?)
}

/// An invitation, with when its batch was stopped in `stopped_at`.
fn invitation(row: &PgRow) -> Step<SeenInvitation> {
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
        let released: Vec<_> = released.iter().map(|reason| reason.as_str()).collect();
        let done = self
            .query(
                "DELETE FROM invite.suppression
                 WHERE organisation = $1 AND channel = $2 AND address_key = $3 AND reason = ANY($4)",
            )
            .bind(organisation.uuid())
            .bind(channel.as_str())
            .bind(address_key(address))
            .bind(released)
            .execute(self.db().connection())
            .await?;
        if done.rows_affected() > 0 {
            self.audit(actor, "address_released", channel, "").await?;
        }
        Ok(())
    }
}
