//! What a host tells: who came, and who changed.

use chrono::{DateTime, TimeDelta, Utc};

use super::stage::{DAY, HOUR, Stage, accepted};
use crate::conformance::Checked;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::organisation::{ChannelRule, SsoPolicy};
use crate::model::sign_in::SignInMethod;
use crate::model::user::User;
use crate::port::records::{Arrival, ArrivalKind};
use crate::port::redemption::LinkState;

pub(super) async fn whoever_signs_in_after_an_invitation_has_accepted_it(mut stage: Stage) -> Checked {
    for how in [ArrivalKind::SignedIn, ArrivalKind::PasswordSet] {
        stage.channels = ChannelRule::Both;
        let user = stage.person_by_both();
        let batch = stage.invite(std::slice::from_ref(&user)).await?;
        let sent = stage.send_one(accepted()).await?;
        stage.advance(HOUR).await;
        let at = stage.now().await?;
        arrive(&stage, &user, at, how).await?;
        let story = stage.story(&user).await?;
        same!(story.invitations[0].state, InvitationState::Accepted, "the invitation");
        same!(story.came_at, Some(at), "when the person came");
        same!(stage.open_passwords(&user).await?.len(), 0, "credentials that work");
        let deliveries = stage.deliveries(batch.id).await?;
        let other = deliveries.iter().find(|one| one.id != sent.id());
        same!(
            other.map(|one| (one.state, one.reason)),
            Some((DeliveryState::Cancelled, Some(EndReason::PasswordSet))),
            "the message that waits"
        );
        let came = Happening::Accepted { user: user.id, invitation: sent.claimed.invitation };
        same!(stage.count(|what| *what == came).await?, 1, "events that the person came");
        let events = stage.events().await?.len();
        arrive(&stage, &user, at, how).await?;
        same!(stage.story(&user).await?, story, "the story after it was told again");
        same!(stage.events().await?.len(), events, "events after it was told again");
    }
    Ok(())
}

pub(super) async fn an_arrival_before_the_invitation_leaves_it_open(stage: Stage) -> Checked {
    let user = stage.person();
    let before = stage.now().await?;
    stage.advance(HOUR).await;
    stage.invited(&user).await?;
    for how in [ArrivalKind::SignedIn, ArrivalKind::PasswordSet] {
        arrive(&stage, &user, before, how).await?;
        let story = stage.story(&user).await?;
        same!(story.invitations[0].state, InvitationState::Pending, "the invitation");
        same!(story.came_at, Some(before), "when the person came");
    }
    same!(stage.open_passwords(&user).await?.len(), 1, "credentials that work");
    Ok(())
}

pub(super) async fn arrivals_may_come_in_any_order(stage: Stage) -> Checked {
    let user = stage.person();
    let first = stage.now().await?;
    stage.invited(&user).await?;
    stage.advance(DAY).await;
    let last = stage.now().await?;
    let at = [first + TimeDelta::hours(5), last, first, first + TimeDelta::hours(2)];
    for at in at {
        arrive(&stage, &user, at, ArrivalKind::SignedIn).await?;
    }
    same!(stage.story(&user).await?.came_at, Some(last), "when the person last came");
    let came = |what: &Happening| matches!(what, Happening::Accepted { .. });
    same!(stage.count(came).await?, 1, "events that the person came");
    Ok(())
}

pub(super) async fn many_arrivals_are_told_at_once(stage: Stage) -> Checked {
    let people = stage.persons(20);
    stage.invite(&people).await?;
    stage.send_all().await?;
    stage.advance(HOUR).await;
    let at = stage.now().await?;
    let arrivals = people.iter().flat_map(|user| {
        [ArrivalKind::SignedIn, ArrivalKind::PasswordSet].map(|how| Arrival { user: user.id, at, how })
    });
    stage.store.record_arrivals(stage.id(), arrivals.collect()).await?;
    let came = |what: &Happening| matches!(what, Happening::Accepted { .. });
    same!(stage.count(came).await?, 20, "events that somebody came");
    Ok(())
}

pub(super) async fn a_sign_in_does_not_close_the_invitation_by_which_the_own_password_is_retired(
    stage: Stage,
) -> Checked {
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    stage.advance(HOUR).await;
    arrive(&stage, &user, stage.now().await?, ArrivalKind::SignedIn).await?;
    let state = stage.story(&user).await?.invitations[0].state;
    same!(state, InvitationState::Pending, "the invitation: else the person would be locked out");
    same!(stage.open_passwords(&user).await?.len(), 1, "credentials that work");
    holds!(!stage.own_password_counts(&user).await?, "the own password is retired as before");
    Ok(())
}

pub(super) async fn a_password_that_was_set_later_ends_a_retirement(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let before = stage.now().await?;
    stage.advance(HOUR).await;
    stage.invited(&user).await?;
    arrive(&stage, &user, before, ArrivalKind::PasswordSet).await?;
    holds!(!stage.own_password_counts(&user).await?, "one that was set before leaves it retired");
    stage.advance(HOUR).await;
    arrive(&stage, &user, stage.now().await?, ArrivalKind::PasswordSet).await?;
    holds!(stage.own_password_counts(&user).await?, "one that was set later counts");
    let state = stage.story(&user).await?.invitations[0].state;
    same!(state, InvitationState::Accepted, "the invitation");
    Ok(())
}

pub(super) async fn an_arrival_of_somebody_never_invited_is_remembered(stage: Stage) -> Checked {
    let user = stage.person();
    let at = stage.now().await?;
    arrive(&stage, &user, at, ArrivalKind::SignedIn).await?;
    let histories = stage.store.histories(stage.id(), vec![user.clone()]).await?;
    same!(histories[0].came_at, Some(at), "the history");
    holds!(histories[0].is_set_up(&user), "the person is set up");
    Ok(())
}

pub(super) async fn whoever_leaves_loses_what_was_sent_and_what_waits(mut stage: Stage) -> Checked {
    type Change = fn(&mut User);
    let changes: [(RevokeReason, EndReason, Change); 3] = [
        (RevokeReason::Deactivated, EndReason::Deactivated, |user| user.deactivated = true),
        (RevokeReason::Sso, EndReason::Sso, |user| user.sign_in = Some(SignInMethod::Sso)),
        (RevokeReason::AddressChanged, EndReason::AddressChanged, |user| {
            user.email = "new@example.com".parse().ok();
            user.phone = None;
        }),
    ];
    stage.channels = ChannelRule::Both;
    for (reason, end, change) in changes {
        let mut user = stage.person_by_both();
        let batch = stage.invite(std::slice::from_ref(&user)).await?;
        let sent = stage.send_one(accepted()).await?;
        same!(stage.open_passwords(&user).await?.len(), 1, "credentials that work");
        change(&mut user);
        stage.store.record_changes(stage.id(), vec![(user.id, Some(user.clone()))]).await?;
        same!(stage.open_passwords(&user).await?.len(), 0, "credentials that work afterwards");
        let story = stage.story(&user).await?;
        same!(story.invitations[0].state, InvitationState::Revoked(reason), "the invitation");
        let deliveries = stage.deliveries(batch.id).await?;
        let other = deliveries.iter().find(|one| one.id != sent.id());
        same!(
            other.map(|one| (one.state, one.reason)),
            Some((DeliveryState::Cancelled, Some(end))),
            "the message that waits"
        );
        stage.tick().await;
        stage.store.record_changes(stage.id(), vec![(user.id, Some(user.clone()))]).await?;
        same!(stage.story(&user).await?, story, "the story after it was told again");
    }
    stage.nothing_is_due("for those who left").await
}

pub(super) async fn whoever_is_erased_loses_everything(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let sent = stage.invited(&user).await?;
    stage.store.record_changes(stage.id(), vec![(user.id, None)]).await?;
    let erased = LinkState::Revoked(RevokeReason::Erased);
    same!(stage.link_state(sent.digest()?).await?, erased, "the link");
    Ok(())
}

pub(super) async fn a_message_that_is_not_begun_is_cancelled_when_its_person_leaves(stage: Stage) -> Checked {
    let mut people = stage.persons(4);
    let batch = stage.invite(&people).await?;
    people[0].deactivated = true;
    people[1].email = "new@example.com".parse().ok();
    people[2].sign_in = Some(SignInMethod::Sso);
    let mut told: Vec<_> = people[..3].iter().map(|user| (user.id, Some(user.clone()))).collect();
    told.push((people[3].id, None));
    stage.store.record_changes(stage.id(), told).await?;
    let ends = [EndReason::Deactivated, EndReason::AddressChanged, EndReason::Sso, EndReason::Erased];
    let deliveries = stage.deliveries(batch.id).await?;
    for (user, end) in people.iter().zip(ends) {
        let delivery = deliveries.iter().find(|one| one.user == user.id);
        same!(
            delivery.map(|one| (one.state, one.reason)),
            Some((DeliveryState::Cancelled, Some(end))),
            "the message of one of those who left"
        );
    }
    stage.nothing_is_due("for those who left").await?;
    stage.sweep().await?;
    let finished = Happening::BatchFinished { batch: batch.id };
    same!(stage.count(|what| *what == finished).await?, 1, "events that the batch is finished");
    Ok(())
}

pub(super) async fn what_is_no_reason_to_leave_changes_nothing(stage: Stage) -> Checked {
    let mut user = stage.person();
    stage.invited(&user).await?;
    let before = (stage.story(&user).await?, stage.events().await?);
    user.first_name = "Renamed".into();
    user.phone = "+4798765432".to_owned().try_into().ok();
    user.has_password = true;
    user.email = user.email.and_then(|email| email.as_str().to_uppercase().parse().ok());
    stage.store.record_changes(stage.id(), vec![(user.id, Some(user.clone()))]).await?;
    same!((stage.story(&user).await?, stage.events().await?), before, "story and events");
    Ok(())
}

pub(super) async fn an_announcement_stays_when_its_person_signs_in_with_sso(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.sso_policy = SsoPolicy::Announce).await?;
    let mut user = stage.person();
    user.sign_in = Some(SignInMethod::Sso);
    stage.put(&user);
    stage.invited(&user).await?;
    stage.store.record_changes(stage.id(), vec![(user.id, Some(user.clone()))]).await?;
    let state = stage.story(&user).await?.invitations[0].state;
    same!(state, InvitationState::Pending, "the invitation that announced SSO");
    Ok(())
}

pub(super) async fn an_address_that_a_message_never_reached_may_change(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let mut user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    for in_flight in stage.take_off_all().await? {
        let outcome = match in_flight.claimed.channel {
            crate::model::message::Channel::Email => accepted(),
            crate::model::message::Channel::Sms => {
                super::stage::refused(crate::model::outcome::Refusal::Content)
            }
        };
        stage.record(&in_flight, outcome).await?;
    }
    user.phone = "+4798765432".to_owned().try_into().ok();
    stage.store.record_changes(stage.id(), vec![(user.id, Some(user.clone()))]).await?;
    let state = stage.story(&user).await?.invitations[0].state;
    same!(state, InvitationState::Pending, "the invitation, which went by e-mail alone");
    Ok(())
}

async fn arrive(stage: &Stage, user: &User, at: DateTime<Utc>, how: ArrivalKind) -> Checked {
    let arrival = Arrival { user: user.id, at, how };
    Ok(stage.store.record_arrivals(stage.id(), vec![arrival]).await?)
}
