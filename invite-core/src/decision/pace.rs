//! How the messages of a sender with a rate are spread over time, whoever sends them.
//!
//! A store keeps a [`Pace`] a sender. Workers reserve slots, which are one spacing apart; the spacing is 1 % wider than the
//! rate asks for, so that a message that leaves up to [`LATE`] after its slot still leaves no second with too many. A slot
//! is reserved for a message in hand, at most [`AHEAD`]; one that is not used is given up.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::rate::Rate;
use crate::model::sender::SenderKey;

/// What is shared out among the messages of a second: the second, and what they may be late.
const STRETCH: Duration = Duration::from_millis(1010);
/// How late after its slot a message may leave: later, it needs another slot.
pub const LATE: Duration = Duration::from_millis(10);
/// No slot is reserved further ahead.
pub const AHEAD: Duration = Duration::from_secs(1);
/// A claim gives messages of a sender whose slots are reserved no further than this, …
const SHORT_OF_SLOTS: Duration = Duration::from_millis(125);
/// … and so many that they are then reserved up to here, so that workers hold few that have to wait.
const ENOUGH_SLOTS: Duration = Duration::from_millis(250);
/// A pace under which nothing was reserved for so long is no longer looked at: the host may have taken the rate away.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// How far a sender's slots are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How far apart they are: whole microseconds.
    pub spacing: Duration,
    /// When the next one is.
    pub next_at: DateTime<Utc>,
}

/// Slots that were reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// When they were reserved, on the store's clock.
    pub at: DateTime<Utc>,
    /// The first of them, from then; where there is none, when there may be one.
    pub first: Duration,
    /// How many there are.
    pub count: usize,
    /// How far they are apart.
    pub spacing: Duration,
}

/// How many messages of a sender a claim may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many, at least one.
    For(usize),
    /// None, for so long.
    None(Duration),
}

impl Pace {
    /// Reserves up to `wanted` slots of a sender with this rate. Gives them and what to keep.
    ///
    /// Where the clock was set back, slots go on after those that may still be used, and no later.
    pub fn reserve(before: Option<Self>, rate: Rate, wanted: usize, now: DateTime<Utc>) -> (Slots, Self) {
        let spacing = rate.spacing(STRETCH);
        let next_at = before.map_or(now, |pace| pace.next_at.max(now).min(now + pace.furthest()));
        let first = from_to(now, next_at);
        let count = fit(AHEAD.saturating_sub(first), spacing).min(wanted);
        let reserved = u32::try_from(count).map_or(TimeDelta::MAX, |count| delta(spacing * count));
        (Slots { at: now, first, count, spacing }, Self { spacing, next_at: next_at + reserved })
    }

    /// How many of its messages a claim may give now.
    pub fn room(&self, now: DateTime<Utc>) -> Room {
        let forgotten = self.next_at + delta(FORGOTTEN) < now;
        let clock_was_set_back = self.next_at > now + self.furthest();
        if forgotten || clock_was_set_back {
            return Room::For(usize::MAX);
        }
        let reserved = from_to(now, self.next_at);
        let wait = reserved.saturating_sub(SHORT_OF_SLOTS);
        if wait.is_zero() {
            Room::For(fit(ENOUGH_SLOTS.saturating_sub(reserved), self.spacing))
        } else {
            Room::None(wait)
        }
    }

    /// The furthest that the next slot can be away.
    fn furthest(&self) -> TimeDelta {
        delta(AHEAD + self.spacing)
    }
}

/// The room of all senders, during one claim. A sender of which nothing is known has room without end.
#[derive(Debug, Clone, Default)]
pub struct Rooms {
    rooms: HashMap<SenderKey, Room>,
    opens_in: Option<Duration>,
}

impl Rooms {
    /// Of these senders.
    pub fn new(rooms: HashMap<SenderKey, Room>) -> Self {
        Self { rooms, opens_in: None }
    }

    /// Whether there is no room for a message of this sender that is due.
    pub fn is_shut(&mut self, sender: &SenderKey) -> bool {
        let Some(Room::None(wait)) = self.rooms.get(sender) else { return false };
        self.opens_in = Some(self.opens_in.map_or(*wait, |opens_in| opens_in.min(*wait)));
        true
    }

    /// Takes room for up to `wanted` messages of a sender; says for how many there was any.
    pub fn take(&mut self, sender: &SenderKey, wanted: usize) -> usize {
        match self.rooms.get_mut(sender) {
            None => wanted,
            Some(Room::None(_)) => 0,
            Some(Room::For(room)) => {
                let taken = wanted.min(*room);
                *room -= taken;
                taken
            }
        }
    }

    /// Gives back room that was taken and is not needed.
    pub fn give_back(&mut self, sender: &SenderKey, left: usize) {
        if let Some(Room::For(room)) = self.rooms.get_mut(sender) {
            *room = room.saturating_add(left);
        }
    }

    /// When the first of the senders that were found shut has room.
    pub const fn opens_in(&self) -> Option<Duration> {
        self.opens_in
    }
}

/// How many slots begin within `time`.
fn fit(time: Duration, spacing: Duration) -> usize {
    usize::try_from(time.as_nanos().div_ceil(spacing.as_nanos().max(1))).unwrap_or(usize::MAX)
}

fn from_to(now: DateTime<Utc>, then: DateTime<Utc>) -> Duration {
    (then - now).to_std().unwrap_or_default()
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
