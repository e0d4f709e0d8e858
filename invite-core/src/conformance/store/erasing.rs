//! Erasing what a store keeps about a person, and telling what it is.

use super::stage::{HOUR, Stage, accepted, refused};
use crate::conformance::{Checked, Failure};
use crate::credential::{SealingKey, SuppressionKey, random};
use crate::model::contact::EmailAddress;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::UserId;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::outcome::Refusal;
use crate::port::records::{Erase, Erased, KnownAddress};

fn key() -> Checked<SuppressionKey> {
    let mut random = random::system_random().map_err(|error| Failure::new(error.to_string()))?;
    Ok(SealingKey::generate(&mut random).suppression_key())
}

impl Stage {
    async fn erase_with(&self, user: UserId, key: &SuppressionKey) -> Checked<Erased> {
        self.erase(user);
        Ok(self.store.erase(Erase { actor: self.actor(), user, key: key.clone() }).await?)
    }
}

pub(super) async fn whoever_is_erased_loses_what_was_sent_and_what_waits(stage: Stage) -> Checked {
    let user = stage.person();
    stage.invited(&user).await?;
    stage.advance(HOUR * 2).await;
    let waits = stage.invite(std::slice::from_ref(&user)).await?;
    let erased = stage.erase_with(user.id, &key()?).await?;
    same!((erased.found, erased.invitations, erased.messages), (true, 1, 1), "what was erased");
    let story = stage.story(&user).await?;
    let states: Vec<_> = story.invitations.iter().map(|one| one.state).collect();
    same!(states, [InvitationState::Revoked(RevokeReason::Erased)], "invitations");
    let ended = stage.deliveries(waits.id).await?;
    same!(
        (ended[0].state, ended[0].reason),
        (DeliveryState::Cancelled, Some(EndReason::Erased)),
        "the message"
    );
    holds!(
        story
            .deliveries
            .iter()
            .all(|one| one.address.is_none() && one.receipt.is_none() && one.answer.is_none()),
        "no message has an address, a receipt or an answer"
    );
    holds!(story.credentials.iter().all(|one| !one.sealed), "no secret is sealed");
    stage.nothing_is_due("after that").await?;
    same!(stage.erase_with(user.id, &key()?).await?, Erased::default(), "erasing again");
    same!(
        stage.count(|what| *what == Happening::Erased { user: user.id }).await?,
        1,
        "times that it was told"
    );
    Ok(())
}

pub(super) async fn an_outcome_that_comes_after_the_erasure_brings_no_address_back(stage: Stage) -> Checked {
    for outcome in [accepted(), refused(Refusal::Recipient)] {
        let user = stage.person();
        let batch = stage.invite(std::slice::from_ref(&user)).await?;
        let in_flight = stage.take_off().await?;
        stage.erase_with(user.id, &key()?).await?;
        stage.record(&in_flight, outcome).await?;
        let deliveries = stage.deliveries(batch.id).await?;
        holds!(!deliveries[0].state.is_on_its_way(), "the message ended");
        same!(deliveries[0].address, None, "its address");
        same!(stage.store.suppressions(stage.id(), None, 10).await?, [], "suppressed addresses");
    }
    Ok(())
}

pub(super) async fn an_address_stays_suppressed_by_its_hash(stage: Stage) -> Checked {
    let (user, key) = (stage.person(), key()?);
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    same!(stage.erase_with(user.id, &key).await?.suppressed, 1, "addresses hashed");
    same!(stage.store.suppressions(stage.id(), None, 10).await?, [], "the list");
    let mut again = stage.person();
    again.email.clone_from(&user.email);
    stage.put(&again);
    let address = user.email.as_ref().map(EmailAddress::key).unwrap_or_default();
    let hashes = key.hashes(stage.id(), Channel::Email, &address).collect();
    let known = KnownAddress { channel: Channel::Email, address, hashes };
    stage.store.recognise(stage.id(), vec![known]).await?;
    let plan = stage.plan(Action::Invite, std::slice::from_ref(&again)).await?;
    let decision = stage.decision(plan.id, again.id).await?;
    same!(decision, Decision::Skip(SkipReason::Suppressed), "the decision about who has it now");
    Ok(())
}

pub(super) async fn traces_are_of_one_person(stage: Stage) -> Checked {
    let people = stage.persons(2);
    stage.invite(&people).await?;
    stage.send_all().await?;
    let traces = stage.store.traces(stage.id(), people[0].id, vec![]).await?;
    holds!(!traces.events.is_empty(), "there are events about the person");
    holds!(
        traces.events.iter().all(|event| event.what.user() == Some(people[0].id)),
        "and about nobody else"
    );
    Ok(())
}
