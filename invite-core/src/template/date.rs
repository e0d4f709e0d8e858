//! Moments as a person reads them: in their language and time zone, with the zone named.

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::{OffsetComponents, OffsetName, Tz};

use crate::model::locale::Locale;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// `Tuesday 10 November 2026 at 14:30 Oslo time`.
    Long,
    /// `10 November 2026`.
    Day,
    /// `10 Nov 14:30 Oslo time`, for text messages.
    Short,
    /// `10 Nov`, for text messages.
    ShortDay,
}

/// Writes `at` for someone in `zone` who reads `locale`.
///
/// English so far; every other language reads English until it has its words here, which is no worse than the rest of
/// its message.
pub fn format_date(at: DateTime<Utc>, zone: Tz, locale: &Locale, style: DateStyle) -> String {
    let local = at.with_timezone(&zone);
    let words = words(locale);
    let weekday = words.weekdays[local.weekday().num_days_from_monday() as usize];
    let month = words.months[local.month0() as usize];
    let short_month: String = month.chars().take(3).collect();
    let (day, year, hour, minute) = (local.day(), local.year(), local.hour(), local.minute());
    match style {
        DateStyle::Long => {
            let zone = zone_name(&local);
            format!("{weekday} {day} {month} {year} at {hour:02}:{minute:02} {zone}")
        }
        DateStyle::Day => format!("{day} {month} {year}"),
        DateStyle::Short => {
            let zone = zone_name(&local);
            format!("{day} {short_month} {hour:02}:{minute:02} {zone}")
        }
        DateStyle::ShortDay => format!("{day} {short_month}"),
    }
}

/// A language's words for dates.
struct Words {
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
}

const ENGLISH: Words = Words {
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

const fn words(_locale: &Locale) -> &'static Words {
    &ENGLISH
}

/// The zone by its city, which people know, and abbreviations such as IST are ambiguous; without a city, by its offset.
fn zone_name(local: &DateTime<Tz>) -> String {
    let offset = local.offset();
    let seconds = (offset.base_utc_offset() + offset.dst_offset()).num_seconds();
    match offset.tz_id().rsplit_once('/') {
        Some((region, city)) if region != "Etc" => format!("{} time", city.replace('_', " ")),
        _ if seconds == 0 => "UTC".to_owned(),
        _ => {
            let sign = if seconds < 0 { '-' } else { '+' };
            let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
            let minutes = if minutes == 0 { String::new() } else { format!(":{minutes:02}") };
            format!("UTC{sign}{hours}{minutes}")
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn written(zone: Tz, style: DateStyle) -> String {
        let at = Utc.with_ymd_and_hms(2026, 11, 10, 13, 30, 0).unwrap();
        format_date(at, zone, &Locale::english(), style)
    }

    #[test]
    fn a_moment_is_written_in_the_persons_zone_with_the_zone_named() {
        assert_eq!(written(Tz::Europe__Oslo, DateStyle::Long), "Tuesday 10 November 2026 at 14:30 Oslo time");
        assert_eq!(written(Tz::Europe__Oslo, DateStyle::Short), "10 Nov 14:30 Oslo time");
        assert_eq!(
            written(Tz::America__Argentina__Buenos_Aires, DateStyle::Short),
            "10 Nov 10:30 Buenos Aires time"
        );
        assert_eq!(written(Tz::UTC, DateStyle::ShortDay), "10 Nov");
        assert_eq!(written(Tz::UTC, DateStyle::Short), "10 Nov 13:30 UTC");
        assert_eq!(written(Tz::Etc__GMTPlus5, DateStyle::Short), "10 Nov 08:30 UTC-5");
        assert_eq!(written(Tz::Asia__Kolkata, DateStyle::Short), "10 Nov 19:00 Kolkata time");
    }

    #[test]
    fn the_day_is_the_day_in_the_persons_zone() {
        let late = Utc.with_ymd_and_hms(2026, 12, 31, 23, 30, 0).unwrap();
        let day = |zone| format_date(late, zone, &Locale::english(), DateStyle::Day);
        assert_eq!(day(Tz::UTC), "31 December 2026");
        assert_eq!(day(Tz::Europe__Oslo), "1 January 2027");
    }

    #[test]
    fn summer_time_counts() {
        let summer = Utc.with_ymd_and_hms(2026, 7, 1, 12, 0, 0).unwrap();
        let written = format_date(summer, Tz::Europe__Oslo, &Locale::english(), DateStyle::Short);
        assert_eq!(written, "1 Jul 14:00 Oslo time");
    }
}
