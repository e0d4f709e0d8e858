//! Confirming a plan.

use std::sync::Arc;
use std::time::Duration;

use super::stage::{MINUTE, Stage, near, sms_size};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::model::actor::Actor;
use crate::model::batch::BatchState;
use crate::model::event::Happening;
use crate::model::id::BatchId;
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::message_kind::MessageKind;
use crate::model::organisation::ChannelRule;
use crate::model::role::Role;
use crate::model::wording::Wording;
use crate::port::plans::{Confirm, Confirmed};

pub(super) async fn confirming_twice_is_one_batch(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(2)).await?;
    let batch = stage.confirm(plan.id).await?;
    same!(batch.state, BatchState::Running, "its state");
    holds!(batch.confirmed.as_ref().is_some_and(|how| how.by == stage.actor()), "it says who confirmed");
    let again = stage.store.confirm(stage.confirmation(plan.id)).await?;
    same!(again, Confirmed::Already(Box::new(batch.clone())), "confirming again");
    same!(stage.store.batches(stage.id(), None, 10).await?.len(), 1, "batches");
    same!(stage.send_all().await?.len(), 2, "messages that leave");
    Ok(())
}

pub(super) async fn of_many_who_confirm_at_the_same_time_one_does(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(2)).await?;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, confirm) = (Arc::clone(&stage.store), stage.confirmation(plan.id));
            tokio::spawn(async move { store.confirm(confirm).await })
        })
        .collect();
    let (mut now, mut already) = (0, 0);
    for task in tasks {
        match task.await.map_err(|error| Failure::new(error.to_string()))?? {
            Confirmed::Now(_) => now += 1,
            Confirmed::Already(_) => already += 1,
            other => return Err(Failure::new(format!("a confirmation was answered {other:?}"))),
        }
    }
    same!((now, already), (1, 7), "answers now and already");
    same!(stage.send_all().await?.len(), 2, "messages that leave");
    Ok(())
}

pub(super) async fn a_batch_that_is_paused_or_finished_was_confirmed_already(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    let paused = stage.store.confirm(stage.confirmation(batch.id)).await?;
    let paused = has_form!(paused, Confirmed::Already(batch) => batch, "confirming a paused batch");
    same!(paused.state, BatchState::Paused, "its state afterwards");
    stage.change(batch.id, BatchEvent::Resume).await?;
    stage.send_all().await?;
    let finished = stage.store.confirm(stage.confirmation(batch.id)).await?;
    has_form!(finished, Confirmed::Already(_) => (), "confirming a finished batch");
    Ok(())
}

pub(super) async fn a_plan_expires_unused(stage: Stage) -> Checked {
    let late = stage.plan(Action::Invite, &stage.persons(1)).await?;
    let in_time = stage.plan(Action::Invite, &stage.persons(1)).await?;
    stage.advance(stage.policy.plan_lifetime - MINUTE).await;
    stage.confirm(in_time.id).await?;
    stage.advance(MINUTE * 2).await;
    let confirmed = stage.store.confirm(stage.confirmation(late.id)).await?;
    same!(confirmed, Confirmed::Expired, "confirming a plan that is too old");
    same!(stage.send_all().await?.len(), 1, "messages that leave");
    Ok(())
}

pub(super) async fn a_plan_that_is_not_complete_cannot_be_confirmed(stage: Stage) -> Checked {
    let people = stage.persons(2);
    let plan = stage.open(Action::Invite, &people).await?;
    stage.store.plan_page(stage.page(plan.id, None, &people, false)).await?;
    let confirmed = stage.store.confirm(stage.confirmation(plan.id)).await?;
    same!(confirmed, Confirmed::Incomplete, "confirming it");
    stage.nothing_is_due("of an incomplete plan").await?;
    same!(stage.batch(plan.id).await?.state, BatchState::Planned, "its state");
    Ok(())
}

pub(super) async fn a_plan_that_was_cancelled_or_recalled_cannot_be_confirmed(stage: Stage) -> Checked {
    for event in [BatchEvent::Cancel, BatchEvent::Recall] {
        let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
        stage.change(plan.id, event).await?;
        let confirmed = stage.store.confirm(stage.confirmation(plan.id)).await?;
        same!(confirmed, Confirmed::Stopped, "confirming after {event:?}");
    }
    stage.nothing_is_due("of a plan that was stopped").await
}

pub(super) async fn an_unknown_plan_is_not_found(stage: Stage) -> Checked {
    let confirmed = stage.store.confirm(stage.confirmation(BatchId::new())).await?;
    same!(confirmed, Confirmed::NotFound, "confirming it");
    Ok(())
}

pub(super) async fn whoever_confirms_is_never_in_the_batch(stage: Stage) -> Checked {
    let mut colleague = stage.person();
    colleague.role = Role::Administrator;
    stage.put(&colleague);
    let people = [colleague.clone(), stage.person()];
    let plan = stage.plan(Action::Invite, &people).await?;
    same!(plan.totals.send, 2, "people in the plan");
    let mut confirm = stage.confirmation(plan.id);
    confirm.actor = Actor::administrator(stage.id(), colleague.id);
    let confirmed = stage.store.confirm(confirm).await?;
    let batch = has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming");
    same!(
        stage.decision(batch.id, colleague.id).await?,
        Decision::Skip(SkipReason::Yourself),
        "the decision about who confirmed"
    );
    same!(batch.totals.send, 1, "people who get a message");
    same!(batch.totals.skip.get(&SkipReason::Yourself), Some(&1), "people skipped as yourself");
    same!(stage.batch(batch.id).await?.totals, batch.totals, "the totals when they are read");
    let to: Vec<_> = stage.deliveries(batch.id).await?.iter().map(|one| one.user).collect();
    same!(to, [people[1].id], "people with a message");
    Ok(())
}

pub(super) async fn an_operator_keeps_the_administrator_they_act_for_out_of_the_batch(
    stage: Stage,
) -> Checked {
    let colleague = stage.person();
    let plan = stage.plan(Action::Invite, std::slice::from_ref(&colleague)).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.actor = Actor::operator(stage.id(), "support", colleague.id);
    stage.store.confirm(confirm).await?;
    same!(
        stage.decision(plan.id, colleague.id).await?,
        Decision::Skip(SkipReason::Yourself),
        "the decision about the administrator behind the operator"
    );
    stage.nothing_is_due("for the administrator behind the operator").await
}

pub(super) async fn without_consent_nobody_who_is_set_up_gets_a_message(stage: Stage) -> Checked {
    let people = [stage.person(), stage.person_set_up(), stage.person_set_up()];
    let plan = stage.plan(Action::Invite, &people).await?;
    same!((plan.totals.send, plan.totals.reset), (1, 2), "sends and resets of the plan");
    let mut confirm = stage.confirmation(plan.id);
    confirm.resets = false;
    let confirmed = stage.store.confirm(confirm).await?;
    let batch = has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming");
    same!(batch.totals, plan.totals.without_consent(), "the totals");
    for user in &people[1..] {
        let decision = stage.decision(batch.id, user.id).await?;
        same!(decision, Decision::Skip(SkipReason::SetUpNeedsConsent), "a person who is set up");
    }
    let sent = stage.send_all().await?;
    same!(
        sent.iter().map(|one| one.claimed.user).collect::<Vec<_>>(),
        [people[0].id],
        "people who are written to"
    );
    Ok(())
}

pub(super) async fn with_consent_those_who_are_set_up_get_a_reset(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    same!(stage.decision(batch.id, user.id).await?, Decision::SendWithReset, "the decision");
    same!(batch.totals.reset, 1, "resets in the totals");
    same!(stage.send_all().await?.len(), 1, "messages that leave");
    Ok(())
}

pub(super) async fn whoever_is_taken_out_of_a_plan_no_longer_counts_in_its_figures(
    mut stage: Stage,
) -> Checked {
    stage.channels = ChannelRule::Both;
    let mut people = [stage.person_by_both(), stage.person_by_both(), stage.person_by_both(), stage.person()];
    for (user, tag) in people.iter_mut().zip(["cy", "cy", "en", "en"]) {
        user.locale = tag.parse().ok();
    }
    // The second is reset, and shares the phone of the first; the third confirms, and shares the mailbox of the fourth.
    people[1].has_password = true;
    let phone = people[0].phone.clone();
    people[1].phone = phone;
    people[2].role = Role::Administrator;
    let email = people[2].email.clone();
    people[3].email = email;
    for user in &people {
        stage.put(user);
    }
    let plan = stage.plan(Action::Invite, &people).await?;
    let planned = (plan.totals.shared_addresses, plan.totals.shared_addresses_with_resets);
    same!(planned, (2, 4), "sharing an address, without and with resets");
    let confirm = Confirm {
        actor: Actor::administrator(stage.id(), people[2].id),
        resets: false,
        ..stage.confirmation(plan.id)
    };
    let confirmed = stage.store.confirm(confirm).await?;
    let batch = has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming");
    let totals = batch.totals;
    same!((totals.send, totals.reset, totals.skipped()), (2, 0, 2), "who gets what");
    same!((totals.shared_addresses, totals.shared_addresses_with_resets), (0, 0), "who shares an address");
    same!(totals.wording.languages, [("en".to_owned(), 2)].into(), "languages");
    same!(totals.wording.fallbacks, [("cy → en".to_owned(), 1)].into(), "fallbacks");
    let segments = sms_size(MessageKind::Invitation).segments as u64;
    same!(totals.wording.sms_segments, segments, "segments of the one text message that is left");
    same!(totals.reset_wording, Wording::default(), "what resets would have been");
    same!(stage.batch(plan.id).await?.totals, totals, "the figures when they are read");
    Ok(())
}

pub(super) async fn the_hold_that_was_asked_for_is_kept(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(2)).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.hold = Some(MINUTE * 10);
    let confirmed = stage.store.confirm(confirm).await?;
    let batch = has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming");
    let until = batch.confirmed.map(|how| how.not_before);
    let now = stage.now().await?;
    holds!(until.is_some_and(|until| near(until, now + MINUTE * 10)), "it says until when it is held");
    stage.advance(MINUTE * 9).await;
    stage.nothing_is_due("during the hold").await?;
    stage.advance(MINUTE * 2).await;
    same!(stage.claim(10).await?.deliveries.len(), 2, "messages that can be claimed after the hold");
    Ok(())
}

pub(super) async fn a_large_batch_is_held_and_a_small_one_is_not(mut stage: Stage) -> Checked {
    stage.policy.hold_above = 2;
    stage.policy.hold = MINUTE * 5;
    for (people, held) in [(3, true), (2, false)] {
        let plan = stage.plan(Action::Invite, &stage.persons(people)).await?;
        let mut confirm = stage.confirmation(plan.id);
        confirm.hold = None;
        stage.store.confirm(confirm).await?;
        let due = stage.claim(10).await?.deliveries.len();
        same!(due, if held { 0 } else { people }, "messages of {people} that leave at once");
    }
    Ok(())
}

pub(super) async fn the_hold_counts_those_who_are_left_when_nobody_consents(mut stage: Stage) -> Checked {
    stage.policy.hold_above = 2;
    stage.policy.hold = MINUTE * 5;
    let people = [stage.person(), stage.person(), stage.person_set_up()];
    let plan = stage.plan(Action::Invite, &people).await?;
    let mut confirm = stage.confirmation(plan.id);
    (confirm.hold, confirm.resets) = (None, false);
    stage.store.confirm(confirm).await?;
    same!(stage.claim(10).await?.deliveries.len(), 2, "messages that leave at once");
    Ok(())
}

pub(super) async fn a_batch_without_messages_is_finished_at_once(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Remind, &stage.persons(2)).await?;
    stage.confirm(plan.id).await?;
    let finished = |what: &Happening| *what == Happening::BatchFinished { batch: plan.id };
    same!(stage.count(finished).await?, 1, "events that it is finished");
    stage.sweep().await?;
    same!(stage.count(finished).await?, 1, "events that it is finished after a sweep");
    Ok(())
}

pub(super) async fn confirming_is_audited_once(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
    for _ in 0..2 {
        let mut confirm = stage.confirmation(plan.id);
        confirm.hold = Some(Duration::ZERO);
        stage.store.confirm(confirm).await?;
    }
    let audit = stage.store.audit(stage.id(), None, 100).await?;
    let lines: Vec<_> = audit.iter().filter(|line| line.what == "batch_confirmed").collect();
    same!(lines.len(), 1, "lines about it in the audit");
    same!((&lines[0].actor, &lines[0].subject), (&stage.actor(), &plan.id.to_string()), "who and what");
    Ok(())
}
