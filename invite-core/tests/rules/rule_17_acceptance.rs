//! Rule 17, acceptance: reading a link changes nothing; redeeming is won by exactly one; a temporary password expires and
//! must be replaced; any password set closes that person's open invitations and ends their reminders.

use std::time::Duration;

use chrono::TimeDelta;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::invitation::InvitationState;
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::outcome::Outcome;
use invite_core::port::plans::Plans;
use invite_core::port::redemption::LinkState;
use invite_core::service::{Acceptance, SignIn, SignedIn};
use invite_core::{Invite, Remind, Secret};

use crate::house::{CHOSEN, House, answer, password, secret, token};

#[tokio::test]
async fn rule_17_reading_a_link_changes_nothing_however_often() {
    let house = House::with_links().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let link = token(&house.messages_to("anna")[0]);
    let before = (house.record(anna).await, house.events().await);
    for _ in 0..100 {
        let view = house.invites.inspect_link(&link).await.unwrap().unwrap();
        assert!(matches!(view.state, LinkState::Open { .. }));
        assert_eq!(view.organisation.id, house.organisation);
    }
    assert_eq!((house.record(anna).await, house.events().await), before);
    assert!(matches!(house.accept(&link).await, Acceptance::Accepted { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_17_of_fifty_who_use_a_link_at_once_exactly_one_wins() {
    let house = House::with_links().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let link = token(&house.messages_to("anna")[0]);
    let attempts: Vec<_> = (0..50)
        .map(|number| {
            let (invites, link) = (house.invites.clone(), link.clone());
            let chosen = Secret::new(format!("my own password number {number}"));
            tokio::spawn(async move { (invites.accept(&link, &chosen).await.unwrap(), chosen) })
        })
        .collect();
    let mut winners = Vec::new();
    let mut losers = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            (Acceptance::Accepted { user, .. }, chosen) => {
                assert_eq!(user, anna);
                winners.push(chosen);
            }
            (Acceptance::Wait(_) | Acceptance::Not(LinkState::Used), chosen) => losers.push(chosen),
            (other, _) => panic!("{other:?}"),
        }
    }
    assert_eq!((winners.len(), losers.len()), (1, 49));
    assert_eq!(house.sign_in("anna", &winners[0]).await, SignedIn::In(anna));
    assert_eq!(house.sign_in("anna", &losers[0]).await, SignedIn::Refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_17_of_many_who_use_a_temporary_password_at_once_exactly_one_wins() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let temporary = password(&house.messages_to("anna")[0]);
    let attempts: Vec<_> = (0..20)
        .map(|number| {
            let mut sign_in = SignIn::new("anna", temporary.clone());
            sign_in.source = Some(format!("192.0.2.{number}"));
            sign_in.new_password = Some(Secret::new(format!("my own password number {number}")));
            let (invites, organisation) = (house.invites.clone(), house.organisation);
            tokio::spawn(async move { invites.sign_in(organisation, sign_in).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            SignedIn::In(_) => winners += 1,
            SignedIn::Wait(_) | SignedIn::Refused => {}
            SignedIn::MustChangePassword => panic!("a new one was given"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn rule_17_a_temporary_password_must_be_replaced_at_the_first_sign_in_by_another_one() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let temporary = password(&house.messages_to("anna")[0]);
    for _ in 0..3 {
        assert_eq!(house.sign_in("anna", &temporary).await, SignedIn::MustChangePassword);
    }
    let mut same = SignIn::new("anna", temporary.clone());
    same.new_password = Some(secret(&temporary.expose().to_uppercase().replace('-', " ")));
    assert!(house.invites.sign_in(house.organisation, same).await.is_err());
    assert_eq!(house.sign_in_with_new("anna", &temporary, CHOSEN).await, SignedIn::In(anna));
    assert_eq!(house.sign_in("anna", &temporary).await, SignedIn::Refused);
}

#[tokio::test]
async fn rule_17_temporary_passwords_and_links_expire_after_seven_days() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let temporary = password(&house.messages_to("anna")[0]);
    house.clock.advance(Duration::from_hours(7 * 24) - Duration::from_secs(1));
    assert_eq!(house.sign_in("anna", &temporary).await, SignedIn::MustChangePassword);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.sign_in_with_new("anna", &temporary, CHOSEN).await, SignedIn::Refused);

    let house = House::with_links().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let link = token(&house.messages_to("anna")[0]);
    house.clock.advance(Duration::from_hours(7 * 24));
    assert_eq!(house.accept(&link).await, Acceptance::Not(LinkState::Expired));
}

#[tokio::test]
async fn rule_17_any_password_set_closes_open_invitations_and_ends_reminders() {
    for at_the_host in [false, true] {
        let house = House::with(RecordingTransport::new(), |_| {}).await;
        let anna = house.add("anna").await;
        house.send(Invite::users([anna])).await;
        let first = password(&house.messages_to("anna")[0]);
        house.clock.advance(Duration::from_hours(3 * 24));
        // A reminder that waits.
        house.transport.script([Outcome::Deferred { retry_after: None, answer: answer("later") }]);
        let reminder = house.confirm(Remind::users([anna])).await;
        house.work().await;
        if at_the_host {
            let at = house.store.now().await.unwrap() + TimeDelta::seconds(1);
            house.invites.record_password_set(house.organisation, &[(anna, at)]).await.unwrap();
        } else {
            assert_eq!(house.sign_in_with_new("anna", &first, CHOSEN).await, SignedIn::In(anna));
        }
        let (state, reason) = house.ended(reminder, anna).await;
        assert_eq!(state, DeliveryState::Cancelled);
        assert!(matches!(reason, Some(EndReason::PasswordSet | EndReason::InvitationClosed)));
        let invitations = house.record(anna).await.invitations;
        assert!(invitations.iter().all(|one| one.state == InvitationState::Accepted));
        assert_eq!(house.sign_in("anna", &first).await, SignedIn::Refused);
        house.clock.advance(Duration::from_hours(3 * 24));
        let plan = house.invites.plan(&house.admin, Remind::users([anna])).await.unwrap();
        assert_eq!(house.decision(plan.id(), anna).await, Decision::Skip(SkipReason::AlreadySetUp));
    }
}
