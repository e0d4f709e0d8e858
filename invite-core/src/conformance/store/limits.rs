//! How many text messages go to a number, and from an organisation, within a day.

use super::stage::{DAY, HOUR, Stage, accepted, deferred, near, refused, unknown};
use crate::conformance::Checked;
use crate::model::delivery::{DeliveryState, WaitCause};
use crate::model::outcome::{Answer, Outcome, Refusal, Scope};
use crate::model::user::User;
use crate::port::queue::Begun;

/// People who share a phone.
fn family(stage: &Stage, count: usize) -> Vec<User> {
    let mut people: Vec<User> = (0..count).map(|_| stage.person_by_phone()).collect();
    let phone = people[0].phone.clone();
    for user in &mut people {
        user.phone.clone_from(&phone);
        stage.put(user);
    }
    people
}

/// That what is due goes not now, but in about this time.
async fn waits(stage: &Stage, left: std::time::Duration) -> Checked {
    let (token, claimed) = stage.claim_one().await?;
    let now = stage.store.now().await?;
    let begun = stage.begin(token, &claimed).await?;
    let cause = has_form!(begun, Begun::PutOff(cause) => cause, "beginning one more");
    same!(cause, WaitCause::SmsLimit, "why it is put off");
    let seen = stage.delivery(claimed.batch, claimed.id).await?;
    same!(
        (seen.state, seen.waits_for, seen.attempts),
        (DeliveryState::Queued, Some(WaitCause::SmsLimit), 0),
        "state, what it waits for, and attempts"
    );
    let until = seen.next_attempt_at.unwrap_or_default();
    holds!(near(until, now + left), "it is shown until when it waits: {until}, from {now} on");
    Ok(())
}

pub(super) async fn so_many_text_messages_go_to_a_number_within_a_day(mut stage: Stage) -> Checked {
    stage.policy.sms_to_number = 2;
    stage.invite(&family(&stage, 3)).await?;
    stage.send_one(accepted()).await?;
    stage.advance(HOUR * 4).await;
    stage.send_one(accepted()).await?;
    waits(&stage, HOUR * 20).await?;
    stage.nothing_is_due("over the limit").await?;
    // Another number, and another channel, are not meant.
    stage.invite(&[stage.person_by_phone(), stage.person()]).await?;
    same!(stage.send_all().await?.len(), 2, "messages to others");
    stage.advance(HOUR * 20).await;
    stage.advance(HOUR / 60).await;
    same!(stage.send_all().await?.len(), 1, "messages when the first is a day old");
    Ok(())
}

pub(super) async fn so_many_text_messages_go_from_an_organisation_within_a_day(mut stage: Stage) -> Checked {
    stage.policy.sms_of_organisation = 3;
    let people: Vec<User> = (0..5).map(|_| stage.person_by_phone()).collect();
    let batch = stage.invite(&people).await?;
    for _ in 0..3 {
        stage.send_one(accepted()).await?;
    }
    waits(&stage, DAY).await?;
    waits(&stage, DAY).await?;
    stage.nothing_is_due("over the limit").await?;
    let neighbour = stage.neighbour("rema").await?;
    neighbour.invite(&[neighbour.person_by_phone()]).await?;
    same!(neighbour.send_one(accepted()).await?.claimed.organisation, neighbour.id(), "whose message goes");
    stage.advance(DAY).await;
    stage.advance(HOUR / 60).await;
    same!(stage.send_all().await?.len(), 2, "messages a day later");
    same!(stage.states(batch.id).await?.get(&DeliveryState::Sent), Some(&5), "messages that went");
    Ok(())
}

pub(super) async fn messages_that_begin_together_count_one_another(mut stage: Stage) -> Checked {
    stage.policy.sms_of_organisation = 2;
    let people: Vec<User> = (0..4).map(|_| stage.person_by_phone()).collect();
    stage.invite(&people).await?;
    let claimed = stage.claim(10).await?;
    let mut wishes = Vec::new();
    for one in &claimed.deliveries {
        let minted = stage.mint(one, crate::model::credential::Generation::first(), None).await?;
        wishes.push(stage.beginning(one, Some(minted)));
    }
    let begun = stage.begin_with(claimed.token, wishes).await?;
    let go = begun.iter().filter(|begun| matches!(begun, Begun::Go(_))).count();
    let put_off = begun.iter().filter(|begun| matches!(begun, Begun::PutOff(WaitCause::SmsLimit))).count();
    same!((go, put_off), (2, 2), "messages that go, and that wait");
    Ok(())
}

pub(super) async fn a_text_message_that_certainly_did_not_go_does_not_count(mut stage: Stage) -> Checked {
    stage.policy.sms_to_number = 1;
    let blocked = Outcome::Blocked { scope: Scope::Sender, answer: Answer::new("20003", "no") };
    let family = family(&stage, 4);
    stage.invite(&family[..1]).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    stage.invite(&family[1..2]).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.advance(HOUR).await;
    stage.send_one(blocked).await?;
    let covers = stage.store.sender_pauses().await?.remove(0).covers;
    stage.store.resume_sender(stage.actor(), covers).await?;
    stage.send_one(unknown()).await?;
    // Nobody knows whether that one went, so it counts.
    stage.invite(&family[2..3]).await?;
    waits(&stage, DAY).await
}
