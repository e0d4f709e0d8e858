//! What follows from an outcome for its message, its address and its batch.

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred, near, refused, unknown};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::model::batch::BatchState;
use crate::model::contact::EmailAddress;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::message::Channel;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::{Answer, Outcome, Receipt, Refusal};
use crate::model::suppression::SuppressionReason;
use crate::port::queue::HandOverResult;

pub(super) async fn what_a_provider_accepts_is_sent_with_its_receipt(stage: Stage) -> Checked {
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let in_flight = stage.take_off().await?;
    let receipt = Receipt("provider-42".into());
    same!(
        stage.record(&in_flight, Outcome::Accepted(receipt.clone())).await?,
        DeliveryState::Sent,
        "the state that record answers"
    );
    let delivery = stage.delivery(batch.id, in_flight.id()).await?;
    same!((delivery.state, delivery.receipt), (DeliveryState::Sent, Some(receipt)), "state and receipt");
    let now = stage.now().await?;
    holds!(delivery.sent_at.is_some_and(|at| near(at, now)), "it was sent now");
    let histories = stage.store.histories(stage.id(), vec![user]).await?;
    holds!(histories[0].invited, "the history says that the person was invited");
    stage.nothing_is_due("when all is sent").await
}

pub(super) async fn a_person_is_invited_once_by_an_invitation(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let sent = stage.send_all().await?;
    same!(sent.len(), 2, "messages");
    let invitation = sent[0].claimed.invitation;
    let invited = Happening::Invited { user: user.id, invitation, batch: batch.id };
    same!(stage.count(|what| *what == invited).await?, 1, "events that the person was invited");
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    stage.send_all().await?;
    let any = |what: &Happening| matches!(what, Happening::Invited { .. });
    same!(stage.count(any).await?, 1, "events that somebody was invited, after a reminder");
    Ok(())
}

pub(super) async fn a_recipient_that_is_refused_fails_and_is_suppressed(stage: Stage) -> Checked {
    for (refusal, end, reason) in [
        (Refusal::Recipient, EndReason::RecipientRefused, SuppressionReason::Refused),
        (Refusal::OptedOut, EndReason::OptedOut, SuppressionReason::OptedOut),
    ] {
        let user = stage.person();
        let batch = stage.invite(std::slice::from_ref(&user)).await?;
        let sent = stage.send_one(refused(refusal)).await?;
        let delivery = stage.delivery(batch.id, sent.id()).await?;
        same!((delivery.state, delivery.reason), (DeliveryState::Failed, Some(end)), "its end");
        same!(delivery.answer, Some(Answer::new("550", "no")), "the provider's words");
        let key = user.email.as_ref().map(EmailAddress::key).unwrap_or_default();
        let list = stage.store.suppressions(stage.id(), None, 100).await?;
        let entry = list.iter().find(|entry| entry.address == key && entry.channel == Channel::Email);
        same!(entry.map(|entry| entry.reason), Some(reason), "why the address is suppressed");
        let failed =
            Happening::Failed { user: user.id, delivery: sent.id(), channel: Channel::Email, reason: end };
        same!(stage.count(|what| *what == failed).await?, 1, "events that the message failed");
        let suppressed = Happening::Suppressed { user: user.id, channel: Channel::Email };
        same!(stage.count(|what| *what == suppressed).await?, 1, "events that the address is suppressed");
    }
    Ok(())
}

pub(super) async fn a_recipient_refused_without_certainty_is_suppressed_after_a_second_batch(
    stage: Stage,
) -> Checked {
    let user = stage.person();
    for suppressed in [0, 1] {
        stage.invite(std::slice::from_ref(&user)).await?;
        stage.send_one(refused(Refusal::RecipientUncertain)).await?;
        let list = stage.store.suppressions(stage.id(), None, 100).await?;
        same!(list.len(), suppressed, "addresses suppressed");
        stage.advance(DAY).await;
    }
    Ok(())
}

pub(super) async fn content_and_policy_that_are_refused_suppress_nobody(stage: Stage) -> Checked {
    for (refusal, end) in
        [(Refusal::Content, EndReason::ContentRefused), (Refusal::Policy, EndReason::PolicyRefused)]
    {
        let batch = stage.invite(&stage.persons(1)).await?;
        let sent = stage.send_one(refused(refusal)).await?;
        let delivery = stage.delivery(batch.id, sent.id()).await?;
        same!((delivery.state, delivery.reason), (DeliveryState::Failed, Some(end)), "its end");
    }
    same!(stage.store.suppressions(stage.id(), None, 10).await?, [], "suppressions");
    Ok(())
}

pub(super) async fn a_message_is_tried_as_often_as_the_policy_says(mut stage: Stage) -> Checked {
    stage.policy.email.at_most = 3;
    let batch = stage.invite(&stage.persons(1)).await?;
    for attempt in 1..=3 {
        let tried = stage.send_one(deferred(None)).await?;
        let delivery = stage.delivery(batch.id, tried.id()).await?;
        same!(delivery.attempts, attempt, "attempts");
        let expected = if attempt < 3 { DeliveryState::Queued } else { DeliveryState::Failed };
        same!(delivery.state, expected, "its state after attempt {attempt}");
        same!(delivery.next_attempt_at.is_some(), attempt < 3, "whether it says when it is tried next");
        stage.advance(HOUR).await;
    }
    let states = stage.deliveries(batch.id).await?;
    same!(states[0].reason, Some(EndReason::TriedEnough), "why it failed");
    stage.nothing_is_due("after the last attempt").await
}

pub(super) async fn a_message_is_tried_for_as_long_as_the_policy_says(mut stage: Stage) -> Checked {
    stage.policy.email.within = HOUR * 4;
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.send_one(deferred(Some(HOUR * 3))).await?;
    stage.advance(HOUR * 3).await;
    let tried = stage.send_one(deferred(Some(HOUR * 2))).await?;
    let delivery = stage.delivery(batch.id, tried.id()).await?;
    same!(
        (delivery.state, delivery.reason),
        (DeliveryState::Failed, Some(EndReason::TriedEnough)),
        "its end, when the next attempt would be too late"
    );
    Ok(())
}

pub(super) async fn an_email_with_unknown_outcome_goes_once_more_and_an_sms_does_not(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.send_one(unknown()).await?;
    same!(stage.deliveries(batch.id).await?[0].state, DeliveryState::Queued, "the e-mail at first");
    stage.advance(HOUR).await;
    stage.send_one(unknown()).await?;
    same!(stage.deliveries(batch.id).await?[0].state, DeliveryState::Unknown, "the e-mail the second time");
    let by_sms = stage.person_by_phone();
    let batch = stage.invite(std::slice::from_ref(&by_sms)).await?;
    stage.send_one(unknown()).await?;
    let sms = stage.deliveries(batch.id).await?.remove(0);
    same!(
        (sms.state, sms.reason),
        (DeliveryState::Unknown, Some(EndReason::OutcomeUnknown)),
        "the SMS at once"
    );
    Ok(())
}

pub(super) async fn a_transport_that_was_not_called_costs_no_attempt(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let in_flight = stage.take_off().await?;
    let kept = stage.record_result(in_flight.key(), HandOverResult::NotCalled).await?;
    same!(kept, Some(DeliveryState::Queued), "its state");
    same!(stage.delivery(batch.id, in_flight.id()).await?.attempts, 0, "its attempts");
    same!(stage.send_all().await?.len(), 1, "messages that leave at once");
    Ok(())
}

pub(super) async fn a_message_that_cannot_be_rendered_fails_and_says_why(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let in_flight = stage.take_off().await?;
    let why = Answer::new("", "the template has no subject");
    let kept = stage.record_result(in_flight.key(), HandOverResult::NotRendered(why.clone())).await?;
    same!(kept, Some(DeliveryState::Failed), "its state");
    let delivery = stage.delivery(batch.id, in_flight.id()).await?;
    same!(delivery.reason, Some(EndReason::NotRendered), "its reason");
    same!(delivery.answer, Some(why), "the words about it");
    Ok(())
}

pub(super) async fn a_batch_brakes_when_too_many_of_its_messages_fail(mut stage: Stage) -> Checked {
    (stage.policy.brake_from, stage.policy.brake_percent) = (10, 20);
    let batch = stage.invite(&stage.persons(30)).await?;
    for number in 1..=10 {
        same!(stage.batch(batch.id).await?.state, BatchState::Running, "its state before outcome {number}");
        let outcome = if number <= 2 { refused(Refusal::Content) } else { accepted() };
        stage.send_one(outcome).await?;
    }
    let braked = stage.batch(batch.id).await?;
    same!(braked.state, BatchState::Paused, "its state after the tenth");
    let because = braked.paused_because.unwrap_or_default();
    holds!(
        because.contains("brake") && because.contains('2') && because.contains("10"),
        "it says why: the brake, 2 of 10; but it says {because:?}"
    );
    stage.nothing_is_due("of a batch that brakes").await?;
    let paused =
        |what: &Happening| matches!(what, Happening::BatchPaused { batch: of, .. } if *of == batch.id);
    same!(stage.count(paused).await?, 1, "events that it is paused");
    stage.change(batch.id, BatchEvent::Resume).await?;
    for number in 1..=9 {
        stage.send_one(refused(Refusal::Content)).await?;
        let state = stage.batch(batch.id).await?.state;
        same!(state, BatchState::Running, "its state after {number} outcomes since it was resumed");
    }
    stage.send_one(refused(Refusal::Content)).await?;
    same!(stage.batch(batch.id).await?.state, BatchState::Paused, "its state after ten");
    Ok(())
}

pub(super) async fn a_batch_with_few_failures_goes_on(mut stage: Stage) -> Checked {
    (stage.policy.brake_from, stage.policy.brake_percent) = (10, 20);
    let batch = stage.invite(&stage.persons(21)).await?;
    for number in 0..20 {
        let outcome = if number % 10 == 0 { refused(Refusal::Content) } else { accepted() };
        stage.send_one(outcome).await?;
    }
    same!(stage.batch(batch.id).await?.state, BatchState::Running, "its state at one failure in ten");
    Ok(())
}

pub(super) async fn a_batch_is_finished_once_nothing_of_it_is_on_its_way(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    let finished = |what: &Happening| *what == Happening::BatchFinished { batch: batch.id };
    stage.send_one(accepted()).await?;
    stage.send_one(deferred(Some(MINUTE))).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    stage.sweep().await?;
    same!(stage.count(finished).await?, 0, "events that it is finished while a message waits");
    stage.advance(HOUR).await;
    stage.send_one(accepted()).await?;
    stage.sweep().await?;
    same!(stage.count(finished).await?, 1, "events that it is finished");
    Ok(())
}
