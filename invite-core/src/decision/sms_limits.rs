//! How many text messages may go to a number, and from an organisation, within a day: what is over that waits.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::policy::Policy;

/// The text messages of an organisation that have gone, or may have, within the policy's
/// [`sms_within`](Policy::sms_within).
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// use invite_core::decision::sms_limits::SmsDay;
/// use invite_core::policy::Policy;
///
/// let (policy, now) = (Policy { sms_to_number: 2, ..Policy::default() }, DateTime::UNIX_EPOCH);
/// let mut day = SmsDay::default();
/// day.note("+4791234567", now - TimeDelta::hours(20));
/// assert_eq!(day.waits_until("+4791234567", now, &policy), None);
/// day.note("+4791234567", now);
/// assert_eq!(day.waits_until("+4791234567", now, &policy), Some(now + TimeDelta::hours(4)));
/// assert_eq!(day.waits_until("+4799999999", now, &policy), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct SmsDay {
    all: Vec<DateTime<Utc>>,
    to: HashMap<String, Vec<DateTime<Utc>>>,
}

impl SmsDay {
    /// Those of the whole organisation, of which the newest are enough, as many as it may send; and those to the numbers
    /// that are asked about.
    pub fn new(all: Vec<DateTime<Utc>>, to: impl IntoIterator<Item = (String, DateTime<Utc>)>) -> Self {
        let mut day = Self { all, to: HashMap::new() };
        for (number, at) in to {
            day.to.entry(number).or_default().push(at);
        }
        day
    }

    /// Notes one that goes.
    pub fn note(&mut self, number: &str, at: DateTime<Utc>) {
        self.all.push(at);
        self.to.entry(number.to_owned()).or_default().push(at);
    }

    /// Until when a message to this number waits; none where it may go now.
    pub fn waits_until(&self, number: &str, now: DateTime<Utc>, policy: &Policy) -> Option<DateTime<Utc>> {
        let to = self.to.get(number).map_or(&[] as &[_], Vec::as_slice);
        let of_number = over(to, policy.sms_to_number, now, policy);
        of_number.max(over(&self.all, policy.sms_of_organisation, now, policy))
    }
}

/// When the first of the newest `most` of these is too old to count; none where they are fewer.
fn over(times: &[DateTime<Utc>], most: u32, now: DateTime<Utc>, policy: &Policy) -> Option<DateTime<Utc>> {
    let within = TimeDelta::from_std(policy.sms_within).unwrap_or(TimeDelta::days(1));
    let mut counted: Vec<_> = times.iter().map(|at| *at + within).filter(|until| *until > now).collect();
    counted.sort_unstable_by(|a, b| b.cmp(a));
    counted.get((most as usize).saturating_sub(1)).copied()
}
