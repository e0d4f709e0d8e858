//! E-mail, and SMS if it does not arrive; and which channel is preferred.

use super::stage::{DAY, HOUR, InFlight, Stage, accepted, deferred, refused, unknown};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::actor::Actor;
use crate::model::batch::Batch;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::DeliveryState;
use crate::model::event::Happening;
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::outcome::Refusal;
use crate::model::preference::Preference;
use crate::model::role::Role;
use crate::model::suppression::SuppressionReason;
use crate::model::user::User;
use crate::port::records::{SuppressionAct, SuppressionChange};
use crate::port::redemption::LinkState;

/// An organisation that sends links by e-mail, and by SMS where that does not arrive.
async fn with_fallback(stage: &mut Stage) -> Checked {
    stage
        .set(|settings| {
            settings.sms_fallback = true;
            settings.credential = CredentialKind::SetUpLink;
        })
        .await
}

async fn channels(stage: &Stage, batch: &Batch) -> Checked<Vec<(Channel, DeliveryState)>> {
    let messages = stage.deliveries(batch.id).await?;
    let mut messages: Vec<_> = messages.into_iter().map(|one| (one.channel, one.state)).collect();
    messages.sort_unstable();
    Ok(messages)
}

fn generation(sent: &InFlight) -> Option<Generation> {
    sent.hand_over.credential.as_ref().map(|credential| credential.generation)
}

pub(super) async fn an_email_that_bounces_goes_by_sms_with_the_next_credential(mut stage: Stage) -> Checked {
    with_fallback(&mut stage).await?;
    let user = stage.person_by_both();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    same!(batch.totals.in_reserve, 1, "people of the plan with an SMS in reserve");
    same!(batch.totals.messages.get(&Channel::Sms), None, "text messages that were planned");
    let email = stage.send_one(accepted()).await?;
    same!(email.claimed.channel, Channel::Email, "the first channel");
    stage.nothing_is_due("while nothing has come back").await?;
    let finished = |what: &Happening| matches!(what, Happening::BatchFinished { .. });
    same!(stage.count(finished).await?, 1, "times that the batch finished");
    stage.report(email.id(), Report::Bounced).await?;
    stage.report(email.id(), Report::Bounced).await?;
    let sms = stage.send_one(accepted()).await?;
    same!(sms.claimed.channel, Channel::Sms, "the channel after the bounce");
    same!(sms.claimed.invitation, email.claimed.invitation, "the invitation of the SMS");
    same!(generation(&sms), generation(&email).map(Generation::next), "the credential of the SMS");
    same!(
        stage.link_state(email.digest()?).await?,
        LinkState::Expired,
        "the link in the e-mail that bounced"
    );
    let open = stage.link_state(sms.digest()?).await?;
    holds!(matches!(open, LinkState::Open { .. }), "the link in the SMS works, but it is {open:?}");
    stage.nothing_is_due("after the one SMS").await?;
    let all = [(Channel::Email, DeliveryState::Bounced), (Channel::Sms, DeliveryState::Sent)];
    same!(channels(&stage, &batch).await?, all, "the messages");
    same!(stage.count(finished).await?, 2, "times that the batch finished, with the SMS");
    stage.come_by(sms.digest()?).await
}

pub(super) async fn an_email_that_certainly_did_not_arrive_goes_by_sms(mut stage: Stage) -> Checked {
    with_fallback(&mut stage).await?;
    for refusal in [Refusal::Recipient, Refusal::RecipientUncertain, Refusal::Content] {
        stage.invite(&[stage.person_by_both()]).await?;
        stage.send_one(refused(refusal)).await?;
        let sms = stage.send_one(accepted()).await?;
        same!(sms.claimed.channel, Channel::Sms, "the channel after {refusal:?}");
    }
    stage.invite(&[stage.person_by_both()]).await?;
    let email = stage.send_one(accepted()).await?;
    stage.report(email.id(), Report::Failed).await?;
    same!(stage.send_one(accepted()).await?.claimed.channel, Channel::Sms, "the channel after a failure");
    stage.invite(&[stage.person_by_both()]).await?;
    stage.send_one(deferred(Some(DAY * 2))).await?;
    same!(stage.send_one(accepted()).await?.claimed.channel, Channel::Sms, "the channel after long trying");
    Ok(())
}

pub(super) async fn nothing_falls_back_that_may_have_arrived_or_is_the_senders_fault(
    mut stage: Stage,
) -> Checked {
    with_fallback(&mut stage).await?;
    stage.invite(&[stage.person_by_both()]).await?;
    stage.send_one(refused(Refusal::Policy)).await?;
    stage.nothing_is_due("after a refusal by policy").await?;
    for report in [Report::Delivered, Report::Complained, Report::Unknown] {
        stage.invite(&[stage.person_by_both()]).await?;
        let email = stage.send_one(accepted()).await?;
        stage.report(email.id(), report).await?;
        stage.nothing_is_due(&format!("after {report:?}")).await?;
    }
    stage.invite(&[stage.person_by_both()]).await?;
    stage.send_one(unknown()).await?;
    stage.advance(HOUR).await;
    same!(stage.send_one(unknown()).await?.claimed.channel, Channel::Email, "the channel of the second try");
    stage.advance(HOUR).await;
    stage.nothing_is_due("after an outcome that is unknown").await
}

pub(super) async fn nobody_gets_an_sms_instead_who_must_not_get_one(mut stage: Stage) -> Checked {
    let without = stage.person_by_both();
    stage.invite(&[without]).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    stage.nothing_is_due("where the organisation wants no fallback").await?;
    with_fallback(&mut stage).await?;
    let suppressed = stage.person_by_both();
    suppress(&stage, &suppressed, Channel::Sms).await?;
    let mut abroad = stage.person_by_both();
    abroad.phone = "+46701234567".to_owned().try_into().ok();
    stage.put(&abroad);
    let none = stage.person();
    let batch = stage.invite(&[suppressed, abroad, none]).await?;
    same!(batch.totals.in_reserve, 0, "people with an SMS in reserve");
    for _ in 0..3 {
        stage.send_one(refused(Refusal::Recipient)).await?;
    }
    stage.nothing_is_due("where the phone must not be written to").await?;
    // The last word is with the moment at which it would go.
    let later = stage.person_by_both();
    let batch = stage.invite(std::slice::from_ref(&later)).await?;
    suppress(&stage, &later, Channel::Sms).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    let (token, claimed) = stage.claim_one().await?;
    stage.begin(token, &claimed).await?;
    let ended = channels(&stage, &batch).await?;
    holds!(ended.iter().all(|(_, state)| *state != DeliveryState::Sent), "nothing was sent: {ended:?}");
    stage.nothing_is_due("where the phone is suppressed by now").await
}

async fn suppress(stage: &Stage, user: &User, channel: Channel) -> Checked {
    let address = user.address(channel).ok_or_else(|| Failure::new("a person without this address"))?;
    let change = SuppressionChange {
        actor: stage.actor(),
        channel,
        address: address.to_lowercase(),
        act: SuppressionAct::Put(SuppressionReason::ByHand),
    };
    Ok(stage.store.suppress(change).await?)
}

pub(super) async fn nothing_falls_back_of_a_batch_that_was_stopped_or_an_invitation_that_was_used(
    mut stage: Stage,
) -> Checked {
    with_fallback(&mut stage).await?;
    for event in [BatchEvent::Cancel, BatchEvent::Recall] {
        let batch = stage.invite(&[stage.person_by_both()]).await?;
        let email = stage.send_one(accepted()).await?;
        stage.change(batch.id, event).await?;
        stage.report(email.id(), Report::Bounced).await?;
        same!(channels(&stage, &batch).await?.len(), 1, "messages after {event:?}");
    }
    let batch = stage.invite(&[stage.person_by_both()]).await?;
    let email = stage.send_one(accepted()).await?;
    stage.come_by(email.digest()?).await?;
    stage.report(email.id(), Report::Bounced).await?;
    same!(channels(&stage, &batch).await?.len(), 1, "messages to somebody who came");
    let batch = stage.invite(&[stage.person_by_both()]).await?;
    let email = stage.send_one(accepted()).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    stage.report(email.id(), Report::Bounced).await?;
    stage.nothing_is_due("while the batch is paused").await?;
    stage.change(batch.id, BatchEvent::Resume).await?;
    same!(stage.send_one(accepted()).await?.claimed.channel, Channel::Sms, "the channel when it goes on");
    Ok(())
}

pub(super) async fn a_retirement_stands_while_the_sms_is_on_its_way(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.sms_fallback = true).await?;
    let mut user = stage.person_by_both();
    user.has_password = true;
    stage.put(&user);
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    same!((batch.totals.in_reserve, batch.totals.reset_in_reserve), (0, 1), "people with an SMS in reserve");
    let email = stage.send_one(accepted()).await?;
    stage.report(email.id(), Report::Bounced).await?;
    holds!(!stage.own_password_counts(&user).await?, "the password is retired while the SMS is on its way");
    stage.send_one(refused(Refusal::Recipient)).await?;
    holds!(stage.own_password_counts(&user).await?, "it counts again when nothing arrived at all");
    Ok(())
}

pub(super) async fn whoever_is_taken_out_of_a_plan_has_nothing_in_reserve(mut stage: Stage) -> Checked {
    with_fallback(&mut stage).await?;
    let mut other = stage.person_by_both();
    other.has_password = true;
    stage.put(&other);
    let mut colleague = stage.person_by_both();
    colleague.role = Role::Administrator;
    stage.put(&colleague);
    let plan = stage.plan(Action::Invite, &[other, colleague.clone()]).await?;
    same!(
        (plan.totals.in_reserve, plan.totals.reset_in_reserve),
        (1, 1),
        "people with an SMS in reserve in the plan"
    );
    let mut confirmation = stage.confirmation(plan.id);
    confirmation.actor = Actor::administrator(stage.id(), colleague.id);
    confirmation.resets = false;
    stage.store.confirm(confirmation).await?;
    let totals = stage.batch(plan.id).await?.totals;
    same!((totals.in_reserve, totals.reset_in_reserve), (0, 0), "people with an SMS in reserve afterwards");
    Ok(())
}

pub(super) async fn a_person_is_written_to_on_the_channel_they_prefer(mut stage: Stage) -> Checked {
    for (of_organisation, own, expected) in [
        (Preference::Email, None, &[Channel::Email] as &[Channel]),
        (Preference::Sms, None, &[Channel::Sms]),
        (Preference::Both, None, &[Channel::Email, Channel::Sms]),
        (Preference::Email, Some(Preference::Sms), &[Channel::Sms]),
        (Preference::Sms, Some(Preference::Email), &[Channel::Email]),
        (Preference::Sms, Some(Preference::Both), &[Channel::Email, Channel::Sms]),
    ] {
        stage.set(|settings| settings.prefers = of_organisation).await?;
        let mut user = stage.person_by_both();
        user.prefers = own;
        stage.put(&user);
        let batch = stage.invite(&[user]).await?;
        let sent: Vec<_> = stage.send_all().await?.iter().map(|sent| sent.claimed.channel).collect();
        let planned = channels(&stage, &batch).await?;
        let planned: Vec<_> = planned.into_iter().map(|(channel, _)| channel).collect();
        same!((planned.as_slice(), sent.len()), (expected, expected.len()), "{of_organisation}, {own:?}");
    }
    // Whoever prefers SMS and has no phone that may be written to gets an e-mail.
    let mut user = stage.person();
    user.prefers = Some(Preference::Sms);
    stage.put(&user);
    stage.invite(&[user]).await?;
    same!(stage.send_one(accepted()).await?.claimed.channel, Channel::Email, "the channel without a phone");
    Ok(())
}

pub(super) async fn where_the_email_is_suppressed_the_sms_goes_at_once(mut stage: Stage) -> Checked {
    let user = stage.person_by_both();
    suppress(&stage, &user, Channel::Email).await?;
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    same!(channels(&stage, &batch).await?, [], "messages where the organisation wants no fallback");
    with_fallback(&mut stage).await?;
    stage.invite(&[user]).await?;
    same!(stage.send_one(accepted()).await?.claimed.channel, Channel::Sms, "the channel");
    Ok(())
}
