//! Plan and confirm.

use std::collections::BTreeSet;
use std::time::Duration;

use invite_core::model::contact::PhoneNumber;
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::role::Role;
use invite_core::model::selection::{Filter, PeopleFilter};
use invite_core::service::{ConfirmOptions, Error};
use invite_core::{Actor, Invite, Remind};

use crate::support::{World, person, secret};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn what_the_plan_shows_is_what_arrives() {
    let world = World::new().await;
    let mut expected = BTreeSet::new();
    for number in 0..1100 {
        let deactivated = number % 10 == 0;
        let no_contact = number % 10 == 1;
        let id = world
            .add_with(&format!("p{number}"), |user| {
                user.deactivated = deactivated;
                user.email = user.email.take().filter(|_| !no_contact);
            })
            .await;
        if !deactivated && !no_contact {
            expected.insert(id);
        }
    }
    let plan = world.plan(Invite::never_invited()).await;
    let totals = plan.totals();
    assert_eq!((totals.people(), totals.send, totals.reset), (1101, 880, 0));
    assert_eq!(totals.skip[&SkipReason::Deactivated], 110);
    assert_eq!(totals.skip[&SkipReason::NoContact], 110);
    assert_eq!(totals.skip[&SkipReason::Yourself], 1);
    assert_eq!(totals.messages[&Channel::Email], 880);
    assert!(world.dispatch().await.is_empty(), "nothing leaves before it is confirmed");

    world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    assert!(world.dispatch().await.is_empty(), "880 recipients are held for a minute");
    world.wait(Duration::from_secs(61));
    let received = world.dispatch().await;
    assert_eq!(received.iter().map(|message| message.user).collect::<BTreeSet<_>>(), expected);
    assert_eq!(received.len(), expected.len());
    let status = world.invites.batch(&world.admin, plan.id()).await.unwrap();
    assert!(status.finished);
    assert_eq!((status.progress.funnel.recipients, status.progress.funnel.sent), (880, 880));
    assert_eq!(world.plan(Invite::never_invited()).await.totals().send, 0);
}

#[tokio::test]
async fn people_ticked_twice_count_once_and_strangers_are_not_found() {
    let world = World::new().await;
    let (anna, per) = (world.add("Anna").await, world.add("Per").await);
    let stranger = UserId::new();
    let plan = world.plan(Invite::users([per, stranger, anna, per])).await;
    assert_eq!((plan.totals().send, plan.totals().skip[&SkipReason::NotFound]), (2, 1));
    let items = world.invites.items(&world.admin, plan.id(), None, 2).await.unwrap();
    let rest = world.invites.items(&world.admin, plan.id(), items.next, 2).await.unwrap();
    let users: Vec<UserId> = items.rows.iter().chain(&rest.rows).map(|item| item.user).collect();
    let mut sorted = vec![anna, per, stranger];
    sorted.sort();
    assert_eq!((users, rest.next), (sorted, None));
    assert_eq!(world.plan(Invite::users([])).await.totals().people(), 0);
}

#[tokio::test]
async fn a_group_and_a_filter_select_as_they_say() {
    let world = World::new().await;
    for (name, group) in [("Anna", "Oslo"), ("Per", "Bergen"), ("Ida", "oslo")] {
        world.add_with(name, |user| user.group = Some(group.into())).await;
    }
    assert_eq!(world.plan(Invite::group("Oslo")).await.totals().send, 2);
    let people = PeopleFilter { text: Some("per".into()), ..PeopleFilter::default() };
    let filter = Filter { people, ..Filter::default() };
    assert_eq!(world.plan(Invite::matching(filter)).await.totals().send, 1);
    assert_eq!(world.plan(Invite::all()).await.totals().people(), 4);
}

#[tokio::test]
async fn someone_set_up_is_reset_with_consent_and_skipped_without() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    world.sign_in("anna", &temporary, Some(&secret("a good long password"))).await;
    world.wait(2 * HOUR);

    let plan = world.plan(Invite::all()).await;
    assert_eq!((plan.totals().send, plan.totals().reset), (0, 1));
    let words = plan.summary();
    assert!(words.contains("        1  set up already: with consent to resets"), "{words}");
    assert!(words.contains("Messages with consent to resets: 1 e-mail; without: none"), "{words}");
    let batch = world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    assert_eq!((batch.totals.recipients(), batch.totals.skip[&SkipReason::SetUpNeedsConsent]), (0, 1));
    assert!(world.dispatch().await.is_empty());

    let received = world.send(Invite::all()).await;
    assert_eq!(received.iter().map(|message| message.kind).collect::<Vec<_>>(), [MessageKind::Reset]);
}

#[tokio::test]
async fn neither_planner_nor_confirmer_gets_anything() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let ola = world.add_with("Ola", |user| user.role = Role::Administrator).await;
    let plan = world.plan(Invite::all()).await;
    assert_eq!((plan.totals().send, plan.totals().skip[&SkipReason::Yourself]), (2, 1));
    let confirmer = Actor::operator(world.organisation, "Support", ola);
    let batch = world.invites.confirm(&confirmer, plan.id()).await.unwrap();
    assert_eq!((batch.totals.send, batch.totals.skip[&SkipReason::Yourself]), (1, 2));
    let received = world.dispatch().await;
    assert_eq!(received.iter().map(|message| message.user).collect::<Vec<_>>(), [anna]);
}

#[tokio::test]
async fn confirming_twice_is_confirming_once() {
    let world = World::new().await;
    world.add("Anna").await;
    let plan = world.plan(Invite::all()).await;
    let first = world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    let options = ConfirmOptions::new().resets(true);
    let second = world.invites.confirm_with(&world.admin, plan.id(), options).await.unwrap();
    assert_eq!(first.confirmed, second.confirmed);
    assert_eq!(world.dispatch().await.len(), 1);
    let again = world.invites.planned(&world.admin, plan.id()).await;
    assert!(matches!(again, Err(Error::NotFound(_))), "it is no plan any more");
}

#[tokio::test]
async fn a_plan_is_confirmed_within_a_day_or_not_at_all() {
    let world = World::new().await;
    world.add("Anna").await;
    let (early, late) = (world.plan(Invite::all()).await, world.plan(Invite::all()).await);
    world.wait(23 * HOUR);
    assert_eq!(world.invites.planned(&world.admin, early.id()).await.unwrap(), early);
    world.invites.confirm(&world.admin, early.id()).await.unwrap();
    world.wait(2 * HOUR);
    let error = world.invites.confirm(&world.admin, late.id()).await.unwrap_err();
    assert!(matches!(error, Error::PlanExpired), "{error}");
    let error = world.invites.confirm(&world.admin, BatchId::new()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound("plan")), "{error}");
}

#[tokio::test]
async fn a_cancelled_plan_cannot_be_confirmed() {
    let world = World::new().await;
    let plan = world.plan(Invite::all()).await;
    world.invites.cancel(&world.admin, plan.id()).await.unwrap();
    let error = world.invites.confirm(&world.admin, plan.id()).await.unwrap_err();
    assert!(matches!(error, Error::PlanStopped), "{error}");
}

#[tokio::test]
async fn a_channel_that_nothing_can_send_on_is_refused_before_anything_is_planned() {
    let world = World::with(|settings| {
        settings.channels = Channel::ALL.into();
        settings.app_link = None;
    })
    .await;
    let refused =
        async |rule| world.invites.plan(&world.admin, Invite::all().channels(rule)).await.unwrap_err();
    let error = refused(ChannelRule::Sms).await;
    assert!(matches!(error, Error::NoSender(Channel::Sms)), "{error}");
    let error = refused(ChannelRule::Email).await;
    assert!(matches!(error, Error::NoFrom), "{error}");
    let email_only = World::new().await;
    let request = Invite::all().channels(ChannelRule::Sms);
    let error = email_only.invites.plan(&email_only.admin, request).await.unwrap_err();
    assert!(matches!(error, Error::ChannelNotInUse), "{error}");
    assert!(world.invites.batches(&world.admin, None, 10).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn reminders_go_to_those_who_were_invited_and_never_came() {
    let world = World::new().await;
    let (anna, per) = (world.add("Anna").await, world.add("Per").await);
    world.send(Invite::users([anna])).await;
    world.add("Ida").await;
    let plan = world.plan(Remind::never_signed_in()).await;
    assert_eq!(plan.totals().skip[&SkipReason::TooSoon], 1);
    world.wait(4 * 24 * HOUR);
    let received = world.send(Remind::never_signed_in()).await;
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].user, received[0].kind), (anna, MessageKind::Reminder));
    let plan = world.plan(Remind::users([per])).await;
    let items = world.invites.items(&world.admin, plan.id(), None, 10).await.unwrap().rows;
    assert_eq!(items[0].decision, Decision::Skip(SkipReason::NeverInvited));
}

#[tokio::test]
async fn a_suppressed_address_is_skipped_until_it_is_taken_off_the_list() {
    let world = World::new().await;
    world.add("Anna").await;
    world.invites.suppress(&world.admin, Channel::Email, "ANNA@example.com").await.unwrap();
    let list = world.invites.suppressions(&world.admin, None, 10).await.unwrap().rows;
    assert_eq!(list[0].address, "anna@example.com");
    assert_eq!(world.plan(Invite::all()).await.totals().skip[&SkipReason::Suppressed], 1);
    world.invites.unsuppress(&world.admin, Channel::Email, "anna@example.com").await.unwrap();
    assert_eq!(world.plan(Invite::all()).await.totals().send, 1);
    let error = world.invites.suppress(&world.admin, Channel::Sms, "12").await.unwrap_err();
    assert!(matches!(error, Error::Contact(_)), "{error}");
}

#[tokio::test]
async fn messages_go_on_the_channels_that_are_asked_for() {
    let world = World::with(|settings| settings.channels = Channel::ALL.into()).await;
    let phone = PhoneNumber::parse("912 34 567", Some("NO".parse().unwrap())).unwrap();
    world.invites.add_user(&world.admin, person("Anna", |user| user.phone = Some(phone))).await.unwrap();
    let request = Invite::all().channels(ChannelRule::Email);
    assert_eq!(world.send(request).await.iter().map(|m| m.channel).collect::<Vec<_>>(), [Channel::Email]);
}
