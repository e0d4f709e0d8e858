//! The border between organisations: whatever is asked with another organisation's ids, nothing is seen and nothing
//! changes.

use super::stage::{DAY, HOUR, InFlight, Stage, accepted};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::model::batch::{Batch, Progress};
use crate::model::credential::CredentialKind;
use crate::model::delivery::DeliveryState;
use crate::model::event::Happening;
use crate::model::item::{Action, Decision};
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::Refusal;
use crate::model::suppression::SuppressionReason;
use crate::model::template_key::TemplateKey;
use crate::model::user::User;
use crate::port::plans::{BatchChange, Confirmed};
use crate::port::records::{Arrival, ArrivalKind, PersonRecord, SuppressionAct, SuppressionChange};
use crate::port::redemption::{Close, Guess, LinkState, Reserve, Reserved};

/// An organisation with a batch that has one message sent and one waiting, and its neighbour.
struct Border {
    ours: Stage,
    theirs: Stage,
    user: User,
    batch: Batch,
    sent: InFlight,
}

impl Border {
    async fn new(mut ours: Stage) -> Checked<Self> {
        ours.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
        let theirs = ours.neighbour("neighbour").await?;
        ours.channels = ChannelRule::Both;
        let user = ours.person_by_both();
        let batch = ours.invite(std::slice::from_ref(&user)).await?;
        let sent = ours.send_one(accepted()).await?;
        Ok(Self { ours, theirs, user, batch, sent })
    }

    /// That the organisation's own sees everything as before.
    async fn is_untouched(&self) -> Checked {
        same!(self.ours.batch(self.batch.id).await?, self.batch, "the batch");
        let states = self.ours.states(self.batch.id).await?;
        same!(
            (states.get(&DeliveryState::Sent), states.get(&DeliveryState::Queued)),
            (Some(&1), Some(&1)),
            "messages sent and queued"
        );
        let state = self.ours.link_state(self.sent.digest()?).await?;
        has_form!(state, LinkState::Open { .. } => (), "the link");
        Ok(())
    }
}

pub(super) async fn a_batch_is_not_seen_from_another_organisation(stage: Stage) -> Checked {
    let border = Border::new(stage).await?;
    let (store, other, batch) = (&border.theirs.store, border.theirs.id(), border.batch.id);
    same!(store.batch(other, batch).await?, None, "the batch");
    same!(store.batches(other, None, 10).await?, [], "the list of batches");
    same!(store.items(other, batch, None, 10).await?, [], "its items");
    same!(store.deliveries(other, batch, None, 10).await?, [], "its messages");
    same!(store.progress(other, batch).await?, Progress::default(), "its figures");
    Ok(())
}

pub(super) async fn a_batch_is_not_changed_from_another_organisation(stage: Stage) -> Checked {
    let border = Border::new(stage).await?;
    for event in [BatchEvent::Pause, BatchEvent::Resume, BatchEvent::Cancel, BatchEvent::Recall] {
        let actor = border.theirs.actor();
        let change = BatchChange { batch: border.batch.id, actor, event, because: None };
        same!(border.theirs.store.change_batch(change).await?, None, "{event:?}");
    }
    border.is_untouched().await
}

pub(super) async fn a_plan_is_not_written_or_confirmed_from_another_organisation(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let people = stage.persons(2);
    let plan = stage.open(Action::Invite, &people).await?;
    let foreign = theirs.page(plan.id, None, &people, true);
    // What a store answers here is its own affair: an error, or a batch of the asking organisation. It writes nothing.
    let _ = theirs.store.plan_page(foreign).await;
    same!(stage.batch(plan.id).await?, plan, "the plan");
    same!(stage.items(plan.id).await?, [], "its items");
    stage.store.plan_page(stage.page(plan.id, None, &people, true)).await?;
    let confirmed = theirs.store.confirm(theirs.confirmation(plan.id)).await?;
    same!(confirmed, Confirmed::NotFound, "confirming it from elsewhere");
    stage.nothing_is_due("after that").await
}

pub(super) async fn a_credential_is_not_used_from_another_organisation(stage: Stage) -> Checked {
    let border = Border::new(stage).await?;
    let link = border.ours.store.link(border.sent.digest()?).await?;
    let credential = has_form!(link, Some(link) => link.credential, "the link");
    let reserve = Reserve {
        organisation: border.theirs.id(),
        credential,
        user: Some(border.user.clone()),
        policy: border.theirs.policy.clone(),
    };
    same!(border.theirs.store.reserve(reserve).await?, Reserved::Unknown, "reserving it from elsewhere");
    let ours = border.ours.reserve_link(border.sent.digest()?).await?;
    let reservation = has_form!(ours, Reserved::Yours { reservation, .. } => reservation, "reserving it");
    let close = Close { organisation: border.theirs.id(), credential, reservation };
    holds!(!border.theirs.store.close(close).await?, "it is not closed from elsewhere");
    border.is_untouched().await
}

pub(super) async fn temporary_passwords_are_not_seen_from_another_organisation(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    same!(stage.open_passwords(&user).await?.len(), 1, "seen from its own");
    same!(theirs.open_passwords(&user).await?.len(), 0, "seen from elsewhere");
    holds!(!stage.own_password_counts(&user).await?, "the own password is retired here");
    holds!(theirs.own_password_counts(&user).await?, "it counts elsewhere");
    Ok(())
}

pub(super) async fn guesses_are_counted_for_each_organisation(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let user = stage.person();
    let guess = |stage: &Stage| Guess {
        organisation: stage.id(),
        user: user.id,
        source: "a".into(),
        policy: stage.policy.clone(),
    };
    for _ in 0..=stage.policy.free_guesses {
        stage.store.count_guess(guess(&stage)).await?;
    }
    same!(theirs.store.count_guess(guess(&theirs)).await?, None, "the wait elsewhere");
    theirs.store.forget_guesses(theirs.id(), user.id, "a".into()).await?;
    holds!(stage.store.count_guess(guess(&stage)).await?.is_some(), "the wait here stands");
    Ok(())
}

pub(super) async fn a_person_is_not_seen_from_another_organisation(stage: Stage) -> Checked {
    let border = Border::new(stage).await?;
    let (store, other) = (&border.theirs.store, border.theirs.id());
    same!(store.person(other, border.user.id).await?, PersonRecord::default(), "the story");
    let histories = store.histories(other, vec![border.user.clone()]).await?;
    same!(histories, [crate::decision::history::History::default()], "the history");
    Ok(())
}

pub(super) async fn what_one_host_tells_of_a_person_changes_nothing_elsewhere(stage: Stage) -> Checked {
    let border = Border::new(stage).await?;
    let (store, other, user) = (&border.theirs.store, border.theirs.id(), &border.user);
    border.ours.advance(HOUR).await;
    store.record_changes(other, vec![(user.id, None)]).await?;
    let at = border.ours.now().await?;
    let arrival = Arrival { user: user.id, at, how: ArrivalKind::PasswordSet };
    store.record_arrivals(other, vec![arrival]).await?;
    same!(border.ours.story(user).await?.came_at, None, "when the person came");
    border.is_untouched().await
}

pub(super) async fn a_reset_elsewhere_is_no_history_here(stage: Stage) -> Checked {
    let border = Border::new(stage).await?;
    // The same id in two organisations: a host may have given it.
    border.theirs.put(&border.user);
    let plan = border.theirs.plan(Action::Invite, std::slice::from_ref(&border.user)).await?;
    let decision = border.theirs.decision(plan.id, border.user.id).await?;
    same!(decision, Decision::Send, "the decision, though a message is on its way elsewhere");
    border.theirs.confirm(plan.id).await?;
    let sent = border.ours.send_all().await?;
    let of_theirs = sent.iter().filter(|one| one.claimed.organisation == border.theirs.id()).count();
    same!(of_theirs, 1, "messages of the other organisation");
    let state = border.ours.link_state(border.sent.digest()?).await?;
    has_form!(state, LinkState::Open { .. } => (), "the link here, when one was accepted elsewhere");
    Ok(())
}

pub(super) async fn addresses_are_suppressed_for_each_organisation(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let user = stage.person();
    theirs.put(&user);
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(super::stage::refused(Refusal::Recipient)).await?;
    same!(theirs.store.suppressions(theirs.id(), None, 10).await?, [], "suppressions elsewhere");
    let plan = theirs.plan(Action::Invite, std::slice::from_ref(&user)).await?;
    same!(theirs.decision(plan.id, user.id).await?, Decision::Send, "the decision elsewhere");
    let address = stage.store.suppressions(stage.id(), None, 10).await?;
    let address = address.first().map(|one| one.address.clone()).unwrap_or_default();
    let release = SuppressionChange {
        actor: theirs.actor(),
        channel: Channel::Email,
        address,
        act: SuppressionAct::Release,
    };
    theirs.store.suppress(release).await?;
    same!(stage.store.suppressions(stage.id(), None, 10).await?.len(), 1, "suppressions here");
    Ok(())
}

pub(super) async fn a_second_refusal_counts_within_one_organisation(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let user = stage.person();
    theirs.put(&user);
    for stage in [&stage, &theirs] {
        stage.invite(std::slice::from_ref(&user)).await?;
        stage.send_one(super::stage::refused(Refusal::RecipientUncertain)).await?;
        stage.advance(DAY).await;
        let list = stage.store.suppressions(stage.id(), None, 10).await?;
        same!(list, [], "suppressions after a first refusal in this organisation");
    }
    Ok(())
}

pub(super) async fn the_audit_is_each_organisations_own(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    stage
        .store
        .suppress(SuppressionChange {
            actor: stage.actor(),
            channel: Channel::Email,
            address: "a@example.com".into(),
            act: SuppressionAct::Put(SuppressionReason::ByHand),
        })
        .await?;
    let audit = theirs.store.audit(theirs.id(), None, 100).await?;
    same!(audit.len(), 1, "lines elsewhere: that it was saved");
    let number = stage.store.audit(stage.id(), None, 1).await?.first().map(|line| line.number);
    let before = theirs.store.audit(theirs.id(), number.map(|number| number + 1), 100).await?;
    holds!(before.iter().all(|line| line.actor.organisation() == theirs.id()), "all lines are its own");
    Ok(())
}

pub(super) async fn a_message_of_ones_own_is_not_used_elsewhere(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let key =
        TemplateKey { kind: MessageKind::Invitation, channel: Channel::Email, locale: Locale::english() };
    stage.save_template(&key, Some("ours")).await?;
    same!(theirs.store.template(theirs.id(), key.clone(), None).await?, None, "the newest elsewhere");
    let first = theirs.store.template(theirs.id(), key.clone(), Some("1".into())).await?;
    same!(first, None, "version 1 elsewhere");
    same!(theirs.store.templates(theirs.id()).await?, [], "own messages elsewhere");
    same!(theirs.store.template_versions(theirs.id(), key.clone(), None, 9).await?, [], "versions elsewhere");
    same!(theirs.save_template(&key, Some("theirs")).await?, "1", "the first version elsewhere");
    Ok(())
}

pub(super) async fn what_follows_from_a_message_stays_in_its_organisation(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let (user, neighbour) = (stage.person_set_up(), theirs.person_set_up());
    stage.invite(std::slice::from_ref(&user)).await?;
    theirs.invite(std::slice::from_ref(&neighbour)).await?;
    // One worker serves both; a claim may hold messages of both.
    let claimed = stage.claim(10).await?;
    same!(claimed.deliveries.len(), 2, "messages of both organisations");
    for delivery in claimed.deliveries {
        let of = if delivery.organisation == stage.id() { &stage } else { &theirs };
        let in_flight = of.hand_over(claimed.token, delivery).await?;
        of.record(&in_flight, accepted()).await?;
    }
    let events = stage.events().await?;
    for (organisation, person) in [(stage.id(), user.id), (theirs.id(), neighbour.id)] {
        let retired = events
            .iter()
            .find(|event| matches!(event.what, Happening::PasswordRetired { user, .. } if user == person));
        let of = retired.and_then(|event| event.organisation);
        same!(of, Some(organisation), "the organisation of the event");
    }
    Ok(())
}
