//! How fast a sender may send.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How many messages a sender hands over in a second at most, by all workers together: from 1 to 10,000.
///
/// ```
/// use invite_core::model::rate::Rate;
///
/// let ses: Rate = "14".parse()?;
/// assert_eq!(ses, Rate::per_second(14)?);
/// assert!(Rate::per_second(0).is_err());
/// # Ok::<(), invite_core::model::rate::RateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

/// A figure that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a whole number of messages a second, from 1 to 10000: to send nothing, pause the sender")]
pub struct RateError;

impl Rate {
    const MOST: u32 = 10_000;

    /// So many messages a second.
    ///
    /// # Errors
    ///
    /// [`RateError`] for none and for more than 10,000.
    pub const fn per_second(messages: u32) -> Result<Self, RateError> {
        if messages == 0 || messages > Self::MOST { Err(RateError) } else { Ok(Self(messages)) }
    }

    /// How many messages a second.
    pub const fn messages(self) -> u32 {
        self.0
    }

    /// How far apart messages leave, in whole microseconds: `stretch` is shared out evenly, and nothing is rounded down.
    pub(crate) fn spacing(self, stretch: Duration) -> Duration {
        let micros = u64::try_from(stretch.as_micros()).expect("a stretch is about a second");
        Duration::from_micros(micros.div_ceil(u64::from(self.0)))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} a second", self.0)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        Self::per_second(text.trim().parse().map_err(|_| RateError)?)
    }
}
