//! The delivery machine.
//!
//! | from | event | to |
//! |---|---|---|
//! | queued | claim | claimed |
//! | claimed | release (shutdown, batch paused) | queued |
//! | claimed | begin | handing over, one attempt counted |
//! | claimed | lease lost in a group | queued, to be worked on alone |
//! | claimed | lease lost alone | queued with one attempt counted; failed when they are used up |
//! | handing over | accepted | sent |
//! | handing over | refused | failed |
//! | handing over | not rendered | failed |
//! | handing over | deferred | queued after the backoff; failed when attempts or hours are used up |
//! | handing over | throttled, blocked, transport not called | queued, the attempt given back |
//! | handing over | outcome unknown, lease lost | e-mail: queued once in its lifetime, then unknown; SMS: unknown |
//! | queued, claimed, handing over | cancel(reason) | cancelled, or suppressed; from handing over only before the transport is called |
//! | sent | report | delivered, bounced, complained, failed, unknown |
//! | delivered | report | bounced, complained |
//! | unknown | report | delivered, bounced, complained, failed |
//! | queued, claimed, handing over | report | kept, and applied when the outcome is recorded or the lease is lost |
//! | failed, unknown | retry | queued, attempts from nought |
//!
//! Whatever is not in the table changes nothing. *Planned* is the queued state of a batch that is not confirmed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::id::DeliveryId;
use crate::model::message::Channel;
use crate::model::outcome::{Outcome, Refusal};
use crate::policy::{Attempts, Policy};

/// Where a delivery stands, as the machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The state; never [`DeliveryState::Planned`].
    pub state: DeliveryState,
    /// Why it ended so.
    pub reason: Option<EndReason>,
    /// Attempts that count.
    pub attempts: u32,
    /// Hand-overs whose end nobody saw, in its lifetime.
    pub unseen: u32,
    /// Its group died once: it is worked on alone, until an outcome clears it.
    pub suspect: bool,
    /// When it was first handed over, moved on by the time that throttles and blocks made it wait.
    pub first_attempt_at: Option<DateTime<Utc>>,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// What the provider reported before the outcome was recorded.
    pub early: Option<Report>,
}

impl Standing {
    /// A delivery that waits for its batch to be confirmed, due at once.
    pub const fn queued(now: DateTime<Utc>) -> Self {
        Self {
            state: DeliveryState::Queued,
            reason: None,
            attempts: 0,
            unseen: 0,
            suspect: false,
            first_attempt_at: None,
            due_at: now,
            early: None,
        }
    }
}

/// What a provider reports about a message that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It arrived.
    Delivered,
    /// It came back.
    Bounced,
    /// The person called it spam.
    Complained,
    /// It failed on the way.
    Failed,
    /// The provider cannot tell.
    Unknown,
}

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryEvent<'a> {
    /// A worker takes it.
    Claim,
    /// The worker gives it back untouched.
    Release,
    /// The worker is about to hand it over.
    Begin,
    /// The worker certainly did not call the transport.
    NotCalled,
    /// The message could not be rendered.
    NotRendered,
    /// The transport's answer.
    Outcome(&'a Outcome),
    /// The worker was not heard of in time; `alone` says whether it worked on nothing else.
    LeaseLost {
        /// Whether the delivery was claimed alone.
        alone: bool,
    },
    /// It is not wanted any more.
    Cancel(EndReason),
    /// The provider reports.
    Report(Report),
    /// An administrator, or the breaker, asks for it to be sent again.
    Retry,
}

/// The standing after `event`. `delivery` and `channel` say whose it is; nothing else is looked at.
pub fn next(
    from: &Standing,
    event: DeliveryEvent<'_>,
    (delivery, channel): (DeliveryId, Channel),
    now: DateTime<Utc>,
    policy: &Policy,
) -> Standing {
    use DeliveryEvent as E;
    use DeliveryState as S;
    let limits = policy.attempts(channel);
    let mut to = from.clone();
    match (from.state, event) {
        (S::Queued, E::Claim) => to.state = S::Claimed,
        (S::Claimed, E::Release) => to.state = S::Queued,
        (S::Claimed, E::Begin) => {
            to.state = S::HandingOver;
            to.attempts += 1;
            to.first_attempt_at.get_or_insert(now);
        }
        (S::Claimed, E::LeaseLost { alone }) => {
            to.state = S::Queued;
            to.suspect = true;
            to.due_at = now;
            to.attempts += u32::from(alone);
            if to.attempts >= limits.at_most {
                end(&mut to, S::Failed, EndReason::StoppedItsWorker);
            }
        }
        (S::HandingOver, E::LeaseLost { .. }) => match from.early {
            Some(report) => {
                to.state = S::Sent;
                return reported(to, report);
            }
            None => unseen(&mut to, channel, EndReason::LeaseLost, now, Duration::ZERO),
        },
        (S::HandingOver, E::NotCalled) => give_back(&mut to, now, Duration::ZERO),
        (S::HandingOver, E::NotRendered) => end(&mut to, S::Failed, EndReason::NotRendered),
        (S::HandingOver, E::Outcome(outcome)) => {
            to.suspect = false;
            match outcome {
                Outcome::Accepted(_) => {
                    to.state = S::Sent;
                    to.reason = None;
                    if let Some(report) = from.early {
                        return reported(to, report);
                    }
                }
                Outcome::Refused { refusal, .. } => end(&mut to, S::Failed, refused(*refusal)),
                Outcome::Deferred { retry_after, .. } => {
                    let wait = retry_after.unwrap_or_else(|| backoff(limits, to.attempts, delivery));
                    let over = to
                        .first_attempt_at
                        .is_some_and(|first| now + delta(wait) > first + delta(limits.within));
                    if to.attempts >= limits.at_most || over {
                        end(&mut to, S::Failed, EndReason::TriedEnough);
                    } else {
                        to.state = S::Queued;
                        to.due_at = now + delta(wait);
                    }
                }
                Outcome::Throttled { retry_after, .. } => {
                    give_back(&mut to, now, retry_after.unwrap_or(policy.throttle_pause));
                }
                Outcome::Blocked { .. } => give_back(&mut to, now, Duration::ZERO),
                Outcome::Unknown { .. } => {
                    let wait = backoff(limits, 1, delivery);
                    unseen(&mut to, channel, EndReason::OutcomeUnknown, now, wait);
                }
            }
        }
        (S::Queued | S::Claimed | S::HandingOver, E::Cancel(reason)) => {
            let state = if reason == EndReason::OnSuppressionList { S::Suppressed } else { S::Cancelled };
            end(&mut to, state, reason);
        }
        (S::Queued | S::Claimed | S::HandingOver, E::Report(report)) => {
            to.early = Some(later(from.early, report));
        }
        (_, E::Report(report)) => return reported(to, report),
        (S::Failed | S::Unknown, E::Retry) => {
            to = Standing { unseen: from.unseen, ..Standing::queued(now) };
        }
        _ => {}
    }
    to
}

fn end(to: &mut Standing, state: DeliveryState, reason: EndReason) {
    to.state = state;
    to.reason = Some(reason);
}

/// Back to the queue, as if it had not been handed over; the wait does not use up its hours.
fn give_back(to: &mut Standing, now: DateTime<Utc>, wait: Duration) {
    to.state = DeliveryState::Queued;
    to.attempts = to.attempts.saturating_sub(1);
    to.due_at = now + delta(wait);
    to.first_attempt_at = match to.attempts {
        0 => None,
        _ => to.first_attempt_at.map(|first| first + delta(wait)),
    };
}

/// A hand-over whose end nobody saw: an e-mail may go once more in its lifetime, an SMS not.
fn unseen(to: &mut Standing, channel: Channel, reason: EndReason, now: DateTime<Utc>, wait: Duration) {
    to.unseen += 1;
    if channel == Channel::Email && to.unseen == 1 {
        to.state = DeliveryState::Queued;
        to.suspect = reason == EndReason::LeaseLost;
        to.due_at = now + delta(wait);
    } else {
        end(to, DeliveryState::Unknown, reason);
    }
}

/// Reports move a delivery only forward.
fn reported(mut to: Standing, report: Report) -> Standing {
    use DeliveryState as S;
    let state = match (to.state, report) {
        (S::Sent | S::Unknown, Report::Delivered) => S::Delivered,
        (S::Sent | S::Delivered | S::Unknown, Report::Bounced) => S::Bounced,
        (S::Sent | S::Delivered | S::Unknown, Report::Complained) => S::Complained,
        (S::Sent | S::Unknown, Report::Failed) => S::Failed,
        (S::Sent, Report::Unknown) => S::Unknown,
        (unchanged, _) => unchanged,
    };
    if state != to.state {
        to.state = state;
        to.reason = match state {
            S::Failed => Some(EndReason::ReportedFailed),
            S::Unknown => Some(EndReason::OutcomeUnknown),
            _ => None,
        };
    }
    to.early = None;
    to
}

/// Of two early reports the one that would win in order.
fn later(first: Option<Report>, second: Report) -> Report {
    let rank = |report: Report| match report {
        Report::Unknown => 0,
        Report::Delivered => 1,
        Report::Failed => 2,
        Report::Bounced => 3,
        Report::Complained => 4,
    };
    match first {
        Some(first) if rank(first) > rank(second) => first,
        _ => second,
    }
}

const fn refused(refusal: Refusal) -> EndReason {
    match refusal {
        Refusal::Recipient | Refusal::RecipientUncertain => EndReason::RecipientRefused,
        Refusal::OptedOut => EndReason::OptedOut,
        Refusal::Content => EndReason::ContentRefused,
        Refusal::Policy => EndReason::PolicyRefused,
        Refusal::Country => EndReason::CountryRefused,
    }
}

/// The wait before attempt `attempts + 1`: the schedule's, ± 20 % so that a group does not come back as one.
///
/// The deviation is taken from the delivery's id, which is random in its last 62 bits: the same on every replica and
/// in every test.
fn backoff(limits: &Attempts, attempts: u32, delivery: DeliveryId) -> Duration {
    let step = (attempts.max(1) as usize - 1).min(limits.waits.len().saturating_sub(1));
    let wait = limits.waits.get(step).copied().unwrap_or(Duration::from_mins(1));
    let bits = delivery.as_uuid().as_u128().rotate_right(attempts * 7) & 0xffff;
    #[expect(clippy::cast_precision_loss, reason = "16 bits fit")]
    let deviation = 0.8 + 0.4 * (bits as f64 / 65_535.0);
    wait.mul_f64(deviation)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
