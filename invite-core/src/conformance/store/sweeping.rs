//! The work that nobody waits for, in chunks.

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, deferred};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::model::credential::CredentialKind;
use crate::model::delivery::DeliveryState;
use crate::model::event::Happening;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::Action;
use crate::model::organisation::SsoPolicy;
use crate::model::sign_in::SignInMethod;
use crate::port::records::{Arrival, ArrivalKind};
use crate::port::redemption::LinkState;

pub(super) async fn a_sweep_that_has_nothing_to_do_says_so(stage: Stage) -> Checked {
    same!(stage.store.sweep(10, stage.policy.clone()).await?, 0, "rows of an empty store");
    stage.invite(&stage.persons(3)).await?;
    stage.send_one(accepted()).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.sweep().await?;
    same!(stage.store.sweep(10, stage.policy.clone()).await?, 0, "rows when all is well");
    Ok(())
}

pub(super) async fn a_sweep_of_one_row_at_a_time_gets_everything_done(stage: Stage) -> Checked {
    let people: Vec<_> = (0..6).map(|_| stage.person_set_up()).collect();
    let batch = stage.invite(&people).await?;
    for _ in 0..3 {
        stage.send_one(accepted()).await?;
    }
    stage.change(batch.id, BatchEvent::Recall).await?;
    let mut sweeps = 0;
    while stage.store.sweep(1, stage.policy.clone()).await? > 0 {
        sweeps += 1;
        holds!(sweeps < 1_000, "the sweep comes to an end");
    }
    holds!(sweeps > 2, "the work is done in chunks, but {sweeps} sweeps of one row did it");
    same!(stage.states(batch.id).await?.get(&DeliveryState::Cancelled), Some(&3), "messages cancelled");
    let mut revoked = 0;
    for user in &people {
        let story = stage.story(user).await?;
        same!(story.retired, None, "what retired a password");
        holds!(story.credentials.iter().all(|one| !one.sealed), "no sealed secret is left");
        revoked += story
            .invitations
            .iter()
            .filter(|one| one.state == InvitationState::Revoked(RevokeReason::Recalled))
            .count();
    }
    same!(revoked, 3, "invitations revoked");
    let restored = |what: &Happening| matches!(what, Happening::PasswordRestored { .. });
    same!(stage.count(restored).await?, 3, "events that a password counts again");
    Ok(())
}

pub(super) async fn a_sweep_expires_what_is_too_old_and_tells_it_once(stage: Stage) -> Checked {
    let people = stage.persons(3);
    stage.invite(&people).await?;
    stage.send_all().await?;
    stage.advance(DAY * 7 + MINUTE).await;
    for _ in 0..2 {
        stage.sweep().await?;
        let expired = |what: &Happening| matches!(what, Happening::Expired { .. });
        same!(stage.count(expired).await?, 3, "events that an invitation expired");
    }
    for user in &people {
        let state = stage.story(user).await?.invitations[0].state;
        same!(state, InvitationState::Expired, "the invitation");
    }
    Ok(())
}

pub(super) async fn a_reminder_reopens_what_expired(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let first = stage.invited(&user).await?;
    stage.advance(DAY * 8).await;
    stage.sweep().await?;
    stage.remind(std::slice::from_ref(&user)).await?;
    let reminder = stage.send_one(accepted()).await?;
    let story = stage.story(&user).await?;
    same!(story.invitations.len(), 1, "invitations");
    same!(story.invitations[0].state, InvitationState::Pending, "its state");
    let state = stage.link_state(reminder.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the reminder's link");
    same!(stage.link_state(first.digest()?).await?, LinkState::Expired, "the first link");
    stage.sweep().await?;
    let state = stage.story(&user).await?.invitations[0].state;
    same!(state, InvitationState::Pending, "its state after another sweep");
    Ok(())
}

pub(super) async fn a_plan_that_nobody_confirmed_is_removed(stage: Stage) -> Checked {
    let used = stage.invite(&stage.persons(2)).await?;
    let user = stage.person();
    let unused = stage.plan(Action::Invite, std::slice::from_ref(&user)).await?;
    let incomplete = stage.open(Action::Invite, &[]).await?;
    stage.advance(stage.policy.plan_lifetime - MINUTE).await;
    stage.sweep().await?;
    stage.batch(unused.id).await?;
    stage.advance(MINUTE * 2).await;
    stage.sweep().await?;
    for plan in [unused.id, incomplete.id] {
        same!(stage.store.batch(stage.id(), plan).await?, None, "the plan");
        same!(stage.items(plan).await?, [], "its items");
        same!(stage.deliveries(plan).await?, [], "its messages");
    }
    same!(stage.story(&user).await?.items.len(), 0, "items in the story of its person");
    same!(stage.items(used.id).await?.len(), 2, "items of a plan that was confirmed");
    Ok(())
}

pub(super) async fn a_sweep_takes_back_what_dead_workers_have(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(3)).await?;
    stage.claim(3).await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.sweep().await?;
    same!(stage.states(batch.id).await?.get(&DeliveryState::Queued), Some(&3), "messages in the queue");
    same!(stage.store.waiting().await?.leased, 0, "messages leased");
    Ok(())
}

pub(super) async fn an_invitation_expires_with_its_newest_generation_each_time_it_was_reopened(
    stage: Stage,
) -> Checked {
    let user = stage.person();
    stage.invited(&user).await?;
    let expired = |what: &Happening| matches!(what, Happening::Expired { .. });
    stage.advance(DAY * 5).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    stage.send_one(accepted()).await?;
    // The first generation is over, the second is not.
    stage.advance(DAY * 5).await;
    stage.sweep().await?;
    same!(stage.count(expired).await?, 0, "events while a generation works");
    same!(stage.story(&user).await?.invitations[0].state, InvitationState::Pending, "the invitation");
    for round in 1..=2 {
        stage.advance(DAY * 3).await;
        stage.sweep().await?;
        same!(stage.count(expired).await?, round, "events when the newest is over, time {round}");
        let invitation = stage.story(&user).await?.invitations[0].id;
        let whose = Happening::Expired { user: user.id, invitation };
        holds!(
            stage.events().await?.iter().any(|event| event.what == whose),
            "the event says whose and which"
        );
        stage.remind(std::slice::from_ref(&user)).await?;
        stage.send_one(accepted()).await?;
        same!(stage.story(&user).await?.invitations[0].state, InvitationState::Pending, "the invitation");
        stage.advance(DAY * 5).await;
    }
    Ok(())
}

pub(super) async fn what_is_closed_or_recalled_or_carries_no_credential_does_not_expire(
    mut stage: Stage,
) -> Checked {
    let came = stage.person();
    stage.invited(&came).await?;
    let recalled = stage.person();
    let batch = stage.invite(std::slice::from_ref(&recalled)).await?;
    stage.send_all().await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    stage.set(|settings| settings.sso_policy = SsoPolicy::Announce).await?;
    let mut announced = stage.person();
    announced.sign_in = Some(SignInMethod::Sso);
    stage.put(&announced);
    stage.invited(&announced).await?;
    stage.tick().await;
    let arrival = Arrival { user: came.id, at: stage.now().await?, how: ArrivalKind::SignedIn };
    stage.store.record_arrivals(stage.id(), vec![arrival]).await?;
    stage.advance(DAY * 30).await;
    stage.sweep().await?;
    let expired = |what: &Happening| matches!(what, Happening::Expired { .. });
    same!(stage.count(expired).await?, 0, "events that an invitation expired");
    for user in [&came, &recalled, &announced] {
        let state = stage.story(user).await?.invitations[0].state;
        holds!(state != InvitationState::Expired, "the invitation is {state:?}");
    }
    Ok(())
}
