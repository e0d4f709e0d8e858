//! Giving work to workers, fairly between organisations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::db::Db;
use invite_core::decision::pace::Rooms;
use invite_core::machine::delivery::DeliveryEvent;
use invite_core::model::id::{BatchId, ClaimToken, DeliveryId, OrganisationId};
use invite_core::model::sender::{Covers, PauseKind, SenderKey, SenderPause, matching};
use invite_core::port::queue::{Claim, Claimed, ClaimedDelivery, CredentialWish};
use sqlx::postgres::PgRow;

use crate::alone::Alone;
use crate::deliveries::{Delivery, deliveries};
use crate::error::Step;
use crate::invitations::Begun;
use crate::rows::{At, Columns, Key, delta, limit, uuids};
use crate::write::Write;

/// At most so many lapsed leases are taken back by one claim, so that no claim takes long.
const LAPSED_AT_ONCE: i64 = 1000;

impl Write {
    /// Takes back what has lapsed and gives what is due.
    pub(crate) async fn claim(&mut self, claim: &Claim) -> Step<Claimed> {
        self.take_back_lapsed(LAPSED_AT_ONCE).await?;
        self.look_at_the_clock().await?;
        let stops = self.stops().await?;
        let mut rooms = self.rooms().await?;
        let suspect = if claim.limit == 0 { None } else { self.due_suspect(&stops, &mut rooms).await? };
        let alone = suspect.is_some();
        let ids = match suspect {
            Some(suspect) => vec![suspect],
            None => self.due(claim.limit, &stops, &mut rooms).await?,
        };
        let room_in = if ids.is_empty() { rooms.opens_in() } else { None };
        let token = ClaimToken::new();
        let deliveries = self.give(ids, token, alone, claim).await?;
        Ok(Claimed { token, alone, deliveries, room_in })
    }

    /// What stops senders now; throttles that are over are removed. Blocks whose sender is to be tried are tried by one
    /// claim at a time.
    async fn stops(&mut self) -> Step<Stops> {
        let now = self.now;
        let to_be_tried = |pauses: &BTreeMap<String, SenderPause>| {
            pauses.values().any(|pause| pause.kind == PauseKind::Blocked && !pause.stops(now))
        };
        let mut pauses = pauses(self.db()).await?;
        if pauses.values().any(|pause| pause.kind == PauseKind::Throttled && !pause.stops(now)) {
            self.end_throttles().await?;
        }
        let tries = to_be_tried(&pauses) && self.db().try_alone(Alone::ChangingSenders).await?;
        if tries {
            pauses = crate::claim::pauses(self.db()).await?;
        }
        Ok(Stops { pauses, tries })
    }

    /// Removes the throttles that are over.
    async fn end_throttles(&mut self) -> Step<()> {
        self.query(
            "DELETE FROM invite.sender_pause WHERE pause_key IN (
                 SELECT pause_key FROM invite.sender_pause
                 WHERE kind = 'throttled' AND next_at <= $1 FOR UPDATE SKIP LOCKED)",
        )
        .bind(self.now)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    async fn give(
        &mut self,
        ids: Vec<DeliveryId>,
        token: ClaimToken,
        alone: bool,
        claim: &Claim,
    ) -> Step<Vec<ClaimedDelivery>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let place: HashMap<_, _> = ids.iter().zip(0..).map(|(id, place)| (*id, place)).collect();
        let mut rows = deliveries(self.db(), ids).await?;
        rows.sort_by_key(|delivery| place.get(&delivery.id).copied().unwrap_or(usize::MAX));
        let lease_until = self.now + delta(claim.lease);
        for delivery in &mut rows {
            self.step(delivery, DeliveryEvent::Claim);
            delivery.token = Some(token);
            delivery.lease_until = Some(lease_until);
            delivery.alone = alone;
        }
        self.save_deliveries(&rows).await?;
        let keys = rows.iter().map(|delivery| (delivery.organisation, delivery.invitation));
        let begun = Begun::read(self.db(), keys).await?;
        Ok(rows.iter().map(|delivery| claimed(delivery, &begun, self.now)).collect())
    }

    /// A suspect that is due. It may be the one message by which a blocked sender is tried.
    async fn due_suspect(&mut self, stops: &Stops, rooms: &mut Rooms) -> Step<Option<DeliveryId>> {
        let mut shut: Vec<String> = Vec::new();
        loop {
            let row = self
                .query(include_str!("sql/due_suspect.sql"))
                .bind(self.now)
                .bind(stops.tries)
                .bind(shut.clone())
                .fetch_optional(self.db().connection())
                .await?;
            let Some(row) = row else { return Ok(None) };
            let sender = SenderKey(row.text("sender")?);
            if rooms.is_shut(&sender) {
                shut.push(sender.0);
                continue;
            }
            let id = row.id("id")?;
            if stops.tries {
                self.set_next_probes(id).await?;
            }
            return Ok(Some(id));
        }
    }

    /// What is due: one message of each blocked sender that is to be tried, and then the rest.
    async fn due(&mut self, most: usize, stops: &Stops, rooms: &mut Rooms) -> Step<Vec<DeliveryId>> {
        let mut taken = if stops.tries { self.probes(most).await? } else { Vec::new() };
        let mut lanes = self.due_lanes(stops, rooms).await?;
        let Some((turn, mut organisations)) = self.in_turn(&mut lanes).await? else { return Ok(taken) };
        let mut last = turn;
        while taken.len() < most && !organisations.is_empty() {
            let share = (most - taken.len()).div_ceil(organisations.len());
            let mut left = Vec::new();
            for (organisation, mut lanes) in organisations {
                let wanted = share.min(most - taken.len());
                let got = self.take(&mut lanes, wanted, rooms, &mut taken).await?;
                if got > 0 {
                    last = Some(organisation);
                }
                if got == wanted && wanted > 0 {
                    left.push((organisation, lanes));
                }
            }
            organisations = left;
        }
        if last != turn {
            self.remember_turn(last).await?;
        }
        Ok(taken)
    }

    /// Takes up to `wanted` of these lanes, as much of one as of another while they have it. How many it took.
    async fn take(
        &mut self,
        lanes: &mut Vec<Lane>,
        wanted: usize,
        rooms: &mut Rooms,
        taken: &mut Vec<DeliveryId>,
    ) -> Step<usize> {
        let mut got = 0;
        while got < wanted && !lanes.is_empty() {
            let share = (wanted - got).div_ceil(lanes.len());
            let mut left = Vec::new();
            for mut lane in std::mem::take(lanes) {
                let share = share.min(wanted - got);
                if share == 0 {
                    left.push(lane);
                    continue;
                }
                let share = rooms.take(&lane.sender, share);
                if share == 0 {
                    continue;
                }
                let ids = lane.next(self.now, self.db(), share, taken).await?;
                let all = ids.len() == share;
                rooms.give_back(&lane.sender, share - ids.len());
                got += ids.len();
                taken.extend(ids);
                if all {
                    left.push(lane);
                }
            }
            *lanes = left;
        }
        Ok(got)
    }

    /// The lanes with something due whose senders have room.
    async fn due_lanes(
        &mut self,
        stops: &Stops,
        rooms: &mut Rooms,
    ) -> Step<BTreeMap<OrganisationId, Vec<Lane>>> {
        let now = self.now;
        let rows =
            self.query(include_str!("sql/due_lanes.sql")).bind(now).fetch_all(self.db().connection()).await?;
        let mut lanes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in rows {
            let sender = SenderKey(row.text("sender")?);
            if rooms.is_shut(&sender) {
                continue;
            }
            lanes.entry(row.id("organisation")?).or_default().push(Lane {
                organisation: row.id("organisation")?,
                batch: row.id("id")?,
                pilot_until: row.maybe_id("pilot_until")?,
                number: row.plain("number")?,
                stopped: stops.destinations(&sender, now),
                sender,
            });
        }
        Ok(lanes)
    }

    /// The organisations in the order in which they are served: those after the one that was served last come first.
    async fn in_turn(
        &mut self,
        lanes: &mut BTreeMap<OrganisationId, Vec<Lane>>,
    ) -> Step<Option<(Option<OrganisationId>, Vec<(OrganisationId, Vec<Lane>)>)>> {
        if lanes.is_empty() {
            return Ok(None);
        }
        let row = self
            .query("SELECT organisation FROM invite.turn WHERE one")
            .fetch_optional(self.db().connection())
            .await?;
        let turn: Option<OrganisationId> = row.map(|row| row.id("organisation")).transpose()?;
        let mut in_turn: Vec<_> = std::mem::take(lanes).into_iter().collect();
        let first = in_turn.iter().position(|(organisation, _)| Some(*organisation) > turn).unwrap_or(0);
        in_turn.rotate_left(first);
        Ok(Some((turn, in_turn)))
    }

    /// Keeps whose turn it was. It is a hint: of two claims at the same time, neither waits for the other over it.
    async fn remember_turn(&mut self, turn: Option<OrganisationId>) -> Step<()> {
        self.query(
            "UPDATE invite.turn AS t SET organisation = $1
             FROM (SELECT one FROM invite.turn FOR UPDATE SKIP LOCKED) AS free WHERE t.one = free.one",
        )
        .bind(turn.map(Key::uuid))
        .execute(self.db().connection())
        .await?;
        // There is no row before the first turn.
        self.query(
            "INSERT INTO invite.turn (organisation) SELECT $1 WHERE NOT EXISTS (SELECT FROM invite.turn)
             ON CONFLICT DO NOTHING",
        )
        .bind(turn.map(Key::uuid))
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// One message for each block that is to be tried now.
    async fn probes(&mut self, most: usize) -> Step<Vec<DeliveryId>> {
        let now = self.now;
        let mut tried = BTreeSet::new();
        let mut probes = Vec::new();
        while probes.len() < most {
            let pauses = pauses(self.db()).await?;
            let due = pauses.into_values().find(|pause| {
                pause.kind == PauseKind::Blocked && !pause.stops(now) && !tried.contains(&pause.covers)
            });
            let Some(pause) = due else { break };
            if let Some(id) = self.probe(&pause.covers, &probes).await? {
                probes.push(id);
                self.set_next_probes(id).await?;
            }
            tried.insert(pause.covers);
        }
        Ok(probes)
    }

    async fn probe(&mut self, covers: &Covers, taken: &[DeliveryId]) -> Step<Option<DeliveryId>> {
        let (sender, account, destination) = match covers {
            Covers::Account(account) => (None, Some(account.clone()), None),
            Covers::Sender(sender) => (Some(sender.0.clone()), None, None),
            Covers::Destination(sender, destination) => {
                (Some(sender.0.clone()), None, Some(destination.clone()))
            }
        };
        let query = match &destination {
            None => self.query(include_str!("sql/probe_of_lanes.sql")),
            Some(_) => self.query(include_str!("sql/probe_of_destination.sql")),
        };
        let query = query
            .bind(self.now)
            .bind(sender.clone())
            .bind(destination.clone().or_else(|| account.clone()))
            .bind(uuids(taken.iter().copied()));
        let of_pilots = self
            .query(include_str!("sql/probe_of_pilots.sql"))
            .bind(self.now)
            .bind(sender)
            .bind(account)
            .bind(destination)
            .bind(uuids(taken.iter().copied()));
        let row = match query.fetch_optional(self.db().connection()).await? {
            None => of_pilots.fetch_optional(self.db().connection()).await?,
            found => found,
        };
        row.map(|row| row.id("id")).transpose()
    }

    /// Sets when the blocks that this message tries are tried next.
    async fn set_next_probes(&mut self, id: DeliveryId) -> Step<()> {
        for delivery in deliveries(self.db(), [id]).await? {
            let keys = matching(&delivery.sender, &delivery.account, &delivery.destination);
            let next_at = self.now + delta(self.policy.probe_every);
            let now = self.now;
            self.query(
                "UPDATE invite.sender_pause SET next_at = $1
                 WHERE pause_key = ANY($2) AND kind = 'blocked' AND next_at <= $3",
            )
            .bind(next_at)
            .bind(keys.to_vec())
            .bind(now)
            .execute(self.db().connection())
            .await?;
        }
        Ok(())
    }
}

/// What a batch has on one lane.
#[derive(Debug)]
struct Lane {
    organisation: OrganisationId,
    batch: BatchId,
    /// The last message that may leave, where it goes to its pilot only.
    pilot_until: Option<DeliveryId>,
    number: i64,
    sender: SenderKey,
    /// The destinations to which nothing goes now.
    stopped: Vec<String>,
}

impl Lane {
    /// The next messages that are due and that nobody else is taking.
    async fn next(
        &mut self,
        now: At,
        db: &mut Db,
        most: usize,
        taken: &[DeliveryId],
    ) -> Step<Vec<DeliveryId>> {
        let query = match self.pilot_until {
            None => db.query(include_str!("sql/due_of_lane.sql")),
            Some(_) => db.query(include_str!("sql/due_of_pilot.sql")),
        };
        let query = query
            .bind(now)
            .bind(self.batch.uuid())
            .bind(self.number)
            .bind(self.stopped.clone())
            .bind(limit(most))
            .bind(uuids(taken.iter().copied()));
        let query = match self.pilot_until {
            None => query,
            Some(until) => query.bind(self.organisation.uuid()).bind(until.uuid()),
        };
        let rows = query.fetch_all(db.connection()).await?;
        rows.iter().map(|row| row.id("id")).collect()
    }
}

/// What stops senders, for one claim.
struct Stops {
    pauses: BTreeMap<String, SenderPause>,
    /// Whether this claim tries senders that are blocked.
    tries: bool,
}

impl Stops {
    /// The destinations to which nothing of a sender goes.
    fn destinations(&self, of: &SenderKey, now: At) -> Vec<String> {
        let stopped = |pause: &SenderPause| match &pause.covers {
            Covers::Destination(sender, destination)
                if sender == of && (pause.kind == PauseKind::Blocked || pause.stops(now)) =>
            {
                Some(destination.clone())
            }
            _ => None,
        };
        self.pauses.values().filter_map(stopped).collect()
    }
}

/// All pauses, by their keys.
pub(crate) async fn pauses(db: &mut Db) -> Step<BTreeMap<String, SenderPause>> {
    let rows =
        db.query("SELECT * FROM invite.sender_pause ORDER BY pause_key").fetch_all(db.connection()).await?;
    rows.iter().map(|row| Ok((row.text("pause_key")?, pause(row)?))).collect()
}

/// Whether messages must be looked at by their destination, which takes longer.
pub(crate) fn stops_a_destination(pauses: &BTreeMap<String, SenderPause>) -> bool {
    pauses.values().any(|pause| matches!(pause.covers, Covers::Destination(..)))
}

fn pause(row: &PgRow) -> Step<SenderPause> {
    let kind = row.word("kind")?;
    Ok(SenderPause {
        covers: row.json("covers")?,
        kind,
        answer: row.json("answer")?,
        since: row.at("since_at")?,
        next_at: if kind == PauseKind::ByHand { None } else { Some(row.at("next_at")?) },
    })
}

fn claimed(delivery: &Delivery, begun: &Begun, now: At) -> ClaimedDelivery {
    let key = (delivery.organisation, delivery.invitation);
    let kind = delivery.credential.filter(|_| delivery.decision.wants_credential());
    ClaimedDelivery {
        id: delivery.id,
        organisation: delivery.organisation,
        batch: delivery.batch.id,
        user: delivery.user,
        channel: delivery.channel,
        invitation: delivery.invitation,
        credential: kind.map(|kind| CredentialWish {
            kind,
            take: begun.take(key, delivery.generation, now),
            salt: begun.salt(key),
        }),
    }
}
