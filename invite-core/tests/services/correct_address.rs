//! Correcting an address.

use invite_core::Invite;
use invite_core::machine::delivery::Report;
use invite_core::model::item::Decision;
use invite_core::model::message::Channel;
use invite_core::model::outcome::{Answer, Concerns};
use invite_core::port::queue::Reported;
use invite_core::service::{Correction, Error, SignedIn, UserStatus};

use crate::support::{World, secret};

#[tokio::test]
async fn a_corrected_address_revokes_what_went_to_the_old_one_and_plans_an_invitation() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let plan = world.plan(Invite::users([anna])).await;
    world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    let lost = world.dispatch().await[0].secret.clone().unwrap();
    let delivery = world.invites.deliveries(&world.admin, plan.id(), None, 10).await.unwrap().rows[0].id;
    let reported = Reported {
        delivery,
        report: Report::Bounced,
        concerns: Concerns::Address,
        answer: Answer::new("550 5.1.1", "no such mailbox"),
    };
    world.invites.report(vec![reported]).await.unwrap();
    assert!(matches!(world.invites.user(&world.admin, anna).await.unwrap().status, UserStatus::Failed(_)));

    // Broken off before it was confirmed, it is asked for again.
    let right = || Correction::Email("anna.right@example.com".parse().unwrap());
    world.invites.correct_address(&world.admin, anna, right()).await.unwrap();
    let plan = world.invites.correct_address(&world.admin, anna, right()).await.unwrap();
    let items = world.invites.items(&world.admin, plan.id(), None, 10).await.unwrap().rows;
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].decision, items[0].channels.as_slice()), (Decision::Send, &[Channel::Email][..]));
    world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    let received = world.dispatch().await;
    assert_eq!(received.len(), 1);
    let now = received[0].secret.clone().unwrap();
    let chosen = secret("a good long password");
    assert_eq!(world.sign_in("anna", &lost, Some(&chosen)).await, SignedIn::Refused);
    assert_eq!(world.sign_in("anna", &now, Some(&chosen)).await, SignedIn::In(anna));
}

#[tokio::test]
async fn nothing_is_changed_where_the_channel_is_not_in_use() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let before = world.invites.user(&world.admin, anna).await.unwrap().user;
    let phone = Correction::Phone("+4791234567".to_owned().try_into().unwrap());
    let refused = world.invites.correct_address(&world.admin, anna, phone).await;
    assert!(matches!(refused, Err(Error::ChannelNotInUse)));
    assert_eq!(world.invites.user(&world.admin, anna).await.unwrap().user, before);
}
