//! Figures for whoever operates the library.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred, refused, unknown};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::delivery::{DeliveryState, EndReason, WaitCause};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::metrics::{Count, CountedOutcome, Metrics, OpenBatch};
use crate::model::outcome::{Answer, Outcome, Refusal, Scope};
use crate::model::sender::{Covers, PauseKind};
use crate::port::plans::RetryChunk;
use crate::port::queue::HandOverResult;
use crate::port::records::SenderStop;

const ON_THEIR_WAY: Count = Count::OnTheirWay(Channel::Email);
const UNKNOWN: Count = Count::Unknown(Channel::Email);

async fn metrics(stage: &Stage) -> Checked<Metrics> {
    Ok(stage.store.metrics().await?)
}

async fn count(stage: &Stage, count: Count) -> Checked<u64> {
    Ok(metrics(stage).await?.count(count))
}

const fn outcome(outcome: CountedOutcome, reason: Option<EndReason>) -> Count {
    Count::Outcome(Channel::Email, outcome, reason)
}

pub(super) async fn outcomes_are_counted_by_channel_and_reason(stage: Stage) -> Checked {
    same!(metrics(&stage).await?, Metrics::default(), "the figures of an empty store");
    stage.invite(&stage.persons(7)).await?;
    stage.send_one(accepted()).await?;
    stage.send_one(accepted()).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.send_one(unknown()).await?;
    let overtaken = stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.sweep().await?;
    let kept = stage.record_result(overtaken.key(), HandOverResult::Outcome(accepted())).await?;
    same!(kept, None, "an outcome that comes too late");
    stage.invite(&[stage.person_by_phone()]).await?;
    for in_flight in stage.take_off_all().await? {
        let sms = in_flight.claimed.channel == Channel::Sms;
        stage.record(&in_flight, if sms { unknown() } else { refused(Refusal::OptedOut) }).await?;
    }
    let metrics = metrics(&stage).await?;
    let counted: Vec<(Count, u64)> =
        metrics.counts.into_iter().filter(|(count, value)| is_outcome(*count) && *value > 0).collect();
    let expected = [
        (outcome(CountedOutcome::Sent, None), 2),
        (outcome(CountedOutcome::Failed, Some(EndReason::RecipientRefused)), 1),
        (outcome(CountedOutcome::Failed, Some(EndReason::ContentRefused)), 1),
        (outcome(CountedOutcome::Unseen, None), 1),
        (outcome(CountedOutcome::Deferred, None), 1),
        (Count::Outcome(Channel::Sms, CountedOutcome::Unknown, Some(EndReason::OutcomeUnknown)), 1),
    ];
    for (one, value) in expected {
        holds!(counted.contains(&(one, value)), "{one} is counted {value} times: {counted:?}");
    }
    let sent =
        counted.iter().filter(|(count, _)| matches!(count, Count::Outcome(_, CountedOutcome::Sent, _)));
    same!(sent.count(), 1, "kinds of messages that were sent");
    Ok(())
}

const fn is_outcome(count: Count) -> bool {
    matches!(count, Count::Outcome(..))
}

pub(super) async fn messages_of_a_plan_are_not_on_their_way(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(3)).await?;
    same!(count(&stage, ON_THEIR_WAY).await?, 0, "messages on their way while nobody has confirmed");
    let unused = stage.plan(Action::Invite, &stage.persons(2)).await?;
    stage.change(unused.id, BatchEvent::Cancel).await?;
    stage.sweep().await?;
    stage.confirm(plan.id).await?;
    same!(count(&stage, ON_THEIR_WAY).await?, 3, "messages on their way");
    same!(
        count(&stage, outcome(CountedOutcome::Cancelled, Some(EndReason::BatchCancelled))).await?,
        0,
        "messages of a plan that count as cancelled"
    );
    let claimed = stage.claim(1).await?;
    same!(count(&stage, ON_THEIR_WAY).await?, 3, "messages on their way, one of them claimed");
    stage.store.release(claimed.token, vec![claimed.deliveries[0].id]).await?;
    stage.send_one(accepted()).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    same!(count(&stage, ON_THEIR_WAY).await?, 2, "messages on their way, one of them sent");
    Ok(())
}

pub(super) async fn an_unknown_message_is_counted_until_it_goes_again_and_its_outcome_for_good(
    stage: Stage,
) -> Checked {
    let ended = outcome(CountedOutcome::Unknown, Some(EndReason::OutcomeUnknown));
    let batch = stage.invite(&stage.persons(2)).await?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.extend([stage.send_one(unknown()).await?.id(), stage.send_one(unknown()).await?.id()]);
        stage.advance(HOUR).await;
    }
    same!(count(&stage, UNKNOWN).await?, 2, "unknown messages");
    same!(count(&stage, ended).await?, 2, "messages that ended unknown");
    stage.report(ids[0], Report::Delivered).await?;
    same!(count(&stage, UNKNOWN).await?, 1, "unknown messages after a report");
    stage.tick().await;
    let retry = RetryChunk {
        actor: stage.actor(),
        batch: batch.id,
        failed: false,
        unknown: true,
        cursor: None,
        limit: 10,
    };
    stage.store.retry(retry).await?;
    same!(count(&stage, UNKNOWN).await?, 0, "unknown messages after a retry");
    same!(count(&stage, ended).await?, 2, "messages that ended unknown, whatever became of them");
    same!(count(&stage, ON_THEIR_WAY).await?, 1, "messages on their way again");
    Ok(())
}

pub(super) async fn what_is_put_off_is_counted_by_its_cause_until_it_begins(stage: Stage) -> Checked {
    let put_off = |cause| Count::PutOff(Channel::Email, cause);
    stage.invite(&stage.persons(2)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    let locked = stage.take_off().await?;
    stage.record_result(locked.key(), HandOverResult::Locked(Answer::new("", "no key"))).await?;
    same!(count(&stage, put_off(WaitCause::NextAttempt)).await?, 1, "messages that are tried later");
    same!(count(&stage, put_off(WaitCause::SealingKey)).await?, 1, "messages whose key is missing");
    stage.advance(HOUR * 2).await;
    let in_flight = stage.take_off_all().await?;
    same!(in_flight.len(), 2, "messages that are due again");
    same!(
        count(&stage, put_off(WaitCause::NextAttempt)).await?,
        0,
        "messages that are tried later, in the end"
    );
    same!(
        count(&stage, put_off(WaitCause::SealingKey)).await?,
        0,
        "messages whose key is missing, in the end"
    );
    Ok(())
}

pub(super) async fn leases_that_lapse_are_counted_by_what_their_worker_did(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    stage.take_off().await?;
    same!(stage.claim(10).await?.deliveries.len(), 2, "messages that are claimed");
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.sweep().await?;
    same!(count(&stage, Count::LeaseLapsed { handing_over: true }).await?, 1, "hand-overs that were lost");
    same!(count(&stage, Count::LeaseLapsed { handing_over: false }).await?, 2, "claims that were lost");
    Ok(())
}

pub(super) async fn a_brake_is_counted_and_shown_until_it_is_resumed(mut stage: Stage) -> Checked {
    (stage.policy.brake_from, stage.policy.brake_percent) = (2, 50);
    let batch = stage.invite(&stage.persons(4)).await?;
    stage.send_one(accepted()).await?;
    same!(count(&stage, Count::Brake).await?, 0, "brakes before it");
    stage.send_one(refused(Refusal::Content)).await?;
    let braked = metrics(&stage).await?;
    same!(braked.count(Count::Brake), 1, "brakes");
    same!(braked.batches, [(OpenBatch::PausedByBrake, 1)].into(), "batches");
    stage.change(batch.id, BatchEvent::Resume).await?;
    let resumed = metrics(&stage).await?;
    same!(resumed.batches, [(OpenBatch::Running, 1)].into(), "batches when it is resumed");
    same!(resumed.count(Count::Brake), 1, "brakes when it is resumed");
    Ok(())
}

pub(super) async fn open_batches_are_shown_by_how_they_stand(stage: Stage) -> Checked {
    let running = stage.invite(&stage.persons(1)).await?;
    let paused = stage.invite(&stage.persons(1)).await?;
    stage.change(paused.id, BatchEvent::Pause).await?;
    let held = stage.plan(Action::Invite, &stage.persons(1)).await?;
    let mut confirm = stage.confirmation(held.id);
    confirm.hold = Some(HOUR);
    stage.store.confirm(confirm).await?;
    let all = [(OpenBatch::Running, 1), (OpenBatch::Start, 1), (OpenBatch::PausedByHand, 1)].into();
    same!(metrics(&stage).await?.batches, all, "batches");
    stage.change(paused.id, BatchEvent::Cancel).await?;
    stage.change(held.id, BatchEvent::Cancel).await?;
    stage.send_all().await?;
    same!(stage.states(running.id).await?[&DeliveryState::Sent], 1, "messages that went");
    same!(metrics(&stage).await?.batches, [].into(), "batches when all is done or stopped");

    let plan = stage.plan(Action::Invite, &stage.persons(2)).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.pilot = NonZeroU64::new(1);
    stage.store.confirm(confirm).await?;
    same!(metrics(&stage).await?.batches, [(OpenBatch::Pilot, 1)].into(), "batches with a pilot");
    stage.send_all().await?;
    let after = [(OpenBatch::PausedAfterPilot, 1)].into();
    same!(metrics(&stage).await?.batches, after, "batches whose pilot is out");
    Ok(())
}

pub(super) async fn stopped_senders_are_shown_by_kind(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    let throttled = Outcome::Throttled {
        retry_after: Some(MINUTE * 5),
        scope: Scope::Sender,
        answer: Answer::new("429", "too fast"),
    };
    stage.send_one(throttled).await?;
    same!(metrics(&stage).await?.senders_paused, [(PauseKind::Throttled, 1)].into(), "while it is throttled");
    stage.advance(MINUTE * 6).await;
    same!(metrics(&stage).await?.senders_paused, [].into(), "when the throttle is over");
    let blocked = Outcome::Blocked { scope: Scope::Account, answer: Answer::new("", "account suspended") };
    stage.send_one(blocked).await?;
    let (sender, _) = stage.senders[&Channel::Sms].clone();
    let stop =
        SenderStop { actor: stage.actor(), covers: Covers::Sender(sender), because: "maintenance".into() };
    stage.store.pause_sender(stop).await?;
    let both = BTreeMap::from([(PauseKind::Blocked, 1), (PauseKind::ByHand, 1)]);
    same!(metrics(&stage).await?.senders_paused, both, "while one is blocked and one stopped by hand");
    stage.advance(DAY).await;
    same!(metrics(&stage).await?.senders_paused, both, "when it is time to try the one that is blocked");
    Ok(())
}

pub(super) async fn the_oldest_due_message_is_one_that_could_go(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(3)).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.hold = Some(MINUTE * 10);
    stage.store.confirm(confirm).await?;
    stage.advance(MINUTE * 8).await;
    same!(metrics(&stage).await?.oldest_due, None, "the oldest that is due during the hold");
    stage.advance(MINUTE * 7).await;
    since_minutes(&stage, 5, "five minutes after the hold").await?;
    stage.change(plan.id, BatchEvent::Pause).await?;
    same!(metrics(&stage).await?.oldest_due, None, "the oldest that is due while the batch is paused");
    stage.change(plan.id, BatchEvent::Resume).await?;
    let blocked = Outcome::Blocked { scope: Scope::Sender, answer: Answer::new("", "account suspended") };
    stage.send_one(blocked).await?;
    same!(metrics(&stage).await?.oldest_due, None, "the oldest that is due while the sender is blocked");
    stage
        .store
        .resume_sender(stage.actor(), Covers::Sender(stage.senders[&Channel::Email].0.clone()))
        .await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    for _ in 0..2 {
        stage.send_one(accepted()).await?;
    }
    same!(metrics(&stage).await?.oldest_due, None, "the oldest that is due while the last is tried later");
    stage.advance(HOUR + MINUTE * 5).await;
    since_minutes(&stage, 5, "five minutes after the next attempt was due").await?;
    // One that survived its worker's death is due as well.
    stage.claim(10).await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.sweep().await?;
    holds!(metrics(&stage).await?.oldest_due.is_some(), "a suspect that is due is seen");
    stage.claim(10).await?;
    same!(metrics(&stage).await?.oldest_due, None, "the oldest that is due when a worker has it");
    Ok(())
}

/// That the oldest message has been due for so long, but for the moments that a database's own clock goes on.
async fn since_minutes(stage: &Stage, minutes: u32, when: &str) -> Checked {
    let oldest = metrics(stage).await?.oldest_due;
    let expected = MINUTE * minutes;
    let near = oldest.is_some_and(|oldest| oldest.abs_diff(expected) <= Duration::from_secs(20));
    holds!(near, "{when} the oldest has been due for {expected:?}: {oldest:?}");
    Ok(())
}

pub(super) async fn what_is_cancelled_is_no_longer_on_its_way(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    let in_flight = stage.take_off().await?;
    stage.change(batch.id, BatchEvent::Cancel).await?;
    stage.sweep().await?;
    same!(count(&stage, ON_THEIR_WAY).await?, 1, "messages on their way: the one that is handed over");
    stage.record(&in_flight, deferred(Some(HOUR))).await?;
    stage.sweep().await?;
    same!(count(&stage, ON_THEIR_WAY).await?, 0, "messages on their way in the end");
    same!(
        count(&stage, Count::PutOff(Channel::Email, WaitCause::NextAttempt)).await?,
        0,
        "messages of a cancelled batch that are tried later"
    );
    let cancelled = outcome(CountedOutcome::Cancelled, Some(EndReason::BatchCancelled));
    same!(count(&stage, cancelled).await?, 3, "messages that were cancelled");
    Ok(())
}

pub(super) async fn reports_are_counted_once(stage: Stage) -> Checked {
    stage.invite(&stage.persons(2)).await?;
    let early = stage.take_off().await?;
    stage.report(early.id(), Report::Delivered).await?;
    stage.record(&early, accepted()).await?;
    let sent = stage.send_one(accepted()).await?;
    for _ in 0..2 {
        stage.report(sent.id(), Report::Bounced).await?;
    }
    let metrics = metrics(&stage).await?;
    same!(metrics.count(outcome(CountedOutcome::Sent, None)), 2, "messages that were sent");
    same!(metrics.count(outcome(CountedOutcome::Delivered, None)), 1, "messages that arrived");
    same!(metrics.count(outcome(CountedOutcome::Bounced, None)), 1, "messages that came back");
    Ok(())
}
