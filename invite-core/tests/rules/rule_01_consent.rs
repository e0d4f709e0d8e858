//! Rule 1, consent: no one who is set up has their password retired except under a confirmed plan that counted them as a
//! reset.

use std::time::Duration;

use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::organisation::{Retirement, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::user::User;
use invite_core::service::{ConfirmOptions, SignedIn};
use proptest::prelude::*;

use crate::house::{CHOSEN, House, secret, text};
use crate::people::Table;
use crate::population::{Population, population};

fn retired(events: &[Happening]) -> usize {
    events.iter().filter(|event| matches!(event, Happening::PasswordRetired { .. })).count()
}

#[tokio::test]
async fn rule_01_nobody_who_is_set_up_is_reset_without_consent() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.set_up("anna", anna).await;
    let sent = house.transport.messages().len();

    let plan = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    assert_eq!(plan.totals().reset, 1);
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    house.work().await;
    assert_eq!(house.decision(plan.id(), anna).await, Decision::Skip(SkipReason::SetUpNeedsConsent));
    assert_eq!(house.transport.messages().len(), sent);
    assert_eq!(retired(&house.events().await), 0);
    assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
}

#[tokio::test]
async fn rule_01_consent_covers_only_those_whom_the_plan_counted_as_resets() {
    let house = House::hosted().await;
    let anna = house.add_with("anna", |user| user.has_password = true).await;
    let bo = house.add("bo").await;
    let plan = house.invites.plan(&house.admin, Invite::all()).await.unwrap();
    assert_eq!((plan.totals().reset, plan.totals().send), (1, 1));
    let consent = ConfirmOptions::new().resets(true);
    house.invites.confirm_with(&house.admin, plan.id(), consent).await.unwrap();

    house.change(bo, |user| user.has_password = true).await;
    house.work().await;
    let changed = (DeliveryState::Cancelled, Some(EndReason::ChangedSincePlan));
    assert_eq!(house.ended(plan.id(), bo).await, changed);
    assert!(house.own_counts(bo).await);
    assert!(!house.own_counts(anna).await);
    assert_eq!(house.transport.messages().len(), 1);
}

#[tokio::test]
async fn rule_01_consent_to_one_plan_is_none_to_another() {
    let house = House::hosted().await;
    let anna = house.add_with("anna", |user| user.has_password = true).await;
    let first = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    let second = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    let consent = ConfirmOptions::new().resets(true);
    house.invites.confirm_with(&house.admin, first.id(), consent).await.unwrap();
    house.invites.cancel(&house.admin, first.id()).await.unwrap();
    house.invites.confirm(&house.admin, second.id()).await.unwrap();
    // A confirmation that comes again with consent is the first one.
    house.invites.confirm_with(&house.admin, second.id(), consent).await.unwrap();
    house.work().await;
    assert!(house.transport.messages().is_empty());
    assert!(house.own_counts(anna).await);
}

#[tokio::test]
async fn rule_01_a_reset_says_in_the_persons_language_whether_their_old_password_still_works() {
    for (retirement, says) in [
        (Retirement::FirstAcceptance, "virker ikke lenger"),
        (Retirement::FirstUse, "Frem til da virker det gamle passordet"),
    ] {
        let when = |settings: &mut Settings| settings.retirement = Some(retirement);
        let house = House::hosted_with(RecordingTransport::new(), when).await;
        let norwegian = |user: &mut User| {
            user.has_password = true;
            user.locale = Some("nn-NO".parse().unwrap());
        };
        let anna = house.add_with("anna", norwegian).await;
        let plan = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
        let consent = ConfirmOptions::new().resets(true);
        house.invites.confirm_with(&house.admin, plan.id(), consent).await.unwrap();
        house.work().await;
        let messages = house.transport.messages();
        assert!(text(&messages[0]).contains(says), "{}", text(&messages[0]));
        assert_eq!(house.own_counts(anna).await, retirement == Retirement::FirstUse);
    }
}

#[tokio::test]
async fn rule_01_a_password_set_while_the_message_is_with_the_provider_is_kept() {
    let table = Table::default();
    let at_host = table.clone();
    let organisation = std::sync::Arc::new(std::sync::OnceLock::new());
    let known = organisation.clone();
    let transport = RecordingTransport::answering(move |message| {
        assert!(text(message).contains("Hello bo"));
        let (organisation, bo) = *known.get().unwrap();
        at_host.change(organisation, bo, |user| user.has_password = true);
        Outcome::Accepted(Receipt("1".into()))
    });
    let house = House::build(transport, Some(table), |_| {}, |builder| builder).await;
    let bo = house.add("bo").await;
    organisation.set((house.organisation, bo)).unwrap();
    let batch = house.send(Invite::users([bo])).await;
    assert_eq!(house.ended(batch, bo).await, (DeliveryState::Sent, None));
    assert!(house.own_counts(bo).await);

    house.clock.advance(Duration::from_hours(2));
    let plan = house.invites.plan(&house.admin, Invite::users([bo])).await.unwrap();
    assert_eq!(house.decision(plan.id(), bo).await, Decision::SendWithReset);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rule_01_whose_password_is_retired_was_counted_as_a_reset_and_consented_to(
        population in population(),
        consent: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(retires_as_planned(population, consent));
    }
}

async fn retires_as_planned(population: Population, consent: bool) {
    let house = House::hosted_with(RecordingTransport::new(), |settings| population.set(settings)).await;
    for user in population.people.iter().cloned() {
        house.table.as_ref().unwrap().insert(house.organisation, user);
    }
    let plan = house.invites.plan(&house.admin, Invite::all()).await.unwrap();
    let items = house.invites.items(&house.admin, plan.id(), None, 1000).await.unwrap().rows;
    let options = ConfirmOptions::new().resets(consent);
    house.invites.confirm_with(&house.admin, plan.id(), options).await.unwrap();
    house.work().await;
    for item in items {
        let consented = consent && item.decision == Decision::SendWithReset;
        assert_eq!(house.own_counts(item.user).await, !consented, "{item:?}");
    }
}
