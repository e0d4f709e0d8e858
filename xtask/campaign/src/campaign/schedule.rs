//! Which fault falls when and on whom: worked out from the seed before anything begins, so that it can be repeated.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::bug::Bug;
use crate::database::StoreKind;

/// Where a conversation with the mail server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// The worker has connected and was not greeted.
    Greeting,
    /// EHLO was read and not answered.
    Hello,
    /// MAIL was read and not answered.
    Mail,
    /// RCPT was read and not answered.
    Rcpt,
    /// DATA was read and not answered.
    Data,
    /// Part of the message was read.
    Body,
    /// The final dot was read, and the message is not kept.
    Dot,
    /// The message is kept, and the worker was not told.
    Kept,
    /// The worker was told.
    Answered,
}

impl Place {
    pub(crate) const ALL: [Self; 9] = [
        Self::Greeting,
        Self::Hello,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Body,
        Self::Dot,
        Self::Kept,
        Self::Answered,
    ];
    /// Where a worker is held to be killed or stopped.
    const HELD: [Self; 4] = [Self::Data, Self::Dot, Self::Kept, Self::Answered];
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Greeting => "before the greeting",
            Self::Hello => "after EHLO",
            Self::Mail => "after MAIL",
            Self::Rcpt => "after RCPT",
            Self::Data => "after DATA",
            Self::Body => "in the body",
            Self::Dot => "after the dot, not kept",
            Self::Kept => "kept, not answered",
            Self::Answered => "answered",
        })
    }
}

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// RST.
    Reset,
    /// Nothing is said for so long; then it goes on.
    Stalled(Duration),
    /// Nothing is said any more, and nobody closes it.
    HalfOpen,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reset => "connection reset",
            Self::Stalled(_) => "connection stalled",
            Self::HalfOpen => "connection half-open",
        })
    }
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, while a conversation is held at a place, or at any moment.
    Kill(Option<Place>),
    /// SIGSTOP, the same; SIGCONT so long after the lease has lapsed.
    Stop(Option<Place>, Duration),
    /// The next connection that comes there.
    Connection(Break, Place),
    /// `pg_terminate_backend` of one of a worker's backends, chosen by this number.
    Terminate(usize),
    /// An immediate stop of the database, and its restart.
    Restart,
    /// A worker's wall clock is off by so many hours from now on.
    Clock(i64),
}

/// A fault that is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// When so many messages were kept by the mail server.
    pub(crate) after: u64,
    /// The place of the worker that it falls on, or of the next one that is at work.
    pub(crate) victim: usize,
    /// And so much later.
    pub(crate) moment: Duration,
    pub(crate) fault: Fault,
}

/// The faults of a campaign, in order.
pub(crate) fn schedule(
    seed: u64,
    faults: usize,
    deliveries: u64,
    workers: usize,
    store: StoreKind,
    bug: Option<Bug>,
) -> Vec<Planned> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck = Vec::new();
    // The last tenth of the messages is left for connections that are still to be broken, and to come to rest.
    let messages = (deliveries * 9 / 10).max(1);
    (0..faults as u64)
        .map(|number| {
            if deck.is_empty() {
                deck = self::deck(&mut random, store, bug);
                deck.shuffle(&mut random);
            }
            Planned {
                after: (messages * number + random.random_range(0..messages)) / faults as u64,
                victim: random.random_range(0..workers),
                moment: Duration::from_micros(random.random_range(0..20_000)),
                fault: deck.pop().expect("it was dealt"),
            }
        })
        .collect()
}

/// One of each kind and place, and more of those that hurt most.
fn deck(random: &mut StdRng, store: StoreKind, bug: Option<Bug>) -> Vec<Fault> {
    let mut deck = Vec::new();
    let mut longer = |from: u64, to: u64| Duration::from_millis(random.random_range(from..to));
    if bug == Some(Bug::NoFencing) {
        // It does harm where a stopped worker goes on while another has its message, and nowhere else.
        return vec![Fault::Stop(Some(Place::Kept), longer(100, 1_500))];
    }
    for _ in 0..5 {
        deck.push(Fault::Kill(None));
    }
    for _ in 0..2 {
        deck.extend(Place::HELD.map(|place| Fault::Kill(Some(place))));
        deck.push(Fault::Stop(None, longer(100, 1_500)));
    }
    for place in [Place::Data, Place::Dot, Place::Kept, Place::Kept, Place::Kept] {
        deck.push(Fault::Stop(Some(place), longer(100, 1_500)));
    }
    for place in Place::ALL {
        deck.push(Fault::Connection(Break::Reset, place));
        if place != Place::Answered {
            // Shorter than the time that a worker waits, and longer.
            deck.push(Fault::Connection(Break::Stalled(longer(300, 4_500)), place));
            deck.push(Fault::Connection(Break::HalfOpen, place));
        }
    }
    // SQLite has no server, and the machine's clock is the store's: a wrong one is a wrong store.
    if store == StoreKind::Postgres {
        deck.extend((0..6).map(|_| Fault::Terminate(random.random_range(0..1_000))));
        deck.extend([Fault::Restart; 2]);
        deck.extend([1, -1, random.random_range(-1..=1)].map(Fault::Clock));
    }
    deck
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_schedule_and_another_has_another() {
        let of = |seed| schedule(seed, 100, 5_000, 4, StoreKind::Sqlite, None);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert!(of(7).is_sorted_by_key(|planned| planned.after));
    }

    #[test]
    fn a_deck_breaks_connections_at_every_place() {
        let planned = schedule(1, 45, 5_000, 4, StoreKind::Sqlite, None);
        for place in Place::ALL {
            for broken in [Break::Reset, Break::HalfOpen] {
                let fault = Fault::Connection(broken, place);
                let wanted = usize::from(place != Place::Answered || broken == Break::Reset);
                assert_eq!(
                    planned.iter().filter(|planned| planned.fault == fault).count(),
                    wanted,
                    "{fault:?}"
                );
            }
        }
    }
}
