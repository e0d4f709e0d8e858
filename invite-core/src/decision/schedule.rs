//! What an organisation's schedule does, and when: the hour of each reminder, and the work that becomes due.
//!
//! A reminder goes at the first reminder hour, where the person is, that is at least so many days after the invitation
//! began: 3, 7 and 14 by default. Those are the rungs of a ladder. A reminder takes a rung, whoever sent it; so do rungs
//! whose hour had come before the last message went. So nobody gets more reminders than the ladder has rungs, and
//! whoever was left out for a while, since there was no schedule yet, say, gets one and not all at once.
//!
//! When the work on a person is due, they are looked at as they are then. One look at the earliest instant at which the
//! hour could be, and one at the hour itself, see a zone or a schedule that has changed meanwhile. What comes too late, since
//! no worker ran, is put off to the next reminder hour rather than sent in the night.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use uuid::Uuid;

use super::decide::{Case, decide};
use super::history::LastInvitation;
use crate::model::id::{InvitationId, UserId};
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::organisation::Settings;
use crate::model::schedule::{Due, DueKind, InviteNew, Schedule};
use crate::model::user::User;

/// What is late by more than this waits for the next reminder hour. 3 h: a morning's reminder still goes before noon.
const CATCHES_UP: TimeDelta = TimeDelta::hours(3);
/// The host is told of an invitation that expires so long before, or at half of its life where that is later.
const NOTICE: TimeDelta = TimeDelta::days(1);

/// The first instant at which the clock on the wall shows `hour`, in `zone`, at least so many days of 24 hours after
/// the invitation.
///
/// Where the clock jumps over the hour, it is the instant of the jump; where it shows the hour twice, the first time.
///
/// ```
/// use chrono::{DateTime, NaiveTime, Utc};
/// use chrono_tz::Europe::Oslo;
/// use invite_core::decision::schedule::first_reminder_hour;
///
/// let at = |text: &str| text.parse::<DateTime<Utc>>();
/// let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default();
/// let invited = at("2026-11-23T10:00:00Z")?; // 11:00 in Oslo
/// assert_eq!(first_reminder_hour(invited, 3, Oslo, nine), at("2026-11-27T08:00:00Z")?);
/// // On 29 March clocks go from 2:00 to 3:00.
/// let half_past_two = NaiveTime::from_hms_opt(2, 30, 0).unwrap_or_default();
/// assert_eq!(first_reminder_hour(at("2026-03-26T00:00:00Z")?, 3, Oslo, half_past_two), at("2026-03-29T01:00:00Z")?);
/// # Ok::<(), chrono::ParseError>(())
/// ```
pub fn first_reminder_hour(invited_at: DateTime<Utc>, days: u32, zone: Tz, hour: NaiveTime) -> DateTime<Utc> {
    next_reminder_hour(invited_at + TimeDelta::days(i64::from(days)), zone, hour)
}

/// The first reminder hour from an instant on.
pub fn next_reminder_hour(from: DateTime<Utc>, zone: Tz, hour: NaiveTime) -> DateTime<Utc> {
    let day = from.with_timezone(&zone).date_naive();
    // The day before, since a clock that was set back over midnight shows its hours again.
    let days = day.pred_opt().unwrap_or(day).iter_days().take(5);
    let mut hours = days.filter_map(|day| hour_on(day, zone, hour));
    hours.find(|at| *at >= from).unwrap_or(from)
}

/// When it is this hour on a day; none on a day that a zone left out.
fn hour_on(day: NaiveDate, zone: Tz, hour: NaiveTime) -> Option<DateTime<Utc>> {
    let local = day.and_time(hour);
    if let Some(at) = zone.from_local_datetime(&local).earliest() {
        return Some(at.to_utc());
    }
    let GapInfo { begin, end } = GapInfo::new(&local, &zone)?;
    let end = end?;
    let last_before = begin.map(|(begin, _)| (begin - TimeDelta::seconds(1)).date());
    (end.date_naive() == day || last_before == Some(day)).then(|| end.to_utc())
}

/// When the person gets the next reminder of their last invitation by the schedule; none where they get no more. It may
/// be past: then it is due.
pub fn next_reminder(
    schedule: &Schedule,
    last: &LastInvitation,
    last_message_at: Option<DateTime<Utc>>,
    zone: Tz,
) -> Option<DateTime<Utc>> {
    let rungs = schedule.remind_after.iter().skip(usize::try_from(last.reminders).unwrap_or(usize::MAX));
    rungs
        .map(|days| first_reminder_hour(last.created_at, *days, zone, schedule.reminder_hour))
        .find(|hour| last_message_at.is_none_or(|at| *hour > at))
}

/// The zone in which a person's day is.
pub fn zone_of(user: &User, settings: &Settings) -> Tz {
    user.time_zone.unwrap_or(settings.time_zone)
}

/// What is done about a person whose time may have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// They get a message now.
    Send,
    /// They are looked at again then.
    LookAt(DateTime<Utc>),
    /// Nothing, and nobody needs to look again.
    Nothing,
}

/// What is done about a person who may have to be reminded by the schedule now. The case is that of a reminder by the
/// schedule, all rows counted.
pub fn step(case: &Case<'_>) -> Step {
    let (Some(user), Some(schedule)) = (case.user, &case.settings.schedule) else { return Step::Nothing };
    let zone = zone_of(user, case.settings);
    let hour_after = |from| next_reminder_hour(from, zone, schedule.reminder_hour);
    match decide(case).decision {
        Decision::Skip(SkipReason::TooSoon) => {
            let last = case.history.last_invitation.as_ref();
            let next =
                last.and_then(|last| next_reminder(schedule, last, case.history.last_message_at, zone));
            next.map_or(Step::Nothing, Step::LookAt)
        }
        Decision::Skip(SkipReason::AlreadyQueued) => {
            Step::LookAt(hour_after(case.now + TimeDelta::minutes(1)))
        }
        Decision::Skip(_) => Step::Nothing,
        Decision::Send | Decision::SendWithReset | Decision::Announce(_) => {
            let hour = hour_after(case.now - CATCHES_UP);
            if hour <= case.now { Step::Send } else { Step::LookAt(hour) }
        }
    }
}

/// When a person is looked at next who was reminded by the schedule just now, or was to be: the earliest instant at which
/// their next rung's hour could be.
pub fn look_after_reminding(case: &Case<'_>) -> Option<DateTime<Utc>> {
    let schedule = case.settings.schedule.as_ref()?;
    let last = case.history.last_invitation.as_ref()?;
    let zone = zone_of(case.user?, case.settings);
    let rung = schedule
        .remind_after
        .iter()
        .find(|days| first_reminder_hour(last.created_at, **days, zone, schedule.reminder_hour) > case.now)?;
    Some((last.created_at + TimeDelta::days(i64::from(*rung))).max(case.now + TimeDelta::minutes(1)))
}

/// Whether a reminder that goes now, after so many others, is the last one: of one by the schedule, whether its days
/// have none left.
pub fn is_last_reminder(
    settings: &Settings,
    scheduled: bool,
    user: &User,
    reminders: u32,
    (invited_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> bool {
    let Some(schedule) = settings.schedule.as_ref().filter(|_| scheduled) else {
        return reminders + 1 >= settings.reminders.at_most;
    };
    let rungs = schedule.remind_after.iter().skip(usize::try_from(reminders).unwrap_or(usize::MAX)).skip(1);
    let zone = zone_of(user, settings);
    !rungs
        .map(|days| first_reminder_hour(invited_at, *days, zone, schedule.reminder_hour))
        .any(|hour| hour > now)
}

/// What becomes due when a message has begun: `began` is the person and when their invitation was begun, where the
/// message is one that begins invitations; `minted` the invitation and the expiry of a credential that is new.
pub fn due_on_begin(
    settings: &Settings,
    began: Option<(UserId, DateTime<Utc>)>,
    minted: Option<(InvitationId, DateTime<Utc>)>,
) -> Vec<Due> {
    let Some(schedule) = &settings.schedule else { return Vec::new() };
    let mut due = Vec::new();
    if let (Some((user, at)), Some(days)) = (began, schedule.remind_after.first()) {
        let at = at + TimeDelta::days(i64::from(*days));
        due.push(Due { kind: DueKind::Remind, subject: user.as_uuid(), at });
    }
    if let Some((invitation, expires_at)) = minted
        && schedule.expiry_notice
    {
        let at = notice_at(settings, expires_at);
        due.push(Due { kind: DueKind::ExpiryNotice, subject: invitation.as_uuid(), at });
    }
    due
}

/// When it is told that an invitation is about to expire.
pub fn notice_at(settings: &Settings, expires_at: DateTime<Utc>) -> DateTime<Utc> {
    let life = TimeDelta::from_std(settings.credential_lifetime).unwrap_or(TimeDelta::MAX);
    expires_at - NOTICE.min(life / 2)
}

/// What becomes due when the settings of an organisation are saved.
pub fn due_on_save(before: Option<&Settings>, after: &Settings, now: DateTime<Utc>) -> Vec<Due> {
    let Some(schedule) = &after.schedule else { return Vec::new() };
    let was = before.and_then(|before| before.schedule.as_ref());
    let mut due = Vec::new();
    let moved = before.is_some_and(|before| before.time_zone != after.time_zone);
    if before.is_some() && (was != Some(schedule) || moved) {
        due.push(Due { kind: DueKind::Review, subject: Uuid::nil(), at: now });
    }
    if let InviteNew::At(at) = schedule.invite
        && was.is_none_or(|was| was.invite != schedule.invite)
    {
        due.push(Due { kind: DueKind::InviteAll, subject: Uuid::nil(), at });
    }
    due
}

/// What becomes due when an import has added these people.
pub fn due_on_import(settings: &Settings, added: &[UserId], now: DateTime<Utc>) -> Vec<Due> {
    match &settings.schedule {
        Some(schedule) if schedule.invite == InviteNew::AtImport => {
            added.iter().map(|user| Due { kind: DueKind::Invite, subject: user.as_uuid(), at: now }).collect()
        }
        _ => Vec::new(),
    }
}

/// What becomes due for a person whom a review comes by; the case is that of [`step`].
pub fn due_on_review(case: &Case<'_>) -> Vec<Due> {
    let (Some(user), Some(last)) = (case.user, &case.history.last_invitation) else { return Vec::new() };
    let at = match step(case) {
        Step::Send => Some(case.now),
        Step::LookAt(at) => Some(at),
        Step::Nothing => None,
    };
    let remind = at.map(|at| Due { kind: DueKind::Remind, subject: user.id.as_uuid(), at });
    let wanted = case.settings.schedule.as_ref().is_some_and(|schedule| schedule.expiry_notice);
    let notice = last.expires_at.filter(|_| wanted).map(|at| notice_at(case.settings, at));
    let notice = notice.filter(|at| *at > case.now).map(|at| Due {
        kind: DueKind::ExpiryNotice,
        subject: last.id.as_uuid(),
        at,
    });
    remind.into_iter().chain(notice).collect()
}

/// Whether a person who was added is still to be invited by the schedule. The case is that of an invitation by the
/// schedule, all rows counted.
pub fn is_to_be_invited(case: &Case<'_>) -> bool {
    case.request.action == Action::Invite
        && matches!(decide(case).decision, Decision::Send | Decision::Announce(_))
}
