//! Erasing people.

use super::stage::{Stage, person, row};
use crate::conformance::Checked;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::{EventCursor, Happening};
use crate::model::message::Channel;
use crate::model::suppression::SuppressionReason;
use crate::port::records::{Erased, KnownAddress, PersonRecord, SuppressionAct, SuppressionChange, Traces};

impl Stage {
    async fn suppress(&self, address: &str) -> Checked {
        let change = SuppressionChange {
            actor: self.actor(),
            channel: Channel::Email,
            address: address.to_owned(),
            act: SuppressionAct::Put(SuppressionReason::Bounced),
        };
        Ok(self.store.suppress(change).await?)
    }

    async fn suppressed(&self) -> Checked<Vec<(String, SuppressionReason)>> {
        let listed = self.store.suppressions(self.organisation, None, 10).await?;
        Ok(listed.into_iter().map(|one| (one.address, one.reason)).collect())
    }

    async fn recognise(&self, address: &str) -> Checked {
        let hashes = self.key.hashes(self.organisation, Channel::Email, address).collect();
        let known = KnownAddress { channel: Channel::Email, address: address.to_owned(), hashes };
        Ok(self.store.recognise(self.organisation, vec![known]).await?)
    }
}

pub(super) async fn whoever_is_erased_is_gone_with_what_imports_keep(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    stage.import(&[row(2, "anna", "Oslo")]).await?;
    holds!(stage.erase(anna.id).await?.found, "there was somebody");
    same!(stage.fact(anna.id).await?, None, "the person");
    same!(stage.people.named(stage.organisation, "anna".into()).await?, [], "who is called so");
    let story = stage.store.person(stage.organisation, anna.id).await?;
    same!(story, PersonRecord::default(), "the story");
    same!(stage.erase(anna.id).await?, Erased::default(), "erasing again");
    stage.add("Anna").await?;
    Ok(())
}

pub(super) async fn whoever_is_erased_loses_what_waits_and_every_trace_of_an_address(
    stage: Stage,
) -> Checked {
    let anna = stage.add("Anna").await?;
    let batch = stage.invite(&anna).await?;
    let erased = stage.erase(anna.id).await?;
    same!((erased.found, erased.messages), (true, 1), "what was erased");
    let expected = (DeliveryState::Cancelled, Some(EndReason::Erased));
    same!(stage.ended(batch).await?, expected, "the message");
    let deliveries = stage.store.deliveries(stage.organisation, batch, None, 10).await?;
    holds!(
        deliveries.iter().all(|one| one.address.is_none() && one.answer.is_none() && one.receipt.is_none()),
        "the message has no address, answer or receipt any more"
    );
    let items = stage.store.items(stage.organisation, batch, None, 10).await?;
    same!(items.len(), 1, "items, for the figures");
    Ok(())
}

pub(super) async fn a_suppressed_address_of_an_erased_person_is_recognised_by_its_hash(
    stage: Stage,
) -> Checked {
    let anna = stage.add("Anna").await?;
    stage.suppress("anna@example.com").await?;
    holds!(!stage.store.has_hashed_suppressions(stage.organisation).await?, "there is no hash yet");
    same!(stage.erase(anna.id).await?.suppressed, 1, "addresses hashed");
    same!(stage.suppressed().await?, [], "the list");
    holds!(stage.store.has_hashed_suppressions(stage.organisation).await?, "there is a hash");
    let neighbour = stage.neighbour().await?;
    neighbour.recognise("anna@example.com").await?;
    same!(neighbour.suppressed().await?, [], "the list elsewhere");
    stage.recognise("other@example.com").await?;
    same!(stage.suppressed().await?, [], "the list when another address came");
    for _ in 0..2 {
        stage.recognise("anna@example.com").await?;
        let expected = [("anna@example.com".to_owned(), SuppressionReason::Bounced)];
        same!(stage.suppressed().await?, expected, "the list when it came again");
    }
    holds!(!stage.store.has_hashed_suppressions(stage.organisation).await?, "the hash is gone");
    Ok(())
}

pub(super) async fn a_suppressed_address_that_somebody_else_has_stays_on_the_list(stage: Stage) -> Checked {
    let (mut anna, mut bo) = (stage.add("Anna").await?, stage.add("Bo").await?);
    for user in [&mut anna, &mut bo] {
        user.email = "shop@example.com".parse().ok();
        stage.save(user).await?;
    }
    stage.suppress("shop@example.com").await?;
    same!(stage.erase(anna.id).await?.suppressed, 0, "addresses hashed");
    same!(stage.suppressed().await?.len(), 1, "the list");
    same!(stage.erase(bo.id).await?.suppressed, 1, "addresses hashed with the last who had it");
    Ok(())
}

pub(super) async fn erasing_is_told_and_audited_once(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    for _ in 0..2 {
        stage.erase(anna.id).await?;
    }
    let events = stage.store.events(EventCursor::default(), 1000).await?.unwrap_or_default();
    let told = events.iter().filter(|event| event.what == Happening::Erased { user: anna.id });
    same!(told.map(|event| event.organisation).collect::<Vec<_>>(), [Some(stage.organisation)], "the events");
    let audit = stage.store.audit(stage.organisation, None, 100).await?;
    let lines = audit.iter().filter(|line| line.what == "person_erased");
    same!(lines.map(|line| line.subject.clone()).collect::<Vec<_>>(), [anna.id.to_string()], "the audit");
    let words = format!("{events:?} {audit:?}").to_lowercase();
    holds!(!words.contains("anna"), "neither names the person: {words}");
    Ok(())
}

pub(super) async fn nobody_is_erased_from_another_organisation(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let batch = stage.invite(&anna).await?;
    let neighbour = stage.neighbour().await?;
    same!(neighbour.erase(anna.id).await?, Erased::default(), "erasing from elsewhere");
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "the person");
    same!(stage.ended(batch).await?, (DeliveryState::Queued, None), "the message");
    Ok(())
}

pub(super) async fn the_traces_of_a_person_are_theirs_alone(stage: Stage) -> Checked {
    let (anna, bo) = (stage.add("Anna").await?, stage.add("Bo").await?);
    let neighbour = stage.neighbour().await?;
    neighbour.save(&person("Anna", "anna")).await?;
    for address in ["anna@example.com", "bo@example.com"] {
        stage.suppress(address).await?;
        neighbour.suppress(address).await?;
    }
    stage.erase(bo.id).await?;
    let addresses = vec![(Channel::Email, "Anna@example.com".to_owned())];
    let traces = stage.store.traces(stage.organisation, anna.id, addresses.clone()).await?;
    same!(traces.suppressions.len(), 1, "suppressed addresses");
    same!(traces.events, [], "events");
    let audit: Vec<_> = traces.audit.iter().map(|line| line.subject.clone()).collect();
    same!(audit, [anna.id.to_string()], "subjects of the audit");
    let elsewhere = neighbour.store.traces(neighbour.organisation, anna.id, vec![]).await?;
    same!(elsewhere, Traces::default(), "traces elsewhere");
    Ok(())
}
