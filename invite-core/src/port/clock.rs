//! The port to time, for stores that have no clock of their own.

use std::fmt;

use chrono::{DateTime, Utc};

/// Says what time it is, for a store inside the process. A database with a clock of its own uses that.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
