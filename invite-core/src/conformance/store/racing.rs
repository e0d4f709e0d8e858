//! What happens at the same time: whatever two transactions do, one of the two orders is what stands.
//!
//! Each story lets tasks that wait for each other go at once, on the threads of the suite's runtime, some rounds over.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Barrier;

use super::stage::{DAY, HOUR, InFlight, Stage, accepted, refused};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::model::batch::BatchState;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{Delivery, DeliveryState, EndReason};
use crate::model::event::{EventCursor, Happening};
use crate::model::id::{BatchId, DeliveryId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::outcome::{Outcome, Refusal};
use crate::model::sign_in::SignInMethod;
use crate::model::user::User;
use crate::port::organisations::{TemplateSaved, TestSend};
use crate::port::plans::{Confirm, Confirmed};
use crate::port::queue::{Begun, Claim, Claimed, HandOverResult, Record, RecordDelivery};
use crate::port::redemption::{Close, Guess, LinkState, Reserve, Reserved};

/// Lets these go at the same time; their answers in order.
async fn at_once<T: Send + 'static>(
    tasks: Vec<impl Future<Output = Checked<T>> + Send + 'static>,
) -> Checked<Vec<T>> {
    let start = Arc::new(Barrier::new(tasks.len()));
    let running: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                task.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in running {
        answers.push(task.await.map_err(|error| Failure::new(error.to_string()))??);
    }
    Ok(answers)
}

/// Lets two go at the same time.
async fn both_at_once<A: Send + 'static, B: Send + 'static>(
    a: impl Future<Output = Checked<A>> + Send + 'static,
    b: impl Future<Output = Checked<B>> + Send + 'static,
) -> Checked<(A, B)> {
    let start = Arc::new(Barrier::new(2));
    let (here, there) = (Arc::clone(&start), start);
    let a = tokio::spawn(async move {
        here.wait().await;
        a.await
    });
    let b = tokio::spawn(async move {
        there.wait().await;
        b.await
    });
    let gone = |error: tokio::task::JoinError| Failure::new(error.to_string());
    Ok((a.await.map_err(gone)??, b.await.map_err(gone)??))
}

const ROUNDS: usize = 8;

async fn with_links(mut stage: Stage) -> Checked<Arc<Stage>> {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    Ok(Arc::new(stage))
}

/// A message of an invitation that a worker has, and its batch.
async fn claimed(stage: &Stage, user: &User) -> Checked<(BatchId, Claimed)> {
    let batch = stage.invite(std::slice::from_ref(user)).await?;
    let claimed = stage.claim(1).await?;
    same!(claimed.deliveries.len(), 1, "messages that were claimed");
    Ok((batch.id, claimed))
}

fn begins(stage: &Arc<Stage>, claimed: &Claimed) -> impl Future<Output = Checked<Begun>> + Send + 'static {
    let (stage, token, one) = (Arc::clone(stage), claimed.token, claimed.deliveries[0].clone());
    async move { stage.begin(token, &one).await }
}

/// The link of a message that was begun, if it was.
fn link_of(begun: Begun, claimed: &Claimed) -> Option<InFlight> {
    match begun {
        Begun::Go(hand_over) => Some(InFlight {
            token: claimed.token,
            claimed: claimed.deliveries[0].clone(),
            hand_over: *hand_over,
        }),
        _ => None,
    }
}

async fn only(stage: &Stage, batch: BatchId) -> Checked<Delivery> {
    let mut messages = stage.deliveries(batch).await?;
    same!(messages.len(), 1, "messages of the batch");
    Ok(messages.remove(0))
}

// Claims.

pub(super) async fn claims_at_the_same_time_give_every_message_once(stage: Stage) -> Checked {
    let neighbour = stage.neighbour("neighbour").await?;
    stage.invite(&stage.persons(60)).await?;
    neighbour.invite(&neighbour.persons(25)).await?;
    let claim =
        Claim { worker: "racing".into(), limit: 4, lease: stage.policy.lease, policy: stage.policy.clone() };
    let workers = (0..12).map(|_| {
        let (store, claim) = (Arc::clone(&stage.store), claim.clone());
        async move {
            let mut got = Vec::new();
            loop {
                let claimed = store.claim(claim.clone()).await?;
                if claimed.deliveries.is_empty() {
                    return Ok(got);
                }
                got.extend(claimed.deliveries.into_iter().map(|one| (one.id, claimed.token)));
            }
        }
    });
    let got: Vec<_> = at_once(workers.collect()).await?.into_iter().flatten().collect();
    let messages: BTreeSet<DeliveryId> = got.iter().map(|(id, _)| *id).collect();
    same!((got.len(), messages.len()), (85, 85), "messages given out, and different ones");
    // Each stands as it was given out.
    for (id, token) in got {
        stage.store.release(token, vec![id]).await?;
    }
    let waiting = stage.store.waiting().await?;
    same!((waiting.due, waiting.leased), (85, 0), "messages that wait once all were given back");
    Ok(())
}

pub(super) async fn a_lease_that_is_renewed_while_others_claim_has_one_owner(stage: Stage) -> Checked {
    let stage = Arc::new(stage);
    for round in 0..ROUNDS {
        let user = stage.person();
        let (_, held) = claimed(&stage, &user).await?;
        // In every other round the lease has lapsed.
        let lapsed = round % 2 == 1;
        let wait = if lapsed { stage.policy.lease * 2 } else { stage.policy.lease / 3 };
        stage.advance(wait).await;
        let lease = stage.policy.lease;
        let (store, token) = (Arc::clone(&stage.store), held.token);
        let renews = async move { Ok(store.renew(vec![token], lease).await?) };
        let other = Arc::clone(&stage);
        let claims = async move { other.claim(5).await };
        let (renewed, taken) = both_at_once(renews, claims).await?;
        same!(renewed, [!lapsed], "whether the claim stands that was renewed");
        same!(taken.deliveries.len(), usize::from(lapsed), "messages that the other was given");
        let owner = if lapsed { taken } else { held };
        if !lapsed {
            stage.advance(lease * 3 / 4).await;
            stage.nothing_is_due("while the renewed lease stands").await?;
        }
        let begun = stage.begin(owner.token, &owner.deliveries[0]).await?;
        has_form!(begun, Begun::Go(_) => (), "what the owner begins");
        stage.record_result((owner.token, owner.deliveries[0].id), accept()).await?;
    }
    Ok(())
}

pub(super) async fn an_outcome_and_the_loss_of_its_lease_at_the_same_time_count_once(
    stage: Stage,
) -> Checked {
    let stage = Arc::new(stage);
    let mut kept_outcomes = 0;
    for _ in 0..ROUNDS {
        let user = stage.person();
        let (batch, held) = claimed(&stage, &user).await?;
        has_form!(stage.begin(held.token, &held.deliveries[0]).await?, Begun::Go(_) => (), "beginning");
        stage.advance(stage.policy.lease * 2).await;
        let (recorder, key) = (Arc::clone(&stage), (held.token, held.deliveries[0].id));
        let records = async move { recorder.record_result(key, accept()).await };
        let claimer = Arc::clone(&stage);
        let takes_back = async move { claimer.claim(5).await };
        let (kept, taken) = both_at_once(records, takes_back).await?;
        let message = only(&stage, batch).await?;
        let stands = (taken.deliveries.len(), message.state);
        if kept.is_some() {
            same!(kept, Some(DeliveryState::Sent), "what was kept");
            same!(stands, (0, DeliveryState::Sent), "messages that go again, and the message");
            kept_outcomes += 1;
        } else {
            same!(stands, (1, DeliveryState::Claimed), "messages that go again, and the message");
            stage.change(batch, BatchEvent::Cancel).await?;
            stage.sweep().await?;
        }
        let again = stage.record_result(key, accept()).await?;
        same!(again, None, "an outcome that is told again");
    }
    let invited = stage.count(|what| matches!(what, Happening::Invited { .. })).await?;
    same!(invited, kept_outcomes, "people who were invited, as often as an outcome was kept");
    Ok(())
}

// Begins and confirmations.

pub(super) async fn of_two_messages_of_a_person_that_begin_at_the_same_time_the_earlier_batch_goes(
    stage: Stage,
) -> Checked {
    let stage = Arc::new(stage);
    for _ in 0..ROUNDS {
        let user = std::slice::from_ref(&stage.person()).to_vec();
        let (first, second) =
            (stage.plan(Action::Invite, &user).await?, stage.plan(Action::Invite, &user).await?);
        stage.confirm(first.id).await?;
        stage.confirm(second.id).await?;
        let (one, other) = (stage.claim(1).await?, stage.claim(1).await?);
        same!((one.deliveries.len(), other.deliveries.len()), (1, 1), "messages that were claimed");
        let (begun, begun_too) = both_at_once(begins(&stage, &one), begins(&stage, &other)).await?;
        let mut by_batch: BTreeMap<BatchId, Begun> =
            [(one.deliveries[0].batch, begun), (other.deliveries[0].batch, begun_too)].into();
        has_form!(by_batch.remove(&first.id), Some(Begun::Go(_)) => (), "the batch that was confirmed first");
        has_form!(by_batch.remove(&second.id), Some(Begun::Stopped(EndReason::ChangedSincePlan)) => (),
            "the batch that was confirmed later");
        stage.send_all().await?;
    }
    Ok(())
}

pub(super) async fn plans_for_the_same_people_confirmed_at_the_same_time_reach_each_once(
    stage: Stage,
) -> Checked {
    let stage = Arc::new(stage);
    let people = stage.persons(5);
    let mut plans = Vec::new();
    for _ in 0..4 {
        plans.push(stage.plan(Action::Invite, &people).await?.id);
    }
    let confirms = plans.iter().map(|plan| {
        let (stage, plan) = (Arc::clone(&stage), *plan);
        async move { stage.confirm(plan).await }
    });
    at_once(confirms.collect()).await?;
    let mut claims = Vec::new();
    loop {
        let claimed = stage.claim(1).await?;
        if claimed.deliveries.is_empty() {
            break;
        }
        claims.push(claimed);
    }
    same!(claims.len(), 20, "messages of all batches");
    let begun = at_once(claims.iter().map(|claimed| begins(&stage, claimed)).collect()).await?;
    let mut reached: BTreeMap<_, usize> = BTreeMap::new();
    for (begun, claimed) in begun.into_iter().zip(&claims) {
        match begun {
            Begun::Go(_) => *reached.entry(claimed.deliveries[0].user).or_default() += 1,
            Begun::Stopped(EndReason::ChangedSincePlan) => {}
            other => return Err(Failure::new(format!("beginning was answered {other:?}"))),
        }
    }
    same!(reached, people.iter().map(|user| (user.id, 1)).collect(), "messages to each person");
    Ok(())
}

pub(super) async fn of_two_who_confirm_differently_at_the_same_time_one_is_carried_out(
    stage: Stage,
) -> Checked {
    for _ in 0..ROUNDS {
        let people = [stage.person(), stage.person_set_up()];
        let plan = stage.plan(Action::Invite, &people).await?;
        let confirms = [true, false].map(|resets| {
            let store = Arc::clone(&stage.store);
            let confirm = Confirm { resets, ..stage.confirmation(plan.id) };
            async move { Ok(store.confirm(confirm).await?) }
        });
        let answers = at_once(confirms.into()).await?;
        let now = answers.iter().filter(|answer| matches!(answer, Confirmed::Now(_))).count();
        same!(now, 1, "confirmations that were the first");
        let batch = stage.batch(plan.id).await?;
        for answer in answers {
            let answered = has_form!(answer, Confirmed::Now(batch) | Confirmed::Already(batch) => batch,
                "confirming");
            same!(*answered, batch, "the batch of each answer");
        }
        let resets = batch.confirmed.as_ref().is_some_and(|confirmation| confirmation.resets);
        let expected = if resets { (1, 0, 2) } else { (0, 1, 1) };
        let totals = (batch.totals.reset, batch.totals.skipped(), stage.deliveries(plan.id).await?.len());
        same!(totals, expected, "resets, people who are skipped, and messages, with consent: {resets}");
        stage.change(plan.id, BatchEvent::Cancel).await?;
    }
    Ok(())
}

// Begins, and what makes them wrong.

pub(super) async fn whoever_leaves_while_a_message_begins_keeps_no_credential(stage: Stage) -> Checked {
    let stage = with_links(stage).await?;
    for _ in 0..ROUNDS {
        let user = stage.person();
        let (batch, held) = claimed(&stage, &user).await?;
        let (store, organisation) = (Arc::clone(&stage.store), stage.id());
        let gone = User { deactivated: true, ..user.clone() };
        let leaves =
            async move { Ok(store.record_changes(organisation, vec![(gone.id, Some(gone))]).await?) };
        let (begun, ()) = both_at_once(begins(&stage, &held), leaves).await?;
        let story = stage.story(&user).await?;
        let open = story.invitations.iter().filter(|one| one.state == InvitationState::Pending).count();
        same!(open, 0, "open invitations of somebody who left");
        if let Some(sent) = link_of(begun, &held) {
            let revoked = LinkState::Revoked(RevokeReason::Deactivated);
            same!(stage.link_state(sent.digest()?).await?, revoked, "the link");
            stage.record(&sent, accepted()).await?;
            same!(stage.link_state(sent.digest()?).await?, revoked, "the link, once it has arrived");
        } else {
            let message = only(&stage, batch).await?;
            let expected = (DeliveryState::Cancelled, Some(EndReason::Deactivated));
            same!((message.state, message.reason), expected, "the message");
        }
    }
    Ok(())
}

pub(super) async fn a_batch_that_is_recalled_while_a_message_begins_leaves_no_link(stage: Stage) -> Checked {
    let stage = with_links(stage).await?;
    for _ in 0..ROUNDS {
        let user = stage.person_set_up();
        let (batch, held) = claimed(&stage, &user).await?;
        let recaller = Arc::clone(&stage);
        let recalls = async move { recaller.change(batch, BatchEvent::Recall).await };
        let (begun, _) = both_at_once(begins(&stage, &held), recalls).await?;
        if let Some(sent) = link_of(begun, &held) {
            stage.record(&sent, accepted()).await?;
            let recalled = LinkState::Revoked(RevokeReason::Recalled);
            same!(stage.link_state(sent.digest()?).await?, recalled, "the link");
        }
        stage.sweep().await?;
        let state = only(&stage, batch).await?.state;
        holds!(
            matches!(state, DeliveryState::Cancelled | DeliveryState::Sent),
            "the message was cancelled or sent, but it is {state}"
        );
        holds!(stage.own_password_counts(&user).await?, "a recalled batch retires nothing");
    }
    Ok(())
}

pub(super) async fn a_batch_that_is_paused_while_a_message_begins_holds_it_or_lets_it_go(
    stage: Stage,
) -> Checked {
    let stage = Arc::new(stage);
    for _ in 0..ROUNDS {
        // Another of the same batch waits.
        let batch = stage.invite(&stage.persons(2)).await?.id;
        let held = stage.claim(1).await?;
        same!(held.deliveries.len(), 1, "messages that were claimed");
        let pauser = Arc::clone(&stage);
        let pauses = async move { pauser.change(batch, BatchEvent::Pause).await };
        let (begun, _) = both_at_once(begins(&stage, &held), pauses).await?;
        let message = stage.delivery(batch, held.deliveries[0].id).await?;
        let stands = (message.state, message.attempts);
        match link_of(begun, &held) {
            Some(sent) => {
                same!(stands, (DeliveryState::HandingOver, 1), "a message that may go, and its attempts");
                stage.record(&sent, accepted()).await?;
            }
            None => same!(stands, (DeliveryState::Queued, 0), "a message that was held, and its attempts"),
        }
        stage.nothing_is_due("of a paused batch").await?;
    }
    Ok(())
}

pub(super) async fn whoever_comes_while_a_reminder_begins_leaves_no_link_behind(stage: Stage) -> Checked {
    let stage = with_links(stage).await?;
    for _ in 0..ROUNDS {
        let user = stage.person();
        let first = stage.invited(&user).await?;
        stage.advance(DAY * 4).await;
        let batch = stage.remind(std::slice::from_ref(&user)).await?;
        let held = stage.claim(1).await?;
        same!(held.deliveries.len(), 1, "reminders that were claimed");
        let (comer, digest) = (Arc::clone(&stage), first.digest()?);
        let comes = async move { comer.come_by(digest).await };
        let (begun, ()) = both_at_once(begins(&stage, &held), comes).await?;
        let story = stage.story(&user).await?;
        let states: Vec<_> = story.invitations.iter().map(|one| one.state).collect();
        same!(states, [InvitationState::Accepted], "the invitation");
        if let Some(sent) = link_of(begun, &held) {
            same!(stage.link_state(sent.digest()?).await?, LinkState::Used, "the link of the reminder");
            stage.record(&sent, accepted()).await?;
        } else {
            same!(only(&stage, batch.id).await?.state, DeliveryState::Cancelled, "the reminder");
        }
    }
    Ok(())
}

pub(super) async fn nobody_is_let_in_once_their_organisation_came_under_sso(stage: Stage) -> Checked {
    let mut stage = stage;
    for _ in 0..ROUNDS {
        stage
            .set(|settings| {
                settings.credential = CredentialKind::SetUpLink;
                settings.sign_in = SignInMethod::Password;
            })
            .await?;
        let user = stage.person();
        let (batch, held) = claimed(&stage, &user).await?;
        stage.org.settings.sign_in = SignInMethod::Sso;
        let shared = Arc::new(stage);
        let switcher = Arc::clone(&shared);
        let switches = async move { switcher.put_back().await };
        let (begun, ()) = both_at_once(begins(&shared, &held), switches).await?;
        match link_of(begun, &held) {
            Some(sent) => {
                let reserved = shared.reserve_link(sent.digest()?).await?;
                let revoked = Reserved::Not(LinkState::Revoked(RevokeReason::Sso));
                same!(reserved, revoked, "who comes by the link");
                shared.record(&sent, accepted()).await?;
            }
            None => same!(only(&shared, batch).await?.state, DeliveryState::Cancelled, "the message"),
        }
        stage = Arc::into_inner(shared).ok_or_else(|| Failure::new("a task is still running"))?;
    }
    Ok(())
}

// Those who come.

pub(super) async fn of_twenty_who_come_and_end_it_at_the_same_time_one_has_come(stage: Stage) -> Checked {
    let stage = with_links(stage).await?;
    for _ in 0..4 {
        let user = stage.person();
        let sent = stage.invited(&user).await?;
        let link = stage.store.link(sent.digest()?).await?;
        let link = link.ok_or_else(|| Failure::new("a link that was sent leads nowhere"))?;
        let tasks = (0..20).map(|_| {
            let store = Arc::clone(&stage.store);
            let (organisation, credential) = (stage.id(), link.credential);
            let reserve =
                Reserve { organisation, credential, user: Some(user.clone()), policy: stage.policy.clone() };
            async move {
                match store.reserve(reserve).await? {
                    Reserved::Yours { reservation, .. } => {
                        Ok(store.close(Close { organisation, credential, reservation }).await?)
                    }
                    _ => Ok(false),
                }
            }
        });
        let came = at_once(tasks.collect()).await?.into_iter().filter(|came| *came).count();
        same!(came, 1, "those who came");
        same!(stage.link_state(sent.digest()?).await?, LinkState::Used, "the link");
    }
    same!(stage.count(|what| matches!(what, Happening::Accepted { .. })).await?, 4, "acceptances told");
    Ok(())
}

// Counters.

pub(super) async fn outcomes_at_the_same_time_all_count_for_the_brake(mut stage: Stage) -> Checked {
    (stage.policy.brake_from, stage.policy.brake_percent) = (20, 100);
    let stage = Arc::new(stage);
    let batch = stage.invite(&stage.persons(21)).await?;
    let mut under_way = stage.take_off_all().await?;
    // One is left over, so that the batch is not finished.
    let last = under_way.pop();
    record_all(&stage, under_way, || refused(Refusal::Content)).await?;
    let paused = stage.batch(batch.id).await?;
    same!(paused.state, BatchState::Paused, "a batch of which twenty in twenty failed");
    let told = |what: &Happening| matches!(what, Happening::BatchPaused { .. });
    same!(stage.count(told).await?, 1, "events that it paused");
    same!(stage.states(batch.id).await?.get(&DeliveryState::Failed), Some(&20), "messages that failed");
    if let Some(last) = last {
        stage.record(&last, accepted()).await?;
    }
    Ok(())
}

pub(super) async fn refusals_at_the_same_time_are_a_run(mut stage: Stage) -> Checked {
    stage.policy.breaker = 12;
    let stage = Arc::new(stage);
    let batch = stage.invite(&stage.persons(12)).await?;
    let under_way = stage.take_off_all().await?;
    record_all(&stage, under_way, || refused(Refusal::Policy)).await?;
    same!(stage.store.sender_pauses().await?.len(), 1, "senders that are stopped");
    let states = stage.states(batch.id).await?;
    same!(states, [(DeliveryState::Queued, 12)].into(), "messages that go back into the queue");
    Ok(())
}

pub(super) async fn a_batch_whose_messages_end_at_the_same_time_is_finished_once(stage: Stage) -> Checked {
    let stage = Arc::new(stage);
    let mut batches = Vec::new();
    for _ in 0..4 {
        batches.push(stage.invite(&stage.persons(6)).await?.id);
    }
    let under_way = stage.take_off_all().await?;
    record_all(&stage, under_way, accepted).await?;
    stage.sweep().await?;
    for batch in batches {
        let told = |what: &Happening| *what == Happening::BatchFinished { batch };
        same!(stage.count(told).await?, 1, "events that a batch is finished");
    }
    Ok(())
}

pub(super) async fn a_pilot_whose_messages_end_at_the_same_time_pauses_its_batch_once(
    stage: Stage,
) -> Checked {
    let stage = Arc::new(stage);
    let plan = stage.plan(Action::Invite, &stage.persons(20)).await?;
    let pilot = NonZeroU64::new(8);
    stage.store.confirm(Confirm { pilot, ..stage.confirmation(plan.id) }).await?;
    let under_way = stage.take_off_all().await?;
    same!(under_way.len(), 8, "messages of the pilot");
    record_all(&stage, under_way, accepted).await?;
    same!(stage.batch(plan.id).await?.state, BatchState::Paused, "the batch after its pilot");
    stage.nothing_is_due("after the pilot").await?;
    let told = |what: &Happening| matches!(what, Happening::BatchPaused { .. });
    same!(stage.count(told).await?, 1, "events that it paused");
    Ok(())
}

pub(super) async fn guesses_at_the_same_time_all_count(stage: Stage) -> Checked {
    let user = stage.person();
    let free = stage.policy.free_guesses as usize;
    let guesses = (0..free + 7).map(|_| {
        let store = Arc::clone(&stage.store);
        let guess = Guess {
            organisation: stage.id(),
            user: user.id,
            source: "192.0.2.1".into(),
            policy: stage.policy.clone(),
        };
        async move { Ok(store.count_guess(guess).await?) }
    });
    let looked_at = at_once(guesses.collect()).await?.into_iter().filter(Option::is_none).count();
    same!(looked_at, free, "guesses that were looked at");
    Ok(())
}

pub(super) async fn test_messages_at_the_same_time_all_count(stage: Stage) -> Checked {
    let key = super::organisations::key(MessageKind::Invitation, Channel::Email);
    let sends = (0..12).map(|_| {
        let store = Arc::clone(&stage.store);
        let send = TestSend {
            actor: stage.actor(),
            key: key.clone(),
            details: "racing".into(),
            at_most: 5,
            within: HOUR,
        };
        async move { Ok(store.count_test_send(send).await?) }
    });
    let sent = at_once(sends.collect()).await?.into_iter().filter(Option::is_none).count();
    same!(sent, 5, "test messages that may go");
    Ok(())
}

pub(super) async fn versions_saved_at_the_same_time_have_different_names(stage: Stage) -> Checked {
    let key = super::organisations::key(MessageKind::Invitation, Channel::Email);
    let saves = (0..8).map(|number| {
        let store = Arc::clone(&stage.store);
        let save = stage.template(&key, Some(&format!("Hello {number} {{{{ setup_link }}}}")));
        async move { Ok(store.save_template(save).await?) }
    });
    let mut names = BTreeSet::new();
    for saved in at_once(saves.collect()).await? {
        names.insert(has_form!(saved, TemplateSaved::Done(version) => version, "saving a message"));
    }
    same!(names.len(), 8, "names of versions");
    let kept = stage.store.template_versions(stage.id(), key, None, 100).await?;
    same!(kept.len(), 8, "versions that are kept");
    Ok(())
}

pub(super) async fn of_links_handed_over_at_the_same_time_one_works(stage: Stage) -> Checked {
    let user = stage.person();
    let offers = (0..6).map(|_| {
        let store = Arc::clone(&stage.store);
        let offer = super::offers::offer(&stage, &user, true);
        async move {
            let offer = offer?;
            let digest = offer.digest;
            store.hand_over_link(offer).await?;
            Ok(digest)
        }
    });
    let mut open = 0;
    for digest in at_once(offers.collect()).await? {
        open += usize::from(matches!(stage.link_state(digest).await?, LinkState::Open { .. }));
    }
    same!(open, 1, "links that work");
    Ok(())
}

// Events.

pub(super) async fn a_reader_misses_no_event_while_many_write(stage: Stage) -> Checked {
    let stage = Arc::new(stage);
    let (writers, each) = (10, 4);
    let mut batches = Vec::new();
    // Small transactions beside larger ones, which take longer to commit.
    for writer in 0..writers {
        let plans: Vec<_> = (0..each).map(|number| (writer, number)).collect();
        let mut ids = Vec::new();
        for (writer, _) in plans {
            ids.push(stage.invite(&stage.persons(1 + writer % 3 * 3)).await?.id);
        }
        batches.push(ids);
    }
    let messages = stage.take_off_all().await?;
    let mut by_batch: BTreeMap<BatchId, Vec<InFlight>> = BTreeMap::new();
    for message in messages {
        by_batch.entry(message.claimed.batch).or_default().push(message);
    }
    let mut tasks: Vec<BoxFuture<'static, Checked<Vec<u64>>>> = Vec::new();
    for ids in batches {
        let stage = Arc::clone(&stage);
        let of_writer: Vec<Vec<InFlight>> = ids.iter().filter_map(|id| by_batch.remove(id)).collect();
        tasks.push(Box::pin(async move {
            for batch in of_writer {
                let policy = stage.policy.clone();
                let outcomes = batch.iter().map(|one| record_of(one, accepted())).collect();
                stage.store.record(Record { outcomes, policy }).await?;
            }
            Ok(Vec::new())
        }));
    }
    let expected = stage.events().await?.len();
    let reader = Arc::clone(&stage);
    tasks.push(Box::pin(async move {
        let (mut seen, mut cursor) = (Vec::new(), EventCursor::default());
        // Each batch tells that it is finished, so the reader knows when it has read the last.
        let mut finished = 0;
        for _ in 0..100_000 {
            if finished == writers * each {
                break;
            }
            let page = reader.events_after(cursor, 3).await?;
            for event in &page {
                finished += usize::from(matches!(event.what, Happening::BatchFinished { .. }));
                seen.push(event.cursor.0);
            }
            cursor = page.last().map_or(cursor, |event| event.cursor);
            tokio::task::yield_now().await;
        }
        Ok(seen)
    }));
    let mut seen = at_once(tasks).await?.pop().unwrap_or_default();
    let last = EventCursor(seen.last().copied().unwrap_or_default());
    seen.extend(stage.events_after(last, 100_000).await?.iter().map(|event| event.cursor.0));
    let all: Vec<u64> = stage.events().await?.iter().map(|event| event.cursor.0).collect();
    holds!(all.len() > expected, "events were written");
    same!(seen, all, "the events that a reader saw, and those there are");
    Ok(())
}

/// Records each outcome in a transaction of its own, at the same time.
async fn record_all(stage: &Arc<Stage>, under_way: Vec<InFlight>, outcome: fn() -> Outcome) -> Checked {
    let records = under_way.into_iter().map(|one| {
        let stage = Arc::clone(stage);
        async move { stage.record(&one, outcome()).await }
    });
    at_once(records.collect()).await.map(drop)
}

fn record_of(one: &InFlight, outcome: Outcome) -> RecordDelivery {
    let result = HandOverResult::Outcome(outcome);
    RecordDelivery { token: one.token, id: one.claimed.id, result }
}

fn accept() -> HandOverResult {
    HandOverResult::Outcome(accepted())
}
