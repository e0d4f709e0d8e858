//! Batches.

use std::time::Duration;

use invite_core::Invite;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::event::EventCursor;
use invite_core::service::{ConfirmOptions, Error};

use crate::support::World;

#[tokio::test]
async fn a_paused_batch_waits_and_goes_on_when_it_is_resumed() {
    let world = World::new().await;
    world.add("Anna").await;
    let plan = world.plan(Invite::all()).await;
    let options = ConfirmOptions::new().hold(Duration::ZERO);
    world.invites.confirm_with(&world.admin, plan.id(), options).await.unwrap();
    let paused = world.invites.pause(&world.admin, plan.id(), "wrong subject").await.unwrap();
    assert_eq!((paused.state, paused.paused_because.as_deref()), (BatchState::Paused, Some("wrong subject")));
    assert!(world.dispatch().await.is_empty());
    assert!(!world.invites.batch(&world.admin, plan.id()).await.unwrap().finished);
    world.invites.resume(&world.admin, plan.id()).await.unwrap();
    assert_eq!(world.dispatch().await.len(), 1);
    let status = world.invites.batch(&world.admin, plan.id()).await.unwrap();
    assert!(status.finished);
    assert_eq!(status.progress.states[&DeliveryState::Sent], 1);
    let deliveries = world.invites.deliveries(&world.admin, plan.id(), None, 10).await.unwrap().rows;
    assert_eq!(deliveries[0].address.as_deref(), Some("anna@example.com"));
}

#[tokio::test]
async fn a_cancelled_batch_sends_nothing_more() {
    let world = World::new().await;
    world.add("Anna").await;
    let plan = world.plan(Invite::all()).await;
    world.invites.confirm(&world.admin, plan.id()).await.unwrap();
    world.invites.cancel(&world.admin, plan.id()).await.unwrap();
    assert!(world.dispatch().await.is_empty());
    let error = world.invites.resume(&world.admin, plan.id()).await.unwrap_err();
    assert!(matches!(error, Error::BatchState(_)), "{error}");
}

#[tokio::test]
async fn what_happened_can_be_read_as_events_and_as_audit() {
    let world = World::new().await;
    world.add("Anna").await;
    world.send(Invite::all()).await;
    let events = world.invites.events(EventCursor::default(), 100).await.unwrap();
    let names: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_value(&event.what).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["invited", "batch_finished"]);
    let rest = world.invites.events(events[0].cursor, 100).await.unwrap();
    assert_eq!(rest.len(), 1);
    let audit = world.invites.audit(&world.admin, None, 2).await.unwrap();
    assert_eq!(audit.rows[0].what, "batch_confirmed");
    assert!(world.invites.audit(&world.admin, audit.next, 100).await.unwrap().rows.len() >= 2);
}
