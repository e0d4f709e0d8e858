//! What a worker is doing: written down by itself at every change, so that it can be read after it was killed.
//!
//! A file of fixed places: five counters of 32 bits, little-endian, then the ids of the messages that may be with a
//! transport, 16 octets each, nought where a place is free. Each change is one write of at most 20 octets within a
//! page, so that a kill finds it done or not begun.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use invite_core::model::id::DeliveryId;
use uuid::Uuid;

/// The steps of a message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Inside the store's `claim`.
    Claim,
    /// Claimed, and not yet in `begin`: facts are read, credentials minted and hashed.
    Mint,
    /// Inside the store's `begin`.
    Begin,
    /// Inside the transport.
    Send,
    /// Inside the store's `record`.
    Record,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] = [Self::Claim, Self::Mint, Self::Begin, Self::Send, Self::Record];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Claim => "claim",
            Self::Mint => "mint",
            Self::Begin => "begin",
            Self::Send => "send",
            Self::Record => "record",
        })
    }
}

const COUNTERS: usize = 4 * Phase::ALL.len();
const PLACES_BEGIN: usize = 32;
const PLACE: usize = 16;

/// The worker's end of the file.
#[derive(Debug)]
pub(crate) struct InFlight {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counters: [u32; Phase::ALL.len()],
    /// Claimed, and not yet in `begin`.
    prepared: HashSet<DeliveryId>,
    /// From before `begin` until `record` has answered; by place in the file.
    handed_over: Vec<Option<DeliveryId>>,
}

impl InFlight {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let in_flight = Self { file: File::create(path)?, state: Mutex::default() };
        in_flight.write_counters(&in_flight.state());
        Ok(in_flight)
    }

    /// Is in `phase` until what it gives is dropped.
    pub(crate) fn enter(&self, phase: Phase) -> Entered<'_> {
        let mut state = self.state();
        state.counters[phase as usize] += 1;
        self.write_counters(&state);
        Entered { in_flight: self, phase }
    }

    /// These were claimed, or are to be minted again.
    pub(crate) fn prepare(&self, ids: impl IntoIterator<Item = DeliveryId>) {
        let mut state = self.state();
        state.prepared.extend(ids);
        self.count_prepared(&mut state);
    }

    /// These are begun, or given back.
    pub(crate) fn prepared(&self, ids: &[DeliveryId]) {
        let mut state = self.state();
        for id in ids {
            state.prepared.remove(id);
        }
        self.count_prepared(&mut state);
    }

    /// From now on a fault may make these go twice.
    pub(crate) fn hand_over(&self, ids: &[DeliveryId]) {
        let mut state = self.state();
        for id in ids {
            let free = state.handed_over.iter().position(Option::is_none);
            let place = free.unwrap_or_else(|| {
                state.handed_over.push(None);
                state.handed_over.len() - 1
            });
            state.handed_over[place] = Some(*id);
            self.write(PLACES_BEGIN + PLACE * place, id.as_uuid().as_bytes());
        }
    }

    /// From now on it may not.
    pub(crate) fn handed_over(&self, ids: &[DeliveryId]) {
        let mut state = self.state();
        for id in ids {
            let Some(place) = state.handed_over.iter().position(|one| one.as_ref() == Some(id)) else {
                continue;
            };
            state.handed_over[place] = None;
            self.write(PLACES_BEGIN + PLACE * place, Uuid::nil().as_bytes());
        }
    }

    /// Whether a message is claimed or being handed over.
    pub(crate) fn has(&self, id: DeliveryId) -> bool {
        let state = self.state();
        state.prepared.contains(&id) || state.handed_over.contains(&Some(id))
    }

    fn count_prepared(&self, state: &mut State) {
        state.counters[Phase::Mint as usize] = u32::try_from(state.prepared.len()).unwrap_or(u32::MAX);
        self.write_counters(state);
    }

    fn write_counters(&self, state: &State) {
        let octets: Vec<u8> = state.counters.iter().flat_map(|counter| counter.to_le_bytes()).collect();
        self.write(0, &octets);
    }

    fn write(&self, at: usize, octets: &[u8]) {
        self.file.write_all_at(octets, at as u64).expect("the file of phases can be written");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In a phase, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    in_flight: &'a InFlight,
    phase: Phase,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut state = self.in_flight.state();
        state.counters[self.phase as usize] -= 1;
        self.in_flight.write_counters(&state);
    }
}

/// What a worker was doing.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    counters: [u32; Phase::ALL.len()],
    /// The messages that may have been with a transport, or were about to be.
    pub(crate) handed_over: HashSet<DeliveryId>,
}

impl Snapshot {
    /// Reads all of a file; an empty one where the worker has not made it yet.
    pub(crate) fn read(path: &Path) -> Self {
        let octets = std::fs::read(path).unwrap_or_default();
        let mut counters = [0; Phase::ALL.len()];
        for (counter, octets) in counters.iter_mut().zip(octets.as_chunks::<4>().0.iter().take(COUNTERS / 4))
        {
            *counter = u32::from_le_bytes(*octets);
        }
        let places = octets.get(PLACES_BEGIN..).unwrap_or_default().as_chunks::<PLACE>().0;
        let ids = places.iter().map(|octets| Uuid::from_bytes(*octets)).filter(|id| !id.is_nil());
        Self { counters, handed_over: ids.map(DeliveryId::from_uuid).collect() }
    }

    pub(crate) fn is_in(&self, phase: Phase) -> bool {
        self.counters[phase as usize] > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let in_flight = InFlight::create(file.path()).unwrap();
        let ids = [DeliveryId::new(), DeliveryId::new(), DeliveryId::new()];
        in_flight.prepare(ids);
        in_flight.prepared(&ids[..2]);
        in_flight.hand_over(&ids[..2]);
        in_flight.handed_over(&ids[..1]);
        drop(in_flight.enter(Phase::Claim));
        let _entered = in_flight.enter(Phase::Record);

        let snapshot = Snapshot::read(file.path());

        let phases: Vec<Phase> = Phase::ALL.into_iter().filter(|phase| snapshot.is_in(*phase)).collect();
        assert_eq!(phases, [Phase::Mint, Phase::Record]);
        assert_eq!(snapshot.handed_over, HashSet::from([ids[1]]));
    }
}
