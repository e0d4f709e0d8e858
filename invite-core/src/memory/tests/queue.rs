//! Claims, fencing, poison, the breaker, the brake, fairness, recall and leaving.

use super::world::{World, accepted, refused};
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::batch::BatchState;
use crate::model::delivery::{DeliveryState as S, EndReason};
use crate::model::event::Happening;
use crate::model::id::CredentialId;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::organisation::ChannelRule;
use crate::model::outcome::{Answer, Concerns, Outcome, Refusal, Scope};
use crate::policy::Policy;
use crate::port::queue::{Begun, Queue, Reported};
use crate::port::records::Records;
use crate::port::redemption::Redemption;

#[tokio::test]
async fn a_worker_whose_lease_has_passed_on_changes_nothing() {
    let world = World::new().await;
    let people = world.people(1).await;
    let batch = world.batch(Action::Invite, &people).await;
    let late = world.claim(1).await;
    assert_eq!(late.deliveries.len(), 1);
    assert!(world.claim(1).await.deliveries.is_empty());

    world.clock.advance(world.policy.lease);
    assert!(matches!(world.begin(&late).await[..], [Begun::Fenced]));
    assert_eq!(world.store.renew(vec![late.token], world.policy.lease).await.unwrap(), [false]);
    let taken = world.claim(1).await;
    assert!(taken.alone);
    let id = taken.deliveries[0].id;
    assert!(matches!(world.begin(&taken).await[..], [Begun::Go(_)]));
    assert_eq!(world.record(late.token, id, accepted()).await, None);
    assert_eq!(world.states(batch).await, [(S::HandingOver, 1)].into());

    // A late outcome is true as long as nobody else has taken the message.
    world.clock.advance(world.policy.lease);
    assert_eq!(world.record(taken.token, id, accepted()).await, Some(S::Sent));
}

#[tokio::test]
async fn survivors_of_a_group_that_died_go_one_by_one_and_poison_dies_alone() {
    let world = World::new().await;
    let people = world.people(4).await;
    let batch = world.batch(Action::Invite, &people).await;
    let poison = world.claim(10).await.deliveries[2].id;
    let mut sent = 0;
    while world.states(batch).await.contains_key(&S::Queued)
        || world.states(batch).await.contains_key(&S::Claimed)
    {
        world.clock.advance(world.policy.lease);
        let claimed = world.claim(10).await;
        match &claimed.deliveries[..] {
            [] => {}
            [one] if one.id == poison => assert!(claimed.alone),
            [_] => sent += world.send(&claimed, &accepted()).await,
            several => panic!("{} suspects in one claim", several.len()),
        }
    }
    assert_eq!(sent, 3);
    let dead: Vec<_> =
        world.deliveries(batch).await.into_iter().filter(|delivery| delivery.state == S::Failed).collect();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].id, dead[0].reason), (poison, Some(EndReason::StoppedItsWorker)));
    assert_eq!(dead[0].attempts, world.policy.email.at_most);
    assert!(matches!(world.events().await.last(), Some(Happening::BatchFinished { .. })));
}

#[tokio::test]
async fn identical_policy_refusals_block_the_sender_and_go_back_to_the_queue() {
    let mut world = World::new().await;
    world.policy = Policy { breaker: 3, ..world.policy };
    let people = world.people(5).await;
    let batch = world.batch(Action::Invite, &people).await;
    for _ in 0..3 {
        let claimed = world.claim(1).await;
        world.send(&claimed, &refused(Refusal::Policy)).await;
    }
    assert_eq!(world.states(batch).await, [(S::Queued, 5)].into());
    assert!(world.claim(10).await.deliveries.is_empty(), "the sender is blocked");
    let waiting = world.store.waiting().await.unwrap();
    assert_eq!((waiting.due, waiting.later, waiting.next_in), (0, 5, Some(world.policy.probe_every)));

    world.clock.advance(world.policy.probe_every);
    assert_eq!(world.store.waiting().await.unwrap().due, 1);
    let probe = world.claim(10).await;
    assert_eq!(probe.deliveries.len(), 1);
    assert!(world.claim(10).await.deliveries.is_empty(), "one probe at a time");
    world.send(&probe, &accepted()).await;
    assert_eq!(world.send_all(&accepted()).await, 4);
    let events = world.events().await;
    let paused = events.iter().filter(|event| matches!(event, Happening::SenderPaused { .. })).count();
    let resumed = events.iter().filter(|event| matches!(event, Happening::SenderResumed { .. })).count();
    assert_eq!((paused, resumed), (1, 1));
    assert!(world.store.sender_pauses().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_throttle_slows_its_destination_alone_and_passes_by_itself() {
    let world = World::new().await;
    let people = world.people(2).await;
    world.change(people[1], |user| user.email = Some("p@other.example".parse().unwrap())).await;
    world.batch(Action::Invite, &people).await;
    let answer = Answer::new("421", "slow down");
    let throttled = Outcome::Throttled { retry_after: None, scope: Scope::RecipientDomain, answer };
    let first = world.claim(1).await;
    world.send(&first, &throttled).await;
    assert_eq!(world.send_all(&accepted()).await, 1);
    world.clock.advance(world.policy.throttle_pause);
    assert_eq!(world.send_all(&accepted()).await, 1);
}

#[tokio::test]
async fn the_brake_pauses_a_batch_until_somebody_resumes_it() {
    let mut world = World::new().await;
    world.policy = Policy { brake_from: 4, brake_percent: 50, ..world.policy };
    let people = world.people(6).await;
    let batch = world.batch(Action::Invite, &people).await;
    for outcome in [accepted(), refused(Refusal::Recipient), accepted(), refused(Refusal::Content)] {
        let claimed = world.claim(1).await;
        world.send(&claimed, &outcome).await;
    }
    assert!(world.claim(10).await.deliveries.is_empty());
    let because = "brake: 2 of 4 messages failed".to_owned();
    assert!(world.events().await.contains(&Happening::BatchPaused { batch, because }));
    assert_eq!(world.change_batch(batch, BatchEvent::Resume).await.state, BatchState::Running);
    assert_eq!(world.send_all(&accepted()).await, 2);
}

#[tokio::test]
async fn a_huge_batch_leaves_room_for_another_organisation() {
    let huge = World::new().await;
    huge.batch(Action::Invite, &huge.people(50).await).await;
    let small = huge.neighbour().await;
    small.batch(Action::Invite, &small.people(2).await).await;
    let organisations = async |limit| {
        let claimed = huge.claim(limit).await;
        claimed.deliveries.iter().map(|one| one.organisation == small.organisation).collect::<Vec<_>>()
    };
    assert_eq!(organisations(3).await.iter().filter(|small| **small).count(), 1);
    assert_eq!(organisations(1).await, [true], "one at a time too");
    assert_eq!(organisations(10).await.len(), 10);
}

#[tokio::test]
async fn a_recall_is_seen_before_the_sweep_and_swept_afterwards() {
    let world = World::new().await;
    let people = world.people(2).await;
    world.set_password(people[0], CredentialId::new(), 1).await;
    let batch = world.batch(Action::Invite, &people).await;
    let claimed = world.claim(1).await;
    world.send(&claimed, &accepted()).await;
    let invited = claimed.deliveries[0].user;
    assert_eq!(invited, people[0]);
    let counts =
        async || world.store.own_password_counts(world.organisation, vec![invited]).await.unwrap()[0];
    assert!(!counts().await);
    assert_eq!(world.store.open_passwords(world.organisation, invited).await.unwrap().len(), 1);

    world.change_batch(batch, BatchEvent::Recall).await;
    assert!(counts().await);
    assert!(world.store.open_passwords(world.organisation, invited).await.unwrap().is_empty());
    assert!(world.claim(10).await.deliveries.is_empty());
    let recalled = InvitationState::Revoked(RevokeReason::Recalled);
    assert_eq!(world.person(invited).await.invitations[0].state, recalled);

    world.sweep().await;
    assert_eq!(world.states(batch).await, [(S::Sent, 1), (S::Cancelled, 1)].into());
    let record = world.person(invited).await;
    assert_eq!((record.invitations[0].state, record.retired), (recalled, None));
    let restored = Happening::PasswordRestored { user: invited, invitation: record.invitations[0].id };
    assert!(world.events().await.contains(&restored));
}

#[tokio::test]
async fn leaving_revokes_and_cancels_in_the_same_transaction() {
    let world = World::new().await;
    let people = world.people(3).await;
    let batch = world.batch(Action::Invite, &people).await;
    let claimed = world.claim(1).await;
    world.send(&claimed, &accepted()).await;
    world.change(people[0], |user| user.deactivated = true).await;
    world.change(people[1], |user| user.email = Some("new@example.com".parse().unwrap())).await;
    world.change(people[2], |user| user.email = Some("P2@Example.com".parse().unwrap())).await;
    let deactivated = InvitationState::Revoked(RevokeReason::Deactivated);
    assert_eq!(world.person(people[0]).await.invitations[0].state, deactivated);
    let reasons: Vec<_> = world.deliveries(batch).await.into_iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [None, Some(EndReason::AddressChanged), None]);
}

#[tokio::test]
async fn reports_come_in_any_order_and_count_once() {
    let world = World::new().await;
    let people = world.people(1).await;
    world.set_password(people[0], CredentialId::new(), 1).await;
    world.batch(Action::Invite, &people).await;
    let claimed = world.claim(1).await;
    world.begin(&claimed).await;
    let delivery = claimed.deliveries[0].id;
    let bounced = Reported {
        delivery,
        report: Report::Bounced,
        concerns: Concerns::Address,
        answer: Answer::new("5.1.1", "gone"),
    };
    for _ in 0..2 {
        assert_eq!(world.store.report(vec![bounced.clone()], Policy::default()).await.unwrap(), [true]);
    }
    assert_eq!(world.record(claimed.token, delivery, accepted()).await, Some(S::Bounced));
    world.store.report(vec![bounced], Policy::default()).await.unwrap();
    let kinds: Vec<_> =
        world.events().await.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    let kinds: Vec<_> = kinds.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["suppressed", "invited", "password_retired", "bounced", "password_restored", "batch_finished"]
    );
    let suppressed = world.store.suppressions(world.organisation, None, 10).await.unwrap();
    assert_eq!(suppressed[0].address, "p0@example.com");
}

#[tokio::test]
async fn messages_queued_together_share_a_secret_that_is_wiped_when_the_last_has_gone() {
    let world = World::with(|settings| {
        settings.channels = Channel::ALL.into();
        settings.country = Some("NO".parse().unwrap());
    })
    .await;
    let mut user = crate::model::user::User::new(crate::model::id::UserId::new());
    user.email = Some("anna@example.com".parse().unwrap());
    user.phone = Some("+4791234567".to_owned().try_into().unwrap());
    let id = user.id;
    world.save(vec![user]).await;
    world.batch_on(Action::Invite, ChannelRule::Both, &[id]).await;
    let claimed = world.claim(10).await;
    assert_eq!(claimed.deliveries.len(), 2);
    let begun = world.begin(&claimed).await;
    let sealed: Vec<_> = begun
        .iter()
        .map(|begun| match begun {
            Begun::Go(go) => go.credential.clone().unwrap().sealed,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sealed[0], sealed[1]);
    world.record(claimed.token, claimed.deliveries[0].id, accepted()).await;
    assert!(world.person(id).await.credentials[0].sealed);
    world.record(claimed.token, claimed.deliveries[1].id, accepted()).await;
    let credentials = world.person(id).await.credentials;
    assert_eq!((credentials.len(), credentials[0].sealed), (1, false));
}
