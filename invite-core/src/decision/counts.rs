//! What is counted for whoever operates the library: see [`Metrics`](crate::model::metrics::Metrics).

use chrono::{DateTime, Utc};

use super::{pilot, record};
use crate::machine::delivery::{DeliveryEvent, Standing};
use crate::model::batch::BatchState;
use crate::model::delivery::{DeliveryState, WaitCause};
use crate::model::message::Channel;
use crate::model::metrics::{Count, CountedOutcome, OpenBatch};
use crate::model::outcome::Outcome;

/// What one step of a message counts, each with what is added. Steps of messages of plans that nobody has confirmed are
/// not counted; when a batch is confirmed, its messages are added to [`Count::OnTheirWay`].
pub fn of_step(
    channel: Channel,
    before: &Standing,
    event: &DeliveryEvent<'_>,
    after: &Standing,
) -> Vec<(Count, i64)> {
    let mut counts = Vec::new();
    if matches!(event, DeliveryEvent::LeaseLost { .. }) {
        let handing_over = before.state == DeliveryState::HandingOver;
        counts.extend(held(before.state).then_some((Count::LeaseLapsed { handing_over }, 1)));
    }
    let accepted = matches!(event, DeliveryEvent::Outcome(Outcome::Accepted(_)));
    if accepted && before.state == DeliveryState::HandingOver && after.state != DeliveryState::Sent {
        // A report came before the recording.
        counts.push((Count::Outcome(channel, CountedOutcome::Sent, None), 1));
    }
    if let Some(outcome) = outcome(before, event, after) {
        let reason = after.reason.filter(|_| !after.state.is_on_its_way());
        counts.push((Count::Outcome(channel, outcome, reason), 1));
    }
    let mut moved = |count: Count, was: bool, is: bool| match (was, is) {
        (false, true) => counts.push((count, 1)),
        (true, false) => counts.push((count, -1)),
        _ => {}
    };
    moved(Count::OnTheirWay(channel), before.state.is_on_its_way(), after.state.is_on_its_way());
    let is_unknown = |standing: &Standing| standing.state == DeliveryState::Unknown;
    moved(Count::Unknown(channel), is_unknown(before), is_unknown(after));
    for cause in WaitCause::ALL {
        let for_it = |standing: &Standing| standing.waits_for == Some(*cause);
        moved(Count::PutOff(channel, *cause), for_it(before), for_it(after));
    }
    counts
}

/// How a confirmed batch stands that has messages on their way; none where it was stopped for good.
pub fn open_batch(
    state: BatchState,
    paused_because: Option<&str>,
    not_before: DateTime<Utc>,
    goes_to_pilot: bool,
    now: DateTime<Utc>,
) -> Option<OpenBatch> {
    match (state, paused_because) {
        (BatchState::Planned | BatchState::Cancelled | BatchState::Recalled, _) => None,
        (BatchState::Paused, Some(words)) if record::is_brake(words) => Some(OpenBatch::PausedByBrake),
        (BatchState::Paused, Some(words)) if pilot::is_pilot(words) => Some(OpenBatch::PausedAfterPilot),
        (BatchState::Paused, _) => Some(OpenBatch::PausedByHand),
        (BatchState::Running, _) if not_before > now => Some(OpenBatch::Start),
        (BatchState::Running, _) if goes_to_pilot => Some(OpenBatch::Pilot),
        (BatchState::Running, _) => Some(OpenBatch::Running),
    }
}

const fn held(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Claimed | DeliveryState::HandingOver)
}

fn outcome(before: &Standing, event: &DeliveryEvent<'_>, after: &Standing) -> Option<CountedOutcome> {
    use CountedOutcome as C;
    use DeliveryState as S;
    match after.state {
        state if state == before.state => None,
        S::Sent => Some(C::Sent),
        S::Delivered => Some(C::Delivered),
        S::Bounced => Some(C::Bounced),
        S::Complained => Some(C::Complained),
        S::Failed => Some(C::Failed),
        S::Suppressed => Some(C::Suppressed),
        S::Cancelled => Some(C::Cancelled),
        S::Unknown => Some(C::Unknown),
        S::Queued if before.state == S::HandingOver => match event {
            DeliveryEvent::NotCalled => Some(C::NotCalled),
            DeliveryEvent::Locked => Some(C::Locked),
            DeliveryEvent::Outcome(Outcome::Deferred { .. }) => Some(C::Deferred),
            DeliveryEvent::Outcome(Outcome::Throttled { .. }) => Some(C::Throttled),
            DeliveryEvent::Outcome(Outcome::Blocked { .. }) => Some(C::Blocked),
            DeliveryEvent::Outcome(Outcome::Unknown { .. }) => Some(C::Unseen),
            _ => None,
        },
        S::Planned | S::Queued | S::Claimed | S::HandingOver => None,
    }
}
