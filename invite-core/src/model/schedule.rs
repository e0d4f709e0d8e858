//! Rollouts that run by themselves: what an organisation's schedule says, and the work that it makes.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::delivery::names;

/// An organisation's schedule: who is invited and reminded without anybody asking. The system is then the actor.
///
/// ```
/// use invite_core::model::organisation::{Settings, SettingsError};
/// use invite_core::model::schedule::{InviteNew, Schedule};
///
/// let mut settings = Settings::new("Acme");
/// settings.schedule = Some(Schedule { invite: InviteNew::AtImport, ..Schedule::default() });
/// assert_eq!(settings.check(), Ok(()));
/// settings.schedule = Some(Schedule { remind_after: vec![7, 3], ..Schedule::default() });
/// assert_eq!(settings.check(), Err(SettingsError::RemindAfter));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// When people are invited whom nobody has invited yet.
    pub invite: InviteNew,
    /// So many days after their invitation people are reminded, who have not come: ascending, 1 to 90, at most 10. None
    /// for no reminders. 3, 7 and 14 by default.
    pub remind_after: Vec<u32>,
    /// The time of day, where the person is or else the organisation, at which reminders go. 9:00 by default.
    pub reminder_hour: NaiveTime,
    /// Whether the host is told the day before an open invitation expires.
    pub expiry_notice: bool,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            invite: InviteNew::ByHand,
            remind_after: vec![3, 7, 14],
            reminder_hour: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default(),
            expiry_notice: false,
        }
    }
}

impl Schedule {
    /// Whether the days are ascending, 1 to 90, and at most 10.
    pub(super) fn has_good_days(&self) -> bool {
        let days = &self.remind_after;
        days.len() <= 10 && days.iter().all(|day| (1..=90).contains(day)) && days.is_sorted_by(|a, b| a < b)
    }
}

/// When people are invited whom nobody has invited yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteNew {
    /// When an administrator does it.
    #[default]
    ByHand,
    /// Those whom an import adds, as soon as it has added them; whoever was there before is left to the administrator.
    AtImport,
    /// Everybody who was never invited until then, once, at this instant; one that is past is now.
    At(DateTime<Utc>),
}

names! {
    /// The kinds of work that a schedule makes.
    DueKind {
        /// Inviting everybody who was never invited.
        InviteAll = "invite_all",
        /// Inviting a person who was added.
        Invite = "invite",
        /// Looking whether a person is to be reminded.
        Remind = "remind",
        /// Telling that an invitation is about to expire.
        ExpiryNotice = "expiry_notice",
        /// Looking through the people, since the schedule changed.
        Review = "review",
    }
}

/// A piece of work of an organisation, and when it is due. A store has one row of a kind and subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub kind: DueKind,
    /// For whom: a person's id ([`DueKind::Invite`], [`DueKind::Remind`]), an invitation's
    /// ([`DueKind::ExpiryNotice`]), the last person who was looked at or nil for none ([`DueKind::Review`]), nil
    /// ([`DueKind::InviteAll`]).
    pub subject: Uuid,
    /// From when on.
    pub at: DateTime<Utc>,
}
