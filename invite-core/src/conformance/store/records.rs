//! Events, audit, people's stories, histories, suppressions, figures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::stage::{DAY, HOUR, Stage, accepted, deferred, refused};
use crate::conformance::{Checked, Failure};
use crate::decision::history::History;
use crate::machine::delivery::Report;
use crate::model::batch::Funnel;
use crate::model::contact::EmailAddress;
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::{Event, EventCursor};
use crate::model::id::UserId;
use crate::model::invitation::InvitationState;
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::Refusal;
use crate::model::suppression::{Suppression, SuppressionReason};
use crate::port::records::{Arrival, ArrivalKind, SuppressionAct, SuppressionChange};

pub(super) async fn events_come_in_order_page_by_page_and_none_is_left_out(stage: Stage) -> Checked {
    stage.invite(&stage.persons(10)).await?;
    stage.send_all().await?;
    let all = stage.events().await?;
    same!(all.len(), 11, "events: ten invited and one finished");
    holds!(all.windows(2).all(|two| two[0].cursor < two[1].cursor), "their cursors ascend");
    holds!(all.iter().all(|event| event.organisation == Some(stage.id())), "they name the organisation");
    for limit in [1, 3, 100] {
        same!(read(&stage, limit).await?, all, "the pages of {limit} together");
    }
    let last = all.last().map(|event| event.cursor).unwrap_or_default();
    same!(stage.events_after(last, 10).await?, [], "events after the last");
    Ok(())
}

pub(super) async fn events_are_given_again_to_whoever_asks_again(stage: Stage) -> Checked {
    stage.invite(&stage.persons(2)).await?;
    stage.send_all().await?;
    let page = stage.events_after(EventCursor::default(), 2).await?;
    same!(page.len(), 2, "events of a page");
    same!(stage.events_after(EventCursor::default(), 2).await?, page, "the same page again");
    stage.invite(&stage.persons(2)).await?;
    stage.send_all().await?;
    same!(stage.events_after(EventCursor::default(), 2).await?, page, "the same page when more happened");
    Ok(())
}

pub(super) async fn no_event_appears_behind_a_reader(stage: Stage) -> Checked {
    let people = stage.persons(40);
    stage.invite(&people).await?;
    stage.send_all().await?;
    stage.advance(HOUR).await;
    let at = stage.now().await?;
    let writers: Vec<_> = people
        .chunks(2)
        .map(|chunk| {
            let (store, organisation) = (Arc::clone(&stage.store), stage.id());
            let arrivals: Vec<_> =
                chunk.iter().map(|user| Arrival { user: user.id, at, how: ArrivalKind::SignedIn }).collect();
            tokio::spawn(async move { store.record_arrivals(organisation, arrivals).await })
        })
        .collect();
    let (mut seen, mut cursor) = (Vec::new(), EventCursor::default());
    for writer in writers {
        let page = stage.events_after(cursor, 7).await?;
        cursor = page.last().map_or(cursor, |event| event.cursor);
        seen.extend(page);
        writer.await.map_err(|error| Failure::new(error.to_string()))??;
    }
    loop {
        let page = stage.events_after(cursor, 7).await?;
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        seen.extend(page);
    }
    same!(seen, stage.events().await?, "what a reader saw who read while it was written");
    same!(seen.len(), 81, "events: 40 invited, one finished, 40 accepted");
    Ok(())
}

pub(super) async fn the_audit_is_newest_first_page_by_page(stage: Stage) -> Checked {
    for _ in 0..5 {
        stage
            .store
            .suppress(change(&stage, "a@example.com", SuppressionAct::Put(SuppressionReason::ByHand)))
            .await?;
        let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
        stage.confirm(plan.id).await?;
    }
    let all = stage.store.audit(stage.id(), None, 100).await?;
    holds!(all.len() >= 6, "there are at least six lines, but there are {}", all.len());
    holds!(all.windows(2).all(|two| two[0].number > two[1].number), "the numbers descend");
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = stage.store.audit(stage.id(), before, 2).await?;
        holds!(page.len() <= 2, "a page is not longer than its limit");
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        paged.extend(page);
    }
    same!(paged, all, "the pages together");
    Ok(())
}

pub(super) async fn the_story_of_a_person_has_everything_oldest_first(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let people = std::slice::from_ref(&user);
    let skipped = stage.plan(Action::Remind, people).await?;
    stage.tick().await;
    let invited = stage.invite(people).await?;
    let sent = stage.send_all().await?;
    stage.advance(DAY * 4).await;
    let reminded = stage.remind(people).await?;
    let reminders = stage.send_all().await?;
    same!((sent.len(), reminders.len()), (2, 2), "messages of the invitation and of the reminder");

    let story = stage.story(&user).await?;
    let batches: Vec<_> = story.items.iter().map(|(batch, item)| (batch.id, item.decision)).collect();
    let expected = [
        (skipped.id, Decision::Skip(SkipReason::NeverInvited)),
        (invited.id, Decision::Send),
        (reminded.id, Decision::Send),
    ];
    same!(batches, expected, "plans and batches, with what was decided");
    holds!(story.items.iter().all(|(_, item)| item.user == user.id), "all items are the person's");
    same!(story.invitations.len(), 1, "invitations");
    let invitation = &story.invitations[0];
    same!(
        (invitation.id, invitation.user, invitation.batch, invitation.state),
        (sent[0].claimed.invitation, user.id, invited.id, InvitationState::Pending),
        "the invitation"
    );
    let messages: Vec<_> = story.deliveries.iter().map(|one| one.batch).collect();
    same!(messages, [invited.id, invited.id, reminded.id, reminded.id], "batches of the messages");
    let generations: Vec<_> = story.credentials.iter().map(|one| one.generation.number()).collect();
    same!(generations, [1, 2], "generations of the credentials");
    same!(story.import_lines, [], "import lines of a person who was not imported");
    same!((story.retired, story.came_at), (None, None), "what retired, and when the person came");
    let stranger = stage.store.person(stage.id(), UserId::new()).await?;
    same!(stranger, crate::port::records::PersonRecord::default(), "the story of a stranger");
    Ok(())
}

pub(super) async fn histories_come_in_the_order_asked(stage: Stage) -> Checked {
    let people = stage.persons(3);
    stage.invited(&people[1]).await?;
    let mut asked = people.clone();
    asked.reverse();
    asked.push(people[1].clone());
    let histories = stage.store.histories(stage.id(), asked).await?;
    let invited: Vec<_> = histories.iter().map(|history| history.invited).collect();
    same!(invited, [false, true, false, true], "who was invited");
    same!(histories[0], History::default(), "the history of a person about whom nothing is known");
    let last = histories[1].last_invitation.as_ref();
    same!(
        last.map(|last| (last.arrived.clone(), last.reminders)),
        Some((BTreeSet::from([Channel::Email]), 0)),
        "the last invitation: where it arrived, and its reminders"
    );
    Ok(())
}

pub(super) async fn a_history_shows_what_became_of_the_newest_message(stage: Stage) -> Checked {
    let user = stage.person();
    let newest = async || -> Checked<Option<DeliveryState>> {
        let histories = stage.store.histories(stage.id(), vec![user.clone()]).await?;
        Ok(histories[0].newest)
    };
    same!(newest().await?, None, "before any");
    stage.invite(std::slice::from_ref(&user)).await?;
    same!(newest().await?, Some(DeliveryState::Queued), "when it is queued");
    let sent = stage.send_one(accepted()).await?;
    stage.report(sent.id(), Report::Bounced).await?;
    same!(newest().await?, Some(DeliveryState::Bounced), "when it bounced");
    stage.advance(DAY).await;
    stage.invited(&user).await?;
    same!(newest().await?, Some(DeliveryState::Sent), "when the next was sent");
    Ok(())
}

pub(super) async fn a_history_counts_reminders_by_batch(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_all().await?;
    for reminders in 1..=2 {
        stage.advance(DAY * 4).await;
        stage.remind(std::slice::from_ref(&user)).await?;
        stage.send_all().await?;
        let histories = stage.store.histories(stage.id(), vec![user.clone()]).await?;
        let last = histories[0].last_invitation.as_ref();
        same!(last.map(|last| last.reminders), Some(reminders), "reminders, each on two channels");
    }
    Ok(())
}

pub(super) async fn a_history_knows_whether_the_present_address_is_suppressed(stage: Stage) -> Checked {
    let mut user = stage.person();
    stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(refused(Refusal::Recipient)).await?;
    let suppressed = async |user| -> Checked<bool> {
        let histories = stage.store.histories(stage.id(), vec![user]).await?;
        Ok(histories[0].suppressed.contains(&Channel::Email))
    };
    holds!(suppressed(user.clone()).await?, "the address is suppressed");
    user.email = user.email.and_then(|email| email.as_str().to_uppercase().parse().ok());
    holds!(suppressed(user.clone()).await?, "in capitals it is the same address");
    user.email = "new@example.com".parse().ok();
    holds!(!suppressed(user).await?, "another address is not suppressed");
    Ok(())
}

pub(super) async fn an_address_is_suppressed_by_hand_and_released_by_hand(stage: Stage) -> Checked {
    let user = stage.person();
    let key = user.email.as_ref().map(EmailAddress::key).unwrap_or_default();
    stage.store.suppress(change(&stage, &key, SuppressionAct::Put(SuppressionReason::ByHand))).await?;
    let list = stage.store.suppressions(stage.id(), None, 10).await?;
    let found: Vec<_> = list.iter().map(|one| (one.channel, one.address.as_str(), one.reason)).collect();
    same!(found, [(Channel::Email, key.as_str(), SuppressionReason::ByHand)], "the list");
    stage.store.suppress(change(&stage, &key, SuppressionAct::Release)).await?;
    same!(stage.store.suppressions(stage.id(), None, 10).await?, [], "the list afterwards");
    let plan = stage.plan(Action::Invite, std::slice::from_ref(&user)).await?;
    same!(stage.decision(plan.id, user.id).await?, Decision::Send, "the decision about the person");
    let lines = stage.store.audit(stage.id(), None, 2).await?;
    holds!(
        lines.len() == 2 && lines.iter().all(|line| line.actor == stage.actor()),
        "the audit says who did both"
    );
    holds!(
        lines.iter().all(|line| !format!("{line:?}").contains(&key)),
        "the audit does not have the address"
    );
    Ok(())
}

pub(super) async fn suppressions_come_in_order_page_by_page(stage: Stage) -> Checked {
    for address in ["c@example.com", "a@example.com", "b@example.com"] {
        stage.store.suppress(change(&stage, address, SuppressionAct::Put(SuppressionReason::ByHand))).await?;
    }
    let mut sms = change(&stage, "+4791234567", SuppressionAct::Put(SuppressionReason::OptedOut));
    sms.channel = Channel::Sms;
    stage.store.suppress(sms).await?;
    let all = stage.store.suppressions(stage.id(), None, 100).await?;
    let key = |one: &Suppression| (one.channel, one.address.clone());
    same!(all.len(), 4, "suppressions");
    holds!(all.windows(2).all(|two| key(&two[0]) < key(&two[1])), "they ascend by channel and address");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = stage.store.suppressions(stage.id(), after, 2).await?;
        let Some(last) = page.last() else { break };
        after = Some(key(last));
        paged.extend(page);
    }
    same!(paged, all, "the pages together");
    Ok(())
}

pub(super) async fn the_figures_of_a_batch_are_those_of_its_messages(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let mut people = stage.persons(5);
    people.push(stage.admin.clone());
    people.sort_by_key(|user| user.id);
    let batch = stage.invite(&people).await?;
    let used = stage.send_one(accepted()).await?;
    let delivered = stage.send_one(accepted()).await?;
    stage.report(delivered.id(), Report::Delivered).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    stage.send_one(deferred(Some(HOUR))).await?;
    stage.come_by(used.digest()?).await?;
    let progress = stage.store.progress(stage.id(), batch.id).await?;
    let states = BTreeMap::from([
        (DeliveryState::Sent, 1),
        (DeliveryState::Delivered, 1),
        (DeliveryState::Failed, 1),
        (DeliveryState::Queued, 2),
    ]);
    same!(progress.states, states, "messages by state");
    same!(progress.reasons, BTreeMap::from([(EndReason::ContentRefused, 1)]), "messages by reason");
    let funnel = Funnel { selected: 6, recipients: 5, sent: 2, delivered: 1, accepted: 1 };
    same!(progress.funnel, funnel, "the funnel");
    Ok(())
}

fn change(stage: &Stage, address: &str, act: SuppressionAct) -> SuppressionChange {
    SuppressionChange { actor: stage.actor(), channel: Channel::Email, address: address.to_owned(), act }
}

async fn read(stage: &Stage, limit: usize) -> Checked<Vec<Event>> {
    let (mut read, mut cursor) = (Vec::new(), EventCursor::default());
    loop {
        let page = stage.events_after(cursor, limit).await?;
        holds!(page.len() <= limit, "a page is not longer than its limit");
        let Some(last) = page.last() else { return Ok(read) };
        cursor = last.cursor;
        read.extend(page);
    }
}
