//! What is kept too long goes, and nothing else.

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred, refused};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::event::EventCursor;
use crate::model::id::BatchId;
use crate::model::invitation::InvitationState;
use crate::model::item::Action;
use crate::model::outcome::{Concerns, Refusal};
use crate::port::plans::RetryChunk;
use crate::port::records::EventsForgotten;

/// How many messages of a batch have an address, an answer or a receipt.
async fn contacts(stage: &Stage, batch: BatchId) -> Checked<usize> {
    let has = |one: &&Delivery| one.address.is_some() || one.answer.is_some() || one.receipt.is_some();
    Ok(stage.deliveries(batch).await?.iter().filter(has).count())
}

pub(super) async fn contacts_go_when_their_batch_has_been_finished_for_so_long_and_not_before(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    stage.send_one(accepted()).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    stage.send_one(deferred(Some(DAY))).await?;
    stage.advance(DAY + MINUTE).await;
    stage.send_one(accepted()).await?;
    stage.sweep().await?;
    stage.advance(stage.policy.contacts_kept - HOUR).await;
    stage.sweep().await?;
    same!(contacts(&stage, batch.id).await?, 3, "messages with contacts an hour before their time");
    let before = (stage.states(batch.id).await?, stage.batch(batch.id).await?, stage.items(batch.id).await?);
    stage.advance(HOUR * 2).await;
    stage.sweep().await?;
    same!(contacts(&stage, batch.id).await?, 0, "messages with contacts an hour after it");
    let after = (stage.states(batch.id).await?, stage.batch(batch.id).await?, stage.items(batch.id).await?);
    same!(after, before, "states, totals and items");
    same!(stage.sweep().await?, 0, "rows that are left to sweep");
    Ok(())
}

pub(super) async fn contacts_of_a_batch_that_goes_on_stay(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(2)).await?;
    stage.send_one(accepted()).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    stage.advance(stage.policy.contacts_kept + DAY).await;
    stage.sweep().await?;
    same!(contacts(&stage, batch.id).await?, 2, "messages with contacts while one waits");
    Ok(())
}

pub(super) async fn contacts_of_a_plan_that_was_stopped_go_too(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(2)).await?;
    stage.change(plan.id, BatchEvent::Cancel).await?;
    stage.sweep().await?;
    same!(contacts(&stage, plan.id).await?, 2, "messages with contacts when it is stopped");
    stage.advance(stage.policy.contacts_kept + HOUR).await;
    stage.sweep().await?;
    same!(contacts(&stage, plan.id).await?, 0, "messages with contacts after their time");
    Ok(())
}

pub(super) async fn a_batch_that_is_reopened_keeps_the_contacts_of_its_messages(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    stage.advance(stage.policy.contacts_kept - DAY).await;
    stage.sweep().await?;
    let retry = RetryChunk {
        actor: stage.actor(),
        batch: batch.id,
        failed: true,
        unknown: false,
        cursor: None,
        limit: 10,
    };
    stage.store.retry(retry).await?;
    stage.send_one(accepted()).await?;
    stage.advance(DAY * 2).await;
    stage.sweep().await?;
    same!(
        contacts(&stage, batch.id).await?,
        1,
        "messages with contacts, counted from when it finished again"
    );
    stage.advance(stage.policy.contacts_kept).await;
    stage.sweep().await?;
    same!(contacts(&stage, batch.id).await?, 0, "messages with contacts in the end");
    Ok(())
}

pub(super) async fn contacts_go_a_few_at_a_time(stage: Stage) -> Checked {
    let first = stage.invite(&stage.persons(3)).await?;
    stage.send_all().await?;
    stage.tick().await;
    let second = stage.invite(&stage.persons(3)).await?;
    stage.send_all().await?;
    stage.advance(stage.policy.contacts_kept - DAY).await;
    stage.sweep().await?;
    stage.advance(DAY * 2).await;
    let mut policy = stage.policy.clone();
    policy.events_kept = policy.audit_kept;
    let left = async || Checked::Ok((contacts(&stage, first.id).await?, contacts(&stage, second.id).await?));
    for expected in [(1, 3), (0, 2), (0, 0)] {
        holds!(stage.store.sweep(2, policy.clone()).await? <= 2, "a sweep keeps to its limit");
        same!(left().await?, expected, "messages with contacts, the older batch first");
    }
    Ok(())
}

pub(super) async fn a_report_after_that_brings_nothing_back(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let sent = stage.send_one(accepted()).await?;
    stage.advance(stage.policy.contacts_kept + HOUR).await;
    stage.sweep().await?;
    holds!(stage.report_as(sent.id(), Report::Bounced, Concerns::Address).await?, "the message is known");
    let delivery = stage.delivery(batch.id, sent.id()).await?;
    same!(delivery.state, DeliveryState::Bounced, "its state");
    same!((delivery.address, delivery.answer), (None, None), "its address, and the answer that may quote it");
    same!(stage.store.suppressions(stage.id(), None, 10).await?, [], "suppressed addresses");
    Ok(())
}

pub(super) async fn an_invitation_outlives_the_contacts_of_its_messages(mut stage: Stage) -> Checked {
    stage.policy.contacts_kept = DAY;
    let user = stage.person();
    stage.invited(&user).await?;
    stage.advance(DAY + HOUR).await;
    stage.sweep().await?;
    let story = stage.story(&user).await?;
    same!(story.deliveries[0].address, None, "the address of its message");
    stage.store.record_changes(stage.id(), vec![(user.id, Some(user.clone()))]).await?;
    same!(stage.story(&user).await?.invitations[0].state, InvitationState::Pending, "the invitation");
    same!(stage.open_passwords(&user).await?.len(), 1, "passwords that work");
    Ok(())
}

pub(super) async fn events_go_after_their_time_and_a_reader_who_comes_late_is_told(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    stage.send_all().await?;
    let old = stage.events().await?;
    same!(old.len(), 4, "events: three invited and one finished");
    let (first, last) = (old[0].cursor, old[3].cursor);
    stage.advance(stage.policy.events_kept - DAY).await;
    stage.sweep().await?;
    same!(stage.events().await?[..4], old[..], "the oldest events a day before their time");
    stage.invite(&stage.persons(1)).await?;
    stage.send_all().await?;
    stage.advance(DAY * 2).await;
    stage.sweep().await?;
    let kept = stage.events().await?;
    holds!(
        kept.first().is_some_and(|event| event.cursor > last),
        "who begins, begins with the oldest that is kept"
    );
    same!(
        stage.store.events(first, 10).await?,
        Err(EventsForgotten { until: kept_until(&stage, first).await? }),
        "what a reader is told who has missed some"
    );
    let until = kept_until(&stage, first).await?;
    holds!(until >= last, "the cursor to go on from is behind what was removed");
    same!(stage.events_after(until, 100).await?, kept, "what a reader sees who goes on from there");
    // What expires is told before its time is over.
    stage.advance(DAY * 8).await;
    stage.sweep().await?;
    stage.advance(stage.policy.events_kept * 2).await;
    stage.sweep().await?;
    same!(stage.events().await?, [], "events when all are old");
    holds!(
        stage.store.events(until, 10).await?.is_err(),
        "a reader is told so when no event is left as well"
    );
    stage.invite(&stage.persons(1)).await?;
    stage.send_all().await?;
    let newer = stage.events().await?;
    holds!(newer.iter().all(|event| event.cursor > until), "cursors go on ascending");
    Ok(())
}

/// Where a late reader is told to go on.
async fn kept_until(stage: &Stage, after: EventCursor) -> Checked<EventCursor> {
    let told = stage.store.events(after, 10).await?;
    Ok(has_form!(told, Err(EventsForgotten { until }) => until, "reading after what was removed"))
}

pub(super) async fn the_audit_goes_after_its_time(stage: Stage) -> Checked {
    let old = stage.store.audit(stage.id(), None, 100).await?;
    holds!(!old.is_empty(), "saving an organisation is audited");
    stage.advance(stage.policy.audit_kept - DAY).await;
    stage.sweep().await?;
    same!(stage.store.audit(stage.id(), None, 100).await?, old, "the audit a day before its time");
    stage.invite(&stage.persons(1)).await?;
    stage.advance(DAY * 2).await;
    stage.sweep().await?;
    let kept = stage.store.audit(stage.id(), None, 100).await?;
    same!(kept.len(), 1, "lines of the audit that are kept");
    same!(kept[0].what, "batch_confirmed", "what is kept");
    Ok(())
}
