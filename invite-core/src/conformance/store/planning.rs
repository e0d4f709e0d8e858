//! Plans.

use super::stage::{DAY, HOUR, Stage, near, sms_size};
use crate::conformance::{Checked, Failure};
use crate::model::batch::{BatchState, TemplatePins, Totals};
use crate::model::delivery::DeliveryState;
use crate::model::id::{BatchId, UserId};
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::ChannelRule;
use crate::model::role::Role;
use crate::model::suppression::SuppressionReason;
use crate::model::user::User;
use crate::model::wording::{ItemWording, Wording};
use crate::port::records::{SuppressionAct, SuppressionChange};

pub(super) async fn an_opened_plan_is_empty_and_incomplete_and_expires_after_its_lifetime(
    stage: Stage,
) -> Checked {
    let plan = stage.open(Action::Invite, &[]).await?;
    same!((plan.state, plan.complete), (BatchState::Planned, false), "state and completeness");
    same!(plan.totals, Totals::default(), "its totals");
    same!(plan.organisation, stage.id(), "its organisation");
    let now = stage.now().await?;
    holds!(near(plan.planned_at, now), "it was planned now");
    holds!(near(plan.expires_at, now + stage.policy.plan_lifetime), "it expires after its lifetime");
    same!(stage.batch(plan.id).await?, plan, "the plan when it is read");
    Ok(())
}

pub(super) async fn the_totals_of_a_plan_are_the_sum_of_its_items(stage: Stage) -> Checked {
    let mut people = vec![stage.admin.clone()];
    people.extend(population(&stage)?);
    let stranger = UserId::new();
    let mut page = stage.page(BatchId::new(), None, &people, true);
    page.plan = stage.open(Action::Invite, &people).await?.id;
    page.people.push((stranger, None));
    let plan = stage.store.plan_page(page).await?;
    let mut counted = Totals::default();
    for item in stage.items(plan.id).await? {
        let administrator = stage.facts(item.user).is_some_and(|user| user.role.is_administrator());
        counted.count(item.decision, &item.channels, false, administrator, &ItemWording::default());
    }
    let without_wording = Totals {
        wording: Wording::default(),
        reset_wording: Wording::default(),
        shared_addresses: 0,
        shared_addresses_with_resets: 0,
        ..plan.totals.clone()
    };
    same!(without_wording, counted, "the totals");
    let people = u64::try_from(people.len()).map_err(|_| Failure::new("too many people"))?;
    same!(plan.totals.people(), people + 1, "people in the totals");
    same!(stage.decision(plan.id, stranger).await?, Decision::Skip(SkipReason::NotFound), "a stranger");
    same!(
        stage.decision(plan.id, stage.admin.id).await?,
        Decision::Skip(SkipReason::Yourself),
        "who planned"
    );
    let messages: u64 = plan.totals.messages.values().chain(plan.totals.reset_messages.values()).sum();
    same!(stage.deliveries(plan.id).await?.len() as u64, messages, "messages of the plan");
    Ok(())
}

pub(super) async fn a_page_that_was_written_already_changes_nothing(stage: Stage) -> Checked {
    let people = stage.persons(6);
    let plan = stage.open(Action::Invite, &people).await?;
    let first = stage.page(plan.id, None, &people[..3], false);
    let second = stage.page(plan.id, Some(people[2].id), &people[3..], false);
    let once = stage.store.plan_page(first.clone()).await?;
    same!(once.totals.send, 3, "people after the first page");
    same!(stage.store.plan_page(first.clone()).await?, once, "the first page again");
    let both = stage.store.plan_page(second.clone()).await?;
    same!(stage.store.plan_page(second).await?, both, "the second page again");
    same!(stage.store.plan_page(first).await?, both, "the first page after the second");
    same!(both.totals.send, 6, "people after both pages");
    same!(stage.items(plan.id).await?.len(), 6, "items after both pages");
    same!(stage.deliveries(plan.id).await?.len(), 6, "messages after both pages");
    Ok(())
}

pub(super) async fn a_page_that_comes_before_its_turn_is_not_written(stage: Stage) -> Checked {
    let people = stage.persons(4);
    let plan = stage.open(Action::Invite, &people).await?;
    let ahead = stage.page(plan.id, Some(people[1].id), &people[2..], true);
    let answer = stage.store.plan_page(ahead).await?;
    same!((answer.totals.people(), answer.complete), (0, false), "people and completeness");
    same!(stage.items(plan.id).await?, [], "items");
    Ok(())
}

pub(super) async fn the_last_page_completes_a_plan_and_it_takes_no_more(stage: Stage) -> Checked {
    let people = stage.persons(3);
    let plan = stage.open(Action::Invite, &people).await?;
    let page = stage.page(plan.id, None, &people[..2], false);
    holds!(!stage.store.plan_page(page).await?.complete, "a page that is not the last leaves it incomplete");
    let last = stage.page(plan.id, Some(people[1].id), &[], true);
    let complete = stage.store.plan_page(last).await?;
    holds!(complete.complete, "an empty last page completes it");
    same!(complete.totals.send, 2, "people in it");
    let more = stage.page(plan.id, Some(people[1].id), &people[2..], true);
    same!(stage.store.plan_page(more).await?, complete, "a page after the last");
    Ok(())
}

pub(super) async fn a_confirmed_batch_takes_no_more_people(stage: Stage) -> Checked {
    let people = stage.persons(2);
    let batch = stage.invite(&people[..1]).await?;
    let more = stage.page(batch.id, Some(people[0].id), &people[1..], true);
    stage.store.plan_page(more).await?;
    same!(stage.items(batch.id).await?.len(), 1, "items");
    same!(stage.batch(batch.id).await?.totals.people(), 1, "people");
    Ok(())
}

pub(super) async fn nothing_of_a_plan_leaves_before_it_is_confirmed(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(3)).await?;
    stage.advance(HOUR).await;
    stage.nothing_is_due("of a plan").await?;
    let states = stage.states(plan.id).await?;
    same!(states.keys().copied().collect::<Vec<_>>(), [DeliveryState::Planned], "states of its messages");
    Ok(())
}

pub(super) async fn items_and_messages_come_in_order_page_by_page(stage: Stage) -> Checked {
    let people = stage.persons(7);
    let plan = stage.plan(Action::Invite, &people).await?;
    let items = stage.items(plan.id).await?;
    let ids: Vec<_> = people.iter().map(|user| user.id).collect();
    same!(items.iter().map(|item| item.user).collect::<Vec<_>>(), ids, "people of the items");
    let after_third = stage.store.items(stage.id(), plan.id, Some(items[2].user), 2).await?;
    same!(after_third, items[3..5], "two items after the third");
    let messages = stage.deliveries(plan.id).await?;
    holds!(messages.windows(2).all(|two| two[0].id < two[1].id), "messages are in ascending order of id");
    let after_fourth = stage.store.deliveries(stage.id(), plan.id, Some(messages[3].id), 100).await?;
    same!(after_fourth, messages[4..], "the messages after the fourth");
    Ok(())
}

pub(super) async fn each_channel_gets_a_message_of_its_own_of_one_invitation(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Both;
    let user = stage.person_by_both();
    let plan = stage.plan(Action::Invite, std::slice::from_ref(&user)).await?;
    let messages = stage.deliveries(plan.id).await?;
    let mut to: Vec<_> = messages.iter().map(|one| (one.channel, one.address.clone())).collect();
    to.sort_unstable();
    let expected: Vec<_> =
        Channel::ALL.into_iter().map(|channel| (channel, user.address(channel).map(str::to_owned))).collect();
    same!(to, expected, "channels and addresses");
    let items = stage.items(plan.id).await?;
    holds!(items[0].invitation.is_some(), "the item has an invitation");
    holds!(
        messages.iter().all(|message| Some(message.invitation) == items[0].invitation),
        "all messages of an item belong to its invitation"
    );
    Ok(())
}

pub(super) async fn a_plan_sees_what_is_on_its_way_in_other_batches(stage: Stage) -> Checked {
    let people = stage.persons(2);
    stage.invite(&people[..1]).await?;
    let unconfirmed = stage.plan(Action::Invite, &people[1..]).await?;
    let plan = stage.plan(Action::Invite, &people).await?;
    let first = stage.decision(plan.id, people[0].id).await?;
    same!(first, Decision::Skip(SkipReason::AlreadyQueued), "a person whose message is on its way");
    same!(stage.decision(plan.id, people[1].id).await?, Decision::Send, "a person in another plan");
    stage.batch(unconfirmed.id).await?;
    Ok(())
}

pub(super) async fn a_plan_sees_suppressed_addresses(stage: Stage) -> Checked {
    let user = stage.person();
    suppress(&stage, &user).await?;
    let plan = stage.plan(Action::Invite, std::slice::from_ref(&user)).await?;
    same!(stage.decision(plan.id, user.id).await?, Decision::Skip(SkipReason::Suppressed), "the decision");
    Ok(())
}

pub(super) async fn whoever_got_a_message_within_the_hour_is_invited_by_id_alone(
    mut stage: Stage,
) -> Checked {
    let user = stage.person();
    stage.invited(&user).await?;
    stage.advance(HOUR / 2).await;
    let people = [user.clone()];
    let by_id = stage.plan(Action::Invite, &people).await?;
    same!(stage.decision(by_id.id, user.id).await?, Decision::Send, "chosen by id");
    stage.by_filter = true;
    let by_filter = stage.plan(Action::Invite, &people).await?;
    same!(
        stage.decision(by_filter.id, user.id).await?,
        Decision::Skip(SkipReason::InvitedRecently),
        "chosen by filter"
    );
    stage.advance(HOUR).await;
    let later = stage.plan(Action::Invite, &people).await?;
    same!(stage.decision(later.id, user.id).await?, Decision::Send, "chosen by filter an hour later");
    Ok(())
}

pub(super) async fn a_reminder_joins_the_last_invitation(stage: Stage) -> Checked {
    let users = stage.persons(2);
    let sent = stage.invited(&users[0]).await?;
    stage.advance(DAY * 4).await;
    let plan = stage.plan(Action::Remind, &users).await?;
    let items = stage.items(plan.id).await?;
    same!(items[0].decision, Decision::Send, "for a person who was invited");
    same!(items[0].invitation, Some(sent.claimed.invitation), "the invitation of the reminder");
    same!(items[1].decision, Decision::Skip(SkipReason::NeverInvited), "for a person who was never invited");
    Ok(())
}

pub(super) async fn what_was_before_a_person_returned_does_not_count(stage: Stage) -> Checked {
    let mut user = stage.person();
    stage.invited(&user).await?;
    stage.advance(DAY * 40).await;
    user.returned_at = Some(stage.now().await?);
    stage.put(&user);
    stage.advance(HOUR).await;
    let plan = stage.plan(Action::Remind, std::slice::from_ref(&user)).await?;
    let decision = stage.decision(plan.id, user.id).await?;
    same!(decision, Decision::Skip(SkipReason::NeverInvited), "a reminder of somebody who returned");
    Ok(())
}

pub(super) async fn a_plan_counts_the_languages_of_the_messages_that_it_pins(mut stage: Stage) -> Checked {
    stage.templates = TemplatePins([("invitation/email/ru".to_owned(), "1".to_owned())].into());
    let mut people = stage.persons(6);
    people.push(stage.person_set_up());
    for (user, tag) in people.iter_mut().zip(["ru", "ru-RU", "ru", "cy", "en-GB", "", "ru"]) {
        user.locale = tag.parse().ok();
        stage.put(user);
    }
    people.push(stage.admin.clone());
    people.sort_by_key(|user| user.id);
    let totals = stage.plan(Action::Invite, &people).await?.totals;
    same!(totals.wording.languages, [("en".into(), 3), ("ru".into(), 3)].into(), "languages");
    same!(totals.wording.fallbacks, [("cy → en".into(), 1)].into(), "fallbacks");
    same!(totals.reset_wording.languages, [("en".into(), 1)].into(), "languages of resets");
    same!(totals.reset_wording.fallbacks, [("ru → en".into(), 1)].into(), "fallbacks of resets");
    Ok(())
}

pub(super) async fn a_plan_counts_the_text_messages_that_were_decided(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Sms;
    let mut people = vec![stage.person_by_phone(), stage.person_by_both(), stage.person()];
    let mut set_up = stage.person_by_phone();
    set_up.has_password = true;
    stage.put(&set_up);
    people.push(set_up);
    let totals = stage.plan(Action::Invite, &people).await?.totals;
    same!((totals.send, totals.reset, totals.skipped()), (2, 1, 1), "who gets what");
    let segments = |kind| sms_size(kind).segments as u64;
    same!(totals.wording.sms_segments, 2 * segments(MessageKind::Invitation), "segments of invitations");
    same!(totals.reset_wording.sms_segments, segments(MessageKind::Reset), "segments of resets");
    same!(
        (totals.wording.sms_ucs2, totals.reset_wording.sms_ucs2),
        (0, 1),
        "people whose message needs UCS-2"
    );
    let without = stage.persons(1);
    let by_email = stage.plan(Action::Invite, &without).await?.totals;
    same!(by_email.wording.sms_segments, 0, "segments where nobody gets a text message");
    Ok(())
}

pub(super) async fn a_text_message_that_was_not_measured_is_not_planned(stage: Stage) -> Checked {
    let people = [stage.person_by_phone()];
    let plan = stage.open(Action::Invite, &people).await?;
    let mut page = stage.page(plan.id, None, &people, true);
    page.sms_sizes.remove(&(people[0].id, MessageKind::Invitation));
    let planned = stage.store.plan_page(page).await;
    holds!(planned.is_err_and(|error| error.is_transient()), "the page is refused, to be made again");
    same!(stage.items(plan.id).await?, [], "items");
    let again = stage.page(plan.id, None, &people, true);
    same!(stage.store.plan_page(again).await?.totals.send, 1, "people when it is made again");
    Ok(())
}

pub(super) async fn those_who_share_an_address_are_counted_when_the_plan_is_complete(
    stage: Stage,
) -> Checked {
    let mut people = stage.persons(5);
    people.extend([stage.person_by_phone(), stage.person_by_phone()]);
    for (user, address) in people.iter_mut().zip(["shop@example.com", "a@example.com", "Shop@Example.com"]) {
        user.email = address.parse().ok();
        stage.put(user);
    }
    // Everybody's address, but for a person who is skipped, and another reset.
    let email = people[1].email.clone();
    people[3].email = email;
    people[3].deactivated = true;
    let email = people[1].email.clone();
    people[4].email = email;
    people[4].has_password = true;
    let phone = people[5].phone.clone();
    people[6].phone = phone;
    for user in &people {
        stage.put(user);
    }
    let plan = stage.open(Action::Invite, &people).await?;
    let first = stage.store.plan_page(stage.page(plan.id, None, &people[..2], false)).await?.totals;
    same!(first.shared_addresses, 0, "before all of them are planned");
    let last = stage.page(plan.id, Some(people[1].id), &people[2..], true);
    let totals = stage.store.plan_page(last).await?.totals;
    same!(totals.shared_addresses, 4, "those who share a mailbox or a phone");
    same!(totals.shared_addresses_with_resets, 6, "the same with those whose password is reset");
    Ok(())
}

pub(super) async fn plans_and_batches_come_newest_first_page_by_page(stage: Stage) -> Checked {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stage.plan(Action::Invite, &stage.persons(1)).await?.id);
        stage.tick().await;
    }
    ids.reverse();
    let found = |batches: Vec<crate::model::batch::Batch>| -> Vec<_> {
        batches.into_iter().map(|batch| batch.id).collect()
    };
    same!(found(stage.store.batches(stage.id(), None, 100).await?), ids, "all of them");
    same!(found(stage.store.batches(stage.id(), Some(ids[1]), 2).await?), ids[2..4], "two after the second");
    Ok(())
}

async fn suppress(stage: &Stage, user: &User) -> Checked {
    let address = user.email.as_ref().map(crate::model::contact::EmailAddress::key).unwrap_or_default();
    let change = SuppressionChange {
        actor: stage.actor(),
        channel: Channel::Email,
        address,
        act: SuppressionAct::Put(SuppressionReason::ByHand),
    };
    Ok(stage.store.suppress(change).await?)
}

/// People about whom the decisions differ.
fn population(stage: &Stage) -> Checked<Vec<User>> {
    let plain = stage.person();
    let by_phone = stage.person_by_phone();
    let set_up = stage.person_set_up();
    let mut administrator = stage.person_set_up();
    administrator.role = Role::Administrator;
    let mut deactivated = stage.person();
    deactivated.deactivated = true;
    let mut nowhere = stage.person();
    nowhere.email = None;
    let mut elsewhere = stage.person_set_up();
    elsewhere.elsewhere = true;
    let mut abroad = stage.person_by_phone();
    abroad.phone = Some("+46701234567".to_owned().try_into().map_err(|_| Failure::new("a phone number"))?);
    let people = vec![plain, by_phone, set_up, administrator, deactivated, nowhere, elsewhere, abroad];
    for user in &people {
        stage.put(user);
    }
    Ok(people)
}
