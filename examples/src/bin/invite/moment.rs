//! Moments as people write them: an instant, a local time, a date, or an age.

use std::str::FromStr;
use std::time::Duration;

use chrono::offset::LocalResult;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::duration;
use crate::failure::Failure;

/// A moment, before it is known which zone is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// RFC 3339, with its offset.
    Instant(DateTime<Utc>),
    /// `2026-11-25 08:00`, or a date: its first minute.
    Local(NaiveDateTime),
    /// So long ago.
    Ago(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Instant(instant.to_utc()));
        }
        for form in ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"] {
            if let Ok(local) = NaiveDateTime::parse_from_str(text, form) {
                return Ok(Self::Local(local));
            }
        }
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Local(date.and_time(NaiveTime::MIN)));
        }
        duration::parse(text).map(Self::Ago).map_err(|_| {
            format!(
                "{text:?} is no moment: write 2026-11-25, \"2026-11-25 08:00\" (in the organisation's zone), \
                 2026-11-25T08:00:00Z, or an age such as 3d"
            )
        })
    }
}

impl Moment {
    /// The instant that is meant.
    pub(crate) fn instant(self, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
        match self {
            Self::Instant(instant) => Ok(instant),
            Self::Local(local) => match zone.from_local_datetime(&local) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Ok(at.to_utc()),
                LocalResult::None => Err(Failure::wrong(format!(
                    "{local} does not exist in {zone}, where the clocks go forward: choose another time"
                ))),
            },
            Self::Ago(age) => {
                let age = TimeDelta::from_std(age).ok().and_then(|age| now.checked_sub_signed(age));
                age.ok_or_else(|| Failure::wrong("that is too long ago: choose a shorter age"))
            }
        }
    }
}

/// Reads a time at which something begins: no age.
pub(crate) fn start(text: &str) -> Result<Moment, String> {
    match text.parse()? {
        Moment::Ago(_) => Err(format!(
            "{text:?} is no time: write \"2026-11-25 08:00\" (in the organisation's zone) or 2026-11-25T08:00:00Z"
        )),
        moment => Ok(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> String {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        text.parse::<Moment>().unwrap().instant(chrono_tz::Europe::Oslo, now).unwrap().to_rfc3339()
    }

    #[test]
    fn local_times_are_in_the_organisations_zone_and_ages_before_now() {
        assert_eq!(instant("2026-11-25 08:00"), "2026-11-25T07:00:00+00:00");
        assert_eq!(instant("2026-07-25T08:00"), "2026-07-25T06:00:00+00:00");
        assert_eq!(instant("2026-11-25"), "2026-11-24T23:00:00+00:00");
        assert_eq!(instant("2026-11-25T08:00:00+05:00"), "2026-11-25T03:00:00+00:00");
        assert_eq!(instant("3d"), "2026-11-21T12:00:00+00:00");
    }

    #[test]
    fn a_time_that_does_not_exist_and_a_text_that_is_none_are_refused() {
        let moment: Moment = "2026-03-29 02:30".parse().unwrap();
        assert!(moment.instant(chrono_tz::Europe::Oslo, DateTime::UNIX_EPOCH).is_err());
        assert!("yesterday".parse::<Moment>().unwrap_err().contains("such as 3d"));
        assert!(start("3d").is_err() && start("2026-11-25").is_ok());
    }
}
