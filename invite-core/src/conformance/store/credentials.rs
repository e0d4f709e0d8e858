//! The credentials of messages: minted once, shared, sealed while they are needed.

use super::stage::{DAY, HOUR, InFlight, MINUTE, Stage, accepted, deferred, refused};
use crate::conformance::{Checked, Failure};
use crate::decision::begin::Take;
use crate::machine::batch::BatchEvent;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::DeliveryState;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::Refusal;
use crate::model::user::User;
use crate::port::queue::{Begun, ClaimedDelivery, HandOverCredential};

pub(super) async fn a_claim_says_which_generation_to_mint(mut stage: Stage) -> Checked {
    for kind in CredentialKind::ALL {
        stage.set(|settings| settings.credential = kind).await?;
        stage.invite(&stage.persons(1)).await?;
        let (_, claimed) = stage.claim_one().await?;
        let wish = claimed.credential.ok_or_else(|| Failure::new("the message wants a credential"))?;
        same!(wish.kind, kind, "the kind");
        same!(wish.take, Take::Mint(Generation::first()), "what to do");
        holds!(wish.salt.is_none(), "there is no salt yet");
    }
    Ok(())
}

pub(super) async fn begin_asks_for_the_credential_that_it_was_not_given(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    let (token, claimed) = stage.claim_one().await?;
    let begun = stage.begin_with(token, vec![stage.beginning(&claimed, None)]).await?;
    let generation = has_form!(&begun[0], Begun::Mint(generation, None) => *generation, "without any");
    same!(generation, Generation::first(), "the generation that it asks for");
    let wrong = stage.mint(&claimed, generation.next(), None).await?;
    let begun = stage.begin_with(token, vec![stage.beginning(&claimed, Some(wrong))]).await?;
    has_form!(&begun[0], Begun::Mint(..) => (), "with another generation than the one wanted");
    let delivery = stage.delivery(batch.id, claimed.id).await?;
    same!((delivery.state, delivery.attempts), (DeliveryState::Claimed, 0), "state and attempts");
    stage.hand_over(token, claimed).await?;
    Ok(())
}

pub(super) async fn the_messages_of_an_invitation_share_a_credential(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    let claimed = stage.claim(2).await?;
    let mut asked = Vec::new();
    for one in &claimed.deliveries {
        let minted = stage.mint(one, Generation::first(), None).await?;
        asked.push(stage.beginning(one, Some(minted)));
    }
    let begun = stage.begin_with(claimed.token, asked).await?;
    let credentials: Vec<&HandOverCredential> = begun
        .iter()
        .filter_map(|begun| match begun {
            Begun::Go(hand_over) => hand_over.credential.as_ref(),
            _ => None,
        })
        .collect();
    same!(credentials.len(), 2, "messages that go with a credential");
    same!(credentials[0].sealed, credentials[1].sealed, "the sealed secret");
    same!(credentials[0].generation, credentials[1].generation, "the generation");
    same!(stage.open_passwords(&user).await?.len(), 1, "credentials that were saved");
    Ok(())
}

pub(super) async fn a_retry_carries_the_same_secret(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let first = stage.send_one(deferred(Some(HOUR))).await?;
    stage.advance(HOUR + MINUTE).await;
    let (token, claimed) = stage.claim_one().await?;
    let wish = claimed.credential.as_ref().ok_or_else(|| Failure::new("the message wants a credential"))?;
    same!(wish.take, Take::Saved(Generation::first()), "what to do");
    let again = stage.hand_over(token, claimed).await?;
    same!(again.secret()?.expose(), first.secret()?.expose(), "the secret");
    Ok(())
}

pub(super) async fn a_message_that_was_lost_goes_again_with_the_same_secret(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let first = stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    let again = stage.take_off().await?;
    same!(again.secret()?.expose(), first.secret()?.expose(), "the secret");
    Ok(())
}

pub(super) async fn with_less_than_half_its_life_left_the_next_generation_is_minted(
    mut stage: Stage,
) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let in_flight = stage.take_off_all().await?;
    same!(in_flight.len(), 2, "messages");
    stage.record(&in_flight[0], accepted()).await?;
    stage.record(&in_flight[1], deferred(Some(HOUR))).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    stage.advance(DAY * 4).await;
    stage.change(batch.id, BatchEvent::Resume).await?;
    let (token, claimed) = stage.claim_one().await?;
    let wish = claimed.credential.as_ref().ok_or_else(|| Failure::new("the message wants a credential"))?;
    same!(wish.take, Take::Mint(Generation::first().next()), "what to do");
    holds!(wish.salt.is_some(), "the salt of the invitation is told");
    let late = stage.hand_over(token, claimed).await?;
    stage.record(&late, accepted()).await?;
    let open = stage.open_passwords(&user).await?;
    let generations: Vec<_> = open.iter().map(|one| one.generation.number()).collect();
    same!(generations, [2, 1], "the generations that work, the newest first");
    holds!(open[0].salt == open[1].salt, "they share a salt");
    holds!(open[0].expires_at > open[1].expires_at, "the newer one expires later");
    Ok(())
}

pub(super) async fn a_reminder_adds_a_generation_and_the_earlier_one_goes_on_working(
    stage: Stage,
) -> Checked {
    let user = stage.person();
    let invitation = stage.invited(&user).await?;
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    let reminder = stage.send_one(accepted()).await?;
    let credential = reminder.hand_over.credential.as_ref();
    same!(credential.map(|one| one.generation), Some(Generation::first().next()), "its generation");
    holds!(reminder.secret()?.expose() != invitation.secret()?.expose(), "its secret is another");
    same!(stage.open_passwords(&user).await?.len(), 2, "passwords that work");
    let story = stage.story(&user).await?;
    same!(story.invitations.len(), 1, "invitations");
    let expires = credential.map(|one| one.expires_at);
    same!(
        story.invitations[0].expires_at,
        expires,
        "when the invitation expires: with its newest generation"
    );
    Ok(())
}

pub(super) async fn a_sealed_secret_is_kept_while_its_message_waits_and_wiped_when_it_ends(
    stage: Stage,
) -> Checked {
    let user = stage.person();
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    same!(sealed(&stage, &user).await?, [true], "sealed secrets while the message waits");
    stage.advance(HOUR + MINUTE).await;
    let in_flight = stage.take_off().await?;
    same!(sealed(&stage, &user).await?, [true], "sealed secrets while the message is handed over");
    stage.record(&in_flight, accepted()).await?;
    same!(sealed(&stage, &user).await?, [false], "sealed secrets when the message is sent");
    Ok(())
}

pub(super) async fn a_sealed_secret_is_wiped_when_no_message_shares_it_any_more(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    let claimed = stage.claim(2).await?;
    let [first, second]: [ClaimedDelivery; 2] =
        claimed.deliveries.try_into().map_err(|_| Failure::new("two messages are due"))?;
    let first = stage.hand_over(claimed.token, first).await?;
    stage.record(&first, accepted()).await?;
    same!(sealed(&stage, &user).await?, [true], "sealed secrets while the other message waits");
    let second = stage.hand_over(claimed.token, second).await?;
    same!(second.secret()?.expose(), first.secret()?.expose(), "the secret of both");
    stage.record(&second, refused(Refusal::Content)).await?;
    same!(sealed(&stage, &user).await?, [false], "sealed secrets when both have ended");
    Ok(())
}

pub(super) async fn a_sealed_secret_is_wiped_when_its_message_is_cancelled(stage: Stage) -> Checked {
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.change(batch.id, BatchEvent::Cancel).await?;
    stage.sweep().await?;
    same!(sealed(&stage, &user).await?, [false], "sealed secrets after the sweep");
    Ok(())
}

pub(super) async fn a_sealed_secret_is_wiped_when_its_message_ends_unseen(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Sms;
    let user = stage.person_by_phone();
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.take_off().await?;
    stage.advance(stage.policy.lease + MINUTE).await;
    stage.nothing_is_due("after an SMS was lost").await?;
    same!(sealed(&stage, &user).await?, [false], "sealed secrets of a message that ended unknown");
    same!(stage.open_passwords(&user).await?.len(), 1, "passwords that work: it may have arrived");
    Ok(())
}

pub(super) async fn a_credential_lives_as_long_as_the_organisation_says(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential_lifetime = DAY).await?;
    let user = stage.person();
    stage.invited(&user).await?;
    stage.advance(DAY - MINUTE).await;
    same!(stage.open_passwords(&user).await?.len(), 1, "passwords that work within a day");
    stage.advance(MINUTE * 2).await;
    same!(stage.open_passwords(&user).await?.len(), 0, "passwords that work after a day");
    Ok(())
}

pub(super) async fn of_workers_who_mint_for_one_invitation_at_the_same_time_one_is_kept(
    mut stage: Stage,
) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    let (one, other) = (stage.claim_one().await?, stage.claim_one().await?);
    let (one, other) = tokio::join!(stage.hand_over(one.0, one.1), stage.hand_over(other.0, other.1));
    let (one, other): (InFlight, InFlight) = (one?, other?);
    same!(one.secret()?.expose(), other.secret()?.expose(), "the secret that both send");
    same!(stage.open_passwords(&user).await?.len(), 1, "credentials that were saved");
    Ok(())
}

/// Of each credential of a person, whether its sealed secret is kept.
async fn sealed(stage: &Stage, user: &User) -> Checked<Vec<bool>> {
    Ok(stage.story(user).await?.credentials.iter().map(|one| one.sealed).collect())
}
