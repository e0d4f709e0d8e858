//! A fresh credential, asked for by the invitee.

use std::time::Duration;

use invite_core::Invite;
use invite_core::credential::random::system_random;
use invite_core::credential::{LinkToken, Secret};
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::UserId;
use invite_core::model::organisation::Settings;
use invite_core::service::{Acceptance, Error, FreshAnswer, FreshRequest};

use crate::support::{World, secret};

const DAY: Duration = Duration::from_hours(24);
const NEW: &str = "correct horse battery";

fn links(settings: &mut Settings) {
    settings.credential = CredentialKind::SetUpLink;
    settings.link_pattern = Some("https://app.example.com/welcome#{token}".parse().unwrap());
}

async fn ask(world: &World, request: FreshRequest, source: &str) -> FreshAnswer {
    world.invites.request_fresh(world.organisation, request, source).await.unwrap()
}

async fn ask_by_link(world: &World, token: &Secret) -> Option<Secret> {
    assert_eq!(ask(world, FreshRequest::Link(token.clone()), "").await, FreshAnswer::Noted);
    let mut received = world.dispatch().await;
    assert!(received.len() <= 1);
    received.pop().and_then(|message| message.secret)
}

#[tokio::test]
async fn an_expired_link_brings_a_fresh_one_and_so_does_one_that_was_replaced() {
    let world = World::with(links).await;
    let anna = world.add("Anna").await;
    let first = world.secret_for(anna).await;
    assert!(ask_by_link(&world, &first).await.is_none(), "it works: nothing is sent");
    world.wait(8 * DAY);
    let second = ask_by_link(&world, &first).await.unwrap();
    world.wait(8 * DAY);
    let third = ask_by_link(&world, &first).await.unwrap();
    assert!(ask_by_link(&world, &second).await.is_some(), "replaced by the third");
    let answer = world.invites.accept(&third, &secret(NEW)).await.unwrap();
    assert!(matches!(answer, Acceptance::Not(_)), "replaced in its turn: {answer:?}");
}

#[tokio::test]
async fn a_link_that_was_revoked_or_used_brings_nothing() {
    for change in ["new address", "deactivated", "used", "recalled"] {
        let world = World::with(links).await;
        let anna = world.add("Anna").await;
        let link = world.secret_for(anna).await;
        match change {
            "new address" => {
                let other = "other@example.com".parse().ok();
                world.invites.change_user(&world.admin, anna, |user| user.email = other).await.unwrap();
            }
            "deactivated" => {
                world.invites.change_user(&world.admin, anna, |user| user.deactivated = true).await.unwrap();
            }
            "used" => drop(world.invites.accept(&link, &secret(NEW)).await.unwrap()),
            _ => {
                let batch = world.invites.batches(&world.admin, None, 1).await.unwrap().rows.remove(0);
                world.invites.recall(&world.admin, batch.id).await.unwrap();
            }
        }
        world.wait(8 * DAY);
        assert!(ask_by_link(&world, &link).await.is_none(), "{change}");
    }
}

#[tokio::test]
async fn the_answer_is_the_same_for_everybody_and_nobody() {
    let world = World::new().await;
    for name in ["Invited", "SetUp", "Never", "Left"] {
        let id = world.add(name).await;
        match name {
            "Invited" => drop(world.secret_for(id).await),
            "SetUp" => {
                let temporary = world.secret_for(id).await;
                world.sign_in("setup", &temporary, Some(&secret(NEW))).await;
            }
            "Left" => {
                world.secret_for(id).await;
                world.invites.change_user(&world.admin, id, |user| user.deactivated = true).await.unwrap();
            }
            _ => {}
        }
    }
    world.wait(DAY);
    // More often than any of them is heard.
    for name in ["invited", "setup", "never", "left", "nobody", "", "x@y"] {
        for _ in 0..5 {
            assert_eq!(ask(&world, FreshRequest::Name(name.into()), "").await, FreshAnswer::Noted, "{name}");
        }
    }
    let token = LinkToken::mint(&mut system_random().unwrap()).into_secret();
    for token in [token, secret("no token")] {
        assert_eq!(ask(&world, FreshRequest::Link(token), "").await, FreshAnswer::Noted);
    }
    assert_eq!(ask(&world, FreshRequest::Person(UserId::new()), "").await, FreshAnswer::Noted);
    let received = world.dispatch().await;
    assert_eq!(received.len(), 1, "to the one who waits for a credential");
}

#[tokio::test]
async fn an_address_that_asks_too_often_waits_whomever_it_asks_for() {
    let world = World::new().await;
    world.add("Anna").await;
    for number in 0..100 {
        let name = if number % 2 == 0 { "anna".to_owned() } else { format!("nobody{number}") };
        assert_eq!(ask(&world, FreshRequest::Name(name), "192.0.2.1").await, FreshAnswer::Noted);
    }
    for name in ["anna", "nobody", "admin"] {
        let answer = ask(&world, FreshRequest::Name(name.into()), "192.0.2.1").await;
        assert_eq!(answer, FreshAnswer::Wait(Duration::from_hours(1)));
        assert_eq!(answer.to_string(), "Too many requests from here: ask again in 60 min");
    }
    assert_eq!(ask(&world, FreshRequest::Name("anna".into()), "192.0.2.2").await, FreshAnswer::Noted);
    world.wait(Duration::from_hours(1));
    assert_eq!(ask(&world, FreshRequest::Name("anna".into()), "192.0.2.1").await, FreshAnswer::Noted);
}

#[tokio::test]
async fn the_system_is_audited_with_what_was_asked_and_the_story_has_it() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    world.send(Invite::users([anna])).await;
    world.wait(DAY);
    ask(&world, FreshRequest::Name("anna".into()), "192.0.2.1").await;
    ask(&world, FreshRequest::Name("anna".into()), "192.0.2.1").await;
    let audit = world.invites.audit(&world.admin, None, 100).await.unwrap().rows;
    let lines: Vec<_> = audit.iter().filter(|line| line.what == "fresh_requested").collect();
    assert!(lines.iter().all(|line| line.actor.user().is_none() && line.subject == anna.to_string()));
    let details: Vec<_> = lines.iter().map(|line| line.details.as_str()).collect();
    assert_eq!(details, ["by name, skipped: already_queued", "by name, confirmed"]);
    assert!(!format!("{audit:?}").contains("192.0.2.1"));
    let story = world.invites.story(&world.admin, anna).await.unwrap().to_string();
    assert!(
        story.contains(
            "fresh invitation, asked for with their name or link, planned: send, e-mail, by the system"
        ),
        "{story}"
    );
}

#[tokio::test]
async fn a_host_with_people_of_its_own_looks_for_the_name_itself() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    world.secret_for(anna).await;
    let builder = invite_core::Invites::builder_with(world.store.clone(), world.store.clone());
    let host = crate::support::finished(builder, &world.key);
    let by_name = host.request_fresh(world.organisation, FreshRequest::Name("anna".into()), "").await;
    assert!(matches!(by_name, Err(Error::NoPeople)));
    let answer = host.request_fresh(world.organisation, FreshRequest::Person(anna), "").await.unwrap();
    assert_eq!(answer, FreshAnswer::Noted);
    assert_eq!(world.dispatch().await.len(), 1);
}
