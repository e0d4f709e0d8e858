//! Whoever comes back after 30 days or more deactivated begins anew; before that, nothing is forgotten.

use std::time::Duration;

use invite_core::decision::person_match::ImportMode;
use invite_core::model::id::UserId;
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::selection::{Filter, HistoryFilter};
use invite_core::model::sign_in::SignInMethod;
use invite_core::service::{ImportOptions, SignedIn, UserStatus};
use invite_core::{Invite, Remind, Secret};

use crate::support::{World, secret};

/// A way to come back.
#[derive(Debug, Clone, Copy)]
enum By {
    Edit,
    Import,
    Sync,
}

const DAY: Duration = Duration::from_hours(24);

async fn deactivate(world: &World, user: UserId, deactivated: bool) {
    world.invites.change_user(&world.admin, user, |user| user.deactivated = deactivated).await.unwrap();
}

async fn come_back(world: &World, user: UserId, by: By) {
    let (mode, reactivate) = match by {
        By::Edit => return deactivate(world, user, false).await,
        By::Import => (ImportMode::Upsert, true),
        By::Sync => (ImportMode::Sync, false),
    };
    let options = ImportOptions { mode, reactivate, ..ImportOptions::default() };
    let report =
        world.invites.import(&world.admin, "username\nanna\nkari\n".as_bytes(), options).await.unwrap();
    assert_eq!(report.reactivated, 1);
}

async fn decision(world: &World, request: invite_core::service::PlanRequest) -> Decision {
    let plan = world.plan(request).await;
    world.invites.items(&world.admin, plan.id(), None, 10).await.unwrap().rows[0].decision
}

/// Anna, who has chosen a password, and was deactivated for so many days.
async fn back_after(days: u32, by: By) -> (World, UserId, Secret) {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    let chosen = secret("rain over the fjord");
    assert_eq!(world.sign_in("anna", &temporary, Some(&chosen)).await, SignedIn::In(anna));
    deactivate(&world, anna, true).await;
    world.wait(DAY * days);
    come_back(&world, anna, by).await;
    (world, anna, chosen)
}

#[tokio::test]
async fn after_29_days_everything_is_as_it_was() {
    for by in [By::Edit, By::Import, By::Sync] {
        let (world, anna, chosen) = back_after(29, by).await;
        let row = world.invites.user(&world.admin, anna).await.unwrap();
        assert_eq!((row.status, row.user.has_password), (UserStatus::SignedIn, true), "{by:?}");
        assert_eq!(row.user.returned_at, None);
        assert_eq!(decision(&world, Invite::users([anna])).await, Decision::SendWithReset, "{by:?}");
        let remind = decision(&world, Remind::users([anna])).await;
        assert_eq!(remind, Decision::Skip(SkipReason::AlreadySetUp), "{by:?}");
        assert_eq!(world.sign_in("anna", &chosen, None).await, SignedIn::In(anna), "{by:?}");
    }
}

#[tokio::test]
async fn after_30_days_neither_the_password_nor_an_invitation_from_before_counts() {
    for by in [By::Edit, By::Import, By::Sync] {
        let (world, anna, chosen) = back_after(30, by).await;
        let row = world.invites.user(&world.admin, anna).await.unwrap();
        assert_eq!((row.status, row.user.has_password), (UserStatus::NeverInvited, false), "{by:?}");
        assert_eq!(row.user.returned_at, Some(world.now().await));
        let never = HistoryFilter { never_invited: true, never_signed_in: true, ..HistoryFilter::default() };
        let filter = Filter { history: never, ..Filter::default() };
        let found = world.invites.users(&world.admin, filter, None, 10).await.unwrap().rows;
        assert!(found.iter().any(|row| row.user.id == anna), "{by:?}");
        assert_eq!(world.sign_in("anna", &chosen, None).await, SignedIn::Refused, "{by:?}");
        let remind = decision(&world, Remind::users([anna])).await;
        assert_eq!(remind, Decision::Skip(SkipReason::NeverInvited), "{by:?}");
        assert_eq!(decision(&world, Invite::users([anna])).await, Decision::Send, "{by:?}");

        // A fresh invitation works as the first one did, and so does its reminder.
        world.secret_for(anna).await;
        world.wait(DAY * 4);
        let reminded = world.send(Remind::users([anna])).await;
        let temporary = reminded[0].secret.clone().unwrap();
        let new = secret("wind in the birches");
        assert_eq!(world.sign_in("anna", &temporary, Some(&new)).await, SignedIn::In(anna), "{by:?}");
    }
}

#[tokio::test]
async fn an_invitation_from_before_stays_revoked_whenever_its_person_comes_back() {
    for days in [1, 30] {
        let world = World::new().await;
        let anna = world.add("Anna").await;
        let temporary = world.secret_for(anna).await;
        deactivate(&world, anna, true).await;
        world.wait(DAY * days);
        deactivate(&world, anna, false).await;
        assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::Refused);
        let remind = decision(&world, Remind::users([anna])).await;
        let expected = if days < 30 { SkipReason::InvitationRevoked } else { SkipReason::NeverInvited };
        assert_eq!(remind, Decision::Skip(expected));
        assert_eq!(decision(&world, Invite::users([anna])).await, Decision::Send);
    }
}

#[tokio::test]
async fn whoever_comes_back_to_the_company_account_needs_no_invitation() {
    let (world, anna, _) = back_after(30, By::Sync).await;
    world
        .invites
        .change_user(&world.admin, anna, |user| user.sign_in = Some(SignInMethod::Sso))
        .await
        .unwrap();
    let invite = decision(&world, Invite::users([anna])).await;
    assert_eq!(invite, Decision::Skip(SkipReason::SignsInWithSso));
    assert_eq!(world.invites.user(&world.admin, anna).await.unwrap().status, UserStatus::SignsInWithSso);
}

#[tokio::test]
async fn each_absence_counts_for_itself() {
    let (world, anna, chosen) = back_after(20, By::Edit).await;
    deactivate(&world, anna, true).await;
    world.wait(DAY * 20);
    deactivate(&world, anna, false).await;
    assert_eq!(world.sign_in("anna", &chosen, None).await, SignedIn::In(anna), "twice 20 days are not 30");
}
