//! What providers report, in any order.

use super::stage::{DAY, HOUR, Stage, accepted, deferred, unknown};
use crate::conformance::{Checked, Failure};
use crate::machine::delivery::Report;
use crate::model::contact::EmailAddress;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::DeliveryId;
use crate::model::message::Channel;
use crate::model::outcome::{Answer, Concerns, Scope};
use crate::model::sender::{Covers, PauseKind};
use crate::model::suppression::SuppressionReason;
use crate::port::queue::Reported;
use crate::port::records::{SuppressionAct, SuppressionChange};

pub(super) async fn reports_move_a_message_on(stage: Stage) -> Checked {
    for (report, state, reason) in [
        (Report::Delivered, DeliveryState::Delivered, None),
        (Report::Bounced, DeliveryState::Bounced, None),
        (Report::Complained, DeliveryState::Complained, None),
        (Report::Failed, DeliveryState::Failed, Some(EndReason::ReportedFailed)),
        (Report::Unknown, DeliveryState::Unknown, Some(EndReason::OutcomeUnknown)),
    ] {
        let batch = stage.invite(&stage.persons(1)).await?;
        let sent = stage.send_one(accepted()).await?;
        holds!(stage.report(sent.id(), report).await?, "the message is known");
        let delivery = stage.delivery(batch.id, sent.id()).await?;
        same!((delivery.state, delivery.reason), (state, reason), "state and reason after {report:?}");
        holds!(delivery.sent_at.is_some(), "it still says when it was sent");
    }
    Ok(())
}

pub(super) async fn reports_may_come_in_any_order_and_twice(stage: Stage) -> Checked {
    for reports in [
        [Report::Delivered, Report::Bounced, Report::Bounced],
        [Report::Bounced, Report::Delivered, Report::Bounced],
        [Report::Delivered, Report::Delivered, Report::Bounced],
    ] {
        let batch = stage.invite(&stage.persons(1)).await?;
        let sent = stage.send_one(accepted()).await?;
        for report in reports {
            stage.report(sent.id(), report).await?;
        }
        same!(stage.delivery(batch.id, sent.id()).await?.state, DeliveryState::Bounced, "after {reports:?}");
        let bounced =
            |what: &Happening| matches!(what, Happening::Bounced { delivery, .. } if *delivery == sent.id());
        same!(stage.count(bounced).await?, 1, "events that it bounced, after {reports:?}");
    }
    Ok(())
}

pub(super) async fn a_report_before_the_recording_counts_when_the_outcome_is_recorded(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let in_flight = stage.take_off().await?;
    holds!(stage.report(in_flight.id(), Report::Delivered).await?, "the message is known");
    let state = stage.delivery(batch.id, in_flight.id()).await?.state;
    same!(state, DeliveryState::HandingOver, "its state before the recording");
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Delivered, "its state after it");
    let invited = |what: &Happening| matches!(what, Happening::Invited { .. });
    same!(stage.count(invited).await?, 1, "events that the person is invited");
    Ok(())
}

pub(super) async fn a_bounce_before_the_recording_is_an_event_as_well(stage: Stage) -> Checked {
    let user = stage.person();
    stage.invite(std::slice::from_ref(&user)).await?;
    let in_flight = stage.take_off().await?;
    stage.report(in_flight.id(), Report::Bounced).await?;
    stage.report(in_flight.id(), Report::Bounced).await?;
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Bounced, "its state");
    let bounced = Happening::Bounced { user: user.id, delivery: in_flight.id(), channel: Channel::Email };
    same!(stage.count(|what| *what == bounced).await?, 1, "events that it bounced");
    Ok(())
}

pub(super) async fn a_report_saves_what_a_lost_worker_did_not_record(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let lost = stage.take_off().await?;
    stage.report(lost.id(), Report::Delivered).await?;
    stage.advance(stage.policy.lease + HOUR).await;
    stage.nothing_is_due("of a message that arrived").await?;
    same!(stage.delivery(batch.id, lost.id()).await?.state, DeliveryState::Delivered, "its state");
    Ok(())
}

pub(super) async fn a_provider_that_cannot_tell_has_not_accepted_what_a_lost_worker_had(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let lost = stage.take_off().await?;
    stage.report(lost.id(), Report::Unknown).await?;
    stage.advance(stage.policy.lease + HOUR).await;
    stage.sweep().await?;
    let message = stage.delivery(batch.id, lost.id()).await?;
    same!(
        (message.state, message.sent_at),
        (DeliveryState::Unknown, None),
        "its state, and when it was accepted"
    );
    same!(stage.count(|what| matches!(what, Happening::Invited { .. })).await?, 0, "people who were invited");
    Ok(())
}

pub(super) async fn a_message_with_unknown_outcome_moves_on_when_it_is_reported(stage: Stage) -> Checked {
    let user = stage.person_by_phone();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let sent = stage.send_one(unknown()).await?;
    stage.report(sent.id(), Report::Delivered).await?;
    same!(stage.delivery(batch.id, sent.id()).await?.state, DeliveryState::Delivered, "its state");
    Ok(())
}

pub(super) async fn a_report_never_sends_a_waiting_message_away(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let sent = stage.send_one(deferred(Some(HOUR))).await?;
    stage.report(sent.id(), Report::Unknown).await?;
    let state = stage.delivery(batch.id, sent.id()).await?.state;
    same!(state, DeliveryState::Queued, "the state of a message that waits");
    Ok(())
}

pub(super) async fn a_bounce_suppresses_where_it_says_so_and_a_complaint_always(stage: Stage) -> Checked {
    for (report, concerns, reason) in [
        (Report::Bounced, Concerns::Message, None),
        (Report::Bounced, Concerns::Address, Some(SuppressionReason::Bounced)),
        (Report::Failed, Concerns::Address, Some(SuppressionReason::Refused)),
        (Report::Failed, Concerns::OptOut, Some(SuppressionReason::OptedOut)),
        (Report::Complained, Concerns::Message, Some(SuppressionReason::Complained)),
    ] {
        let user = stage.person();
        stage.invite(std::slice::from_ref(&user)).await?;
        let sent = stage.send_one(accepted()).await?;
        for _ in 0..2 {
            stage.report_as(sent.id(), report, concerns).await?;
        }
        let key = user.email.as_ref().map(EmailAddress::key).unwrap_or_default();
        let list = stage.store.suppressions(stage.id(), None, 100).await?;
        let found: Vec<_> =
            list.iter().filter(|one| one.address == key).map(|one| Some(one.reason)).collect();
        same!(found, reason.map(Some).into_iter().collect::<Vec<_>>(), "suppressions after {report:?}");
        let event = Happening::Suppressed { user: user.id, channel: Channel::Email };
        let events = stage.count(|what| *what == event).await?;
        same!(events, usize::from(reason.is_some()), "events that the address is suppressed");
    }
    Ok(())
}

pub(super) async fn reports_are_answered_in_order_and_one_of_a_stranger_is_unknown(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(2)).await?;
    let sent = stage.send_all().await?;
    let reported = |delivery| Reported {
        delivery,
        report: Report::Delivered,
        concerns: Concerns::Message,
        answer: Answer::default(),
    };
    let reports = vec![reported(sent[0].id()), reported(DeliveryId::new()), reported(sent[1].id())];
    let known = stage.store.report(reports, stage.policy.clone()).await?;
    same!(known, [true, false, true], "the answers");
    same!(stage.states(batch.id).await?.get(&DeliveryState::Delivered), Some(&2), "messages delivered");
    Ok(())
}

pub(super) async fn a_report_long_after_the_batch_counts(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let sent = stage.send_one(accepted()).await?;
    stage.advance(DAY * 3).await;
    stage.sweep().await?;
    stage.report(sent.id(), Report::Bounced).await?;
    let delivery = stage.delivery(batch.id, sent.id()).await?;
    same!(delivery.state, DeliveryState::Bounced, "its state");
    let words = delivery.answer.ok_or_else(|| Failure::new("the provider's words are not kept"))?;
    same!(words.text(), "as reported", "the provider's words");
    Ok(())
}

pub(super) async fn a_report_about_the_sender_stops_it_as_one_that_is_blocked(stage: Stage) -> Checked {
    stage.invite(&stage.persons(2)).await?;
    let sent = stage.take_off().await?;
    stage.record(&sent, accepted()).await?;
    stage.report_as(sent.id(), Report::Failed, Concerns::Sender(Scope::Account)).await?;
    let pauses = stage.store.sender_pauses().await?;
    same!(pauses.len(), 1, "senders that are stopped");
    holds!(matches!(pauses[0].covers, Covers::Account(_)), "the account is stopped");
    same!(
        (pauses[0].kind, pauses[0].answer.text()),
        (PauseKind::Blocked, "as reported"),
        "how it is stopped"
    );
    stage.nothing_is_due("while the account is stopped").await?;
    stage.store.resume_sender(stage.actor(), pauses[0].covers.clone()).await?;
    stage.report_as(sent.id(), Report::Failed, Concerns::Sender(Scope::Account)).await?;
    same!(stage.store.sender_pauses().await?, [], "senders stopped by a report that comes again");
    let stops = stage.count(|what| matches!(what, Happening::SenderPaused { .. })).await?;
    same!(stops, 1, "events that a sender is paused");
    Ok(())
}

pub(super) async fn the_strongest_reason_for_a_suppression_stays(stage: Stage) -> Checked {
    for reports in [
        [(Report::Bounced, Concerns::Address), (Report::Complained, Concerns::Message)],
        [(Report::Complained, Concerns::Message), (Report::Bounced, Concerns::Address)],
    ] {
        let user = stage.person();
        stage.invite(std::slice::from_ref(&user)).await?;
        let sent = stage.send_one(accepted()).await?;
        for (report, concerns) in reports {
            stage.report_as(sent.id(), report, concerns).await?;
        }
        let key = user.email.as_ref().map(EmailAddress::key).unwrap_or_default();
        let found = reason(&stage, &key).await?;
        same!(found, Some(SuppressionReason::Complained), "the reason after {reports:?}");
        let event = Happening::Suppressed { user: user.id, channel: Channel::Email };
        same!(stage.count(|what| *what == event).await?, 1, "events that the address is suppressed");
    }
    Ok(())
}

pub(super) async fn an_opt_in_lifts_an_opt_out_and_nothing_else(stage: Stage) -> Checked {
    let address = "+4799999999".to_owned();
    let mut entries = 0;
    for (put, after) in [
        (SuppressionReason::OptedOut, None),
        (SuppressionReason::Bounced, Some(SuppressionReason::Bounced)),
        (SuppressionReason::ByHand, Some(SuppressionReason::ByHand)),
    ] {
        let change = |act| SuppressionChange {
            actor: stage.actor(),
            channel: Channel::Sms,
            address: address.clone(),
            act,
        };
        for act in
            [SuppressionAct::Put(put), SuppressionAct::Put(put), SuppressionAct::OptIn, SuppressionAct::OptIn]
        {
            stage.store.suppress(change(act)).await?;
        }
        same!(reason(&stage, &address).await?, after, "the reason after an opt-in, where it was {put}");
        stage.store.suppress(change(SuppressionAct::Release)).await?;
        same!(reason(&stage, &address).await?, None, "the reason after the release");
        entries += 2;
    }
    let audit = stage.store.audit(stage.id(), None, 1_000).await?;
    let about = audit.iter().filter(|entry| entry.what.starts_with("address_")).count();
    same!(about, entries, "audit entries: what changed nothing has none");
    Ok(())
}

async fn reason(stage: &Stage, address: &str) -> Checked<Option<SuppressionReason>> {
    let list = stage.store.suppressions(stage.id(), None, 100).await?;
    Ok(list.iter().find(|one| one.address == address).map(|one| one.reason))
}
