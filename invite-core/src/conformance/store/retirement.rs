//! The person's own password: retired by a reset, lifted when nothing came of it. And superseding.

use super::stage::{DAY, HOUR, InFlight, MINUTE, Stage, accepted, deferred, refused};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::organisation::{ChannelRule, Retirement};
use crate::model::outcome::Refusal;
use crate::model::user::User;
use crate::port::redemption::{LinkState, Reserve, Reserved};

pub(super) async fn a_reset_retires_the_own_password_when_a_provider_accepts_it_and_not_before(
    stage: Stage,
) -> Checked {
    let user = stage.person_set_up();
    stage.invite(std::slice::from_ref(&user)).await?;
    holds!(stage.own_password_counts(&user).await?, "it counts while the message is queued");
    let in_flight = stage.take_off().await?;
    holds!(stage.own_password_counts(&user).await?, "it counts while the message is handed over");
    stage.record(&in_flight, accepted()).await?;
    holds!(!stage.own_password_counts(&user).await?, "it does not count when the message was accepted");
    let retired = stage.story(&user).await?.retired.map(|(invitation, _)| invitation);
    same!(retired, Some(in_flight.claimed.invitation), "the invitation that retired it");
    same!(retirements(&stage, &user).await?, (1, 0), "events retired and restored");
    Ok(())
}

pub(super) async fn a_reset_that_is_not_accepted_retires_nothing(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    holds!(stage.own_password_counts(&user).await?, "it counts after a deferral");
    stage.advance(HOUR + MINUTE).await;
    stage.send_one(refused(Refusal::Content)).await?;
    holds!(stage.own_password_counts(&user).await?, "it counts after a refusal");
    same!(retirements(&stage, &user).await?, (0, 0), "events retired and restored");
    Ok(())
}

pub(super) async fn an_invitation_of_somebody_without_password_retires_nothing(stage: Stage) -> Checked {
    let user = stage.person();
    stage.invited(&user).await?;
    holds!(stage.own_password_counts(&user).await?, "the own password counts");
    same!(stage.story(&user).await?.retired, None, "what retired it");
    same!(retirements(&stage, &user).await?, (0, 0), "events retired and restored");
    Ok(())
}

pub(super) async fn an_invitation_on_two_channels_retires_once(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = set_up_on_both(&stage);
    stage.invite(std::slice::from_ref(&user)).await?;
    same!(stage.send_all().await?.len(), 2, "messages");
    same!(retirements(&stage, &user).await?, (1, 0), "events retired and restored");
    Ok(())
}

pub(super) async fn a_link_retires_the_own_password_when_it_is_used(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person_set_up();
    let sent = stage.invited(&user).await?;
    holds!(stage.own_password_counts(&user).await?, "it counts while the link is unused");
    same!(retirements(&stage, &user).await?, (0, 0), "events before");
    stage.come_by(sent.digest()?).await?;
    same!(retirements(&stage, &user).await?, (1, 0), "events after: sessions end");
    holds!(stage.own_password_counts(&user).await?, "the password that the person set counts");
    let events = stage.events().await?;
    let place = |is: fn(&Happening) -> bool| events.iter().position(|event| is(&event.what));
    let retired = place(|what| matches!(what, Happening::PasswordRetired { .. }));
    let came = place(|what| matches!(what, Happening::Accepted { .. }));
    holds!(retired < came, "the event of the retirement comes before that of the acceptance");
    Ok(())
}

pub(super) async fn an_organisation_may_choose_when_a_reset_retires(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.retirement = Some(Retirement::FirstUse)).await?;
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    holds!(stage.own_password_counts(&user).await?, "a temporary password that retires at its use");
    stage
        .set(|settings| {
            settings.credential = CredentialKind::SetUpLink;
            settings.retirement = Some(Retirement::FirstAcceptance);
        })
        .await?;
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    holds!(!stage.own_password_counts(&user).await?, "a link that retires when it is accepted");
    Ok(())
}

pub(super) async fn a_retirement_is_lifted_when_nothing_of_the_invitation_arrived(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let sent = stage.invited(&user).await?;
    stage.report(sent.id(), Report::Bounced).await?;
    holds!(stage.own_password_counts(&user).await?, "the own password counts again");
    same!(stage.story(&user).await?.retired, None, "what retired it");
    same!(retirements(&stage, &user).await?, (1, 1), "events retired and restored");
    stage.report(sent.id(), Report::Bounced).await?;
    same!(retirements(&stage, &user).await?, (1, 1), "events after the report came again");
    Ok(())
}

pub(super) async fn a_retirement_stays_while_another_message_is_on_its_way_or_has_arrived(
    mut stage: Stage,
) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = set_up_on_both(&stage);
    stage.invite(std::slice::from_ref(&user)).await?;
    let [first, second] = take_two(&stage).await?;
    stage.record(&first, accepted()).await?;
    stage.report(first.id(), Report::Bounced).await?;
    holds!(!stage.own_password_counts(&user).await?, "retired while the other is on its way");
    stage.record(&second, accepted()).await?;
    holds!(!stage.own_password_counts(&user).await?, "retired when the other is sent");
    stage.report(second.id(), Report::Delivered).await?;
    holds!(!stage.own_password_counts(&user).await?, "retired when the other has arrived");
    stage.report(second.id(), Report::Bounced).await?;
    holds!(stage.own_password_counts(&user).await?, "counts when both came back");
    Ok(())
}

pub(super) async fn a_retirement_stays_when_the_credential_is_used_or_reserved(mut stage: Stage) -> Checked {
    stage
        .set(|settings| {
            settings.credential = CredentialKind::SetUpLink;
            settings.retirement = Some(Retirement::FirstAcceptance);
        })
        .await?;
    let user = stage.person_set_up();
    let sent = stage.invited(&user).await?;
    let reserved = stage.reserve_link(sent.digest()?).await?;
    has_form!(reserved, Reserved::Yours { .. } => (), "reserving");
    stage.report(sent.id(), Report::Bounced).await?;
    holds!(!stage.own_password_counts(&user).await?, "retired while the credential is reserved");
    Ok(())
}

pub(super) async fn a_bounce_of_an_earlier_invitation_does_not_lift_what_a_later_one_retired(
    stage: Stage,
) -> Checked {
    let user = stage.person_set_up();
    let first = stage.invited(&user).await?;
    stage.advance(DAY).await;
    let second = stage.invited(&user).await?;
    stage.report(first.id(), Report::Bounced).await?;
    holds!(!stage.own_password_counts(&user).await?, "retired after a bounce of the first");
    let retired = stage.story(&user).await?.retired.map(|(invitation, _)| invitation);
    same!(retired, Some(second.claimed.invitation), "the invitation that retired it");
    stage.report(second.id(), Report::Bounced).await?;
    holds!(stage.own_password_counts(&user).await?, "counts after a bounce of the second");
    Ok(())
}

pub(super) async fn expiry_lifts_nothing(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    stage.advance(DAY * 8).await;
    stage.sweep().await?;
    let story = stage.story(&user).await?;
    same!(story.invitations[0].state, InvitationState::Expired, "the state of the invitation");
    holds!(!stage.own_password_counts(&user).await?, "the own password is retired as before");
    same!(retirements(&stage, &user).await?, (1, 0), "events retired and restored");
    Ok(())
}

pub(super) async fn a_recall_lifts_at_once_and_tells_it_with_the_sweep(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_all().await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    holds!(stage.own_password_counts(&user).await?, "the own password counts before any sweep");
    stage.sweep().await?;
    holds!(stage.own_password_counts(&user).await?, "the own password counts after the sweep");
    same!(stage.story(&user).await?.retired, None, "what retired it");
    same!(retirements(&stage, &user).await?, (1, 1), "events retired and restored");
    Ok(())
}

pub(super) async fn cancelling_a_batch_lifts_nothing_that_arrived(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_all().await?;
    stage.change(batch.id, BatchEvent::Cancel).await?;
    stage.sweep().await?;
    holds!(!stage.own_password_counts(&user).await?, "the own password is retired");
    same!(stage.open_passwords(&user).await?.len(), 1, "temporary passwords that work");
    Ok(())
}

pub(super) async fn a_cancelled_rest_of_an_invitation_lifts_when_nothing_else_arrived(
    mut stage: Stage,
) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = set_up_on_both(&stage);
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let [first, second] = take_two(&stage).await?;
    stage.record(&first, accepted()).await?;
    stage.record(&second, deferred(Some(HOUR))).await?;
    stage.report(first.id(), Report::Bounced).await?;
    holds!(!stage.own_password_counts(&user).await?, "retired while the other waits");
    stage.change(batch.id, BatchEvent::Cancel).await?;
    stage.sweep().await?;
    holds!(stage.own_password_counts(&user).await?, "counts when the other is cancelled");
    Ok(())
}

pub(super) async fn an_outcome_after_a_recall_retires_and_supersedes_nothing(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let first = stage.invited(&user).await?;
    stage.report(first.id(), Report::Bounced).await?;
    stage.advance(DAY).await;
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let in_flight = stage.take_off().await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    same!(stage.record(&in_flight, accepted()).await?, DeliveryState::Sent, "its state");
    holds!(stage.own_password_counts(&user).await?, "the own password counts");
    let story = stage.story(&user).await?;
    let earlier = story.invitations.iter().find(|one| one.id == first.claimed.invitation);
    same!(earlier.map(|one| one.state), Some(InvitationState::Pending), "the earlier invitation");
    Ok(())
}

pub(super) async fn an_invitation_supersedes_the_earlier_one_when_it_is_accepted_and_not_before(
    mut stage: Stage,
) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let first = stage.invited(&user).await?;
    stage.advance(DAY).await;
    stage.invite(std::slice::from_ref(&user)).await?;
    let second = stage.take_off().await?;
    let state = stage.link_state(first.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the first link while the second is handed over");
    stage.record(&second, accepted()).await?;
    same!(
        stage.link_state(first.digest()?).await?,
        LinkState::Revoked(RevokeReason::Superseded),
        "the first link when the second was accepted"
    );
    let state = stage.link_state(second.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the second link");
    Ok(())
}

pub(super) async fn an_invitation_that_is_refused_supersedes_nothing(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let first = stage.invited(&user).await?;
    stage.advance(DAY).await;
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    let state = stage.link_state(first.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the first link when the second was refused");
    Ok(())
}

pub(super) async fn a_reminder_supersedes_nothing(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let first = stage.invited(&user).await?;
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    stage.send_one(accepted()).await?;
    let state = stage.link_state(first.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the first link when the reminder was accepted");
    Ok(())
}

pub(super) async fn unsent_messages_of_a_superseded_invitation_are_cancelled(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let people = std::slice::from_ref(&user);
    let first = stage.invite(people).await?;
    let [sent, waits] = take_two(&stage).await?;
    stage.record(&sent, accepted()).await?;
    stage.record(&waits, deferred(Some(HOUR))).await?;
    stage.advance(MINUTE).await;
    // Unfinished business of a batch that was stopped no longer stands in the way of the next.
    stage.change(first.id, BatchEvent::Cancel).await?;
    stage.invite(people).await?;
    let [one, _] = take_two(&stage).await?;
    stage.record(&one, accepted()).await?;
    let delivery = stage.delivery(first.id, waits.id()).await?;
    holds!(
        delivery.state == DeliveryState::Cancelled
            && matches!(delivery.reason, Some(EndReason::InvitationClosed | EndReason::BatchCancelled)),
        "the unsent message of the first is cancelled, but it is {:?} {:?}",
        delivery.state,
        delivery.reason
    );
    Ok(())
}

pub(super) async fn own_passwords_are_told_in_the_order_asked(stage: Stage) -> Checked {
    let (one, other) = (stage.person_set_up(), stage.person_set_up());
    let stranger = stage.person();
    stage.invited(&other).await?;
    let asked = vec![other.id, stranger.id, one.id, other.id];
    let told = stage.store.own_password_counts(stage.id(), asked).await?;
    same!(told, [false, true, true, false], "the answers");
    Ok(())
}

pub(super) async fn a_reset_of_a_reserved_credential_can_still_be_used_after_a_bounce(
    mut stage: Stage,
) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person_set_up();
    let sent = stage.invited(&user).await?;
    stage.report(sent.id(), Report::Bounced).await?;
    let link = stage.store.link(sent.digest()?).await?.ok_or_else(|| Failure::new("no link"))?;
    let reserve = Reserve {
        organisation: stage.id(),
        credential: link.credential,
        user: stage.facts(user.id),
        policy: stage.policy.clone(),
    };
    has_form!(stage.store.reserve(reserve).await?, Reserved::Yours { .. } => (), "reserving after a bounce");
    Ok(())
}

async fn retirements(stage: &Stage, user: &User) -> Checked<(usize, usize)> {
    let of = user.id;
    let retired = |what: &Happening| matches!(what, Happening::PasswordRetired { user, .. } if *user == of);
    let restored = |what: &Happening| matches!(what, Happening::PasswordRestored { user, .. } if *user == of);
    Ok((stage.count(retired).await?, stage.count(restored).await?))
}

fn set_up_on_both(stage: &Stage) -> User {
    let mut user = stage.person_by_both();
    user.has_password = true;
    stage.put(&user);
    user
}

async fn take_two(stage: &Stage) -> Checked<[InFlight; 2]> {
    stage.take_off_all().await?.try_into().map_err(|_| Failure::new("two messages are due"))
}
