//! The queue: what is claimed, renewed, given back, and what waits.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::state::{BatchRow, ClaimRow, DeliveryRow};
use super::transaction::{DeliveryKey, Transaction, delta};
use crate::decision::pace::{Pace, Rooms, Slots};
use crate::machine::delivery::DeliveryEvent;
use crate::model::batch::BatchState;
use crate::model::delivery::DeliveryState;
use crate::model::id::{ClaimToken, DeliveryId, OrganisationId};
use crate::model::metrics::Metrics;
use crate::model::sender::{PauseKind, SenderPause, matching};
use crate::policy::Policy;
use crate::port::bell::Rings;
use crate::port::error::PortResult;
use crate::port::queue::{
    Begin, Begun, Claim, Claimed, ClaimedDelivery, Queue, Record, Reported, ReserveSends, Waiting,
};

#[async_trait]
impl Queue for MemoryStore {
    async fn claim(&self, claim: Claim) -> PortResult<Claimed> {
        self.transact_with(claim.policy.clone(), |transaction| transaction.claim(&claim))
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        self.transact(|transaction| claims.into_iter().map(|token| transaction.renew(token, lease)).collect())
    }

    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>> {
        self.transact_with(begin.policy, |transaction| {
            begin.deliveries.into_iter().map(|wish| transaction.begin(begin.token, wish)).collect()
        })
    }

    async fn record(&self, record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        self.transact_with(record.policy, |transaction| {
            record.outcomes.into_iter().map(|outcome| transaction.record(outcome)).collect()
        })
    }

    async fn reserve_sends(&self, reserve: ReserveSends) -> PortResult<Slots> {
        self.transact(|transaction| {
            let before = transaction.state.paces.get(&reserve.sender).copied();
            let (slots, pace) = Pace::reserve(before, reserve.rate, reserve.wanted, transaction.now);
            transaction.state.paces.insert(reserve.sender, pace);
            slots
        })
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        self.transact(|transaction| {
            for id in deliveries {
                if let Some(key) = transaction.held(claim, id, DeliveryState::Claimed) {
                    transaction.step(key, DeliveryEvent::Release);
                }
            }
        })
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        self.transact_with(policy, |transaction| {
            reports.into_iter().map(|reported| transaction.report(reported)).collect()
        })
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        self.transact(|transaction| transaction.waiting())
    }

    async fn listen(&self) -> Rings {
        self.bell.listen()
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        self.transact(|transaction| transaction.metrics())
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        self.transact_with(policy, |transaction| transaction.sweep(limit))
    }
}

/// What the senders' pauses say about a message.
pub(super) enum Way {
    Free,
    /// It may go as the one message that is tried on these blocked senders.
    Probe(Vec<String>),
    /// Not before then, unless a block is removed; not at all where a hand stopped it.
    Stopped(Option<DateTime<Utc>>),
}

impl Transaction<'_> {
    fn claim(&mut self, claim: &Claim) -> Claimed {
        self.take_back_lapsed();
        let now = self.now;
        self.state.pauses.retain(|_, pause| pause.kind == PauseKind::Blocked || pause.stops(now));
        let mut rooms = self.rooms();
        let suspect = if claim.limit == 0 { None } else { self.due_suspect(&mut rooms) };
        let alone = suspect.is_some();
        let keys = suspect.map_or_else(|| self.due(claim.limit, &mut rooms), |key| vec![key]);
        let room_in = if keys.is_empty() { rooms.opens_in() } else { None };

        let token = ClaimToken::new();
        let mut deliveries = Vec::with_capacity(keys.len());
        for key in &keys {
            self.step(*key, DeliveryEvent::Claim);
            let row = self.state.deliveries.get_mut(key).expect("it was due");
            row.claim = Some(token);
            deliveries.push(self.claimed(*key));
        }
        if !keys.is_empty() {
            let deliveries = keys.into_iter().collect();
            let lease_until = now + delta(claim.lease);
            self.state.claims.insert(token, ClaimRow { lease_until, alone, deliveries });
        }
        Claimed { token, alone, deliveries, room_in }
    }

    fn claimed(&self, key: DeliveryKey) -> ClaimedDelivery {
        let row = self.delivery(key);
        ClaimedDelivery {
            id: key.1,
            organisation: key.0,
            batch: row.batch,
            user: row.user,
            channel: row.channel,
            invitation: row.invitation,
            credential: self.wish(key),
        }
    }

    /// Takes back what workers hold whose lease has lapsed; gives how many messages.
    pub(super) fn take_back_lapsed(&mut self) -> u64 {
        let lapsed = self.state.claims.values().filter(|claim| claim.lease_until <= self.now);
        let lapsed: Vec<ClaimRow> = lapsed.cloned().collect();
        let mut taken = 0;
        for ClaimRow { alone, deliveries, .. } in lapsed {
            for key in deliveries {
                self.lose(key, alone);
                taken += 1;
            }
        }
        taken
    }

    fn renew(&mut self, token: ClaimToken, lease: Duration) -> bool {
        let now = self.now;
        match self.state.claims.get_mut(&token) {
            Some(claim) if claim.lease_until > now => {
                claim.lease_until = now + delta(lease);
                true
            }
            _ => false,
        }
    }

    /// The key of a message that this claim holds in this state.
    pub(super) fn held(
        &self,
        token: ClaimToken,
        id: DeliveryId,
        state: DeliveryState,
    ) -> Option<DeliveryKey> {
        let organisation = self.state.delivery_organisations.get(&id)?;
        let key = (*organisation, id);
        let row = self.delivery(key);
        (row.claim == Some(token) && row.standing.state == state).then_some(key)
    }

    fn rooms(&self) -> Rooms {
        let rooms = self.state.paces.iter().map(|(sender, pace)| (sender.clone(), pace.room(self.now)));
        Rooms::new(rooms.collect())
    }

    fn due_suspect(&mut self, rooms: &mut Rooms) -> Option<DeliveryKey> {
        let due = self.state.suspects.iter().take_while(|(due_at, ..)| *due_at <= self.now);
        let due: Vec<DeliveryKey> = due.map(|(_, organisation, id)| (*organisation, *id)).collect();
        due.into_iter().find(|key| {
            let row = self.delivery(*key);
            let batch = self.batch_row(key.0, row.batch);
            if !self.sends(batch) || batch.pilot_until.is_some_and(|until| key.1 > until) {
                return false;
            }
            match self.way(row) {
                Way::Free => !rooms.is_shut(&row.sender),
                Way::Probe(blocks) => {
                    self.set_next_probe(blocks);
                    true
                }
                Way::Stopped(_) => false,
            }
        })
    }

    /// At most `limit` messages that are due: probes first, then of each organisation in turn, going on where the last
    /// claim ended.
    fn due(&mut self, limit: usize, rooms: &mut Rooms) -> Vec<DeliveryKey> {
        let Candidates { probes: mut chosen, blocks, free } = self.candidates(limit, rooms);
        self.set_next_probe(blocks);
        let mut turns: VecDeque<_> =
            free.into_iter().map(|(organisation, queue)| (organisation, queue.into_iter())).collect();
        if let Some(last) = self.state.last_served {
            let served = turns.iter().take_while(|(organisation, _)| *organisation <= last).count();
            turns.rotate_left(served);
        }
        while chosen.len() < limit
            && let Some((organisation, mut queue)) = turns.pop_front()
        {
            let fits =
                |(_, id): &(_, DeliveryId)| rooms.take(&self.delivery((organisation, *id)).sender, 1) == 1;
            if let Some((_, id)) = queue.find(fits) {
                chosen.push((organisation, id));
                self.state.last_served = Some(organisation);
                turns.push_back((organisation, queue));
            }
        }
        chosen
    }

    /// At most `limit` messages that are due of each organisation, the earliest first, and a probe for each blocked
    /// sender whose turn it is.
    fn candidates(&self, limit: usize, rooms: &mut Rooms) -> Candidates {
        let mut candidates = Candidates::default();
        let mut ways = HashMap::new();
        // What each organisation could take of each sender's room, were it alone.
        let mut shares: HashMap<OrganisationId, Rooms> = HashMap::new();
        for (organisation, id) in &self.state.going_on {
            let share = shares.entry(*organisation).or_insert_with(|| rooms.clone());
            let batch = self.batch_row(*organisation, *id);
            if !self.sends(batch) {
                continue;
            }
            let mut free = Vec::new();
            for (due_at, id) in self.queued(*organisation, batch) {
                if free.len() == limit {
                    break;
                }
                let row = self.delivery((*organisation, id));
                let stopper = (&row.sender, &row.account, &row.destination);
                match ways.entry(stopper).or_insert_with(|| self.way(row)) {
                    Way::Free if rooms.is_shut(&row.sender) => {}
                    Way::Free if share.take(&row.sender, 1) == 0 => {}
                    Way::Free => free.push((due_at, id)),
                    Way::Stopped(_) => {}
                    Way::Probe(blocks) => {
                        let tried = blocks.iter().any(|block| candidates.blocks.contains(block));
                        if !tried && candidates.probes.len() < limit {
                            candidates.probes.push((*organisation, id));
                            candidates.blocks.extend(blocks.iter().cloned());
                        }
                    }
                }
            }
            candidates.free.entry(*organisation).or_default().append(&mut free);
        }
        for queue in candidates.free.values_mut() {
            queue.sort_unstable();
            queue.truncate(limit);
        }
        candidates
    }

    /// The messages of a batch that are due, the earliest first; of one that goes to its pilot only, those of the pilot in
    /// order of id, so that the rest, which may be many, is not gone through.
    pub(super) fn queued<'a>(
        &'a self,
        organisation: OrganisationId,
        batch: &'a BatchRow,
    ) -> Box<dyn Iterator<Item = (DateTime<Utc>, DeliveryId)> + 'a> {
        let Some(until) = batch.pilot_until else {
            return Box::new(batch.queue.iter().copied().take_while(|(due_at, _)| *due_at <= self.now));
        };
        let due = move |id: &DeliveryId| {
            let standing = &self.delivery((organisation, *id)).standing;
            let due = standing.state == DeliveryState::Queued && standing.due_at <= self.now;
            (due && !standing.suspect).then_some((standing.due_at, *id))
        };
        Box::new(batch.deliveries.range(..=until).filter_map(due))
    }

    fn set_next_probe(&mut self, blocks: impl IntoIterator<Item = String>) {
        let next_at = self.now + delta(self.policy.probe_every);
        for block in blocks {
            if let Some(pause) = self.state.pauses.get_mut(&block) {
                pause.next_at = Some(next_at);
            }
        }
    }

    /// Whether a batch's messages may leave now.
    pub(super) fn sends(&self, row: &BatchRow) -> bool {
        let held = row.batch.confirmed.as_ref().is_none_or(|confirmed| confirmed.not_before > self.now);
        row.batch.state == BatchState::Running && !held
    }

    pub(super) fn way(&self, row: &DeliveryRow) -> Way {
        if self.state.pauses.is_empty() {
            return Way::Free;
        }
        let keys = matching(&row.sender, &row.account, &row.destination);
        let there = || keys.iter().filter_map(|key| self.state.pauses.get(key));
        let until = SenderPause::stopped(there().filter(|pause| pause.stops(self.now)), self.now);
        let blocks: Vec<String> = there()
            .filter(|pause| pause.kind == PauseKind::Blocked)
            .map(|pause| pause.covers.key())
            .collect();
        match until {
            Some(until) => Way::Stopped(until),
            None if blocks.is_empty() => Way::Free,
            None => Way::Probe(blocks),
        }
    }

    fn waiting(&self) -> Waiting {
        let mut waiting = Waiting {
            leased: self.state.claims.values().map(|claim| claim.deliveries.len() as u64).sum(),
            ..Waiting::default()
        };
        let mut next_at: Option<DateTime<Utc>> = None;
        let mut tried = BTreeSet::new();
        let suspects = self.state.suspects.iter().map(|(_, organisation, id)| (*organisation, *id));
        let queued = self.state.going_on.iter().flat_map(|(organisation, batch)| {
            self.batch_row(*organisation, *batch).queue.iter().map(|(_, id)| (*organisation, *id))
        });
        for key in queued.chain(suspects) {
            let row = self.delivery(key);
            let batch = &self.batch_row(key.0, row.batch).batch;
            let Some(confirmed) = &batch.confirmed else { continue };
            let until = self.batch_row(key.0, row.batch).pilot_until;
            let beyond_pilot = until.is_some_and(|until| key.1 > until);
            let from = match (batch.state, self.way(row)) {
                (BatchState::Running | BatchState::Paused, _) if beyond_pilot => None,
                (BatchState::Running, Way::Stopped(until)) => until,
                // Of a blocked sender one message goes now; the others wait for what becomes of it.
                (BatchState::Running, Way::Probe(blocks)) => {
                    let first = !blocks.iter().any(|block| tried.contains(block));
                    tried.extend(blocks);
                    first.then_some(self.now)
                }
                (BatchState::Running, Way::Free) => Some(self.now),
                (BatchState::Paused, _) => None,
                _ => continue,
            };
            let from = from.map(|from| from.max(row.standing.due_at).max(confirmed.not_before));
            if from.is_some_and(|from| from <= self.now) {
                waiting.due += 1;
            } else {
                waiting.later += 1;
                next_at = [next_at, from].into_iter().flatten().min();
            }
        }
        waiting.next_in = next_at.map(|at| (at - self.now).to_std().unwrap_or_default());
        waiting
    }
}

#[derive(Default)]
struct Candidates {
    probes: Vec<DeliveryKey>,
    /// The blocks that the probes are to try.
    blocks: BTreeSet<String>,
    free: BTreeMap<OrganisationId, Vec<(DateTime<Utc>, DeliveryId)>>,
}
