//! What makes a message wait of itself: a start time, the night, a key that is missing. And a secret that is damaged.

use std::time::Duration;

use chrono::{NaiveTime, TimeDelta, Timelike};

use super::claiming::wakes_up_in_time;
use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred, near};
use crate::conformance::{Checked, Failure};
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, WaitCause};
use crate::model::item::Action;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::Answer;
use crate::model::quiet_hours::QuietHours;
use crate::model::user::User;
use crate::port::plans::Confirmed;
use crate::port::queue::{Begun, HandOverResult};

/// Quiet hours that began an hour ago and are over in so many hours.
async fn night(stage: &mut Stage, hours: u32) -> Checked {
    let hour = stage.now().await?.hour();
    let at = |hour: u32| NaiveTime::from_hms_opt(hour % 24, 0, 0).ok_or_else(|| Failure::new("no hour"));
    let quiet = QuietHours::new(at(hour + 23)?, at(hour + hours)?);
    let quiet = quiet.map_err(|error| Failure::new(error.to_string()))?;
    stage.set(|settings| settings.quiet_hours = Some(quiet)).await
}

pub(super) async fn nothing_leaves_before_the_start_time_nor_in_the_hold(stage: Stage) -> Checked {
    for (hold, starts_in) in [(Duration::ZERO, HOUR), (HOUR, Duration::ZERO), (HOUR, MINUTE)] {
        let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
        let mut confirm = stage.confirmation(plan.id);
        (confirm.hold, confirm.starts_in) = (Some(hold), starts_in);
        let confirmed = stage.store.confirm(confirm).await?;
        let batch = has_form!(confirmed, Confirmed::Now(batch) => batch, "confirming");
        let start = batch.confirmed.as_ref().map(|confirmed| confirmed.not_before);
        let expected = stage.now().await? + TimeDelta::hours(1);
        holds!(start.is_some_and(|start| near(start, expected)), "the batch says when it starts: {start:?}");
        stage.advance(MINUTE * 58).await;
        stage.nothing_is_due("before the start").await?;
        wakes_up_in_time(&stage, MINUTE * 2).await?;
        stage.advance(stage.policy.lease + MINUTE).await;
        stage.send_all().await?;
    }
    Ok(())
}

pub(super) async fn an_sms_waits_until_the_night_is_over(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    night(&mut stage, 3).await?;
    let user = stage.person_by_both();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let claimed = stage.claim(10).await?;
    same!(claimed.deliveries.len(), 2, "messages that are claimed");
    let mut put_off = 0;
    for delivery in claimed.deliveries {
        match stage.begin(claimed.token, &delivery).await? {
            Begun::PutOff(cause) => {
                same!(cause, WaitCause::QuietHours, "why it is put off");
                put_off += 1;
                let seen = stage.delivery(batch.id, delivery.id).await?;
                same!((seen.state, seen.attempts), (DeliveryState::Queued, 0), "state and attempts");
                same!(seen.waits_for, Some(WaitCause::QuietHours), "what it waits for");
                let until = seen.next_attempt_at.ok_or_else(|| Failure::new("it does not say until when"))?;
                same!(until.minute(), 0, "the minute until which it waits");
                holds!(until > stage.now().await?, "it waits until later");
            }
            Begun::Go(_) => same!(delivery.channel, crate::model::message::Channel::Email, "what goes"),
            other => return Err(Failure::new(format!("beginning answered {other:?}"))),
        }
    }
    same!(put_off, 1, "messages put off");
    stage.nothing_is_due("in the night").await?;
    let waits = stage.store.progress(stage.id(), batch.id).await?.waits;
    let night = waits.get(&WaitCause::QuietHours).copied().unwrap_or_default();
    same!((night.messages, night.next_at.is_some()), (1, true), "what the figures say");
    wakes_up_in_time(&stage, HOUR * 3).await
}

pub(super) async fn the_night_is_where_the_person_is(mut stage: Stage) -> Checked {
    let now = stage.now().await?;
    // Here it is night now, and twelve hours away it is day.
    night(&mut stage, 2).await?;
    let mut away = stage.person_by_phone();
    away.time_zone = "Etc/GMT-12".parse().ok();
    stage.put(&away);
    let here = stage.person_by_phone();
    stage.invite(&[away.clone(), here.clone()]).await?;
    let claimed = stage.claim(10).await?;
    same!(claimed.deliveries.len(), 2, "messages that are claimed at {now}");
    for delivery in claimed.deliveries {
        let goes = matches!(stage.begin(claimed.token, &delivery).await?, Begun::Go(_));
        same!(goes, delivery.user == away.id, "whether it goes");
    }
    Ok(())
}

pub(super) async fn the_night_uses_up_no_hours(mut stage: Stage) -> Checked {
    let user = stage.person_by_phone();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(deferred(Some(MINUTE))).await?;
    night(&mut stage, 20).await?;
    stage.advance(MINUTE * 2).await;
    let (token, claimed) = stage.claim_one().await?;
    has_form!(stage.begin(token, &claimed).await?, Begun::PutOff(_) => (), "beginning it at night");
    stage.advance(HOUR * 21).await;
    stage.send_one(deferred(Some(MINUTE))).await?;
    let delivery = stage.delivery(batch.id, claimed.id).await?;
    let found = (delivery.state, delivery.attempts, delivery.waits_for);
    same!(
        found,
        (DeliveryState::Queued, 2, Some(WaitCause::NextAttempt)),
        "after a night longer than its hours"
    );
    Ok(())
}

pub(super) async fn what_must_not_go_does_not_wait_for_the_morning(mut stage: Stage) -> Checked {
    night(&mut stage, 3).await?;
    let mut user = stage.person_by_phone();
    stage.invite(std::slice::from_ref(&user)).await?;
    user.deactivated = true;
    stage.put(&user);
    let (token, claimed) = stage.claim_one().await?;
    has_form!(stage.begin(token, &claimed).await?, Begun::Stopped(_) => (), "beginning it");
    Ok(())
}

pub(super) async fn a_message_under_a_missing_key_waits_alone_and_uses_up_nothing(stage: Stage) -> Checked {
    let people: Vec<User> = stage.persons(2);
    let batch = stage.invite(&people).await?;
    let missing = || HandOverResult::Locked(Answer::new("unknown_key", "put the key back"));
    let locked = stage.take_off().await?;
    let state = stage.record_result(locked.key(), missing()).await?;
    same!(state, Some(DeliveryState::Queued), "its state");
    same!(stage.store.sender_pauses().await?, [], "pauses");
    same!(stage.send_one(accepted()).await?.claimed.user, people[1].id, "whose message goes on");
    // For longer than its hours, once in each interval, and never between.
    for _ in 0..12 {
        let delivery = stage.delivery(batch.id, locked.id()).await?;
        let found = (delivery.state, delivery.attempts, delivery.waits_for);
        same!(found, (DeliveryState::Queued, 0, Some(WaitCause::SealingKey)), "the message");
        same!(delivery.answer.as_ref().map(Answer::code), Some("unknown_key"), "what it says");
        stage.nothing_is_due("before it is looked at again").await?;
        stage.advance(stage.policy.probe_every + MINUTE).await;
        let again = stage.take_off().await?;
        same!(again.id(), locked.id(), "what is looked at again");
        stage.record_result(again.key(), missing()).await?;
        stage.advance(HOUR * 3).await;
        let again = stage.take_off().await?;
        stage.record_result(again.key(), missing()).await?;
    }
    stage.advance(stage.policy.probe_every + MINUTE).await;
    stage.send_one(accepted()).await?;
    let delivery = stage.delivery(batch.id, locked.id()).await?;
    let found = (delivery.state, delivery.attempts, delivery.waits_for);
    same!(found, (DeliveryState::Sent, 1, None), "when the key is back");
    Ok(())
}

pub(super) async fn a_damaged_secret_is_replaced_by_the_next_one_at_the_cost_of_an_attempt(
    mut stage: Stage,
) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.policy.email.at_most = 3;
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let damaged = || HandOverResult::Damaged(Answer::new("damaged_secret", "edited by hand"));
    let first = stage.take_off().await?;
    same!(stage.record_result(first.key(), damaged()).await?, Some(DeliveryState::Queued), "its state");
    let delivery = stage.delivery(batch.id, first.id()).await?;
    same!((delivery.attempts, delivery.waits_for), (1, Some(WaitCause::NextAttempt)), "the message");
    holds!(
        stage.story(&user).await?.credentials.iter().all(|one| !one.sealed),
        "the damaged secret is wiped"
    );
    stage.advance(HOUR).await;
    let second = stage.take_off().await?;
    holds!(second.digest()? != first.digest()?, "the next attempt carries another secret");
    same!(stage.record_result(second.key(), damaged()).await?, Some(DeliveryState::Queued), "its state");
    stage.advance(DAY / 2).await;
    let third = stage.take_off().await?;
    same!(
        stage.record_result(third.key(), damaged()).await?,
        Some(DeliveryState::Failed),
        "its state at last"
    );
    Ok(())
}
