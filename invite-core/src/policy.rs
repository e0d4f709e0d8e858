//! Figures that a host can set, each with its default and its source.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::message::Channel;

/// How the queue behaves. The defaults suit production; [`Policy::check`] refuses what is not safe.
///
/// ```
/// use invite_core::policy::Policy;
///
/// let policy = Policy::default();
/// assert_eq!(policy.lease.as_secs(), 90);
/// policy.check().unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How long a claim stands without renewal. 90 s.
    pub lease: Duration,
    /// How often it is renewed. 30 s.
    pub renewal: Duration,
    /// How long a transport may take: 30 s for a provider's API, 10 min for SMTP's final reply (RFC 5321 4.5.3.2.6);
    /// this is the outer bound.
    pub send_deadline: Duration,
    /// E-mail: 10 attempts within 24 h, after 1, 5, 15, 30 min, 1, 2, 4, 6, 6 h.
    pub email: Attempts,
    /// SMS: 4 attempts within 4 h, after 1, 15, 60 min.
    pub sms: Attempts,
    /// The pause after a provider says "too fast" without saying for how long. 30 s.
    pub throttle_pause: Duration,
    /// How often one message is tried while a sender is blocked. 10 min.
    pub probe_every: Duration,
    /// So many identical policy refusals in a row pause the sender. 20.
    pub breaker: u32,
    /// From so many outcomes since start or resumption a batch can be stopped by its brake. 100.
    pub brake_from: u32,
    /// The share of hard failures at which the brake stops it, in per cent. 5.
    pub brake_percent: u32,
    /// How long a plan can be confirmed. 24 h.
    pub plan_lifetime: Duration,
    /// Above so many recipients a confirmed batch is held. 100.
    pub hold_above: u64,
    /// How long it is held, so that it can be undone. 60 s.
    pub hold: Duration,
    /// A start time may be so far away. 90 days.
    pub farthest_start: Duration,
    /// After a message, a person chosen by filter is left alone for so long. 1 h.
    pub invited_recently: Duration,
    /// A reservation of a credential that was not completed can be resumed by the same secret after this. 60 s.
    pub reservation: Duration,
    /// Failed guesses in a row that are free. 5.
    pub free_guesses: u32,
    /// The wait after them, doubling. 1 min.
    pub guess_wait: Duration,
    /// The longest wait. 15 min: guessing slows down and never locks an invitee out.
    pub guess_wait_at_most: Duration,
    /// So many SMS go to a number within [`sms_within`](Self::sms_within); the next one waits. 5.
    pub sms_to_number: u32,
    /// So many SMS go from an organisation within [`sms_within`](Self::sms_within); the next one waits. 1,000: whoever
    /// rolls out to more people by SMS raises it, knowing what that costs.
    pub sms_of_organisation: u32,
    /// For these two. 24 h, at every moment looked back from.
    pub sms_within: Duration,
    /// So many messages an actor may send as a test within [`TEST_SENDS_WITHIN`]. 20.
    pub test_sends: u32,
    /// A fresh credential can be asked for so often for a person in [an hour](FRESH_WITHIN). 3.
    pub fresh_of_person: u32,
    /// A fresh credential can be asked for so often from an address in [an hour](FRESH_WITHIN), for whomever. 100.
    pub fresh_of_source: u32,
    /// The addresses, receipts and providers' answers of a batch's messages are kept for so long after it has finished. 90
    /// days.
    pub contacts_kept: Duration,
    /// Events are kept for so long: a host that reads later is told that it missed some. 90 days.
    pub events_kept: Duration,
    /// The audit is kept for so long. 24 months, as 731 days.
    pub audit_kept: Duration,
}

/// The time within which test sends are counted.
pub const TEST_SENDS_WITHIN: Duration = Duration::from_hours(1);

/// How long a request for a fresh credential counts.
pub const FRESH_WITHIN: Duration = Duration::from_hours(1);

/// How often, how long and at which distances a message is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// So many attempts.
    pub at_most: u32,
    /// Within so long from the first, the time paused left out.
    pub within: Duration,
    /// The waits between them, ± 20 %; the last one repeats.
    pub waits: Vec<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        let minutes = Duration::from_mins;
        let days = |days: u64| Duration::from_hours(days * 24);
        Self {
            lease: Duration::from_secs(90),
            renewal: Duration::from_secs(30),
            send_deadline: minutes(11),
            email: Attempts {
                at_most: 10,
                within: minutes(24 * 60),
                waits: [1, 5, 15, 30, 60, 120, 240, 360, 360].map(minutes).to_vec(),
            },
            sms: Attempts { at_most: 4, within: minutes(240), waits: [1, 15, 60].map(minutes).to_vec() },
            throttle_pause: Duration::from_secs(30),
            probe_every: minutes(10),
            breaker: 20,
            brake_from: 100,
            brake_percent: 5,
            plan_lifetime: minutes(24 * 60),
            hold_above: 100,
            hold: minutes(1),
            farthest_start: days(90),
            invited_recently: minutes(60),
            reservation: minutes(1),
            free_guesses: 5,
            guess_wait: minutes(1),
            guess_wait_at_most: minutes(15),
            sms_to_number: 5,
            sms_of_organisation: 1_000,
            sms_within: days(1),
            test_sends: 20,
            fresh_of_person: 3,
            fresh_of_source: 100,
            contacts_kept: days(90),
            events_kept: days(90),
            audit_kept: days(731),
        }
    }
}

/// A figure outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy: {0}")]
pub struct PolicyError(&'static str);

impl Policy {
    /// The attempts on a channel.
    pub const fn attempts(&self, channel: Channel) -> &Attempts {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
        }
    }

    /// No hand-over starts with less than this left of the lease: a ninth, 10 s of 90.
    pub fn margin(&self) -> Duration {
        self.lease / 9
    }

    /// Whether the figures are safe together.
    pub fn check(&self) -> Result<(), PolicyError> {
        let rules = [
            (self.lease >= Duration::from_secs(1), "the lease must be at least 1 s"),
            (self.renewal * 2 <= self.lease, "the renewal must be at most half of the lease"),
            (!self.send_deadline.is_zero(), "the send deadline must not be zero"),
            (self.email.at_most >= 1 && self.sms.at_most >= 1, "there must be at least one attempt"),
            (!self.email.waits.is_empty() && !self.sms.waits.is_empty(), "there must be at least one wait"),
            (self.breaker >= 2, "the breaker needs at least 2 refusals"),
            (
                self.brake_from >= 1 && (1..=100).contains(&self.brake_percent),
                "the brake needs 1 to 100 per cent",
            ),
            (
                self.sms_to_number >= 1 && self.sms_of_organisation >= 1 && !self.sms_within.is_zero(),
                "at least one SMS must be allowed to a number and from an organisation, within a time that is not zero",
            ),
            (self.free_guesses >= 1, "there must be at least one free guess"),
            (
                self.fresh_of_person >= 1 && self.fresh_of_source >= 1,
                "a fresh credential must be had for the asking at least once an hour",
            ),
            (
                self.contacts_kept >= Duration::from_hours(7 * 24),
                "contacts must be kept for at least 7 days: providers report late",
            ),
            (self.events_kept >= Duration::from_hours(24), "events must be kept for at least a day"),
            (self.audit_kept >= Duration::from_hours(30 * 24), "the audit must be kept for at least 30 days"),
            (self.guess_wait <= self.guess_wait_at_most, "the first wait must not exceed the longest"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(PolicyError(rule)))
    }
}
