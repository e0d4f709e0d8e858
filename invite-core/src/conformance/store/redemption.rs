//! Those who come with a credential, and those who guess.

use std::sync::Arc;
use std::time::Duration;

use super::stage::{DAY, InFlight, MINUTE, Stage, accepted, near};
use crate::conformance::{Checked, Failure};
use crate::credential::TokenDigest;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::{CredentialId, UserId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::organisation::ChannelRule;
use crate::model::sign_in::SignInMethod;
use crate::model::user::User;
use crate::port::redemption::{Close, Guess, Link, LinkState, Reserve, Reserved};

pub(super) async fn a_link_leads_to_its_person(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let link = link(&stage, &sent).await?;
    same!((link.organisation, link.user), (stage.id(), user.id), "for whom");
    same!(link.invitation, sent.claimed.invitation, "the invitation");
    let until = has_form!(link.state, LinkState::Open { until } => until, "its state");
    holds!(near(until, stage.now().await? + DAY * 7), "it says until when it works");
    Ok(())
}

pub(super) async fn a_digest_is_compared_whole(stage: Stage) -> Checked {
    let (stage, _, sent) = by_link(stage).await?;
    let digest = *sent.digest()?.as_bytes();
    for place in 0..digest.len() {
        let mut other = digest;
        other[place] ^= 1;
        let found = stage.store.link(TokenDigest::from_bytes(other)).await?;
        same!(found, None, "a digest that differs in octet {place}");
    }
    for beginning in [0, 1, 8, 16, 31] {
        let mut cut = digest.map(|octet| !octet);
        cut[..beginning].copy_from_slice(&digest[..beginning]);
        let found = stage.store.link(TokenDigest::from_bytes(cut)).await?;
        same!(found, None, "the first {beginning} octets of a digest");
    }
    Ok(())
}

pub(super) async fn reading_a_link_changes_nothing(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let (story, events) = (stage.story(&user).await?, stage.events().await?);
    for _ in 0..5 {
        link(&stage, &sent).await?;
        stage.tick().await;
    }
    same!(stage.story(&user).await?, story, "the person's story");
    same!(stage.events().await?, events, "the events");
    has_form!(stage.reserve_link(sent.digest()?).await?, Reserved::Yours { .. } => (), "reserving it");
    Ok(())
}

pub(super) async fn of_twenty_who_come_at_the_same_time_one_wins(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let credential = link(&stage, &sent).await?.credential;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, reserve) = (Arc::clone(&stage.store), reserve(&stage, credential, user.id));
            tokio::spawn(async move { store.reserve(reserve).await })
        })
        .collect();
    let (mut yours, mut busy) = (0, 0);
    for task in tasks {
        match task.await.map_err(|error| Failure::new(error.to_string()))?? {
            Reserved::Yours { .. } => yours += 1,
            Reserved::Busy(_) => busy += 1,
            other => return Err(Failure::new(format!("a reservation was answered {other:?}"))),
        }
    }
    same!((yours, busy), (1, 19), "those who won, and those who were told to wait");
    Ok(())
}

pub(super) async fn a_reservation_that_was_not_completed_can_be_taken_up_after_its_time(
    stage: Stage,
) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let credential = link(&stage, &sent).await?.credential;
    let mut last = 0;
    for round in 0..3 {
        let reserved = stage.store.reserve(reserve(&stage, credential, user.id)).await?;
        let (whose, number) = has_form!(reserved, Reserved::Yours { user, reservation } => (user, reservation),
            "reserving, round {round}");
        same!(whose, user.id, "for whom");
        holds!(number > last, "the number {number} is higher than {last}");
        last = number;
        stage.advance(Duration::from_secs(20)).await;
        let busy = stage.store.reserve(reserve(&stage, credential, user.id)).await?;
        let rest = has_form!(busy, Reserved::Busy(rest) => rest, "reserving while it is reserved");
        holds!(
            !rest.is_zero() && rest <= Duration::from_secs(45),
            "the rest of a minute after 20 s, but it says {rest:?}"
        );
        stage.advance(Duration::from_secs(41)).await;
    }
    Ok(())
}

pub(super) async fn a_reservation_is_closed_by_its_own_number_alone(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let credential = link(&stage, &sent).await?.credential;
    let none = close(&stage, credential, 1);
    holds!(!stage.store.close(none).await?, "what was not reserved cannot be closed");
    let first = number(stage.store.reserve(reserve(&stage, credential, user.id)).await?)?;
    stage.advance(stage.policy.reservation + MINUTE).await;
    let second = number(stage.store.reserve(reserve(&stage, credential, user.id)).await?)?;
    for wrong in [first, second + 1, 0] {
        holds!(!stage.store.close(close(&stage, credential, wrong)).await?, "{wrong} is not the number");
    }
    same!(stage.story(&user).await?.credentials[0].used_at, None, "when it was used");
    holds!(stage.store.close(close(&stage, credential, second)).await?, "the last number closes");
    holds!(!stage.store.close(close(&stage, credential, first)).await?, "the first does not, later");
    Ok(())
}

pub(super) async fn a_late_close_is_kept_where_nobody_took_the_reservation_up(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let credential = link(&stage, &sent).await?.credential;
    let reservation = number(stage.store.reserve(reserve(&stage, credential, user.id)).await?)?;
    stage.advance(stage.policy.reservation * 3).await;
    holds!(stage.store.close(close(&stage, credential, reservation)).await?, "it closes");
    Ok(())
}

pub(super) async fn closing_accepts_and_closing_again_changes_nothing(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    let credential = link(&stage, &sent).await?.credential;
    let reservation = number(stage.store.reserve(reserve(&stage, credential, user.id)).await?)?;
    holds!(stage.store.close(close(&stage, credential, reservation)).await?, "it closes");
    let story = stage.story(&user).await?;
    same!(story.invitations[0].state, InvitationState::Accepted, "the invitation");
    holds!(story.invitations[0].closed_at.is_some(), "it says when");
    holds!(story.credentials[0].used_at.is_some(), "the credential is used");
    holds!(story.came_at.is_some(), "the person came");
    let came = Happening::Accepted { user: user.id, invitation: sent.claimed.invitation };
    same!(stage.count(|what| *what == came).await?, 1, "events that the person came");
    stage.advance(MINUTE * 5).await;
    holds!(stage.store.close(close(&stage, credential, reservation)).await?, "it closes again");
    same!(stage.story(&user).await?, story, "the story afterwards");
    same!(stage.count(|what| *what == came).await?, 1, "events afterwards");
    Ok(())
}

pub(super) async fn what_was_used_does_not_work_again(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    stage.come_by(sent.digest()?).await?;
    same!(stage.link_state(sent.digest()?).await?, LinkState::Used, "the link");
    same!(stage.reserve_link(sent.digest()?).await?, Reserved::Not(LinkState::Used), "reserving it");
    let histories = stage.store.histories(stage.id(), vec![user.clone()]).await?;
    holds!(histories[0].is_set_up(&user), "the person is set up from now on");
    Ok(())
}

pub(super) async fn one_that_is_used_closes_the_others_of_its_invitation(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    let reminder = stage.send_one(accepted()).await?;
    stage.come_by(sent.digest()?).await?;
    same!(stage.link_state(reminder.digest()?).await?, LinkState::Used, "the reminder's link");
    let reserved = stage.reserve_link(reminder.digest()?).await?;
    same!(reserved, Reserved::Not(LinkState::Used), "reserving the reminder's");
    Ok(())
}

pub(super) async fn a_reservation_holds_for_all_credentials_of_its_invitation(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    let reminder = stage.send_one(accepted()).await?;
    let first = number(stage.reserve_link(sent.digest()?).await?)?;
    let busy = stage.reserve_link(reminder.digest()?).await?;
    has_form!(busy, Reserved::Busy(_) => (), "reserving the reminder's while the first is reserved");
    stage.advance(stage.policy.reservation + MINUTE).await;
    let second = number(stage.reserve_link(reminder.digest()?).await?)?;
    holds!(second > first, "the number of the reminder's, {second}, is higher than {first}");
    Ok(())
}

pub(super) async fn coming_by_one_invitation_closes_the_persons_others(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let people = std::slice::from_ref(&user);
    let first = stage.invite(people).await?;
    let in_flight = stage.take_off_all().await?;
    for one in &in_flight {
        stage.record(one, accepted()).await?;
    }
    stage.advance(DAY).await;
    // The second is begun, but nothing of it was accepted: the first still works.
    let second = stage.invite(people).await?;
    let handed_over = stage.take_off().await?;
    stage.come_by(in_flight[0].digest()?).await?;
    let story = stage.story(&user).await?;
    same!(
        story.invitations.iter().map(|one| one.state).collect::<Vec<_>>(),
        [InvitationState::Accepted, InvitationState::Accepted],
        "both invitations"
    );
    let came = |what: &Happening| matches!(what, Happening::Accepted { .. });
    same!(stage.count(came).await?, 1, "events that the person came");
    let unsent: Vec<_> =
        stage.deliveries(second.id).await?.into_iter().filter(|one| one.id != handed_over.id()).collect();
    same!(unsent.len(), 1, "messages of the second that were not begun");
    same!(
        (unsent[0].state, unsent[0].reason),
        (DeliveryState::Cancelled, Some(EndReason::PasswordSet)),
        "the message of the second that was not begun"
    );
    same!(stage.states(first.id).await?.get(&DeliveryState::Sent), Some(&2), "messages of the first");
    Ok(())
}

pub(super) async fn coming_cancels_the_unsent_messages_of_the_invitation(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let sent = stage.send_one(accepted()).await?;
    stage.come_by(sent.digest()?).await?;
    stage.nothing_is_due("of an invitation that was used").await?;
    let deliveries = stage.deliveries(batch.id).await?;
    let other = deliveries.iter().find(|one| one.id != sent.id());
    same!(
        other.map(|one| (one.state, one.reason)),
        Some((DeliveryState::Cancelled, Some(EndReason::InvitationClosed))),
        "the other message"
    );
    let finished = Happening::BatchFinished { batch: batch.id };
    stage.sweep().await?;
    same!(stage.count(|what| *what == finished).await?, 1, "events that the batch is finished");
    Ok(())
}

pub(super) async fn coming_wipes_the_sealed_secrets(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    let sent = stage.send_one(accepted()).await?;
    holds!(stage.story(&user).await?.credentials[0].sealed, "it is kept for the other message");
    stage.come_by(sent.digest()?).await?;
    holds!(!stage.story(&user).await?.credentials[0].sealed, "it is wiped");
    Ok(())
}

pub(super) async fn what_expired_does_not_work_swept_or_not(stage: Stage) -> Checked {
    let (stage, _, sent) = by_link(stage).await?;
    stage.advance(DAY * 7 - MINUTE).await;
    has_form!(stage.link_state(sent.digest()?).await?, LinkState::Open { .. } => (), "before its time");
    stage.advance(MINUTE * 2).await;
    for when in ["before", "after"] {
        let state = stage.link_state(sent.digest()?).await?;
        same!(state, LinkState::Expired, "the link {when} the sweep");
        let reserved = stage.reserve_link(sent.digest()?).await?;
        same!(reserved, Reserved::Not(LinkState::Expired), "reserving it {when} the sweep");
        stage.sweep().await?;
    }
    Ok(())
}

pub(super) async fn each_generation_expires_by_itself(stage: Stage) -> Checked {
    let (stage, user, sent) = by_link(stage).await?;
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&user)).await?;
    let reminder = stage.send_one(accepted()).await?;
    stage.advance(DAY * 4).await;
    stage.sweep().await?;
    same!(stage.link_state(sent.digest()?).await?, LinkState::Expired, "the first link");
    let state = stage.link_state(reminder.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the reminder's link");
    Ok(())
}

pub(super) async fn reserving_looks_at_the_person_as_they_are_now(mut stage: Stage) -> Checked {
    type Change = fn(&mut User);
    let changes: [(RevokeReason, Change); 3] = [
        (RevokeReason::Deactivated, |user| user.deactivated = true),
        (RevokeReason::Sso, |user| user.sign_in = Some(SignInMethod::Sso)),
        (RevokeReason::AddressChanged, |user| user.email = "new@example.com".parse().ok()),
    ];
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    for (reason, change) in changes {
        let mut user = stage.person();
        let sent = stage.invited(&user).await?;
        change(&mut user);
        stage.put(&user);
        let revoked = LinkState::Revoked(reason);
        same!(stage.reserve_link(sent.digest()?).await?, Reserved::Not(revoked), "reserving");
        same!(stage.link_state(sent.digest()?).await?, revoked, "the link from then on");
        let state = stage.story(&user).await?.invitations[0].state;
        same!(state, InvitationState::Revoked(reason), "the invitation");
    }
    let user = stage.person();
    let sent = stage.invited(&user).await?;
    stage.erase(user.id);
    let erased = Reserved::Not(LinkState::Revoked(RevokeReason::Erased));
    same!(stage.reserve_link(sent.digest()?).await?, erased, "reserving for nobody");
    Ok(())
}

pub(super) async fn leaving_at_the_door_lifts_a_retirement(mut stage: Stage) -> Checked {
    stage
        .set(|settings| {
            settings.credential = CredentialKind::SetUpLink;
            settings.retirement = Some(crate::model::organisation::Retirement::FirstAcceptance);
        })
        .await?;
    stage.channels = ChannelRule::Both;
    let mut user = stage.person_by_both();
    user.has_password = true;
    stage.put(&user);
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    let sent = stage.send_one(accepted()).await?;
    user.sign_in = Some(SignInMethod::Sso);
    stage.put(&user);
    has_form!(stage.reserve_link(sent.digest()?).await?, Reserved::Not(_) => (), "reserving");
    let deliveries = stage.deliveries(batch.id).await?;
    let other = deliveries.iter().find(|one| one.id != sent.id());
    same!(
        other.map(|one| (one.state, one.reason)),
        Some((DeliveryState::Cancelled, Some(EndReason::Sso))),
        "the message that waits"
    );
    Ok(())
}

pub(super) async fn an_unknown_credential_is_unknown(stage: Stage) -> Checked {
    let user = stage.person();
    let asked = reserve(&stage, CredentialId::new(), user.id);
    same!(stage.store.reserve(asked).await?, Reserved::Unknown, "reserving it");
    holds!(!stage.store.close(close(&stage, CredentialId::new(), 1)).await?, "it cannot be closed");
    let digest = TokenDigest::from_bytes([7; 32]);
    same!(stage.store.link(digest).await?, None, "a link that nobody was sent");
    Ok(())
}

pub(super) async fn a_temporary_password_is_found_by_its_person_and_is_used_once(stage: Stage) -> Checked {
    let user = stage.person();
    let sent = stage.invited(&user).await?;
    let open = stage.open_passwords(&user).await?;
    same!(open.len(), 1, "passwords that work");
    same!(open[0].invitation, sent.claimed.invitation, "the invitation");
    same!(open[0].hash.salt(), Some(open[0].salt), "the salt of the hash");
    let reserved = stage.store.reserve(reserve(&stage, open[0].credential, user.id)).await?;
    let closed = close(&stage, open[0].credential, number(reserved)?);
    holds!(stage.store.close(closed).await?, "it closes");
    same!(stage.open_passwords(&user).await?.len(), 0, "passwords that work afterwards");
    Ok(())
}

pub(super) async fn coming_ends_a_retirement(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    holds!(!stage.own_password_counts(&user).await?, "the own password is retired");
    let open = stage.open_passwords(&user).await?;
    let reserved = stage.store.reserve(reserve(&stage, open[0].credential, user.id)).await?;
    holds!(!stage.own_password_counts(&user).await?, "reserving ends nothing");
    stage.store.close(close(&stage, open[0].credential, number(reserved)?)).await?;
    holds!(stage.own_password_counts(&user).await?, "the new password counts");
    Ok(())
}

pub(super) async fn a_few_guesses_are_free_and_then_the_wait_doubles_up_to_its_limit(
    stage: Stage,
) -> Checked {
    let (user, free) = (stage.person(), stage.policy.free_guesses);
    for number in 1..=free {
        same!(guess(&stage, &user, "a").await?, None, "the wait before guess {number}");
    }
    let mut expected = stage.policy.guess_wait;
    for _ in 0..8 {
        let wait = guess(&stage, &user, "a").await?;
        let wait = wait.ok_or_else(|| Failure::new("a guess too many may be looked at"))?;
        holds!(
            wait <= expected && wait + Duration::from_secs(20) >= expected,
            "the wait is {expected:?}, but it is {wait:?}"
        );
        let still = guess(&stage, &user, "a").await?;
        holds!(still.is_some_and(|still| still <= wait), "asking during the wait does not make it longer");
        stage.advance(wait + Duration::from_secs(1)).await;
        same!(guess(&stage, &user, "a").await?, None, "the wait when it is over");
        expected = (expected * 2).min(stage.policy.guess_wait_at_most);
    }
    Ok(())
}

pub(super) async fn guessing_never_locks_an_invitee_out(stage: Stage) -> Checked {
    let user = stage.person();
    for _ in 0..60 {
        if let Some(wait) = guess(&stage, &user, "stranger").await? {
            holds!(
                wait <= stage.policy.guess_wait_at_most,
                "no wait is longer than {:?}, but one is {wait:?}",
                stage.policy.guess_wait_at_most
            );
            stage.advance(wait + Duration::from_secs(1)).await;
        }
        same!(guess(&stage, &user, &unique()).await?, None, "the wait for somebody at another address");
    }
    Ok(())
}

pub(super) async fn guesses_are_counted_for_each_person_and_each_address(stage: Stage) -> Checked {
    let (one, other) = (stage.person(), stage.person());
    for _ in 0..=stage.policy.free_guesses {
        guess(&stage, &one, "a").await?;
    }
    holds!(guess(&stage, &one, "a").await?.is_some(), "this person, from this address, waits");
    same!(guess(&stage, &one, "b").await?, None, "from another address");
    same!(guess(&stage, &one, "").await?, None, "without an address");
    same!(guess(&stage, &other, "a").await?, None, "another person");
    Ok(())
}

pub(super) async fn a_right_secret_forgets_the_guesses(stage: Stage) -> Checked {
    let user = stage.person();
    for source in ["a", "b"] {
        for _ in 0..=stage.policy.free_guesses {
            guess(&stage, &user, source).await?;
        }
    }
    stage.store.forget_guesses(stage.id(), user.id, "a".into()).await?;
    for _ in 0..stage.policy.free_guesses {
        same!(guess(&stage, &user, "a").await?, None, "the wait from the address where it was right");
    }
    holds!(guess(&stage, &user, "b").await?.is_some(), "the other address still waits");
    Ok(())
}

async fn by_link(mut stage: Stage) -> Checked<(Stage, User, InFlight)> {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let sent = stage.invited(&user).await?;
    Ok((stage, user, sent))
}

async fn link(stage: &Stage, sent: &InFlight) -> Checked<Link> {
    let link = stage.store.link(sent.digest()?).await?;
    link.ok_or_else(|| Failure::new("a link that was sent leads nowhere"))
}

fn reserve(stage: &Stage, credential: CredentialId, user: UserId) -> Reserve {
    Reserve { organisation: stage.id(), credential, user: stage.facts(user), policy: stage.policy.clone() }
}

fn close(stage: &Stage, credential: CredentialId, reservation: u64) -> Close {
    Close { organisation: stage.id(), credential, reservation }
}

fn number(reserved: Reserved) -> Checked<u64> {
    Ok(has_form!(reserved, Reserved::Yours { reservation, .. } => reservation, "reserving"))
}

async fn guess(stage: &Stage, user: &User, source: &str) -> Checked<Option<Duration>> {
    let guess = Guess {
        organisation: stage.id(),
        user: user.id,
        source: source.to_owned(),
        policy: stage.policy.clone(),
    };
    Ok(stage.store.count_guess(guess).await?)
}

fn unique() -> String {
    CredentialId::new().to_string()
}
