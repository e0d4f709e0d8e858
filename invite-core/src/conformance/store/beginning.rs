//! Begin: the last look before a message leaves, and the fence.

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred, near, refused};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::id::{ClaimToken, DeliveryId};
use crate::model::item::Action;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, SsoPolicy};
use crate::model::outcome::Refusal;
use crate::model::sign_in::SignInMethod;
use crate::model::user::User;
use crate::port::queue::{Begun, HandOverResult};

pub(super) async fn whoever_was_overtaken_begins_nothing(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let (old, claimed) = stage.claim_one().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    let (new, again) = stage.claim_one().await?;
    has_form!(stage.begin(old, &claimed).await?, Begun::Fenced => (), "beginning with the old token");
    let delivery = stage.delivery(batch.id, claimed.id).await?;
    same!((delivery.state, delivery.attempts), (DeliveryState::Claimed, 0), "state and attempts");
    same!(stage.open_passwords(&person(&stage, &claimed)?).await?.len(), 0, "credentials that were saved");
    let in_flight = stage.hand_over(new, again).await?;
    has_form!(stage.begin(old, &claimed).await?, Begun::Fenced => (), "beginning what another began");
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Sent, "the other's outcome");
    Ok(())
}

pub(super) async fn nothing_is_begun_with_a_lease_that_has_lapsed(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    has_form!(stage.begin(token, &claimed).await?, Begun::Fenced => (), "beginning too late");
    let delivery = stage.delivery(batch.id, claimed.id).await?;
    same!(delivery.attempts, 0, "attempts");
    same!(stage.send_all().await?.len(), 1, "messages that leave with the next claim");
    Ok(())
}

pub(super) async fn a_message_begins_once(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let in_flight = stage.take_off().await?;
    let again = stage.begin(in_flight.token, &in_flight.claimed).await?;
    has_form!(again, Begun::Fenced => (), "beginning a message that is being handed over");
    same!(stage.delivery(batch.id, in_flight.id()).await?.attempts, 1, "attempts");
    Ok(())
}

pub(super) async fn an_unknown_message_is_fenced_and_answers_come_in_the_order_asked(
    stage: Stage,
) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    let claimed = stage.claim(3).await?;
    let mut asked = Vec::new();
    for one in claimed.deliveries.iter().rev() {
        let wish = one.credential.as_ref().ok_or_else(|| Failure::new("no credential is asked for"))?;
        let generation = has_form!(wish.take, crate::decision::begin::Take::Mint(generation) => generation,
            "what there is of the credential at first");
        let minted = stage.mint(one, generation, wish.salt).await?;
        asked.push(stage.beginning(one, Some(minted)));
    }
    let mut stranger = asked[0].clone();
    stranger.id = DeliveryId::new();
    asked.insert(1, stranger);
    let ids: Vec<_> = asked.iter().map(|one| one.id).collect();
    let begun = stage.begin_with(claimed.token, asked).await?;
    for (place, (begun, id)) in begun.iter().zip(ids).enumerate() {
        if place == 1 {
            has_form!(begun, Begun::Fenced => (), "an unknown message");
        } else {
            let hand_over = has_form!(begun, Begun::Go(hand_over) => hand_over, "answer {place}");
            same!(hand_over.id, id, "the message of answer {place}");
        }
    }
    Ok(())
}

pub(super) async fn an_outcome_of_whoever_was_overtaken_is_not_kept(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let old = stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    let (new, again) = stage.claim_one().await?;
    let late = HandOverResult::Outcome(refused(Refusal::Recipient));
    same!(stage.record_result(old.key(), late.clone()).await?, None, "while another has claimed it");
    let in_flight = stage.hand_over(new, again).await?;
    same!(stage.record_result(old.key(), late.clone()).await?, None, "while another hands it over");
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Sent, "the other's outcome");
    same!(stage.record_result(old.key(), late).await?, None, "when the other is done");
    let delivery = stage.delivery(batch.id, old.id()).await?;
    same!((delivery.state, delivery.reason), (DeliveryState::Sent, None), "state and reason in the end");
    let suppressed = stage.store.suppressions(stage.id(), None, 10).await?;
    same!(suppressed, [], "suppressions");
    Ok(())
}

pub(super) async fn a_late_outcome_is_kept_where_nobody_has_overtaken(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let in_flight = stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Sent, "the outcome");
    stage.nothing_is_due("after it").await?;
    same!(stage.delivery(batch.id, in_flight.id()).await?.attempts, 1, "attempts");
    Ok(())
}

pub(super) async fn an_outcome_is_kept_once_and_with_its_own_token_alone(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let in_flight = stage.take_off().await?;
    let outcome = HandOverResult::Outcome(accepted());
    let forged = (ClaimToken::new(), in_flight.id());
    same!(stage.record_result(forged, outcome.clone()).await?, None, "with another token");
    let state = stage.delivery(batch.id, in_flight.id()).await?.state;
    same!(state, DeliveryState::HandingOver, "its state then");
    let kept = stage.record_result(in_flight.key(), outcome).await?;
    same!(kept, Some(DeliveryState::Sent), "with its own token");
    let again = HandOverResult::Outcome(refused(Refusal::Content));
    same!(stage.record_result(in_flight.key(), again).await?, None, "another outcome later");
    same!(stage.delivery(batch.id, in_flight.id()).await?.state, DeliveryState::Sent, "its state");
    Ok(())
}

pub(super) async fn what_was_claimed_and_not_begun_has_no_outcome(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    let outcome = HandOverResult::Outcome(accepted());
    same!(stage.record_result((token, claimed.id), outcome).await?, None, "recording it");
    same!(stage.delivery(batch.id, claimed.id).await?.state, DeliveryState::Claimed, "its state");
    Ok(())
}

pub(super) async fn a_message_that_is_begun_is_not_sent_yet(stage: Stage) -> Checked {
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let in_flight = stage.take_off().await?;
    let delivery = stage.delivery(batch.id, in_flight.id()).await?;
    same!(delivery.state, DeliveryState::HandingOver, "its state");
    same!((delivery.sent_at, delivery.receipt), (None, None), "when it was sent, and the receipt");
    let invited = |what: &_| matches!(what, crate::model::event::Happening::Invited { .. });
    same!(stage.count(invited).await?, 0, "events that somebody was invited");
    let histories = stage.store.histories(stage.id(), vec![user]).await?;
    holds!(!histories[0].invited, "the history does not say that the person was invited");
    Ok(())
}

pub(super) async fn a_message_of_a_paused_batch_goes_back_to_the_queue(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    has_form!(stage.begin(token, &claimed).await?, Begun::Released => (), "beginning it");
    let delivery = stage.delivery(batch.id, claimed.id).await?;
    same!((delivery.state, delivery.attempts), (DeliveryState::Queued, 0), "state and attempts");
    stage.change(batch.id, BatchEvent::Resume).await?;
    has_form!(stage.begin(token, &claimed).await?, Begun::Fenced => (), "the old claim after the pause");
    same!(stage.send_all().await?.len(), 1, "messages that leave after the pause");
    Ok(())
}

pub(super) async fn begin_stops_what_a_batch_no_longer_sends_before_any_sweep(stage: Stage) -> Checked {
    for (event, reason) in
        [(BatchEvent::Cancel, EndReason::BatchCancelled), (BatchEvent::Recall, EndReason::BatchRecalled)]
    {
        let batch = stage.invite(&stage.persons(1)).await?;
        let (token, claimed) = stage.claim_one().await?;
        stage.change(batch.id, event).await?;
        let begun = stage.begin(token, &claimed).await?;
        let stopped = has_form!(begun, Begun::Stopped(reason) => reason, "beginning after {event:?}");
        same!(stopped, reason, "why it was stopped");
        let delivery = stage.delivery(batch.id, claimed.id).await?;
        same!((delivery.state, delivery.reason), (DeliveryState::Cancelled, Some(reason)), "its end");
    }
    Ok(())
}

pub(super) async fn begin_decides_again_with_fresh_facts(stage: Stage) -> Checked {
    type Change = fn(&mut User);
    let changes: [(&str, Change); 5] = [
        ("was deactivated", |user| user.deactivated = true),
        ("came under SSO", |user| user.sign_in = Some(SignInMethod::Sso)),
        ("got another address", |user| user.email = "new@example.com".parse().ok()),
        ("lost the address", |user| user.email = None),
        ("set a password", |user| user.has_password = true),
    ];
    for (what, change) in changes {
        let mut user = stage.person();
        let batch = stage.invite(std::slice::from_ref(&user)).await?;
        let (token, claimed) = stage.claim_one().await?;
        change(&mut user);
        stage.put(&user);
        let begun = stage.begin(token, &claimed).await?;
        let reason = has_form!(begun, Begun::Stopped(reason) => reason, "a person who {what}");
        same!(reason, EndReason::ChangedSincePlan, "why the message to a person who {what} was stopped");
        let delivery = stage.delivery(batch.id, claimed.id).await?;
        same!((delivery.state, delivery.attempts), (DeliveryState::Cancelled, 0), "its end");
        same!(stage.open_passwords(&user).await?.len(), 0, "credentials of a person who {what}");
    }
    stage.nothing_is_due("of what was stopped").await
}

pub(super) async fn nothing_goes_to_a_person_who_is_no_longer_there(stage: Stage) -> Checked {
    let user = stage.person();
    stage.invite(std::slice::from_ref(&user)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.erase(user.id);
    has_form!(stage.begin(token, &claimed).await?, Begun::Stopped(_) => (), "beginning it");
    Ok(())
}

pub(super) async fn a_name_alone_is_no_change(stage: Stage) -> Checked {
    let mut user = stage.person();
    stage.invite(std::slice::from_ref(&user)).await?;
    user.first_name = "Renamed".into();
    user.last_name = "Since".into();
    stage.put(&user);
    let in_flight = stage.take_off().await?;
    same!(in_flight.hand_over.user, user, "the person that the message is rendered for");
    Ok(())
}

pub(super) async fn an_address_suppressed_since_the_plan_is_not_written_to(stage: Stage) -> Checked {
    let (mut one, mut other) = (stage.person(), stage.person());
    one.email = "shop@example.com".parse().ok();
    other.email = "SHOP@example.com".parse().ok();
    stage.put(&one);
    stage.put(&other);
    let batch = stage.invite(&[one, other]).await?;
    let claimed = stage.claim(2).await?;
    let [first, second] = &claimed.deliveries[..] else {
        return Err(Failure::new("two messages are due, to the same mailbox"));
    };
    let in_flight = stage.hand_over(claimed.token, first.clone()).await?;
    stage.record(&in_flight, refused(Refusal::Recipient)).await?;
    let begun = stage.begin(claimed.token, second).await?;
    let reason = has_form!(begun, Begun::Stopped(reason) => reason, "the second message to the mailbox");
    same!(reason, EndReason::OnSuppressionList, "why it was stopped");
    same!(stage.delivery(batch.id, second.id).await?.state, DeliveryState::Suppressed, "its state");
    Ok(())
}

pub(super) async fn of_two_batches_for_a_person_the_one_confirmed_first_goes(stage: Stage) -> Checked {
    let user = stage.person();
    let people = std::slice::from_ref(&user);
    let (one, other) = (stage.plan(Action::Invite, people).await?, stage.plan(Action::Invite, people).await?);
    stage.confirm(other.id).await?;
    stage.confirm(one.id).await?;
    let claimed = stage.claim(10).await?;
    same!(claimed.deliveries.len(), 2, "messages that are claimed");
    let of = |batch| claimed.deliveries.iter().find(move |claimed| claimed.batch == batch);
    let (Some(second), Some(first)) = (of(one.id), of(other.id)) else {
        return Err(Failure::new("each batch has one message"));
    };
    let begun = stage.begin(claimed.token, second).await?;
    let reason = has_form!(begun, Begun::Stopped(reason) => reason, "the message confirmed second");
    same!(reason, EndReason::ChangedSincePlan, "why it was stopped");
    stage.hand_over(claimed.token, first.clone()).await?;
    Ok(())
}

pub(super) async fn begin_tells_the_worker_what_to_say(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.sso_policy = SsoPolicy::Announce).await?;
    let mut sso = stage.person();
    sso.sign_in = Some(SignInMethod::Sso);
    let mut elsewhere = stage.person_set_up();
    elsewhere.elsewhere = true;
    let people = [stage.person(), stage.person_set_up(), sso, elsewhere];
    people.iter().for_each(|user| stage.put(user));
    let batch = stage.invite(&people).await?;
    let sent = stage.send_all().await?;
    let kinds = [MessageKind::Invitation, MessageKind::Reset, MessageKind::Sso, MessageKind::Announcement];
    for (user, kind) in people.iter().zip(kinds) {
        let hand_over = sent.iter().map(|one| &one.hand_over).find(|one| one.user.id == user.id);
        let hand_over = hand_over.ok_or_else(|| Failure::new(format!("there is no {kind} message")))?;
        same!(hand_over.kind, kind, "the kind of message");
        same!((hand_over.organisation, hand_over.batch), (stage.id(), batch.id), "whose it is");
        let credential = matches!(kind, MessageKind::Invitation | MessageKind::Reset);
        same!(hand_over.credential.is_some(), credential, "whether a message {kind} has a credential");
        holds!(!hand_over.last_reminder, "an invitation is not the last reminder");
        let now = stage.now().await?;
        holds!(near(hand_over.at, now) && near(hand_over.invited_at, now), "it is now");
    }
    Ok(())
}

pub(super) async fn the_last_reminder_says_that_it_is_the_last(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.reminders.at_most = 2).await?;
    let user = stage.person();
    let people = std::slice::from_ref(&user);
    let invitation = stage.invited(&user).await?;
    for last in [false, true] {
        stage.advance(DAY * 4).await;
        stage.remind(people).await?;
        let sent = stage.send_one(accepted()).await?;
        same!(sent.hand_over.kind, MessageKind::Reminder, "the kind of message");
        same!(sent.hand_over.last_reminder, last, "whether it is the last");
        same!(sent.claimed.invitation, invitation.claimed.invitation, "its invitation");
        same!(sent.hand_over.invited_at, invitation.hand_over.invited_at, "when the person was invited");
    }
    stage.advance(DAY * 4).await;
    let plan = stage.plan(Action::Remind, people).await?;
    same!(plan.totals.skipped(), 1, "people skipped in a third");
    Ok(())
}

pub(super) async fn a_message_without_credential_saves_none(stage: Stage) -> Checked {
    let mut user = stage.person_set_up();
    user.elsewhere = true;
    stage.put(&user);
    stage.invite(std::slice::from_ref(&user)).await?;
    let (token, claimed) = stage.claim_one().await?;
    holds!(claimed.credential.is_none(), "no credential is asked for");
    stage.hand_over(token, claimed).await?;
    let story = stage.story(&user).await?;
    same!(story.credentials, [], "credentials");
    same!(story.invitations.len(), 1, "invitations");
    same!(story.invitations[0].expires_at, None, "when the invitation expires");
    Ok(())
}

pub(super) async fn a_change_of_the_kind_of_credential_stops_what_was_planned_with_the_other(
    mut stage: Stage,
) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let begun = stage.begin(token, &claimed).await?;
    let reason = has_form!(begun, Begun::Stopped(reason) => reason, "beginning it");
    same!(reason, EndReason::ChangedSincePlan, "why it was stopped");
    Ok(())
}

pub(super) async fn a_message_of_an_invitation_that_was_used_is_stopped(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    let claimed = stage.claim(2).await?;
    let [first, second] = &claimed.deliveries[..] else {
        return Err(Failure::new("two messages are due"));
    };
    let in_flight = stage.hand_over(claimed.token, first.clone()).await?;
    let digest = in_flight.digest()?;
    stage.record(&in_flight, accepted()).await?;
    stage.come_by(digest).await?;
    let begun = stage.begin(claimed.token, second).await?;
    holds!(
        matches!(begun, Begun::Stopped(EndReason::InvitationClosed) | Begun::Fenced),
        "the other message does not leave, but begin answered {begun:?}"
    );
    Ok(())
}

pub(super) async fn a_message_waits_through_a_pause_without_using_up_its_hours(mut stage: Stage) -> Checked {
    stage.policy.email.within = HOUR * 3;
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    stage.advance(DAY).await;
    stage.change(batch.id, BatchEvent::Resume).await?;
    let again = stage.send_one(deferred(Some(HOUR))).await?;
    let delivery = stage.delivery(batch.id, again.id()).await?;
    same!(delivery.state, DeliveryState::Queued, "the state after a pause that is longer than its hours");
    Ok(())
}

fn person(stage: &Stage, claimed: &crate::port::queue::ClaimedDelivery) -> Checked<User> {
    stage.facts(claimed.user).ok_or_else(|| Failure::new("a message to nobody"))
}
