//! The delivery machine.
//!
//! | from | event | to |
//! |---|---|---|
//! | queued | claim | claimed |
//! | claimed | release (shutdown, batch paused) | queued |
//! | claimed | begin | handing over, one attempt counted |
//! | claimed | postpone (quiet hours, too many SMS) | queued, due when that is over |
//! | claimed | lease lost in a group | queued, to be worked on alone |
//! | claimed | lease lost alone | queued with one attempt counted; failed when they are used up |
//! | handing over | accepted | sent |
//! | handing over | refused | failed |
//! | handing over | not rendered | failed |
//! | handing over | deferred | queued after the backoff; failed when attempts or hours are used up |
//! | handing over | throttled, blocked, transport not called | queued, the attempt given back |
//! | handing over | locked (its secret cannot be opened with the keys at hand) | queued, the attempt given back, looked at again with the next probe |
//! | handing over | outcome unknown, lease lost | e-mail: queued once in its lifetime if an attempt is left, else unknown; SMS: unknown |
//! | queued, claimed | cancel(reason) | cancelled, or suppressed |
//! | sent, unknown, failed by report, delivered, bounced | report | the later of the two in the order unknown, failed, delivered, bounced, complained |
//! | handing over | report | kept, and applied as soon as the message is sent or its end is not seen |
//! | queued, claimed, failed after a hand-over whose end nobody saw | report | as if it had been sent then: it is not sent again |
//! | failed, unknown | retry | queued, attempts from nought |
//!
//! Whatever is not in the table changes nothing: what is being handed over is left to its outcome and cannot be
//! cancelled; a report on a message that certainly has not gone is about an earlier hand-over that is over. Because
//! each report moves a delivery only forward in one order, reports may come in any order and any number of times, even
//! before the outcome is recorded. *Planned* is the queued state of a batch that is not confirmed.
//!
//! The hours of a message count from its first hand-over. What it waits beyond the time at which it was due (its sender
//! or its batch is stopped, no worker runs) is left out, and so is what a throttling provider, quiet hours or a key that
//! is missing made it wait.
//!
//! ```
//! use chrono::DateTime;
//! use invite_core::machine::delivery::{DeliveryEvent, Standing, next};
//! use invite_core::model::delivery::DeliveryState;
//! use invite_core::model::id::DeliveryId;
//! use invite_core::model::message::Channel;
//! use invite_core::model::outcome::{Outcome, Receipt};
//! use invite_core::policy::Policy;
//!
//! let (now, policy) = (DateTime::UNIX_EPOCH, Policy::default());
//! let whose = (DeliveryId::new(), Channel::Email);
//! let accepted = Outcome::Accepted(Receipt("0102".into()));
//!
//! let mut message = Standing::queued(now);
//! for event in [DeliveryEvent::Claim, DeliveryEvent::Begin, DeliveryEvent::Outcome(&accepted)] {
//!     message = next(&message, event, whose, now, &policy);
//! }
//! assert_eq!((message.state, message.attempts), (DeliveryState::Sent, 1));
//! ```

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::batch::stopped_because;
use crate::model::batch::BatchState;
use crate::model::delivery::{DeliveryState, EndReason, WaitCause};
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
    /// When it was first handed over, moved on by the time that it was made to wait.
    pub first_attempt_at: Option<DateTime<Utc>>,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// Why it is due only then, while it waits.
    pub waits_for: Option<WaitCause>,
    /// What the provider reported while it was handed over.
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
            waits_for: None,
            early: None,
        }
    }
}

/// What a provider reports about a message that it accepted, in the order in which one replaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The provider cannot tell.
    Unknown,
    /// It failed on the way.
    Failed,
    /// It arrived.
    Delivered,
    /// It came back.
    Bounced,
    /// The person called it spam: it arrived, whatever else was said.
    Complained,
}

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryEvent<'a> {
    /// A worker takes it.
    Claim,
    /// The worker gives it back untouched.
    Release,
    /// It must not go before this, and why: it is night where the person is, or enough SMS have gone.
    Postpone(DateTime<Utc>, WaitCause),
    /// The worker is about to hand it over.
    Begin,
    /// The worker certainly did not call the transport.
    NotCalled,
    /// The secret that it carries is sealed with a key that the worker does not have; the transport was not called.
    Locked,
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
        (S::Claimed, E::Postpone(until, cause)) => {
            to.state = S::Queued;
            to.waits_for = Some(cause);
            to.due_at = until.max(now);
            let wait = (to.due_at - from.due_at).max(TimeDelta::zero());
            to.first_attempt_at = from.first_attempt_at.map(|first| later(first, wait));
        }
        (S::Claimed, E::Begin) => {
            to.state = S::HandingOver;
            to.waits_for = None;
            to.attempts += 1;
            let overdue = (now - from.due_at).max(TimeDelta::zero());
            to.first_attempt_at = Some(from.first_attempt_at.map_or(now, |first| later(first, overdue)));
        }
        (S::Claimed, E::LeaseLost { alone }) => {
            to.state = S::Queued;
            to.suspect = true;
            to.attempts += u32::from(alone);
            if to.attempts >= limits.at_most {
                end(&mut to, S::Failed, EndReason::StoppedItsWorker);
            }
        }
        (S::HandingOver, E::LeaseLost { .. }) => {
            unseen(&mut to, limits, channel, EndReason::LeaseLost, now);
        }
        (S::HandingOver, E::NotCalled) => give_back(&mut to, now, Duration::ZERO),
        (S::HandingOver, E::Locked) => {
            give_back(&mut to, now, policy.probe_every);
            to.waits_for = Some(WaitCause::SealingKey);
        }
        (S::HandingOver, E::NotRendered) => end(&mut to, S::Failed, EndReason::NotRendered),
        (S::HandingOver, E::Outcome(outcome)) => {
            to.suspect = false;
            match outcome {
                Outcome::Accepted(_) => to.state = S::Sent,
                Outcome::Refused { refusal, .. } => end(&mut to, S::Failed, refused(*refusal)),
                Outcome::Deferred { retry_after, .. } => {
                    let wait = retry_after.unwrap_or_else(|| backoff(limits, to.attempts, delivery));
                    let next = later(now, delta(wait));
                    let over =
                        to.first_attempt_at.is_some_and(|first| next > later(first, delta(limits.within)));
                    if to.attempts >= limits.at_most || over {
                        end(&mut to, S::Failed, EndReason::TriedEnough);
                    } else {
                        to.state = S::Queued;
                        to.due_at = next;
                        to.waits_for = Some(WaitCause::NextAttempt);
                    }
                }
                Outcome::Throttled { retry_after, .. } => {
                    give_back(&mut to, now, throttle_pause(*retry_after, policy));
                    to.waits_for = Some(WaitCause::Sender);
                }
                Outcome::Blocked { .. } => give_back(&mut to, now, Duration::ZERO),
                Outcome::Unknown { .. } => {
                    let due = later(now, delta(backoff(limits, 1, delivery)));
                    unseen(&mut to, limits, channel, EndReason::OutcomeUnknown, due);
                }
            }
        }
        (S::Queued | S::Claimed, E::Cancel(reason)) => {
            let state = if reason == EndReason::OnSuppressionList { S::Suppressed } else { S::Cancelled };
            end(&mut to, state, reason);
        }
        (S::HandingOver, E::Report(report)) => to.early = from.early.max(Some(report)),
        (_, E::Report(report)) => apply(&mut to, report),
        (S::Failed | S::Unknown, E::Retry) => {
            to = Standing {
                unseen: from.unseen.max(u32::from(from.state == S::Unknown)),
                suspect: matches!(from.reason, Some(EndReason::StoppedItsWorker | EndReason::LeaseLost)),
                ..Standing::queued(now)
            };
        }
        _ => {}
    }
    if to.state != S::HandingOver
        && let Some(report) = to.early.take()
    {
        apply(&mut to, report);
    }
    to
}

/// The standing after `event` in a batch that stands so. What would come back into the queue of one that was stopped is
/// cancelled there and then, so that a sweep that is through need not come again; what ended there is not retried.
pub fn next_in(
    batch: BatchState,
    from: &Standing,
    event: DeliveryEvent<'_>,
    whose: (DeliveryId, Channel),
    now: DateTime<Utc>,
    policy: &Policy,
) -> Standing {
    let stopped = stopped_because(batch);
    if stopped.is_some() && event == DeliveryEvent::Retry {
        return from.clone();
    }
    let to = next(from, event, whose, now, policy);
    match stopped {
        Some(reason) if to.state == DeliveryState::Queued && from.state != DeliveryState::Queued => {
            next(&to, DeliveryEvent::Cancel(reason), whose, now, policy)
        }
        _ => to,
    }
}

/// Whether a provider that has reported so must have taken responsibility for the message before. One that cannot tell
/// has not.
pub const fn shows_acceptance(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Delivered | DeliveryState::Bounced | DeliveryState::Complained)
}

fn end(to: &mut Standing, state: DeliveryState, reason: EndReason) {
    to.state = state;
    to.waits_for = None;
    to.reason = Some(reason);
}

/// Back to the queue, as if it had not been handed over; the wait does not use up its hours.
fn give_back(to: &mut Standing, now: DateTime<Utc>, wait: Duration) {
    to.state = DeliveryState::Queued;
    to.attempts = to.attempts.saturating_sub(1);
    to.due_at = later(now, delta(wait));
    to.first_attempt_at = match to.attempts {
        0 => None,
        _ => to.first_attempt_at.map(|first| later(first, delta(wait))),
    };
}

/// A hand-over whose end nobody saw: an e-mail may go once more in its lifetime, an SMS not.
fn unseen(to: &mut Standing, limits: &Attempts, channel: Channel, reason: EndReason, due: DateTime<Utc>) {
    to.unseen += 1;
    if channel == Channel::Email && to.unseen == 1 && to.attempts < limits.at_most {
        to.state = DeliveryState::Queued;
        to.suspect = reason == EndReason::LeaseLost;
        to.due_at = due;
        to.waits_for = Some(WaitCause::NextAttempt);
    } else {
        end(to, DeliveryState::Unknown, reason);
    }
}

/// Applies a report to a message that is not being handed over. Reports move it only forward.
fn apply(to: &mut Standing, report: Report) {
    use DeliveryState as S;
    let went_unseen = to.unseen > 0;
    let so_far = match (to.state, to.reason) {
        (S::Sent, _) => None,
        (S::Unknown, _) => Some(Report::Unknown),
        (S::Failed, Some(EndReason::ReportedFailed)) => Some(Report::Failed),
        (S::Delivered, _) => Some(Report::Delivered),
        (S::Bounced, _) => Some(Report::Bounced),
        (S::Queued | S::Claimed | S::Failed, _) if went_unseen && report >= Report::Delivered => None,
        // Without an attempt, a retry was asked for: a report that it failed may be the one that led to the retry.
        (S::Queued | S::Claimed, _) if went_unseen && to.attempts > 0 => None,
        _ => return,
    };
    if so_far < Some(report) {
        to.waits_for = None;
        (to.state, to.reason) = match report {
            Report::Unknown => (S::Unknown, Some(EndReason::OutcomeUnknown)),
            Report::Failed => (S::Failed, Some(EndReason::ReportedFailed)),
            Report::Delivered => (S::Delivered, None),
            Report::Bounced => (S::Bounced, None),
            Report::Complained => (S::Complained, None),
        };
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
/// The deviation is taken from the delivery's id, which is random in its last 32 bits at least, and from the attempt: the
/// same on every replica and in every test. The multiplication (Knuth's, by the golden ratio) spreads neighbours.
fn backoff(limits: &Attempts, attempts: u32, delivery: DeliveryId) -> Duration {
    let step = (attempts.max(1) as usize - 1).min(limits.waits.len().saturating_sub(1));
    let wait = limits.waits.get(step).copied().unwrap_or(Duration::from_mins(1));
    let (_, random) = delivery.as_uuid().as_u64_pair();
    let spread = random.wrapping_add(u64::from(attempts)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    #[expect(clippy::cast_precision_loss, reason = "16 bits fit")]
    let deviation = 0.8 + 0.4 * (spread as f64 / 65_535.0);
    wait.mul_f64(deviation)
}

/// How long a throttling provider is left alone: as long as it asks, but at most a day, so that a slip in its answer
/// does not stop a sender for good.
pub(crate) fn throttle_pause(retry_after: Option<Duration>, policy: &Policy) -> Duration {
    retry_after.unwrap_or(policy.throttle_pause).min(Duration::from_hours(24))
}

/// Durations that come from outside may be too long for a calendar.
fn later(at: DateTime<Utc>, wait: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
