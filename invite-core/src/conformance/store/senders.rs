//! What stops a sender, how far, and what starts it again.

use std::time::Duration;

use super::claiming::wakes_up_in_time;
use super::stage::{HOUR, InFlight, MINUTE, Stage, accepted, refused};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::model::delivery::DeliveryState;
use crate::model::event::Happening;
use crate::model::message::Channel;
use crate::model::outcome::{Answer, Outcome, Refusal, Scope};
use crate::model::sender::{Covers, PauseKind, SenderKey};
use crate::model::user::User;
use crate::port::records::SenderStop;

pub(super) async fn throttling_gives_the_attempt_back_and_the_sender_goes_on_by_itself(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    let sent = stage.send_one(throttled(Scope::Sender, Some(MINUTE * 5))).await?;
    let delivery = stage.delivery(batch.id, sent.id()).await?;
    same!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "state and attempts");
    stage.advance(MINUTE * 4).await;
    stage.nothing_is_due("while the sender is throttled").await?;
    stage.advance(MINUTE * 2).await;
    same!(stage.claim(10).await?.deliveries.len(), 3, "messages that can be claimed afterwards");
    Ok(())
}

pub(super) async fn throttling_without_a_time_lasts_as_long_as_the_policy_says(mut stage: Stage) -> Checked {
    stage.policy.throttle_pause = MINUTE * 3;
    stage.invite(&stage.persons(2)).await?;
    stage.send_one(throttled(Scope::Sender, None)).await?;
    stage.advance(MINUTE * 2).await;
    stage.nothing_is_due("during the policy's pause").await?;
    stage.advance(MINUTE * 2).await;
    same!(stage.claim(10).await?.deliveries.len(), 2, "messages that can be claimed afterwards");
    Ok(())
}

pub(super) async fn a_block_gives_the_attempt_back_and_stops_its_sender(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    let in_flight = stage.take_off_all().await?;
    for one in &in_flight {
        same!(stage.record(one, blocked(Scope::Sender)).await?, DeliveryState::Queued, "its state");
    }
    for delivery in stage.deliveries(batch.id).await? {
        same!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "state and attempts");
    }
    stage.nothing_is_due("while the sender is blocked").await?;
    let pauses = stage.store.sender_pauses().await?;
    same!(pauses.len(), 1, "pauses");
    let covers = Covers::Sender(stage.senders[&Channel::Email].0.clone());
    same!((&pauses[0].covers, pauses[0].kind), (&covers, PauseKind::Blocked), "what is paused");
    same!(pauses[0].answer.text(), "account suspended", "what the provider said");
    let paused =
        |what: &Happening| matches!(what, Happening::SenderPaused { covers: of, .. } if *of == covers);
    same!(stage.count(paused).await?, 1, "events that it is paused");
    Ok(())
}

pub(super) async fn a_blocked_sender_is_probed_with_one_message_an_interval(stage: Stage) -> Checked {
    stage.invite(&stage.persons(4)).await?;
    stage.send_one(blocked(Scope::Sender)).await?;
    let since = stage.store.sender_pauses().await?.first().map(|pause| pause.since);
    for _ in 0..3 {
        stage.advance(stage.policy.probe_every - MINUTE).await;
        stage.nothing_is_due("before the probe").await?;
        stage.advance(MINUTE + MINUTE / 2).await;
        let probe = stage.claim(10).await?;
        same!(probe.deliveries.len(), 1, "messages of a probe");
        stage.nothing_is_due("beside the probe").await?;
        let delivery = probe.deliveries.into_iter().next().ok_or_else(|| Failure::new("no probe"))?;
        let in_flight = stage.hand_over(probe.token, delivery).await?;
        stage.record(&in_flight, blocked(Scope::Sender)).await?;
        stage.nothing_is_due("after a probe that was blocked").await?;
    }
    let pauses = stage.store.sender_pauses().await?;
    same!(pauses.iter().map(|pause| Some(pause.since)).collect::<Vec<_>>(), [since], "since when");
    let paused = |what: &Happening| matches!(what, Happening::SenderPaused { .. });
    same!(stage.count(paused).await?, 1, "events that the sender is paused");
    Ok(())
}

pub(super) async fn a_probe_that_is_accepted_starts_the_sender_again(stage: Stage) -> Checked {
    stage.invite(&stage.persons(4)).await?;
    stage.send_one(blocked(Scope::Sender)).await?;
    stage.advance(stage.policy.probe_every + MINUTE).await;
    stage.send_one(accepted()).await?;
    same!(stage.store.sender_pauses().await?, [], "pauses");
    let resumed = |what: &Happening| matches!(what, Happening::SenderResumed { .. });
    same!(stage.count(resumed).await?, 1, "events that the sender goes on");
    same!(stage.send_all().await?.len(), 3, "messages that leave at once");
    same!(stage.count(resumed).await?, 1, "events that the sender goes on, later");
    Ok(())
}

pub(super) async fn a_probe_whose_worker_dies_is_followed_by_another(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    stage.send_one(blocked(Scope::Sender)).await?;
    stage.advance(stage.policy.probe_every + MINUTE).await;
    same!(stage.claim(10).await?.deliveries.len(), 1, "messages of the first probe");
    stage.advance(stage.policy.probe_every + MINUTE).await;
    same!(stage.claim(10).await?.deliveries.len(), 1, "messages of the next one");
    Ok(())
}

pub(super) async fn a_block_reaches_as_far_as_its_scope_and_no_further(stage: Stage) -> Checked {
    let shared = "shared-account".to_owned();
    let mut stage = stage;
    for sender in stage.senders.values_mut() {
        sender.1.clone_from(&shared);
    }
    // One message fails with the scope; those to the same domain, to another domain and by SMS go or stop.
    for (scope, same_domain, other_domain, sms) in [
        (Scope::RecipientDomain, false, true, true),
        (Scope::Sender, false, false, true),
        (Scope::Account, false, false, false),
    ] {
        let stage = stage.neighbour(&format!("scope-{scope:?}").to_lowercase()).await?;
        let failing = at(&stage, "one@first.example");
        stage.invite(std::slice::from_ref(&failing)).await?;
        let in_flight = stage.take_off().await?;
        stage.record(&in_flight, blocked(scope)).await?;
        let people = [
            (at(&stage, "two@FIRST.example"), same_domain),
            (at(&stage, "three@second.example"), other_domain),
            (stage.person_by_phone(), sms),
        ];
        stage.invite(&people.clone().map(|(user, _)| user)).await?;
        let claimed = stage.claim(10).await?;
        for (user, goes) in people {
            let found = claimed.deliveries.iter().any(|one| one.user == user.id);
            same!(found, goes, "whether {:?} goes when {scope:?} is blocked", user.address(Channel::Email));
        }
        // Mended, and the rest sent, before the next scope.
        stage.advance(HOUR).await;
        stage.send_all().await?;
        stage.advance(HOUR).await;
        stage.send_all().await?;
        same!(stage.store.sender_pauses().await?, [], "pauses when it is mended");
    }
    Ok(())
}

pub(super) async fn a_country_that_is_refused_is_held_for_its_sender(stage: Stage) -> Checked {
    let mut stage = stage;
    let sweden = "SE".parse().map_err(|_| Failure::new("a country"))?;
    stage.set(|settings| settings.sms_countries = std::iter::once(sweden).collect()).await?;
    let (first, second) = (stage.person_by_phone(), stage.person_by_phone());
    let mut abroad = stage.person_by_phone();
    abroad.phone = "+46701234567".to_owned().try_into().ok();
    stage.put(&abroad);
    stage.invite(std::slice::from_ref(&first)).await?;
    stage.send_one(refused(Refusal::Country)).await?;
    stage.invite(&[second, abroad.clone()]).await?;
    let claimed = stage.claim(10).await?;
    let users: Vec<_> = claimed.deliveries.iter().map(|one| one.user).collect();
    same!(users, [abroad.id], "people whose SMS goes: those in the other country");
    let pauses = stage.store.sender_pauses().await?;
    let covers = Covers::Destination(stage.senders[&Channel::Sms].0.clone(), "NO".into());
    same!(pauses.iter().map(|pause| &pause.covers).collect::<Vec<_>>(), [&covers], "what is paused");
    Ok(())
}

pub(super) async fn the_sender_that_a_message_began_with_is_the_one_that_stops(mut stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    let now = SenderKey("sender-of-today".into());
    stage.senders.insert(Channel::Email, (now.clone(), "account-of-today".into()));
    let in_flight = stage.hand_over(token, claimed).await?;
    stage.record(&in_flight, blocked(Scope::Sender)).await?;
    let pauses = stage.store.sender_pauses().await?;
    let covers: Vec<_> = pauses.into_iter().map(|pause| pause.covers).collect();
    same!(covers, [Covers::Sender(now)], "what is paused");
    stage.nothing_is_due("of the message, which belongs to that sender now").await
}

pub(super) async fn a_throttle_does_not_take_the_place_of_a_block(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    let [first, second, _] = take_three(&stage).await?;
    stage.record(&first, blocked(Scope::Sender)).await?;
    stage.record(&second, throttled(Scope::Sender, Some(MINUTE))).await?;
    let pauses = stage.store.sender_pauses().await?;
    same!(pauses.iter().map(|pause| pause.kind).collect::<Vec<_>>(), [PauseKind::Blocked], "the pause");
    stage.advance(MINUTE * 2).await;
    stage.nothing_is_due("of a blocked sender, when the throttle is over").await
}

pub(super) async fn a_block_takes_the_place_of_a_throttle(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    let [first, second, _] = take_three(&stage).await?;
    stage.record(&first, throttled(Scope::Sender, Some(MINUTE))).await?;
    stage.record(&second, blocked(Scope::Sender)).await?;
    let pauses = stage.store.sender_pauses().await?;
    same!(pauses.iter().map(|pause| pause.kind).collect::<Vec<_>>(), [PauseKind::Blocked], "the pause");
    let paused = |what: &Happening| matches!(what, Happening::SenderPaused { .. });
    same!(stage.count(paused).await?, 1, "events that the sender is paused");
    Ok(())
}

pub(super) async fn identical_policy_refusals_in_a_row_stop_the_sender_and_go_back_to_the_queue(
    mut stage: Stage,
) -> Checked {
    stage.policy.breaker = 3;
    let people = stage.persons(5);
    let batch = stage.invite(&people).await?;
    for _ in 0..3 {
        stage.send_one(policy_refused("550 5.7.1 listed")).await?;
    }
    stage.nothing_is_due("when the breaker has gone off").await?;
    for delivery in stage.deliveries(batch.id).await? {
        same!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "state and attempts");
    }
    let pauses = stage.store.sender_pauses().await?;
    let covers = Covers::Sender(stage.senders[&Channel::Email].0.clone());
    same!(pauses.iter().map(|pause| &pause.covers).collect::<Vec<_>>(), [&covers], "what is paused");
    for _ in 0..2 {
        stage.advance(stage.policy.probe_every + MINUTE).await;
        stage.send_one(policy_refused("550 5.7.1 listed")).await?;
        stage.nothing_is_due("when a probe is refused for the same").await?;
        for delivery in stage.deliveries(batch.id).await? {
            same!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "what a probe costs");
        }
    }
    stage.advance(stage.policy.probe_every + MINUTE).await;
    stage.send_one(accepted()).await?;
    same!(stage.send_all().await?.len(), 4, "messages that leave when it is mended");
    for user in &people {
        same!(stage.open_passwords(user).await?.is_empty(), false, "whether nothing of a person works");
    }
    Ok(())
}

pub(super) async fn other_words_and_an_acceptance_end_a_row_of_policy_refusals(mut stage: Stage) -> Checked {
    stage.policy.breaker = 3;
    stage.invite(&stage.persons(12)).await?;
    for outcome in [
        policy_refused("one"),
        policy_refused("one"),
        policy_refused("two"),
        policy_refused("two"),
        accepted(),
        policy_refused("two"),
        policy_refused("two"),
    ] {
        stage.send_one(outcome).await?;
        same!(stage.store.sender_pauses().await?, [], "pauses");
    }
    stage.send_one(policy_refused("two")).await?;
    same!(stage.store.sender_pauses().await?.len(), 1, "pauses after three in a row");
    Ok(())
}

pub(super) async fn no_wake_up_comes_later_than_the_next_probe(stage: Stage) -> Checked {
    stage.invite(&stage.persons(2)).await?;
    stage.send_one(blocked(Scope::Sender)).await?;
    wakes_up_in_time(&stage, stage.policy.probe_every).await
}

pub(super) async fn no_wake_up_comes_later_than_the_end_of_a_throttle(stage: Stage) -> Checked {
    stage.invite(&stage.persons(2)).await?;
    stage.send_one(throttled(Scope::Sender, Some(HOUR))).await?;
    wakes_up_in_time(&stage, HOUR).await
}

fn throttled(scope: Scope, retry_after: Option<Duration>) -> Outcome {
    Outcome::Throttled { retry_after, scope, answer: Answer::new("429", "too fast") }
}

fn blocked(scope: Scope) -> Outcome {
    Outcome::Blocked { scope, answer: Answer::new("", "account suspended") }
}

fn policy_refused(words: &str) -> Outcome {
    Outcome::Refused { refusal: Refusal::Policy, answer: Answer::new("", words) }
}

fn at(stage: &Stage, address: &str) -> User {
    let mut user = stage.person();
    user.email = address.parse().ok();
    stage.put(&user);
    user
}

async fn take_three(stage: &Stage) -> Checked<[InFlight; 3]> {
    stage.take_off_all().await?.try_into().map_err(|_| Failure::new("three messages are due"))
}

fn stopped(stage: &Stage, covers: &Covers) -> SenderStop {
    SenderStop { actor: stage.actor(), covers: covers.clone(), because: "the numbers are being moved".into() }
}

pub(super) async fn a_sender_stopped_by_hand_is_not_tried_until_it_is_resumed_by_hand(
    stage: Stage,
) -> Checked {
    let (sender, account) = stage.senders[&Channel::Email].clone();
    for covers in [
        Covers::Sender(sender.clone()),
        Covers::Account(account),
        Covers::Destination(sender, "example.com".into()),
    ] {
        stage.invite(&stage.persons(2)).await?;
        for _ in 0..2 {
            stage.store.pause_sender(stopped(&stage, &covers)).await?;
        }
        let pauses = stage.store.sender_pauses().await?;
        same!(pauses.len(), 1, "pauses");
        let found = (&pauses[0].covers, pauses[0].kind, pauses[0].next_at);
        same!(found, (&covers, PauseKind::ByHand, None), "what is paused");
        same!(pauses[0].answer.text(), "the numbers are being moved", "why");
        for _ in 0..3 {
            stage.nothing_is_due("while the sender is stopped by hand").await?;
            let waiting = stage.store.waiting().await?;
            same!((waiting.due, waiting.later, waiting.next_in), (0, 2, None), "what waits");
            stage.advance(stage.policy.probe_every * 20).await;
            stage.sweep().await?;
        }
        holds!(stage.store.resume_sender(stage.actor(), covers.clone()).await?, "it is resumed");
        holds!(!stage.store.resume_sender(stage.actor(), covers.clone()).await?, "it is resumed once");
        same!(stage.store.sender_pauses().await?, [], "pauses");
        same!(stage.send_all().await?.len(), 2, "messages that leave");
        let told = |what: &Happening| match what {
            Happening::SenderPaused { covers: of, .. } | Happening::SenderResumed { covers: of } => {
                *of == covers
            }
            _ => false,
        };
        same!(stage.count(told).await?, 2, "events: paused, and resumed");
    }
    let audit = stage.store.audit(stage.id(), None, 100).await?;
    let count = |what: &str| audit.iter().filter(|entry| entry.what == what).count();
    same!((count("sender_paused"), count("sender_resumed")), (6, 3), "lines of the audit");
    Ok(())
}

pub(super) async fn what_was_under_way_does_not_start_a_sender_that_a_hand_stopped(stage: Stage) -> Checked {
    let covers = Covers::Sender(stage.senders[&Channel::Email].0.clone());
    stage.invite(&stage.persons(5)).await?;
    let mut under_way = Vec::new();
    for _ in 0..3 {
        under_way.push(stage.take_off().await?);
    }
    stage.store.pause_sender(stopped(&stage, &covers)).await?;
    let outcomes = [blocked(Scope::Sender), throttled(Scope::Sender, Some(MINUTE)), accepted()];
    for (one, outcome) in under_way.iter().zip(outcomes) {
        stage.record(one, outcome).await?;
    }
    let kinds = stage.store.sender_pauses().await?;
    same!(kinds.iter().map(|pause| pause.kind).collect::<Vec<_>>(), [PauseKind::ByHand], "pauses");
    stage.advance(HOUR).await;
    stage.nothing_is_due("after what was under way").await
}

pub(super) async fn a_hand_starts_a_blocked_or_throttled_sender(stage: Stage) -> Checked {
    let covers = Covers::Sender(stage.senders[&Channel::Email].0.clone());
    for outcome in [blocked(Scope::Sender), throttled(Scope::Sender, Some(HOUR * 5))] {
        let batch = stage.invite(&stage.persons(3)).await?;
        stage.send_one(outcome).await?;
        stage.nothing_is_due("while the sender is stopped").await?;
        holds!(stage.store.resume_sender(stage.actor(), covers.clone()).await?, "it is resumed");
        same!(stage.store.sender_pauses().await?, [], "pauses");
        holds!(stage.send_all().await?.len() >= 2, "messages leave at once");
        stage.change(batch.id, BatchEvent::Cancel).await?;
        stage.sweep().await?;
    }
    Ok(())
}
