//! Messages of senders with a rate: each waits for a slot that all workers on the store share out among themselves.
//!
//! They wait beside the lane, which goes on with what other senders have. Shortly before their slots a few of them are
//! begun together, and each calls its transport at its own slot. One that comes too late for it takes another.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::lane::{Shared, split};
use super::lease::Lease;
use super::ports::Ports;
use super::ready::Ready;
use super::stop::Stop;
use crate::decision::pace::LATE;
use crate::model::rate::Rate;
use crate::model::sender::SenderKey;
use crate::port::InvitationStore;
use crate::port::error::PortResult;
use crate::port::queue::ReserveSends;

/// So long before the first of their slots messages are begun: what beginning and rendering take.
const LEAD: Duration = Duration::from_millis(30);
/// Messages whose slots are within this are begun together.
const TOGETHER: Duration = Duration::from_millis(25);
/// So long before its slot a message takes its place at the transports.
const READY: Duration = Duration::from_millis(5);
/// So many slots a message that was begun may miss before it goes back to the queue.
const SLOTS: usize = 8;

/// When a message that was begun calls its transport.
pub(super) enum Turn {
    /// At once: it has its place at the transports.
    Now(OwnedSemaphorePermit),
    /// At its slot.
    At(Slot),
}

/// A reserved slot of a sender with a rate.
pub(super) struct Slot {
    at: Instant,
    sender: SenderKey,
    rate: Rate,
    /// Held until it has its place at the transports.
    waiting: OwnedSemaphorePermit,
    sends: Arc<Semaphore>,
}

impl Turn {
    /// What a message keeps that has to be begun again: its slot, and no place at the transports.
    pub(super) fn kept(self) -> Option<Self> {
        matches!(self, Self::At(_)).then_some(self)
    }

    /// Waits for the turn; gives the place at the transports, or none where the turn never comes.
    pub(super) async fn come(
        self,
        store: &dyn InvitationStore,
        ports: &Ports,
    ) -> Option<OwnedSemaphorePermit> {
        match self {
            Self::Now(place) => Some(place),
            Self::At(slot) => slot.come(store, ports).await,
        }
    }
}

impl Slot {
    async fn come(self, store: &dyn InvitationStore, ports: &Ports) -> Option<OwnedSemaphorePermit> {
        let Self { mut at, sender, rate, waiting, sends } = self;
        sleep_until(at - READY).await;
        let place = sends.acquire_owned().await.expect("the semaphore is never closed");
        drop(waiting);
        for _ in 0..SLOTS {
            sleep_until(at).await;
            if at.elapsed() <= LATE {
                return Some(place);
            }
            let another = ReserveSends { sender: sender.clone(), rate, wanted: 1 };
            at = match slots(store, ports, another).await {
                Ok(slots) => *slots.first()?,
                Err(error) => {
                    tracing::debug!(%sender, %error, "no slot reserved");
                    ports.tell(&error);
                    return None;
                }
            };
        }
        None
    }
}

impl Shared {
    /// Mints for messages of one sender, reserves their slots and has them begun at those, in `departures`. Those that
    /// get none are given back.
    pub(super) async fn pace(
        &self,
        mut part: Vec<Ready>,
        rate: Rate,
        lease: &Arc<Lease>,
        departures: &mut JoinSet<()>,
        stop: &Stop,
    ) -> PortResult<()> {
        self.mint(&mut part).await?;
        let waiting = split(&self.paced, part.len()).await;
        let sender = part[0].one.sender.key.clone();
        let wish = ReserveSends { sender: sender.clone(), rate, wanted: part.len() };
        let slots = slots(&*self.inner.store, &self.ports, wish).await?;
        self.give_back(part.split_off(slots.len()), lease).await;
        let mut together = Vec::new();
        let mut first = None;
        for ((mut ready, at), waiting) in part.into_iter().zip(slots).zip(waiting) {
            if first.is_some_and(|first| at >= first + TOGETHER) {
                let part = std::mem::take(&mut together);
                departures.spawn(self.clone().begin_in_time(part, first, lease.clone(), stop.clone()));
                first = None;
            }
            first.get_or_insert(at);
            let (sender, sends) = (sender.clone(), self.sends.clone());
            ready.turn = Some(Turn::At(Slot { at, sender, rate, waiting, sends }));
            together.push(ready);
        }
        departures.spawn(self.clone().begin_in_time(together, first, lease.clone(), stop.clone()));
        Ok(())
    }

    /// Begins messages shortly before the first of their slots and sees them off.
    async fn begin_in_time(self, part: Vec<Ready>, first: Option<Instant>, lease: Arc<Lease>, stop: Stop) {
        let Some(first) = first else { return };
        tokio::select! {
            () = sleep_until(first - LEAD) => {}
            () = stop.told() => return self.give_back(part, &lease).await,
        }
        let ids = part.iter().map(|ready| ready.one.delivery.id).collect();
        let mut departures = JoinSet::new();
        if let Err(error) = self.begin(part, &lease, &mut departures).await {
            tracing::debug!(claim = %lease.token, %error, "not begun");
            self.ports.tell(&error);
            self.release(&lease, ids).await;
        }
        while departures.join_next().await.is_some() {}
    }
}

/// Reserves slots; gives their instants by the worker's own clock, on the safe side by what the answer took.
async fn slots(store: &dyn InvitationStore, ports: &Ports, wish: ReserveSends) -> PortResult<Vec<Instant>> {
    let slots = ports.store("reserve slots", store.reserve_sends(wish)).await?;
    let first = Instant::now() + slots.first;
    Ok((0..slots.count).zip(0_u32..).map(|(_, number)| first + slots.spacing * number).collect())
}
