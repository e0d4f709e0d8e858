//! Contact is not identity: a mailbox may be a shop's, and a phone a family's.

use std::time::Duration;

use invite_core::Invite;
use invite_core::model::id::UserId;
use invite_core::service::{FreshAnswer, FreshRequest, SignedIn};

use crate::support::{World, secret};

const NEW: &str = "correct horse battery";

/// Two people with one mailbox and one phone, each with a user name.
async fn two(world: &World) -> [UserId; 2] {
    let mut both = [UserId::new(); 2];
    for (id, name) in both.iter_mut().zip(["Anna", "Bo"]) {
        *id = world
            .add_with(name, |user| {
                user.email = Some("Shop@example.com".parse().unwrap());
                user.phone = invite_core::model::contact::PhoneNumber::parse("+47 912 34 567", None).ok();
            })
            .await;
    }
    both
}

#[tokio::test]
async fn two_people_with_one_mailbox_get_a_message_and_a_credential_each() {
    let world = World::new().await;
    let [anna, bo] = two(&world).await;
    let received = world.send(Invite::users([anna, bo])).await;
    let of = |user| {
        let mut own = received.iter().filter(|message| message.user == user);
        (own.next().unwrap().secret.clone().unwrap(), own.count())
    };
    let ((of_anna, none), (of_bo, more)) = (of(anna), of(bo));
    assert_eq!((none, more), (0, 0));
    assert_ne!(of_anna.expose(), of_bo.expose());
    assert_eq!(world.sign_in("bo", &of_anna, None).await, SignedIn::Refused);
    assert_eq!(world.sign_in("anna", &of_anna, Some(&secret(NEW))).await, SignedIn::In(anna));
    assert_eq!(world.sign_in("bo", &of_bo, None).await, SignedIn::MustChangePassword);
}

#[tokio::test]
async fn a_shared_address_is_nobodys_name() {
    let world = World::new().await;
    let [anna, bo] = two(&world).await;
    let received = world.send(Invite::users([anna, bo])).await;
    for name in ["shop@example.com", "+4791234567"] {
        for message in &received {
            let answer = world.sign_in(name, message.secret.as_ref().unwrap(), None).await;
            assert_eq!(answer, SignedIn::Refused, "{name}");
        }
    }
}

#[tokio::test]
async fn asking_by_a_shared_address_sends_nothing_and_asking_by_ones_own_name_sends_ones_own() {
    let world = World::new().await;
    let [anna, bo] = two(&world).await;
    world.send(Invite::users([anna, bo])).await;
    world.wait(Duration::from_hours(8 * 24));
    let ask = async |name: &str| {
        let request = FreshRequest::Name(name.into());
        let answer = world.invites.request_fresh(world.organisation, request, "").await.unwrap();
        assert_eq!(answer, FreshAnswer::Noted);
        world.dispatch().await
    };
    for shared in ["shop@example.com", " SHOP@Example.com ", "+47 912 34 567"] {
        assert!(ask(shared).await.is_empty(), "{shared}");
    }
    let received = ask("bo").await;
    assert_eq!(received.iter().map(|message| message.user).collect::<Vec<_>>(), [bo]);
    let temporary = received[0].secret.clone().unwrap();
    assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::Refused);
    assert_eq!(world.sign_in("bo", &temporary, Some(&secret(NEW))).await, SignedIn::In(bo));
}

#[tokio::test]
async fn whoever_moves_out_of_a_shared_mailbox_takes_nothing_from_who_stays() {
    let world = World::new().await;
    let [anna, bo] = two(&world).await;
    let received = world.send(Invite::users([anna, bo])).await;
    let own = "anna@example.com".parse().ok();
    world.invites.change_user(&world.admin, anna, |user| user.email = own).await.unwrap();
    for message in &received {
        let (name, expected) = if message.user == anna {
            ("anna", SignedIn::Refused)
        } else {
            ("bo", SignedIn::MustChangePassword)
        };
        assert_eq!(world.sign_in(name, message.secret.as_ref().unwrap(), None).await, expected, "{name}");
    }
}
