//! Until when a message waits, so that no phone rings at night.

use chrono::{DateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::model::message::Channel;
use crate::model::organisation::Settings;
use crate::model::quiet_hours::QuietHours;
use crate::model::user::User;

/// Until when a message on `channel` to `user` waits: for an SMS in the organisation's quiet hours, in the person's
/// zone or else the organisation's, the end of them; else none. E-mail wakes nobody.
pub fn waits_until(
    channel: Channel,
    user: &User,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let hours = settings.quiet_hours.filter(|_| channel == Channel::Sms)?;
    quiet_until(now, user.time_zone.unwrap_or(settings.time_zone), &hours)
}

/// When the quiet hours are over that `now` lies in; none where it lies in none: the first instant from now on at which
/// the clock on the wall shows a time outside them.
///
/// That clock may jump. Where it jumps over their end, they are over with the jump; where it is set back to a time in
/// them, they begin again.
///
/// ```
/// use chrono_tz::Europe::Oslo;
/// use invite_core::decision::quiet_hours::quiet_until;
/// use invite_core::model::quiet_hours::QuietHours;
///
/// let hours = QuietHours::standard();
/// let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>();
/// assert_eq!(quiet_until(at("2026-11-23T22:30:00Z")?, Oslo, &hours), Some(at("2026-11-24T07:00:00Z")?));
/// assert_eq!(quiet_until(at("2026-11-24T07:00:00Z")?, Oslo, &hours), None);
/// // The night in which summer time begins is an hour shorter.
/// assert_eq!(quiet_until(at("2026-03-28T22:30:00Z")?, Oslo, &hours), Some(at("2026-03-29T06:00:00Z")?));
/// # Ok::<(), chrono::ParseError>(())
/// ```
pub fn quiet_until(now: DateTime<Utc>, zone: Tz, hours: &QuietHours) -> Option<DateTime<Utc>> {
    let mut at = now;
    // A clock that jumps out of the hours and into them again does so once or twice a year, so this ends soon.
    while hours.contains(wall(at, zone)) {
        let offset = offset(at, zone);
        let end = at + until(wall(at, zone), hours.to());
        at = if self::offset(end, zone) == offset { end } else { next_jump(at, end, zone) };
    }
    (at != now).then_some(at)
}

/// What the clock on the wall shows.
fn wall(at: DateTime<Utc>, zone: Tz) -> NaiveTime {
    at.with_timezone(&zone).time()
}

fn offset(at: DateTime<Utc>, zone: Tz) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// How long it is until a clock that does not jump shows `to`; a day where it shows it now.
fn until(time: NaiveTime, to: NaiveTime) -> TimeDelta {
    let rest = to - time;
    if rest > TimeDelta::zero() { rest } else { rest + TimeDelta::days(1) }
}

/// The whole second, after `from` and not after `to`, at which the clock jumps; it shows another offset at `to`.
fn next_jump(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let (mut before, mut after) = (from.timestamp(), to.timestamp());
    let shown = offset(from, zone);
    let instant = |second| DateTime::from_timestamp(second, 0).unwrap_or(to);
    while after - before > 1 {
        let middle = i64::midpoint(before, after);
        if offset(instant(middle), zone) == shown {
            before = middle;
        } else {
            after = middle;
        }
    }
    instant(after)
}
