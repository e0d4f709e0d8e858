//! Batches that go to their first people, and then wait for somebody to look.

use std::num::NonZeroU64;

use super::stage::{MINUTE, Stage, accepted, deferred, refused};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::model::batch::{Batch, BatchState, Pilot};
use crate::model::delivery::{DeliveryState, WaitCause};
use crate::model::event::Happening;
use crate::model::id::UserId;
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::{Answer, Outcome, Refusal, Scope};
use crate::model::user::User;
use crate::port::plans::{Confirmed, RetryChunk};
use crate::port::queue::Waiting;

/// A running batch that goes to the first `pilot` of these people first.
async fn pilot(stage: &Stage, people: &[User], pilot: u64) -> Checked<Batch> {
    let plan = stage.plan(Action::Invite, people).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.pilot = NonZeroU64::new(pilot);
    let confirmed = stage.store.confirm(confirm).await?;
    Ok(*has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming with a pilot"))
}

fn paused(what: &Happening) -> bool {
    matches!(what, Happening::BatchPaused { .. })
}

pub(super) async fn a_pilot_goes_to_the_first_people_and_the_batch_pauses_itself(
    mut stage: Stage,
) -> Checked {
    stage.channels = ChannelRule::Both;
    let people: Vec<User> = (0..6).map(|_| stage.person_by_both()).collect();
    let batch = pilot(&stage, &people, 2).await?;
    let confirmed = batch.confirmed.as_ref().and_then(|confirmed| confirmed.pilot);
    same!(confirmed, Some(Pilot { people: 2, over: false }), "the pilot of the batch");
    let mut claimed = Vec::new();
    for _ in 0..6 {
        let claim = stage.claim(1).await?;
        let token = claim.token;
        claimed.extend(claim.deliveries.into_iter().map(|delivery| (token, delivery)));
    }
    let users: Vec<UserId> = claimed.iter().map(|(_, delivery)| delivery.user).collect();
    same!(users.len(), 4, "messages that can be claimed: of the first two people, on both channels");
    holds!(
        users.iter().all(|user| people[..2].iter().any(|one| one.id == *user)),
        "they are for the first two"
    );
    let rest = stage.store.waiting().await?;
    same!((rest.due, rest.later, rest.next_in), (0, 8, None), "what waits");
    for (number, (token, delivery)) in claimed.into_iter().enumerate() {
        same!(
            stage.batch(batch.id).await?.state,
            BatchState::Running,
            "while message {number} is on its way"
        );
        let in_flight = stage.hand_over(token, delivery).await?;
        stage.record(&in_flight, accepted()).await?;
    }
    let batch = stage.batch(batch.id).await?;
    same!(batch.state, BatchState::Paused, "the batch when its pilot is out");
    let because = batch.paused_because.unwrap_or_default();
    holds!(because.contains("pilot of 2") && because.contains("4 sent"), "it says so in words: {because:?}");
    same!(stage.count(paused).await?, 1, "events that it is paused");
    stage.nothing_is_due("after the pilot").await?;
    stage.advance(MINUTE * 10).await;
    stage.sweep().await?;
    stage.nothing_is_due("long after the pilot").await
}

pub(super) async fn after_its_pilot_a_batch_is_resumed_for_the_rest(stage: Stage) -> Checked {
    let people = stage.persons(5);
    let batch = pilot(&stage, &people, 2).await?;
    same!(stage.send_all().await?.len(), 2, "messages of the pilot");
    let batch = stage.change(batch.id, BatchEvent::Resume).await?;
    same!(batch.state, BatchState::Running, "the batch");
    let confirmed = batch.confirmed.as_ref().and_then(|confirmed| confirmed.pilot);
    same!(confirmed, Some(Pilot { people: 2, over: true }), "its pilot");
    same!(stage.send_all().await?.len(), 3, "messages of the rest");
    same!(stage.batch(batch.id).await?.state, BatchState::Running, "the batch at its end");
    same!(stage.count(paused).await?, 1, "events that it is paused");
    let finished = |what: &Happening| matches!(what, Happening::BatchFinished { .. });
    same!(stage.count(finished).await?, 1, "events that it is finished");
    Ok(())
}

pub(super) async fn a_pilot_of_everybody_is_none(stage: Stage) -> Checked {
    for people in [3, 4] {
        let batch = pilot(&stage, &stage.persons(3), people).await?;
        same!(batch.confirmed.and_then(|confirmed| confirmed.pilot), None, "a pilot of {people} of 3");
        same!(stage.send_all().await?.len(), 3, "messages");
        same!(stage.batch(batch.id).await?.state, BatchState::Running, "the batch");
    }
    same!(stage.count(paused).await?, 0, "events that a batch is paused");
    Ok(())
}

pub(super) async fn a_pilot_counts_those_who_get_something(stage: Stage) -> Checked {
    let mut people = stage.persons(2);
    for user in &mut people {
        user.deactivated = true;
        stage.put(user);
    }
    people.extend(stage.persons(3));
    let batch = pilot(&stage, &people, 2).await?;
    let sent: Vec<UserId> = stage.send_all().await?.iter().map(|one| one.claimed.user).collect();
    same!(sent, [people[2].id, people[3].id], "who got the pilot's messages");
    same!(stage.batch(batch.id).await?.state, BatchState::Paused, "the batch");
    Ok(())
}

pub(super) async fn a_message_of_a_pilot_that_ends_otherwise_counts_as_done(stage: Stage) -> Checked {
    let mut people = stage.persons(5);
    let batch = pilot(&stage, &people, 3).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    // The second one changes its mind, and the third is tried twice.
    people[1].deactivated = true;
    stage.put(&people[1]);
    let claimed = stage.claim(5).await?;
    for delivery in claimed.deliveries {
        if delivery.user == people[1].id {
            stage.begin(claimed.token, &delivery).await?;
        } else {
            let in_flight = stage.hand_over(claimed.token, delivery).await?;
            stage.record(&in_flight, deferred(Some(MINUTE))).await?;
        }
    }
    same!(stage.batch(batch.id).await?.state, BatchState::Running, "while one of the pilot waits");
    stage.nothing_is_due("while one of the pilot waits").await?;
    stage.advance(MINUTE * 2).await;
    stage.send_one(accepted()).await?;
    let batch = stage.batch(batch.id).await?;
    same!(batch.state, BatchState::Paused, "the batch");
    let because = batch.paused_because.unwrap_or_default();
    for part in ["1 sent", "1 failed", "1 cancelled"] {
        holds!(because.contains(part), "{because:?} says {part:?}");
    }
    Ok(())
}

pub(super) async fn a_worker_that_dies_neither_ends_a_pilot_nor_lets_others_out(stage: Stage) -> Checked {
    let people = stage.persons(4);
    let batch = pilot(&stage, &people, 2).await?;
    stage.claim(2).await?;
    stage.nothing_is_due("beside the pilot").await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    let mut sent = Vec::new();
    for _ in 0..2 {
        // Survivors of a group that died, one at a time.
        sent.push(stage.send_one(accepted()).await?.claimed.user);
    }
    same!(sent, [people[0].id, people[1].id], "who got the pilot's messages");
    same!(stage.batch(batch.id).await?.state, BatchState::Paused, "the batch");
    stage.nothing_is_due("after the pilot").await
}

pub(super) async fn resuming_during_a_pilot_lets_the_pilot_go_on(stage: Stage) -> Checked {
    let batch = pilot(&stage, &stage.persons(4), 2).await?;
    stage.send_one(accepted()).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    stage.nothing_is_due("while it is paused").await?;
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.send_all().await?.len(), 1, "messages: the rest of the pilot");
    same!(stage.batch(batch.id).await?.state, BatchState::Paused, "the batch when its pilot is out");
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.send_all().await?.len(), 2, "messages of the rest");
    Ok(())
}

pub(super) async fn the_brake_stops_a_pilot_too(mut stage: Stage) -> Checked {
    stage.policy.brake_from = 2;
    let batch = pilot(&stage, &stage.persons(6), 4).await?;
    for _ in 0..2 {
        stage.send_one(refused(Refusal::Content)).await?;
    }
    let batch = stage.batch(batch.id).await?;
    same!(batch.state, BatchState::Paused, "the batch");
    let because = batch.paused_because.unwrap_or_default();
    holds!(because.contains("brake"), "it says why: {because:?}");
    stage.nothing_is_due("after the brake").await?;
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.claim(10).await?.deliveries.len(), 2, "messages: the rest of the pilot");
    Ok(())
}

pub(super) async fn a_pilot_is_recalled_as_any_batch(stage: Stage) -> Checked {
    let people: Vec<User> = (0..4).map(|_| stage.person_set_up()).collect();
    let batch = pilot(&stage, &people, 1).await?;
    stage.send_all().await?;
    holds!(!stage.own_password_counts(&people[0]).await?, "the pilot's own password is retired");
    stage.change(batch.id, BatchEvent::Recall).await?;
    stage.sweep().await?;
    holds!(stage.own_password_counts(&people[0]).await?, "it counts again");
    same!(stage.states(batch.id).await?.get(&DeliveryState::Cancelled), Some(&3), "messages cancelled");
    Ok(())
}

pub(super) async fn nothing_waits_of_a_pilot_that_was_stopped(stage: Stage) -> Checked {
    let batch = pilot(&stage, &stage.persons(4), 1).await?;
    same!(stage.store.waiting().await?.later, 3, "messages that wait for the pilot");
    stage.change(batch.id, BatchEvent::Cancel).await?;
    same!(stage.store.waiting().await?, Waiting::default(), "what waits before any sweep");
    Ok(())
}

pub(super) async fn a_pilot_whose_sender_is_blocked_is_probed(stage: Stage) -> Checked {
    for scope in [Scope::Sender, Scope::Account, Scope::RecipientDomain] {
        let stage = stage.neighbour(&format!("pilot-{scope:?}").to_lowercase()).await?;
        let people = stage.persons(4);
        let batch = pilot(&stage, &people, 2).await?;
        stage.send_one(Outcome::Blocked { scope, answer: Answer::new("535", "wrong password") }).await?;
        stage.nothing_is_due("while the sender is blocked").await?;
        stage.advance(stage.policy.probe_every + MINUTE).await;
        let probe = stage.send_one(accepted()).await?;
        holds!(people[..2].iter().any(|one| one.id == probe.claimed.user), "the probe is one of the pilot");
        same!(stage.send_all().await?.len(), 1, "messages: the rest of the pilot");
        same!(stage.batch(batch.id).await?.state, BatchState::Paused, "the batch");
        stage.change(batch.id, BatchEvent::Cancel).await?;
        stage.sweep().await?;
    }
    Ok(())
}

pub(super) async fn what_failed_of_a_pilot_can_be_asked_for_again_before_the_rest_goes(
    stage: Stage,
) -> Checked {
    let batch = pilot(&stage, &stage.persons(4), 2).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    stage.send_one(accepted()).await?;
    same!(stage.batch(batch.id).await?.state, BatchState::Paused, "the batch when its pilot is out");
    let actor = stage.actor();
    let retry = RetryChunk { batch: batch.id, actor, failed: true, unknown: true, cursor: None, limit: 10 };
    stage.store.retry(retry).await?;
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.send_all().await?.len(), 1, "messages: the one of the pilot");
    same!(stage.batch(batch.id).await?.state, BatchState::Paused, "the batch when it is out again");
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.send_all().await?.len(), 2, "messages of the rest");
    Ok(())
}

pub(super) async fn the_figures_of_a_batch_say_why_its_messages_wait(stage: Stage) -> Checked {
    let people = stage.persons(6);
    let plan = stage.plan(Action::Invite, &people).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.pilot = NonZeroU64::new(4);
    confirm.hold = Some(MINUTE * 5);
    has_form!(stage.store.confirm(confirm).await?, Confirmed::Now(_) => (), "confirming");
    let waits = async || -> Checked<Vec<(WaitCause, u64, bool)>> {
        let waits = stage.store.progress(stage.id(), plan.id).await?.waits;
        Ok(waits.into_iter().map(|(cause, of)| (cause, of.messages, of.next_at.is_some())).collect())
    };
    same!(waits().await?, [(WaitCause::Start, 4, true), (WaitCause::Pilot, 2, false)], "while it is held");
    stage.advance(MINUTE * 6).await;
    same!(waits().await?, [(WaitCause::Pilot, 2, false)], "when the hold is over");
    stage.send_one(deferred(Some(MINUTE * 30))).await?;
    let next = [(WaitCause::Pilot, 2, false), (WaitCause::NextAttempt, 1, true)];
    same!(waits().await?, next, "after a deferral");
    let scope = Scope::RecipientDomain;
    stage
        .send_one(Outcome::Throttled { retry_after: Some(MINUTE), scope, answer: Answer::default() })
        .await?;
    let slowed = [(WaitCause::Pilot, 2, false), (WaitCause::Sender, 4, true)];
    same!(waits().await?, slowed, "while the sender is slowed");
    stage.change(plan.id, BatchEvent::Pause).await?;
    same!(
        waits().await?,
        [(WaitCause::Paused, 4, false), (WaitCause::Pilot, 2, false)],
        "while it is paused"
    );
    let channel = stage.deliveries(plan.id).await?.iter().map(|one| one.channel).next();
    same!(channel, Some(Channel::Email), "the channel");
    stage.change(plan.id, BatchEvent::Cancel).await?;
    same!(waits().await?, [], "when it is cancelled");
    Ok(())
}
