//! Pausing, resuming, cancelling and recalling.

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::{BatchEvent, WrongBatchState};
use crate::model::batch::BatchState;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::BatchId;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::port::plans::BatchChange;
use crate::port::redemption::{LinkState, Reserved};

pub(super) async fn a_batch_is_paused_and_resumed_by_name(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let paused = stage.change(batch.id, BatchEvent::Pause).await?;
    same!(paused.state, BatchState::Paused, "its state");
    same!(paused.paused_because.as_deref(), Some("a test"), "why it is paused");
    let event = Happening::BatchPaused { batch: batch.id, because: "a test".into() };
    same!(stage.count(|what| *what == event).await?, 1, "events that it is paused");
    let resumed = stage.change(batch.id, BatchEvent::Resume).await?;
    same!(resumed.state, BatchState::Running, "its state when it is resumed");
    let audit = stage.store.audit(stage.id(), None, 2).await?;
    let what: Vec<_> = audit.iter().map(|line| line.what.as_str()).collect();
    same!(what, ["batch_resumed", "batch_paused"], "the newest lines of the audit");
    holds!(audit.iter().all(|line| line.actor == stage.actor()), "the audit says who");
    Ok(())
}

pub(super) async fn pressing_twice_is_pressing_once(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    for event in [BatchEvent::Pause, BatchEvent::Cancel, BatchEvent::Recall] {
        let once = stage.change(batch.id, event).await?;
        let lines = stage.store.audit(stage.id(), None, 100).await?.len();
        let events = stage.events().await?.len();
        stage.tick().await;
        same!(stage.change(batch.id, event).await?, once, "the batch after {event:?} once more");
        same!(stage.store.audit(stage.id(), None, 100).await?.len(), lines, "lines of the audit");
        same!(stage.events().await?.len(), events, "events");
    }
    Ok(())
}

pub(super) async fn an_event_that_does_not_fit_changes_nothing(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    for event in [BatchEvent::Pause, BatchEvent::Resume, BatchEvent::Cancel] {
        let change = BatchChange { batch: batch.id, actor: stage.actor(), event, because: None };
        let changed = stage.store.change_batch(change).await?;
        let expected = Some(Err(WrongBatchState { from: BatchState::Recalled, event }));
        same!(changed, expected, "{event:?} of a recalled batch");
    }
    same!(stage.batch(batch.id).await?.state, BatchState::Recalled, "its state");
    let change =
        BatchChange { batch: BatchId::new(), actor: stage.actor(), event: BatchEvent::Pause, because: None };
    same!(stage.store.change_batch(change).await?, None, "a batch that is not there");
    Ok(())
}

pub(super) async fn cancelling_stops_what_waits_and_leaves_what_was_sent(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let batch = stage.invite(&stage.persons(4)).await?;
    let sent = stage.send_one(accepted()).await?;
    let handed_over = stage.take_off().await?;
    let cancelled = stage.change(batch.id, BatchEvent::Cancel).await?;
    same!(cancelled.state, BatchState::Cancelled, "its state");
    holds!(cancelled.stopped_at.is_some(), "it says since when");
    stage.nothing_is_due("of a cancelled batch, before any sweep").await?;
    stage.sweep().await?;
    for delivery in stage.deliveries(batch.id).await? {
        if delivery.id == sent.id() {
            same!(delivery.state, DeliveryState::Sent, "what was sent");
        } else if delivery.id == handed_over.id() {
            same!(delivery.state, DeliveryState::HandingOver, "what is being handed over");
        } else {
            same!(
                (delivery.state, delivery.reason),
                (DeliveryState::Cancelled, Some(EndReason::BatchCancelled)),
                "what waited"
            );
        }
    }
    same!(stage.record(&handed_over, accepted()).await?, DeliveryState::Sent, "its outcome");
    let state = stage.link_state(sent.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the link that was sent");
    Ok(())
}

pub(super) async fn what_was_claimed_of_a_cancelled_batch_does_not_come_back(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(2)).await?;
    stage.claim(1).await?;
    stage.change(batch.id, BatchEvent::Cancel).await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.nothing_is_due("of a cancelled batch").await?;
    stage.sweep().await?;
    let states = stage.states(batch.id).await?;
    same!(states.get(&DeliveryState::Cancelled), Some(&2), "messages cancelled, of {states:?}");
    Ok(())
}

pub(super) async fn what_comes_back_to_a_stopped_batch_is_cancelled_there_and_then(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    let claimed = stage.claim_one().await?;
    let (under_way, lost) = (stage.take_off().await?, stage.take_off().await?);
    stage.change(batch.id, BatchEvent::Cancel).await?;
    let kept = stage.record(&under_way, deferred(None)).await?;
    same!(kept, DeliveryState::Cancelled, "a message that was deferred");
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.nothing_is_due("of a cancelled batch").await?;
    for id in [claimed.1.id, lost.id()] {
        let message = stage.delivery(batch.id, id).await?;
        let stands = (message.state, message.reason);
        same!(stands, (DeliveryState::Cancelled, Some(EndReason::BatchCancelled)), "whose worker died");
    }
    same!(stage.sweep().await?, 0, "rows that are left to a sweep");
    Ok(())
}

pub(super) async fn a_recall_is_seen_by_everything_before_any_sweep(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let by_link = stage.person();
    let batch = stage.invite(std::slice::from_ref(&by_link)).await?;
    let sent = stage.send_one(accepted()).await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    let recalled = LinkState::Revoked(RevokeReason::Recalled);
    same!(stage.link_state(sent.digest()?).await?, recalled, "the link");
    same!(stage.reserve_link(sent.digest()?).await?, Reserved::Not(recalled), "reserving it");
    let histories = stage.store.histories(stage.id(), vec![by_link]).await?;
    let state = histories[0].last_invitation.as_ref().map(|last| last.state);
    same!(state, Some(InvitationState::Revoked(RevokeReason::Recalled)), "the history");

    stage.set(|settings| settings.credential = CredentialKind::TemporaryPassword).await?;
    let by_password = stage.person();
    let batch = stage.invite(std::slice::from_ref(&by_password)).await?;
    stage.send_one(accepted()).await?;
    same!(stage.open_passwords(&by_password).await?.len(), 1, "passwords that work before the recall");
    stage.change(batch.id, BatchEvent::Recall).await?;
    same!(stage.open_passwords(&by_password).await?.len(), 0, "passwords that work after the recall");
    Ok(())
}

pub(super) async fn a_recall_revokes_what_was_sent_and_cancels_what_waits(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let people = stage.persons(3);
    let batch = stage.invite(&people).await?;
    let sent = stage.send_one(accepted()).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    stage.sweep().await?;
    let states = stage.states(batch.id).await?;
    let (gone, waits) = (states.get(&DeliveryState::Sent), states.get(&DeliveryState::Cancelled));
    same!((gone, waits), (Some(&1), Some(&2)), "messages sent and cancelled");
    let recipient = people.iter().find(|user| user.id == sent.claimed.user);
    let story = stage.story(recipient.ok_or_else(|| Failure::new("nobody"))?).await?;
    let invitation = &story.invitations[0];
    same!(invitation.state, InvitationState::Revoked(RevokeReason::Recalled), "the invitation");
    holds!(invitation.closed_at.is_some(), "it says when it was closed");
    let recalled = LinkState::Revoked(RevokeReason::Recalled);
    same!(stage.link_state(sent.digest()?).await?, recalled, "the link after the sweep");
    Ok(())
}

pub(super) async fn a_finished_batch_can_be_recalled(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let batch = stage.invite(&stage.persons(1)).await?;
    let sent = stage.send_one(accepted()).await?;
    stage.sweep().await?;
    stage.advance(DAY).await;
    stage.change(batch.id, BatchEvent::Recall).await?;
    stage.sweep().await?;
    let recalled = LinkState::Revoked(RevokeReason::Recalled);
    same!(stage.link_state(sent.digest()?).await?, recalled, "the link");
    Ok(())
}

pub(super) async fn a_recalled_reminder_takes_its_own_credential_and_leaves_the_invitation(
    mut stage: Stage,
) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let invitation = stage.invited(&user).await?;
    stage.advance(DAY * 4).await;
    let batch = stage.remind(std::slice::from_ref(&user)).await?;
    let reminder = stage.send_one(accepted()).await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    for when in ["before", "after"] {
        let state = stage.link_state(reminder.digest()?).await?;
        let recalled = LinkState::Revoked(RevokeReason::Recalled);
        same!(state, recalled, "the reminder's link {when} the sweep");
        let state = stage.link_state(invitation.digest()?).await?;
        has_form!(state, LinkState::Open { .. } => (), "the invitation's link {when} the sweep");
        stage.sweep().await?;
    }
    let story = stage.story(&user).await?;
    same!(story.invitations[0].state, InvitationState::Pending, "the invitation");
    Ok(())
}

pub(super) async fn after_a_cancel_the_people_can_be_invited_again_at_once(stage: Stage) -> Checked {
    let people = stage.persons(3);
    let batch = stage.invite(&people).await?;
    stage.change(batch.id, BatchEvent::Cancel).await?;
    let again = stage.invite(&people).await?;
    same!(again.totals.send, 3, "people who get a message, before any sweep");
    same!(stage.send_all().await?.len(), 3, "messages that leave");
    Ok(())
}
