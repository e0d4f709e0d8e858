//! The list of people.

use std::time::Duration;

use invite_core::model::role::Role;
use invite_core::model::selection::{Filter, HistoryFilter};
use invite_core::service::{Error, UserStatus};
use invite_core::{Invite, Remind};

use crate::support::{World, person, secret};

#[tokio::test]
async fn the_status_follows_a_person_from_the_first_message_to_the_first_sign_in() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let status = async || world.invites.user(&world.admin, anna).await.unwrap().status;
    assert_eq!(status().await, UserStatus::NeverInvited);
    let plan = world.plan(Invite::users([anna])).await;
    world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    assert_eq!(status().await, UserStatus::OnItsWay);
    world.dispatch().await;
    assert_eq!(status().await, UserStatus::Invited);
    world.wait(Duration::from_hours(4 * 24));
    let received = world.send(Remind::users([anna])).await;
    assert_eq!(status().await, UserStatus::Reminded);
    let temporary = received[0].secret.clone().unwrap();
    world.sign_in("anna", &temporary, Some(&secret("a good long password"))).await;
    let row = world.invites.user(&world.admin, anna).await.unwrap();
    assert_eq!(row.status, UserStatus::SignedIn);
    assert!(row.last_reminder_at > row.last_invited_at);
    world.invites.change_user(&world.admin, anna, |user| user.deactivated = true).await.unwrap();
    assert_eq!(status().await, UserStatus::Deactivated);
}

#[tokio::test]
async fn a_search_by_history_reads_on_until_its_page_is_full() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..1201 {
        ids.push(world.add(&format!("p{number}")).await);
    }
    let rare: Vec<_> = ids.iter().copied().step_by(300).collect();
    let invited = ids.iter().copied().filter(|id| !rare.contains(id));
    world.send(Invite::users(invited)).await;
    world.wait(Duration::from_secs(61));
    world.dispatch().await;

    let history = HistoryFilter { never_invited: true, ..HistoryFilter::default() };
    let filter = Filter { history, ..Filter::default() };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.invites.users(&world.admin, filter.clone(), after, 2).await.unwrap();
        assert!(page.rows.len() <= 2);
        found.extend(page.rows.into_iter().map(|row| row.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected = rare;
    expected.push(world.admin.user().unwrap());
    expected.sort();
    assert_eq!(found, expected);

    let (mut all, mut after) = (0, None);
    loop {
        let page = world.invites.users(&world.admin, Filter::default(), after, 100).await.unwrap();
        all += page.rows.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all, 1202);
}

#[tokio::test]
async fn who_is_entered_by_hand_is_checked_like_an_upload() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let again = person("Anna", |_| {});
    let error = world.invites.add_user(&world.admin, again).await.unwrap_err();
    assert!(matches!(error, Error::Taken { column: "username", by } if by == anna), "{error}");
    let same = person("Per", |user| user.id = anna);
    assert!(matches!(world.invites.add_user(&world.admin, same).await, Err(Error::AlreadyThere)));
    let hostile = person("Eve", |user| user.first_name = "Eve\r\nBcc: all".into());
    let error = world.invites.add_user(&world.admin, hostile).await.unwrap_err();
    assert!(matches!(error, Error::Text { column: "first name", .. }), "{error}");
    let promote = |user: &mut invite_core::model::user::User| user.role = Role::Administrator;
    world.invites.change_user(&world.admin, anna, promote).await.unwrap();
    assert!(world.invites.user(&world.admin, anna).await.unwrap().user.role.is_administrator());
}
