//! One lane of a worker: claim a group, prepare it, begin it in small parts, send.
//!
//! Two lanes run side by side, so that one hashes while the other talks to the database.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, RwLock, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, instrument};

use super::hand_over::{Departure, hand_over};
use super::lease::{Lease, Leave};
use super::paced::Turn;
use super::ports::Ports;
use super::ready::{Prepared, Ready, parts};
use super::recorder::Finished;
use super::report::Tally;
use super::stop::Stop;
use crate::credential::{MintOrder, mint_all};
use crate::decision::begin::Take;
use crate::decision::quiet_hours::waits_until;
use crate::model::batch::Batch;
use crate::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use crate::model::message::Channel;
use crate::model::organisation::Organisation;
use crate::model::user::User;
use crate::port::error::{PortError, PortErrorKind, PortResult};
use crate::port::queue::{Begin, Begun, Claim, ClaimedDelivery, HandOverResult, Waiting};
use crate::port::senders::Sender;
use crate::service::invites::Inner;

/// So many batches a worker remembers.
const BATCHES: usize = 32;
/// So often a message is minted and begun again when another worker was faster.
const MINT_AGAIN: usize = 3;

/// What a lane shares with the other lanes of its worker.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) inner: Arc<Inner>,
    pub(super) ports: Ports,
    pub(super) worker: String,
    /// So many messages are with transports at once, in all lanes.
    pub(super) sends: Arc<Semaphore>,
    pub(super) concurrency: usize,
    /// How often it looks for work when nothing rings.
    pub(super) poll: Duration,
    /// So many messages wait for the slots of their senders, in all lanes.
    pub(super) paced: Arc<Semaphore>,
    /// Groups share it; a suspect takes it alone.
    pub(super) gate: Arc<RwLock<()>>,
    /// One lane claims at a time, and keeps its turn until its suspect is alone: a second suspect, held meanwhile by
    /// the other lane, would share the blame for a death that it had no part in.
    pub(super) turn: Arc<Mutex<()>>,
    /// Batches whose messages this worker has had: what a message needs of its batch never changes, and a batch of many
    /// people who were ticked one by one is long to read.
    pub(super) batches: Arc<Mutex<HashMap<BatchId, Arc<Batch>>>>,
    pub(super) outcomes: mpsc::Sender<Finished>,
    pub(super) tally: Arc<Tally>,
}

/// What a lane found to do.
pub(super) enum Found {
    Work,
    /// Nothing; senders with something due have room again in so long.
    Nothing(Option<Duration>),
}

impl Shared {
    /// Claims and works on one group, if there is one; its hand-overs go on in `departures`.
    pub(super) async fn group(&self, departures: &mut JoinSet<()>, stop: &Stop) -> PortResult<Found> {
        let policy = &self.inner.policy;
        let turn = self.turn.lock().await;
        let shared = self.gate.clone().read_owned().await;
        let asked_at = Instant::now();
        let limit = self.concurrency.max(1);
        let claim = Claim { worker: self.worker.clone(), limit, lease: policy.lease, policy: policy.clone() };
        // One that was given up and had been done holds messages that nobody knows of: their lease lapses.
        let claimed = self.ports.store("claim messages", self.inner.store.claim(claim)).await?;
        if claimed.deliveries.is_empty() {
            return Ok(Found::Nothing(claimed.room_in));
        }
        let times = (policy.lease, policy.renewal);
        let store = (self.inner.store.clone(), self.ports.clone());
        let lease = if claimed.alone {
            // Renewed while it waits for the others to be done.
            drop(shared);
            let waiting = Lease::hold(claimed.token, asked_at, times, store, Leave::Waiting);
            let alone = self.gate.clone().write_owned().await;
            waiting.with(Leave::Alone(alone))
        } else {
            Lease::hold(claimed.token, asked_at, times, store, Leave::Shared(shared))
        };
        drop(turn);
        let ids: Vec<DeliveryId> = claimed.deliveries.iter().map(|delivery| delivery.id).collect();
        match self.prepare(claimed.deliveries).await {
            Ok(prepared) => self.send_all(prepared, &lease, departures, stop).await,
            Err(error) => {
                self.release(&lease, ids).await;
                Err(error)
            }
        }?;
        Ok(Found::Work)
    }

    async fn send_all(
        &self,
        prepared: Vec<Prepared>,
        lease: &Arc<Lease>,
        departures: &mut JoinSet<()>,
        stop: &Stop,
    ) -> PortResult<()> {
        let mut left = parts(prepared, self.concurrency.clamp(1, 16)).into_iter();
        while let Some(part) = left.next() {
            let ids: Vec<DeliveryId> = part.iter().map(|one| one.delivery.id).collect();
            let too_late = stop.is_told() || !lease.stands(self.inner.policy.margin());
            let sent = if too_late { Ok(()) } else { self.send_part(part, lease, departures, stop).await };
            if too_late || sent.is_err() {
                let rest = left.flatten().map(|one| one.delivery.id);
                self.release(lease, ids.into_iter().chain(rest).collect()).await;
                return sent;
            }
        }
        Ok(())
    }

    /// Has as many begun as are sent at once: now, or when it is their turn.
    async fn send_part(
        &self,
        part: Vec<Prepared>,
        lease: &Arc<Lease>,
        departures: &mut JoinSet<()>,
        stop: &Stop,
    ) -> PortResult<()> {
        let rate = part.first().and_then(|one| one.sender.rate);
        let part = part.into_iter().map(Ready::new).collect();
        match rate {
            None => self.begin(part, lease, departures).await,
            Some(rate) => self.pace(part, rate, lease, departures, stop).await,
        }
    }

    /// Mints, begins and hands over.
    #[instrument(skip_all, fields(claim = %lease.token, messages = part.len()))]
    pub(super) async fn begin(
        &self,
        mut part: Vec<Ready>,
        lease: &Arc<Lease>,
        departures: &mut JoinSet<()>,
    ) -> PortResult<()> {
        for _ in 0..MINT_AGAIN {
            self.mint(&mut part).await?;
            let at_once = part.iter().filter(|ready| ready.turn.is_none()).count();
            let mut places = split(&self.sends, at_once).await.into_iter();
            if !lease.stands(self.inner.policy.margin()) {
                self.give_back(part, lease).await;
                return Ok(());
            }
            let begin = Begin {
                token: lease.token,
                deliveries: part.iter_mut().map(Ready::beginning).collect(),
                policy: self.inner.policy.clone(),
            };
            let begun = self.ports.store("begin messages", self.inner.store.begin(begin)).await;
            let begun = match begun {
                Ok(begun) => begun,
                Err(error) => {
                    self.never_called(&part, lease, &error).await;
                    return Err(error);
                }
            };
            let mut again = Vec::new();
            for (Ready { mut one, turn, .. }, begun) in part.into_iter().zip(begun) {
                let turn = turn.unwrap_or_else(|| Turn::Now(places.next().expect("one for each at once")));
                match begun {
                    Begun::Go(hand_over) => {
                        let Prepared { organisation, batch, sender, .. } = one;
                        let lease = lease.clone();
                        let departure =
                            Departure { hand_over: *hand_over, organisation, batch, sender, lease };
                        let span = tracing::info_span!("hand_over", organisation = %one.delivery.organisation, batch = %one.delivery.batch, delivery = %one.delivery.id);
                        departures.spawn(self.depart(departure, turn).instrument(span));
                    }
                    Begun::Stopped(reason) => {
                        tracing::debug!(delivery = %one.delivery.id, %reason, "not sent");
                        self.tally.cancelled();
                    }
                    Begun::PutOff(cause) => {
                        tracing::debug!(delivery = %one.delivery.id, %cause, "put off");
                        self.tally.put_off();
                    }
                    Begun::Mint(generation, salt) => {
                        if let Some(credential) = &mut one.delivery.credential {
                            credential.salt = salt;
                        }
                        again.push(Ready {
                            one,
                            take: Some(Take::Mint(generation)),
                            minted: None,
                            turn: turn.kept(),
                        });
                    }
                    Begun::Released | Begun::Fenced => {}
                }
            }
            if again.is_empty() {
                return Ok(());
            }
            part = again;
        }
        self.give_back(part, lease).await;
        Ok(())
    }

    /// Hands a message over when it is its turn, and its outcome to the recorder.
    fn depart(&self, departure: Departure, turn: Turn) -> impl Future<Output = ()> + Send + use<> {
        let (inner, ports, outcomes) = (self.inner.clone(), self.ports.clone(), self.outcomes.clone());
        async move {
            let result = hand_over(&departure, turn, &inner, &ports).await;
            let Departure { hand_over, lease, .. } = departure;
            // The recorder outlives every hand-over.
            let _ = outcomes.send(Finished { id: hand_over.id, result, lease }).await;
        }
    }

    /// Messages whose beginning got no answer may have begun: nobody hands them over, and it is recorded that their
    /// transport was not called. Where nothing had begun that changes nothing.
    async fn never_called(&self, part: &[Ready], lease: &Arc<Lease>, error: &PortError) {
        if error.kind() != PortErrorKind::Unavailable {
            return;
        }
        for ready in part {
            let (id, lease) = (ready.one.delivery.id, lease.clone());
            // The recorder outlives every lane.
            let _ = self.outcomes.send(Finished { id, result: HandOverResult::NotCalled, lease }).await;
        }
    }

    /// Mints what is to be minted and was not yet.
    pub(super) async fn mint(&self, part: &mut [Ready]) -> PortResult<()> {
        let wanting = part.iter_mut().filter_map(|ready| Some((ready.order()?, ready)));
        let (orders, wanting): (Vec<MintOrder>, Vec<&mut Ready>) = wanting.unzip();
        let minted = mint_all(orders, &self.inner.hasher, &self.inner.key).await;
        for (ready, minted) in wanting.into_iter().zip(minted) {
            ready.minted = Some(minted.map_err(|error| {
                PortError::new(PortErrorKind::Unavailable, "mint a credential").caused_by(error)
            })?);
        }
        Ok(())
    }

    /// What is in the queue.
    pub(super) async fn waiting(&self) -> PortResult<Waiting> {
        self.ports.store("count what waits", self.inner.store.waiting()).await
    }

    /// Gives messages back to the queue.
    pub(super) async fn give_back(&self, part: Vec<Ready>, lease: &Arc<Lease>) {
        if !part.is_empty() {
            self.release(lease, part.into_iter().map(|ready| ready.one.delivery.id).collect()).await;
        }
    }

    /// As [`give_back`](Self::give_back). When that fails, their lease lapses and they come back by themselves.
    pub(super) async fn release(&self, lease: &Arc<Lease>, ids: Vec<DeliveryId>) {
        let release = self.inner.store.release(lease.token, ids);
        if let Err(error) = self.ports.store("give messages back", release).await {
            tracing::debug!(claim = %lease.token, %error, "not given back");
            self.ports.tell(&error);
        }
    }

    /// Fresh facts, settings and senders for a group: one question for each organisation.
    async fn prepare(&self, deliveries: Vec<ClaimedDelivery>) -> PortResult<Vec<Prepared>> {
        let mut people: HashMap<(OrganisationId, UserId), User> = HashMap::new();
        let mut organisations: HashMap<OrganisationId, Arc<Organisation>> = HashMap::new();
        let mut batches = self.batches.lock().await;
        if batches.len() > BATCHES {
            batches.clear();
        }
        let mut senders: HashMap<(OrganisationId, Channel), Sender> = HashMap::new();
        for organisation in deliveries.iter().map(|delivery| delivery.organisation) {
            let Entry::Vacant(place) = organisations.entry(organisation) else { continue };
            let settings = self.inner.store.organisation(organisation);
            let settings = self.ports.store("look up an organisation", settings).await?;
            place.insert(Arc::new(settings.ok_or_else(|| gone("organisation"))?));
            let users: Vec<UserId> = deliveries
                .iter()
                .filter(|one| one.organisation == organisation)
                .map(|one| one.user)
                .collect();
            let facts = self.inner.accounts.facts(organisation, users.clone());
            let facts = self.ports.people(facts).await?;
            people
                .extend(users.iter().zip(facts).filter_map(|(id, user)| Some(((organisation, *id), user?))));
        }
        let texts = deliveries.iter().any(|delivery| delivery.channel == Channel::Sms);
        let now = if texts {
            Some(self.ports.store("read the clock", self.inner.store.now()).await?)
        } else {
            None
        };
        let mut prepared = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let organisation = organisations[&delivery.organisation].clone();
            if let Entry::Vacant(place) = batches.entry(delivery.batch) {
                let batch = self.inner.store.batch(delivery.organisation, delivery.batch);
                let batch = self.ports.store("look up a batch", batch).await?;
                place.insert(Arc::new(batch.ok_or_else(|| gone("batch"))?));
            }
            let key = (delivery.organisation, delivery.channel);
            if let Entry::Vacant(place) = senders.entry(key) {
                let sender = self.inner.senders.sender(organisation.clone(), delivery.channel);
                let sender = self.ports.senders(sender).await?;
                place.insert(sender.ok_or_else(|| no_sender(delivery.channel))?);
            }
            let user = people.get(&(delivery.organisation, delivery.user)).cloned();
            let settings = &organisation.settings;
            let at_night = now
                .zip(user.as_ref())
                .is_some_and(|(now, user)| waits_until(delivery.channel, user, settings, now).is_some());
            prepared.push(Prepared {
                user,
                at_night,
                organisation,
                batch: batches[&delivery.batch].clone(),
                sender: senders[&key].clone(),
                delivery,
            });
        }
        Ok(prepared)
    }
}

/// As many permits, all at once: two lanes that gathered them one by one would wait for each other's.
pub(super) async fn split(semaphore: &Arc<Semaphore>, count: usize) -> Vec<OwnedSemaphorePermit> {
    let all = semaphore.clone().acquire_many_owned(u32::try_from(count).expect("a part is small"));
    let mut all = all.await.expect("the semaphore is never closed");
    (0..count).map(|_| all.split(1).expect("as many as were acquired")).collect()
}

fn gone(what: &str) -> PortError {
    PortError::new(PortErrorKind::Corrupt, format!("look up the {what} of a message"))
}

fn no_sender(channel: Channel) -> PortError {
    PortError::new(
        PortErrorKind::Refused,
        format!("find what to send {channel} with: give the builder a transport for this channel"),
    )
}
