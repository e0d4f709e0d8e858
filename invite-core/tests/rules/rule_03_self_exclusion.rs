//! Rule 3, self-exclusion: neither planner nor confirmer is ever in the batch; checked in the write as well.

use std::time::Duration;

use invite_core::model::id::UserId;
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::role::Role;
use invite_core::{Actor, Invite, Remind};

use crate::house::House;

const YOURSELF: Decision = Decision::Skip(SkipReason::Yourself);

async fn second_administrator(house: &House) -> UserId {
    house.add_with("second", |user| user.role = Role::Administrator).await
}

#[tokio::test]
async fn rule_03_the_planner_is_skipped_however_they_are_selected() {
    let house = House::new().await;
    let admin = house.admin.user().unwrap();
    house.add("anna").await;
    for request in [Invite::all(), Invite::never_invited(), Invite::users([admin])] {
        let plan = house.invites.plan(&house.admin, request).await.unwrap();
        assert_eq!(house.decision(plan.id(), admin).await, YOURSELF);
    }
    let operator = Actor::operator(house.organisation, "Support", admin);
    let plan = house.invites.plan(&operator, Invite::all()).await.unwrap();
    assert_eq!(house.decision(plan.id(), admin).await, YOURSELF);
}

#[tokio::test]
async fn rule_03_who_confirms_the_plan_of_another_is_taken_out_of_it() {
    for on_behalf in [false, true] {
        let house = House::new().await;
        let second = second_administrator(&house).await;
        let anna = house.add("anna").await;
        let plan = house.invites.plan(&house.admin, Invite::all()).await.unwrap();
        assert_eq!(house.decision(plan.id(), second).await, Decision::Send);
        let confirmer = if on_behalf {
            Actor::operator(house.organisation, "Support", second)
        } else {
            Actor::administrator(house.organisation, second)
        };
        let batch = house.invites.confirm(&confirmer, plan.id()).await.unwrap();
        assert_eq!((batch.totals.send, batch.totals.skip[&SkipReason::Yourself]), (1, 2));
        assert_eq!(batch.totals.people(), plan.totals().people());
        assert_eq!(house.decision(plan.id(), second).await, YOURSELF);
        house.work().await;
        let to: Vec<UserId> = house.deliveries(plan.id()).await.iter().map(|one| one.user).collect();
        assert_eq!(to, [anna]);
        assert_eq!(house.transport.messages().len(), 1);
    }
}

#[tokio::test]
async fn rule_03_who_confirms_what_the_system_planned_is_taken_out_of_it() {
    let house = House::new().await;
    house.add("anna").await;
    let plan = house.invites.plan(&Actor::system(house.organisation), Invite::all()).await.unwrap();
    assert_eq!(plan.totals().send, 2);
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    house.work().await;
    assert!(house.messages_to("admin").is_empty());
    assert_eq!(house.messages_to("anna").len(), 1);
}

#[tokio::test]
async fn rule_03_nobody_reminds_themselves() {
    let house = House::new().await;
    let second = second_administrator(&house).await;
    house.send(Invite::users([second])).await;
    house.clock.advance(Duration::from_hours(4 * 24));
    let plan = house.invites.plan(&house.admin, Remind::never_signed_in()).await.unwrap();
    assert_eq!(house.decision(plan.id(), second).await, Decision::Send);
    let confirmer = Actor::administrator(house.organisation, second);
    house.invites.confirm(&confirmer, plan.id()).await.unwrap();
    house.work().await;
    assert_eq!(house.messages_to("second").len(), 1);
}
