//! Messages that are sent again because somebody asked for it.

use std::sync::Arc;

use super::stage::{DAY, InFlight, MINUTE, Stage, accepted, refused, unknown};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::batch::BatchState;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::BatchId;
use crate::model::invitation::InvitationState;
use crate::model::item::Action;
use crate::model::outcome::Refusal;
use crate::port::plans::{Retried, RetryChunk};
use crate::port::queue::Begun;
use crate::port::redemption::LinkState;

fn chunk(stage: &Stage, batch: BatchId) -> RetryChunk {
    RetryChunk { batch, actor: stage.actor(), failed: true, unknown: true, cursor: None, limit: 100 }
}

/// Asks for all that failed or is unknown; gives how many of each are queued.
async fn retry(stage: &Stage, batch: BatchId) -> Checked<(u64, u64)> {
    let retried = stage.store.retry(chunk(stage, batch)).await?;
    Ok(has_form!(retried, Retried::Queued { failed, unknown, next: None } => (failed, unknown), "a retry"))
}

/// Three messages: one failed, one unknown, one sent.
async fn three(stage: &Stage) -> Checked<(BatchId, Vec<InFlight>)> {
    let people = vec![stage.person_by_phone(), stage.person_by_phone(), stage.person_by_phone()];
    let batch = stage.invite(&people).await?;
    let mut sent = Vec::new();
    for outcome in [refused(Refusal::Content), unknown(), accepted()] {
        sent.push(stage.send_one(outcome).await?);
    }
    Ok((batch.id, sent))
}

pub(super) async fn what_failed_or_is_unknown_goes_again_when_it_is_asked_for(stage: Stage) -> Checked {
    let (batch, sent) = three(&stage).await?;
    let finished = |what: &Happening| matches!(what, Happening::BatchFinished { .. });
    same!(stage.count(finished).await?, 1, "events that it is finished");
    stage.nothing_is_due("before anybody asks").await?;
    same!(retry(&stage, batch).await?, (1, 1), "messages queued, of those that failed and are unknown");
    for one in &sent[..2] {
        let delivery = stage.delivery(batch, one.id()).await?;
        let found = (delivery.state, delivery.attempts, delivery.reason);
        same!(found, (DeliveryState::Queued, 0, None), "a message that goes again");
    }
    let again = stage.send_all().await?;
    same!(again.len(), 2, "messages sent again");
    holds!(again.iter().all(|one| one.id() != sent[2].id()), "what was sent stays sent");
    same!(stage.states(batch).await?, [(DeliveryState::Sent, 3)].into(), "states");
    same!(stage.count(finished).await?, 2, "events that it is finished, in the end");
    let audit = stage.store.audit(stage.id(), None, 100).await?;
    same!(audit.iter().filter(|entry| entry.what == "messages_retried").count(), 1, "audited requests");
    Ok(())
}

pub(super) async fn only_what_was_asked_for_goes_again(stage: Stage) -> Checked {
    let (batch, sent) = three(&stage).await?;
    for (failed, unknown, one) in [(false, true, &sent[1]), (true, false, &sent[0])] {
        let retry = RetryChunk { failed, unknown, ..chunk(&stage, batch) };
        let queued = Retried::Queued { failed: failed.into(), unknown: unknown.into(), next: None };
        same!(stage.store.retry(retry).await?, queued, "what is queued");
        let again = stage.send_all().await?;
        same!(again.iter().map(InFlight::id).collect::<Vec<_>>(), [one.id()], "what is sent again");
    }
    Ok(())
}

pub(super) async fn asking_twice_queues_once_and_what_fails_again_can_be_asked_for_again(
    stage: Stage,
) -> Checked {
    let (batch, _) = three(&stage).await?;
    let asking = (0..4).map(|_| {
        let (store, chunk) = (Arc::clone(&stage.store), chunk(&stage, batch));
        tokio::spawn(async move { store.retry(chunk).await })
    });
    let mut queued = 0;
    for asked in asking.collect::<Vec<_>>() {
        let retried = asked.await.map_err(|error| Failure::new(error.to_string()))??;
        queued += has_form!(retried, Retried::Queued { failed, unknown, .. } => failed + unknown, "a retry");
    }
    same!(queued, 2, "messages queued by four requests at the same time");
    for _ in 0..2 {
        stage.send_one(refused(Refusal::Content)).await?;
    }
    stage.tick().await;
    same!(retry(&stage, batch).await?, (2, 0), "messages queued, when they have failed again");
    Ok(())
}

pub(super) async fn a_request_goes_on_where_it_ended_and_leaves_alone_what_failed_meanwhile(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(5)).await?;
    for _ in 0..5 {
        stage.send_one(refused(Refusal::Content)).await?;
    }
    stage.tick().await;
    let mut request = RetryChunk { limit: 2, ..chunk(&stage, batch.id) };
    let mut counts = Vec::new();
    for _ in 0..10 {
        let retried = stage.store.retry(request.clone()).await?;
        let (failed, next) =
            has_form!(retried, Retried::Queued { failed, next, .. } => (failed, next), "a chunk");
        counts.push(failed);
        if counts.len() == 1 {
            // Faster than the request: both have failed again before it goes on, behind it and before it.
            stage.tick().await;
            for _ in 0..2 {
                stage.send_one(refused(Refusal::Content)).await?;
            }
        }
        if next.is_none() {
            break;
        }
        request.cursor = next;
    }
    same!(counts.iter().sum::<u64>(), 5, "messages queued by chunks of two: {counts:?}");
    holds!(counts.iter().all(|count| *count <= 2), "no chunk is larger than asked for: {counts:?}");
    same!(stage.states(batch.id).await?.get(&DeliveryState::Failed), Some(&2), "messages that failed again");
    same!(retry(&stage, batch.id).await?, (2, 0), "messages queued by another request");
    Ok(())
}

pub(super) async fn nothing_goes_again_of_a_plan_or_of_a_batch_that_was_stopped(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
    let stopped = stage.store.retry(chunk(&stage, plan.id)).await?;
    same!(stopped, Retried::Stopped(BatchState::Planned), "a retry of a plan");
    for (event, state) in
        [(BatchEvent::Cancel, BatchState::Cancelled), (BatchEvent::Recall, BatchState::Recalled)]
    {
        let batch = stage.invite(&stage.persons(1)).await?;
        stage.send_one(refused(Refusal::Content)).await?;
        stage.change(batch.id, event).await?;
        same!(stage.store.retry(chunk(&stage, batch.id)).await?, Retried::Stopped(state), "a retry");
        same!(stage.states(batch.id).await?, [(DeliveryState::Failed, 1)].into(), "states");
    }
    let unknown = stage.store.retry(chunk(&stage, BatchId::new())).await?;
    same!(unknown, Retried::NotFound, "a retry of an unknown batch");
    let (batch, _) = three(&stage).await?;
    let neighbour = stage.neighbour("neighbour").await?;
    let elsewhere = stage.store.retry(chunk(&neighbour, batch)).await?;
    same!(elsewhere, Retried::NotFound, "a retry from another organisation");
    same!(stage.states(batch).await?.get(&DeliveryState::Queued), None, "messages queued");
    Ok(())
}

pub(super) async fn a_retry_carries_the_next_credential_where_the_last_is_wiped(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let failed = stage.send_one(refused(Refusal::Content)).await?;
    // It expires while nobody looks.
    stage.advance(DAY * 8).await;
    stage.sweep().await?;
    same!(stage.story(&user).await?.invitations[0].state, InvitationState::Expired, "the invitation");
    same!(retry(&stage, batch.id).await?, (1, 0), "messages queued");
    let again = stage.send_one(accepted()).await?;
    same!(again.claimed.invitation, failed.claimed.invitation, "the invitation");
    holds!(again.digest()? != failed.digest()?, "the credential is another one");
    same!(stage.story(&user).await?.invitations[0].state, InvitationState::Pending, "the invitation");
    let state = stage.link_state(again.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the link");
    Ok(())
}

pub(super) async fn a_retry_is_decided_again(stage: Stage) -> Checked {
    let mut people = stage.persons(3);
    let batch = stage.invite(&people).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    for _ in 0..2 {
        stage.send_one(refused(Refusal::Content)).await?;
    }
    people[1].has_password = true;
    stage.put(&people[1]);
    people[2].email = "moved@example.com".parse().ok();
    stage.put(&people[2]);
    same!(retry(&stage, batch.id).await?, (3, 0), "messages queued");
    let reasons = [EndReason::OnSuppressionList, EndReason::ChangedSincePlan, EndReason::ChangedSincePlan];
    for _ in &people {
        let (token, claimed) = stage.claim_one().await?;
        let place = people.iter().position(|one| one.id == claimed.user).unwrap_or_default();
        let begun = stage.begin(token, &claimed).await?;
        let reason = has_form!(begun, Begun::Stopped(reason) => reason, "beginning it");
        same!(reason, reasons[place], "why it does not go");
    }
    stage.nothing_is_due("afterwards").await
}

pub(super) async fn a_retry_that_is_accepted_retires_as_its_batch_was_confirmed(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    holds!(stage.own_password_counts(&user).await?, "the own password counts when the reset failed");
    same!(retry(&stage, batch.id).await?, (1, 0), "messages queued");
    holds!(stage.own_password_counts(&user).await?, "it counts while the retry waits");
    let sent = stage.send_one(accepted()).await?;
    holds!(!stage.own_password_counts(&user).await?, "it does not count when the retry was accepted");
    // Reported as failed, it is lifted; asked for again and accepted, it is retired again.
    stage.report(sent.id(), Report::Failed).await?;
    holds!(stage.own_password_counts(&user).await?, "it counts when the message is reported as failed");
    stage.tick().await;
    same!(retry(&stage, batch.id).await?, (1, 0), "messages queued again");
    stage.send_one(accepted()).await?;
    holds!(!stage.own_password_counts(&user).await?, "it does not count when that was accepted");
    Ok(())
}

pub(super) async fn an_unknown_sms_goes_again_only_when_it_is_asked_for(stage: Stage) -> Checked {
    let batch = stage.invite(&[stage.person_by_phone()]).await?;
    stage.send_one(unknown()).await?;
    for _ in 0..3 {
        stage.advance(DAY).await;
        stage.sweep().await?;
        stage.nothing_is_due("while nobody asks").await?;
    }
    same!(retry(&stage, batch.id).await?, (0, 1), "messages queued");
    stage.send_one(unknown()).await?;
    same!(stage.states(batch.id).await?, [(DeliveryState::Unknown, 1)].into(), "states");
    stage.advance(MINUTE).await;
    stage.nothing_is_due("after the retry").await
}

pub(super) async fn an_unknown_message_that_is_reported_as_arrived_retires_and_supersedes(
    stage: Stage,
) -> Checked {
    let mut user = stage.person_by_phone();
    let earlier = stage.invited(&user).await?;
    user.has_password = true;
    stage.put(&user);
    stage.advance(DAY).await;
    stage.invite(std::slice::from_ref(&user)).await?;
    let lost = stage.send_one(unknown()).await?;
    let story = stage.story(&user).await?;
    let state = |id| story.invitations.iter().find(|one| one.id == id).map(|one| one.state);
    same!(state(earlier.claimed.invitation), Some(InvitationState::Pending), "the earlier invitation");
    holds!(stage.own_password_counts(&user).await?, "the own password counts while nobody knows");
    for _ in 0..2 {
        stage.report(lost.id(), Report::Delivered).await?;
        holds!(!stage.own_password_counts(&user).await?, "it does not count when the message arrived");
        let story = stage.story(&user).await?;
        let open = story.invitations.iter().filter(|one| one.state == InvitationState::Pending);
        same!(open.map(|one| one.id).collect::<Vec<_>>(), [lost.claimed.invitation], "open invitations");
        let invited = |what: &Happening| matches!(what, Happening::Invited { invitation, .. } if *invitation == lost.claimed.invitation);
        same!(stage.count(invited).await?, 1, "events that the person is invited");
        let retired = |what: &Happening| matches!(what, Happening::PasswordRetired { .. });
        same!(stage.count(retired).await?, 1, "events that the password is retired");
    }
    Ok(())
}
