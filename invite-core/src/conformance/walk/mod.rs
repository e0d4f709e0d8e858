//! A walk of random steps over a store, with the memory store as the model beside it.
//!
//! Each case begins with two organisations in an empty store and in an empty memory store, and takes some eighty steps in
//! both: people are added, imported, changed and erased; plans are made, confirmed with and without consent, held, piloted,
//! paused, cancelled, recalled and retried; workers claim, begin and record, die, come back late, renew and give back;
//! providers report in any order; senders and addresses are stopped; people come, guess and ask; the clock moves. After each
//! step everything that a port shows is compared: what the methods answered, batches, items, messages, progress, the
//! people's records, histories and credentials, links, events, audit, pauses, suppressions, imports, and what waits. Beside
//! it, what must always hold is looked at in the store under test alone, so that a fault that both share is found too.
//!
//! What a store may choose is not compared. Ids that stores mint are named by what they are of. A claim takes all that is
//! due and gives back what the worker is not to keep; where one suspect or one probe is to be chosen among several, and
//! the stores choose differently, the case ends there. The order of rows that come from one transaction is left open.
//! Waits of the policy are nought, since how long they are is spread by the ids of messages. Languages, own messages and
//! quiet hours are not walked on.
//!
//! A case that fails is shortened to the fewest steps that still fail, and printed with its seed. Two variables of the
//! environment: `INVITE_WALK_CASES` (how many, 12 by default), `INVITE_WALK_SEED` (the first one's seed).
//!
//! A clock that goes on by itself is walked on as well: then instants are compared to within 20 s, and no step comes near
//! to a moment at which something ends.

mod acts;
mod dice;
mod invariants;
mod names;
mod sight;
mod step;
mod workers;
mod world;

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use self::dice::Dice;
use self::step::Step;
use self::world::{Went, World};
use super::people::PeopleUnderTest;
use super::store::{Clockwork, StoreUnderTest};
use super::{Checked, Failure};
use crate::port::InvitationStore;
use crate::port::people::People;

/// A fresh, empty store to walk on, and its people where it keeps them.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The store.
    pub store: Arc<dyn InvitationStore>,
    /// The people in the same database; none where the host has a table of its own, which the walk then plays.
    pub people: Option<Arc<dyn People>>,
    /// What moves their clock.
    pub clock: Arc<dyn Clockwork>,
}

impl From<StoreUnderTest> for Ground {
    fn from(StoreUnderTest { store, clock }: StoreUnderTest) -> Self {
        Self { store, people: None, clock }
    }
}

impl From<PeopleUnderTest> for Ground {
    fn from(PeopleUnderTest { people, store, clock }: PeopleUnderTest) -> Self {
        Self { store, people: Some(people), clock }
    }
}

/// How far is walked.
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    /// The seed of the first case; the next ones count up from it.
    pub seed: u64,
    /// How many cases.
    pub cases: u64,
    /// How many steps a case has.
    pub steps: usize,
    /// Whether a case that fails is shortened, which takes many cases more.
    pub shortens: bool,
}

impl Default for Walk {
    fn default() -> Self {
        Self { seed: 1, cases: 12, steps: 80, shortens: true }
    }
}

impl Walk {
    /// The default, with what the environment says.
    pub fn from_env() -> Self {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let default = Self::default();
        Self {
            seed: number("INVITE_WALK_SEED").unwrap_or(default.seed),
            cases: number("INVITE_WALK_CASES").unwrap_or(default.cases),
            ..default
        }
    }

    /// Walks on a fresh store for each case. A failure names the seed and the fewest steps that fail. Gives how many steps
    /// were taken.
    pub async fn on<G: Into<Ground>, F: Future<Output = G>>(self, fresh: impl Fn() -> F) -> Checked<usize> {
        let mut taken = 0;
        for seed in (self.seed..).take(usize::try_from(self.cases).unwrap_or(usize::MAX)) {
            let ground: Ground = fresh().await.into();
            let steps = self.steps(seed, stands(&ground).await?);
            match case(ground, &steps).await {
                Ok(count) => taken += count,
                Err((at, failure)) => {
                    let mut steps = steps;
                    steps.truncate(at + 1);
                    let (steps, failure) =
                        if self.shortens { shorten(steps, failure, &fresh).await } else { (steps, failure) };
                    return Err(report(seed, &steps, &failure));
                }
            }
        }
        Ok(taken)
    }

    /// The steps of a case: random ones, and the end.
    fn steps(self, seed: u64, stands: bool) -> Vec<Step> {
        let mut dice = Dice::new(seed);
        let mut steps: Vec<Step> = (0..self.steps).map(|_| Step::draw(&mut dice, stands)).collect();
        steps.push(Step::End);
        steps
    }
}

/// Whether a clock stands until it is moved.
async fn stands(ground: &Ground) -> Checked<bool> {
    Ok(ground.store.now().await? == ground.store.now().await?)
}

/// Takes the steps, one after the other; gives how many, or the first at which the stores differ.
async fn case(ground: Ground, steps: &[Step]) -> Result<usize, (usize, Failure)> {
    let mut world = World::new(ground).await.map_err(|failure| (0, failure))?;
    for (at, step) in steps.iter().enumerate() {
        let taken = AssertUnwindSafe(world.take(step)).catch_unwind().await;
        let taken = taken
            .unwrap_or_else(|panic| Err(Failure::new(format!("it panicked: {}", super::words(&*panic)))));
        match taken {
            Ok(Went::On) => {}
            Ok(Went::Apart) => return Ok(at),
            Err(failure) => return Err((at, failure)),
        }
    }
    Ok(steps.len())
}

/// The fewest steps that still fail, however they do, by leaving out ever smaller pieces.
async fn shorten<G: Into<Ground>, F: Future<Output = G>>(
    mut steps: Vec<Step>,
    mut failure: Failure,
    fresh: &impl Fn() -> F,
) -> (Vec<Step>, Failure) {
    let mut piece = steps.len().div_ceil(2);
    while piece > 0 {
        let (mut from, before) = (0, steps.len());
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + piece).min(steps.len()));
            match case(fresh().await.into(), &fewer).await {
                Err((at, other)) => {
                    fewer.truncate(at + 1);
                    (steps, failure) = (fewer, other);
                }
                _ => from += piece,
            }
        }
        if piece > 1 || steps.len() == before {
            piece /= 2;
        }
    }
    (steps, failure)
}

fn report(seed: u64, steps: &[Step], failure: &Failure) -> Failure {
    let mut text = format!(
        "{failure}\nafter these steps of the walk with seed {seed} (INVITE_WALK_SEED={seed} INVITE_WALK_CASES=1):"
    );
    for (at, step) in (1..).zip(steps) {
        // Writing into a string cannot fail.
        let _ = write!(text, "\n  {at}. {step:?}");
    }
    Failure::new(text)
}

/// Makes a module with one test, a walk of random steps on a store. The expression makes a fresh
/// [`StoreUnderTest`](crate::conformance::store::StoreUnderTest) or
/// [`PeopleUnderTest`](crate::conformance::people::PeopleUnderTest), one for each case; it may await.
#[macro_export]
macro_rules! walk_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn random_steps_lead_where_they_lead_in_memory() {
                $crate::conformance::walk::test(async || $fresh);
            }
        }
    };
}

/// What the macro's test calls.
#[doc(hidden)]
pub fn test<G: Into<Ground>, F: Future<Output = G>>(fresh: impl Fn() -> F) {
    if let Err(failure) = super::block_on(Walk::from_env().on(fresh)) {
        panic!("{failure}");
    }
}
