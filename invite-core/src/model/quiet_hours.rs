//! The hours in which a phone must not ring.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

/// The hours of the day, where the recipient is, in which no SMS is sent: from the first time up to the second, over
/// midnight where the second is the earlier one. Whole minutes; the two differ.
///
/// ```
/// use invite_core::model::quiet_hours::QuietHours;
///
/// let hours: QuietHours = "20:00-8:00".parse()?;
/// assert_eq!(hours, QuietHours::standard());
/// assert_eq!(hours.to_string(), "20:00-08:00");
/// assert!(hours.contains("07:59".parse()?) && !hours.contains("08:00".parse()?));
/// assert!("8:00-8:00".parse::<QuietHours>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    from: NaiveTime,
    to: NaiveTime,
}

/// Times that make no quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuietHoursError {
    /// Not two times of day.
    #[error("quiet hours are two times of day in hours and minutes, such as 20:00-8:00")]
    Form,
    /// From a time to the same time: nobody could say whether that is never or always.
    #[error("quiet hours begin and end at different times: for none, set none")]
    Same,
}

impl QuietHours {
    /// From 20:00 to 8:00.
    pub fn standard() -> Self {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        Self { from: at(20), to: at(8) }
    }

    /// From one time of day to another, which must differ. Seconds are left out.
    pub fn new(from: NaiveTime, to: NaiveTime) -> Result<Self, QuietHoursError> {
        use chrono::Timelike;
        let minutes = |time: NaiveTime| NaiveTime::from_hms_opt(time.hour(), time.minute(), 0);
        let (from, to) = minutes(from).zip(minutes(to)).ok_or(QuietHoursError::Form)?;
        if from == to { Err(QuietHoursError::Same) } else { Ok(Self { from, to }) }
    }

    /// When they begin.
    pub const fn from(&self) -> NaiveTime {
        self.from
    }

    /// When they are over.
    pub const fn to(&self) -> NaiveTime {
        self.to
    }

    /// Whether a time of day is among them.
    pub fn contains(&self, time: NaiveTime) -> bool {
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(text: &str) -> Result<Self, QuietHoursError> {
        let (from, to) = text.split_once(['-', '–']).ok_or(QuietHoursError::Form)?;
        let time =
            |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| QuietHoursError::Form);
        Self::new(time(from)?, time(to)?)
    }
}

impl TryFrom<String> for QuietHours {
    type Error = QuietHoursError;

    fn try_from(text: String) -> Result<Self, QuietHoursError> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(hours: QuietHours) -> Self {
        hours.to_string()
    }
}
