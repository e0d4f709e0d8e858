//! Set-up links.

use std::time::Duration;

use futures_util::future::join_all;
use invite_core::model::credential::CredentialKind;
use invite_core::model::invitation::RevokeReason;
use invite_core::port::redemption::LinkState;
use invite_core::service::{Acceptance, Error, SignedIn};

use crate::support::{World, secret};

const NEW: &str = "correct horse battery";

async fn world() -> World {
    World::with(|settings| {
        settings.credential = CredentialKind::SetUpLink;
        settings.link_pattern = Some("https://app.example.com/welcome#{token}".parse().unwrap());
    })
    .await
}

#[tokio::test]
async fn reading_a_link_changes_nothing_and_using_it_sets_the_password() {
    let world = world().await;
    let anna = world.add("Anna").await;
    let token = world.secret_for(anna).await;
    for _ in 0..3 {
        let view = world.invites.inspect_link(&token).await.unwrap().unwrap();
        assert!(matches!(view.state, LinkState::Open { .. }));
        assert_eq!(view.organisation.settings.name, "Rema");
        assert_eq!(view.invitee.unwrap().sign_in_name.as_deref(), Some("anna"));
    }
    let accepted = world.invites.accept(&token, &secret(NEW)).await.unwrap();
    assert_eq!(accepted, Acceptance::Accepted { organisation: world.organisation, user: anna });
    assert_eq!(world.sign_in("anna", &secret(NEW), None).await, SignedIn::In(anna));
    let view = world.invites.inspect_link(&token).await.unwrap().unwrap();
    assert_eq!((view.state, view.invitee), (LinkState::Used, None));
}

#[tokio::test]
async fn of_many_who_use_a_link_at_once_one_is_accepted() {
    let world = world().await;
    let anna = world.add("Anna").await;
    let token = world.secret_for(anna).await;
    let new = secret(NEW);
    let answers = join_all((0..8).map(|_| world.invites.accept(&token, &new))).await;
    let accepted = answers.iter().filter(|a| matches!(a, Ok(Acceptance::Accepted { .. }))).count();
    assert_eq!(accepted, 1, "{answers:?}");
    let again = world.invites.accept(&token, &secret(NEW)).await.unwrap();
    assert_eq!(again, Acceptance::Not(LinkState::Used));
}

#[tokio::test]
async fn a_link_that_is_none_or_too_old_or_of_somebody_who_left_is_refused() {
    let world = world().await;
    let (anna, per) = (world.add("Anna").await, world.add("Per").await);
    let (for_anna, for_per) = (world.secret_for(anna).await, world.secret_for(per).await);
    for text in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(world.invites.inspect_link(&secret(text)).await.unwrap(), None);
        let answer = world.invites.accept(&secret(text), &secret(NEW)).await.unwrap();
        assert_eq!(answer, Acceptance::Unknown);
    }
    world.invites.change_user(&world.admin, per, |user| user.deactivated = true).await.unwrap();
    let answer = world.invites.accept(&for_per, &secret(NEW)).await.unwrap();
    assert_eq!(answer, Acceptance::Not(LinkState::Revoked(RevokeReason::Deactivated)));
    world.wait(Duration::from_hours(8 * 24));
    let answer = world.invites.accept(&for_anna, &secret(NEW)).await.unwrap();
    assert_eq!(answer, Acceptance::Not(LinkState::Expired));
    let error = world.invites.accept(&for_anna, &secret("short")).await.unwrap_err();
    assert!(matches!(error, Error::NewPassword(_)), "{error}");
}
