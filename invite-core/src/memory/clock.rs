//! A clock that a test moves.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::port::clock::Clock;

/// A clock that stands until a test moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn new(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.change(|now| *now += by);
    }

    /// Sets it, forwards or backwards.
    pub fn set(&self, to: DateTime<Utc>) {
        self.change(|now| *now = to);
    }

    fn change<T>(&self, change: impl FnOnce(&mut DateTime<Utc>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.change(|now| *now)
    }
}
