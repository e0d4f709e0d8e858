//! Quiet hours in every zone, on every day of a year.
#![allow(clippy::unwrap_used, reason = "a test says by panicking what it did not expect")]

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use proptest::sample::select;

use invite_core::decision::quiet_hours::{quiet_until, waits_until};
use invite_core::model::id::UserId;
use invite_core::model::message::Channel;
use invite_core::model::organisation::Settings;
use invite_core::model::quiet_hours::{QuietHours, QuietHoursError};
use invite_core::model::user::User;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hours(text: &str) -> QuietHours {
    text.parse().unwrap()
}

fn is_quiet(now: DateTime<Utc>, zone: Tz, hours: &QuietHours) -> bool {
    hours.contains(now.with_timezone(&zone).time())
}

/// A zone, an instant (half of them near a change of some clock), and hours.
fn cases() -> impl Strategy<Value = (Tz, DateTime<Utc>, QuietHours)> {
    let from = at("2026-01-01T00:00:00Z").timestamp();
    let changes: Vec<i64> = [
        "2026-03-08T07:00:00Z",
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-04-04T15:00:00Z",
        "2026-10-03T15:30:00Z",
        // Samoa left a day out.
        "2011-12-30T10:00:00Z",
    ]
    .map(|text| at(text).timestamp())
    .to_vec();
    let any = (0..365 * 86_400_i64).prop_map(move |second| from + second);
    let near = (select(changes), -90_000..90_000_i64).prop_map(|(change, second)| change + second);
    let minute = 0..24 * 60_u32;
    let zones = prop_oneof![
        select(TZ_VARIANTS.to_vec()),
        select(vec![Tz::Europe__Oslo, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Pacific__Apia]),
    ];
    (zones, prop_oneof![any, near], minute.clone(), minute).prop_filter_map("not the same", |case| {
        let (zone, second, from, to) = case;
        let time = |minute: u32| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0);
        let hours = QuietHours::new(time(from)?, time(to)?).ok()?;
        Some((zone, DateTime::from_timestamp(second, 0)?, hours))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// By the clock on the wall, minute by minute: all that waits waits through quiet minutes only, and not one longer.
    #[test]
    fn an_sms_waits_through_all_quiet_minutes_and_through_no_other((zone, now, hours) in cases()) {
        match quiet_until(now, zone, &hours) {
            None => prop_assert!(!is_quiet(now, zone, &hours)),
            Some(until) => {
                prop_assert!(until > now && until - now <= TimeDelta::hours(49), "{now} {until}");
                prop_assert!(!is_quiet(until, zone, &hours), "{until} is still quiet");
                prop_assert!(is_quiet(until - TimeDelta::seconds(1), zone, &hours), "it was over before {until}");
                let mut minute = now;
                while minute < until {
                    prop_assert!(is_quiet(minute, zone, &hours), "{minute} is not quiet");
                    minute += TimeDelta::minutes(1);
                }
            }
        }
    }

    #[test]
    fn waiting_once_is_enough((zone, now, hours) in cases()) {
        if let Some(until) = quiet_until(now, zone, &hours) {
            prop_assert_eq!(quiet_until(until, zone, &hours), None);
        }
    }

    #[test]
    fn quiet_hours_are_read_as_they_are_written((_, _, hours) in cases()) {
        prop_assert_eq!(hours.to_string().parse::<QuietHours>(), Ok(hours));
        let json = serde_json::to_string(&hours).unwrap();
        prop_assert_eq!(serde_json::from_str::<QuietHours>(&json).unwrap(), hours);
    }
}

#[test]
fn a_clock_that_jumps_over_the_end_ends_them_and_one_set_back_into_them_begins_them_again() {
    // In Oslo 2:00 becomes 3:00 on 29 March.
    let until = quiet_until(at("2026-03-28T23:00:00Z"), Tz::Europe__Oslo, &hours("20:00-2:30"));
    assert_eq!(until, Some(at("2026-03-29T01:00:00Z")));
    // And 3:00 becomes 2:00 on 25 October: 2:30 comes twice.
    let until = quiet_until(at("2026-10-24T23:00:00Z"), Tz::Europe__Oslo, &hours("20:00-2:30"));
    assert_eq!(until, Some(at("2026-10-25T00:30:00Z")));
    let until = quiet_until(at("2026-10-25T01:10:00Z"), Tz::Europe__Oslo, &hours("20:00-2:30"));
    assert_eq!(until, Some(at("2026-10-25T01:30:00Z")));
}

#[test]
fn from_a_time_to_the_same_time_is_refused_since_nobody_knows_which_it_means() {
    assert_eq!("8:00-8:00".parse::<QuietHours>(), Err(QuietHoursError::Same));
    for text in ["", "8-9", "8:00", "25:00-8:00", "20:00-8:00-9:00"] {
        assert_eq!(text.parse::<QuietHours>(), Err(QuietHoursError::Form), "{text:?}");
    }
}

#[test]
fn the_zone_is_the_persons_or_else_the_organisations_and_email_wakes_nobody() {
    let mut settings = Settings::new("Acme");
    settings.time_zone = Tz::Europe__Oslo;
    let mut user = User::new(UserId::new());
    let evening = at("2026-11-23T20:00:00Z");
    let waits = |user: &User, settings: &Settings, channel| waits_until(channel, user, settings, evening);
    assert_eq!(waits(&user, &settings, Channel::Sms), Some(at("2026-11-24T07:00:00Z")));
    assert_eq!(waits(&user, &settings, Channel::Email), None);
    user.time_zone = Some(Tz::America__New_York);
    assert_eq!(waits(&user, &settings, Channel::Sms), None);
    user.time_zone = None;
    settings.quiet_hours = None;
    assert_eq!(waits(&user, &settings, Channel::Sms), None);
}

#[test]
fn settings_from_before_there_were_quiet_hours_have_the_standard_ones_and_none_stays_none() {
    let mut json = serde_json::to_value(Settings::new("Acme")).unwrap();
    json.as_object_mut().unwrap().remove("quiet_hours").unwrap();
    let read: Settings = serde_json::from_value(json).unwrap();
    assert_eq!(read.quiet_hours, Some(QuietHours::standard()));
    let none = Settings { quiet_hours: None, ..read };
    let read: Settings = serde_json::from_value(serde_json::to_value(&none).unwrap()).unwrap();
    assert_eq!(read, none);
}
