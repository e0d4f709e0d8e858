//! Claims, leases and suspects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::stage::{HOUR, MINUTE, Stage, accepted, deferred};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::{BatchId, ClaimToken, DeliveryId};
use crate::model::item::Action;
use crate::port::plans::Confirmed;
use crate::port::queue::{Begun, Claim, Claimed};

pub(super) async fn no_two_workers_get_the_same_message(stage: Stage) -> Checked {
    stage.invite(&stage.persons(10)).await?;
    let (one, other) = (stage.claim(6).await?, stage.claim(6).await?);
    same!((one.deliveries.len(), other.deliveries.len()), (6, 4), "messages of the two claims");
    same!(ids(&[&one, &other]).len(), 10, "different messages of both");
    holds!(one.token != other.token, "each claim has a token of its own");
    stage.nothing_is_due("while others have it all").await
}

pub(super) async fn workers_who_claim_at_the_same_time_share_the_work(stage: Stage) -> Checked {
    stage.invite(&stage.persons(40)).await?;
    let tasks: Vec<_> = (0..10)
        .map(|number| {
            let store = Arc::clone(&stage.store);
            let claim = Claim {
                worker: format!("worker {number}"),
                limit: 7,
                lease: stage.policy.lease,
                policy: stage.policy.clone(),
            };
            tokio::spawn(async move { store.claim(claim).await })
        })
        .collect();
    let mut claims = Vec::new();
    for task in tasks {
        claims.push(task.await.map_err(|error| Failure::new(error.to_string()))??);
    }
    let handed_out: usize = claims.iter().map(|claim| claim.deliveries.len()).sum();
    same!(handed_out, 40, "messages handed out");
    same!(ids(&claims.iter().collect::<Vec<_>>()).len(), 40, "different messages handed out");
    Ok(())
}

pub(super) async fn a_claim_tells_whose_message_it_is(stage: Stage) -> Checked {
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let (_, claimed) = stage.claim_one().await?;
    let delivery = stage.delivery(batch.id, claimed.id).await?;
    same!((claimed.organisation, claimed.batch, claimed.user), (stage.id(), batch.id, user.id), "whose");
    same!(
        (claimed.channel, claimed.invitation),
        (delivery.channel, delivery.invitation),
        "channel and invitation"
    );
    same!(delivery.state, DeliveryState::Claimed, "its state");
    Ok(())
}

pub(super) async fn a_huge_batch_does_not_starve_another_organisation(stage: Stage) -> Checked {
    let neighbour = stage.neighbour("small").await?;
    stage.invite(&stage.persons(200)).await?;
    stage.tick().await;
    let small = neighbour.invite(&neighbour.persons(10)).await?;
    let mut of_small = 0;
    for _ in 0..4 {
        let claimed = stage.claim(10).await?;
        same!(claimed.deliveries.len(), 10, "messages of a claim");
        of_small += claimed.deliveries.iter().filter(|one| one.batch == small.id).count();
    }
    same!(of_small, 10, "messages of the small batch among the first 40");
    Ok(())
}

pub(super) async fn claiming_counts_no_attempt_and_beginning_counts_one(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    same!(stage.delivery(batch.id, claimed.id).await?.attempts, 0, "attempts of a claimed message");
    let in_flight = stage.hand_over(token, claimed).await?;
    let begun = stage.delivery(batch.id, in_flight.id()).await?;
    same!((begun.attempts, begun.state), (1, DeliveryState::HandingOver), "attempts and state after begin");
    Ok(())
}

pub(super) async fn a_message_that_is_given_back_is_as_it_was(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    for _ in 0..20 {
        let claimed = stage.claim(3).await?;
        same!(claimed.deliveries.len(), 3, "messages that can be claimed");
        let given_back = claimed.deliveries.iter().map(|one| one.id).collect();
        stage.store.release(claimed.token, given_back).await?;
    }
    for delivery in stage.deliveries(batch.id).await? {
        same!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "state and attempts");
    }
    same!(stage.send_all().await?.len(), 3, "messages that leave in the end");
    Ok(())
}

pub(super) async fn only_who_has_a_message_can_give_it_back(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.store.release(ClaimToken::new(), vec![claimed.id]).await?;
    stage.nothing_is_due("after somebody else gave it back").await?;
    let in_flight = stage.hand_over(token, claimed).await?;
    stage.store.release(token, vec![in_flight.id()]).await?;
    stage.nothing_is_due("after a message that was begun was given back").await?;
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Sent, "the outcome afterwards");
    Ok(())
}

pub(super) async fn a_lease_lapses_on_the_clock_of_the_store_and_not_before(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let lease = stage.policy.lease;
    let (token, claimed) = stage.claim_one().await?;
    stage.advance(lease - Duration::from_secs(30)).await;
    stage.nothing_is_due("during another worker's lease").await?;
    stage.advance(Duration::from_secs(31)).await;
    let (other, again) = stage.claim_one().await?;
    same!(again.id, claimed.id, "the message that is claimed again");
    holds!(other != token, "it has another token");
    Ok(())
}

pub(super) async fn a_lease_that_is_renewed_stands(stage: Stage) -> Checked {
    stage.invite(&stage.persons(2)).await?;
    let lease = stage.policy.lease;
    let claimed = stage.claim(2).await?;
    for _ in 0..5 {
        stage.advance(lease - Duration::from_secs(30)).await;
        let renewed = stage.store.renew(vec![claimed.token, ClaimToken::new()], lease).await?;
        same!(renewed, [true, false], "the answers for a claim that stands and one that never was");
        stage.nothing_is_due("while the lease is renewed").await?;
    }
    stage.advance(lease + MINUTE).await;
    same!(stage.store.renew(vec![claimed.token], lease).await?, [false], "renewing what has lapsed");
    same!(stage.claim(2).await?.deliveries.len(), 1, "messages that another gets then (suspects go alone)");
    Ok(())
}

pub(super) async fn a_renewal_never_revives_what_another_worker_has(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    let (other, again) = stage.claim_one().await?;
    same!(stage.store.renew(vec![token], HOUR).await?, [false], "the first worker's renewal");
    let begun = stage.begin(token, &claimed).await?;
    has_form!(begun, Begun::Fenced => (), "the first worker's begin");
    stage.hand_over(other, again).await?;
    Ok(())
}

pub(super) async fn nobody_gets_more_than_they_asked_for(stage: Stage) -> Checked {
    stage.invite(&stage.persons(12)).await?;
    for limit in [1, 3, 5] {
        same!(stage.claim(limit).await?.deliveries.len(), limit, "messages of a claim");
    }
    Ok(())
}

pub(super) async fn a_message_waits_for_its_time(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let sent = stage.send_one(deferred(Some(HOUR))).await?;
    stage.advance(HOUR - MINUTE).await;
    stage.nothing_is_due("before its time").await?;
    stage.advance(MINUTE * 2).await;
    let (_, claimed) = stage.claim_one().await?;
    same!(claimed.id, sent.id(), "the message that is due");
    Ok(())
}

pub(super) async fn a_paused_batch_gives_nothing_until_it_is_resumed(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(2)).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    stage.nothing_is_due("of a paused batch").await?;
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.claim(10).await?.deliveries.len(), 2, "messages of the resumed batch");
    Ok(())
}

pub(super) async fn survivors_of_a_group_that_died_are_claimed_alone_and_first(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    let group = stage.claim(3).await?;
    holds!(!group.alone, "a group is not alone");
    stage.invite(&stage.persons(5)).await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    for _ in 0..3 {
        let claimed = stage.claim(10).await?;
        same!(claimed.deliveries.len(), 1, "messages of a claim while there are suspects");
        holds!(claimed.alone, "the claim says that it is one suspect");
        same!(claimed.deliveries[0].batch, batch.id, "the batch of the suspect");
        let attempts = stage.delivery(batch.id, claimed.deliveries[0].id).await?.attempts;
        same!(attempts, 0, "attempts of a suspect: the death of a group counts nothing");
        let suspect = claimed.deliveries.into_iter().next();
        let suspect = suspect.ok_or_else(|| Failure::new("no suspect"))?;
        let in_flight = stage.hand_over(claimed.token, suspect).await?;
        stage.record(&in_flight, accepted()).await?;
    }
    let rest = stage.claim(10).await?;
    same!(rest.deliveries.len(), 5, "messages of a claim when no suspect is left");
    holds!(!rest.alone, "they are not alone");
    Ok(())
}

pub(super) async fn a_message_that_kills_its_worker_ends_and_its_neighbours_arrive(
    mut stage: Stage,
) -> Checked {
    stage.policy.email.at_most = 3;
    let batch = stage.invite(&stage.persons(4)).await?;
    let poison = stage.claim(4).await?.deliveries[0].id;
    for round in 0..50 {
        holds!(round < 49, "the poison ends some day");
        stage.advance(stage.policy.lease + MINUTE).await;
        let mut left = false;
        loop {
            let claimed = stage.claim(10).await?;
            if claimed.deliveries.is_empty() {
                break;
            }
            left = true;
            for one in claimed.deliveries.into_iter().filter(|one| one.id != poison) {
                let in_flight = stage.hand_over(claimed.token, one).await?;
                stage.record(&in_flight, accepted()).await?;
            }
        }
        if !left {
            break;
        }
    }
    let ended = stage.delivery(batch.id, poison).await?;
    same!(
        (ended.state, ended.reason),
        (DeliveryState::Failed, Some(EndReason::StoppedItsWorker)),
        "the end of the message that kills its worker"
    );
    same!(ended.attempts, 3, "its attempts");
    let states = BTreeMap::from([(DeliveryState::Failed, 1), (DeliveryState::Sent, 3)]);
    same!(stage.states(batch.id).await?, states, "the states of all four");
    let failed = |what: &Happening| matches!(what, Happening::Failed { delivery, .. } if *delivery == poison);
    same!(stage.count(failed).await?, 1, "events about it");
    Ok(())
}

pub(super) async fn an_email_whose_worker_dies_in_the_hand_over_goes_once_more_and_is_then_unknown(
    stage: Stage,
) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let first = stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    let claimed = stage.claim(10).await?;
    same!(claimed.deliveries.len(), 1, "messages after the first death");
    let again = claimed.deliveries.into_iter().next().ok_or_else(|| Failure::new("nothing"))?;
    same!(again.id, first.id(), "the message that goes once more");
    stage.hand_over(claimed.token, again).await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.nothing_is_due("after the second death").await?;
    let ended = stage.delivery(batch.id, first.id()).await?;
    same!((ended.state, ended.reason), (DeliveryState::Unknown, Some(EndReason::LeaseLost)), "its end");
    Ok(())
}

pub(super) async fn an_sms_whose_worker_dies_in_the_hand_over_is_unknown_at_once(stage: Stage) -> Checked {
    let user = stage.person_by_phone();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let lost = stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.nothing_is_due("after the death").await?;
    let ended = stage.delivery(batch.id, lost.id()).await?;
    same!(ended.state, DeliveryState::Unknown, "its end");
    Ok(())
}

pub(super) async fn what_waits_is_counted(stage: Stage) -> Checked {
    let waiting = stage.store.waiting().await?;
    same!((waiting.due, waiting.leased, waiting.later), (0, 0, 0), "an empty queue");
    same!(waiting.next_in, None, "when something becomes due in an empty queue");
    stage.plan(Action::Invite, &stage.persons(4)).await?;
    same!(stage.store.waiting().await?.due, 0, "messages due of a plan");
    stage.invite(&stage.persons(5)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.claim(2).await?;
    let waiting = stage.store.waiting().await?;
    same!((waiting.due, waiting.leased, waiting.later), (2, 2, 1), "due, leased and later");
    Ok(())
}

pub(super) async fn no_wake_up_comes_later_than_a_message_that_is_deferred(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    wakes_up_in_time(&stage, HOUR).await
}

pub(super) async fn no_wake_up_comes_later_than_the_end_of_a_hold(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
    let mut confirm = stage.confirmation(plan.id);
    confirm.hold = Some(HOUR);
    has_form!(stage.store.confirm(confirm).await?, Confirmed::Now(_) => (), "confirming");
    wakes_up_in_time(&stage, HOUR).await
}

/// A worker that sleeps as long as it is told finds work within `at_most`, and does not wake up for nothing time and
/// again.
pub(super) async fn wakes_up_in_time(stage: &Stage, at_most: Duration) -> Checked {
    let mut slept = Duration::ZERO;
    for _ in 0..10 {
        let next = stage.store.waiting().await?.next_in;
        let next = next.ok_or_else(|| Failure::new("nothing is said about when the next message is due"))?;
        slept += next;
        holds!(
            slept <= at_most + Duration::from_secs(20),
            "the worker wakes up within {at_most:?}, but it is told to sleep for {slept:?}"
        );
        // A little more than told: a store may keep instants less exactly than durations.
        stage.advance(next + Duration::from_millis(5)).await;
        if !stage.claim(10).await?.deliveries.is_empty() {
            return Ok(());
        }
    }
    Err(Failure::new("the worker wakes up again and again for nothing"))
}

pub(super) async fn a_finished_batch_does_not_stand_in_the_way(stage: Stage) -> Checked {
    let finished = stage.invite(&stage.persons(2)).await?;
    stage.send_all().await?;
    let is_end = |what: &Happening| *what == Happening::BatchFinished { batch: finished.id };
    same!(stage.count(is_end).await?, 1, "events that it is finished");
    let next = stage.invite(&stage.persons(2)).await?;
    let batches: BTreeSet<BatchId> = stage.claim(10).await?.deliveries.iter().map(|one| one.batch).collect();
    same!(batches, BTreeSet::from([next.id]), "the batches that are claimed from");
    same!(stage.count(is_end).await?, 1, "events that it is finished, later");
    Ok(())
}

fn ids(claims: &[&Claimed]) -> BTreeSet<DeliveryId> {
    claims.iter().flat_map(|claim| &claim.deliveries).map(|delivery| delivery.id).collect()
}
