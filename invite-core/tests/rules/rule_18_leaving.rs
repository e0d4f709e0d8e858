//! Rule 18, leaving: deactivating, erasing, changing the address used, or coming under SSO revokes open credentials and
//! cancels unsent messages in the same transaction; without being told, begin, sign-in and accept look at fresh facts.

use invite_core::Invite;
use invite_core::Secret;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::outcome::Outcome;
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;
use invite_core::port::redemption::LinkState;
use invite_core::service::{Acceptance, ImportOptions, SecretCheck};

use crate::house::{House, answer, links, password, token};

/// A way to leave: in the facts, and in a file where that can say it.
struct Leaving {
    change: fn(&mut User),
    file: Option<&'static str>,
    revoked: RevokeReason,
    ended: EndReason,
}

const LEAVING: [Leaving; 3] = [
    Leaving {
        change: |user| user.deactivated = true,
        file: None,
        revoked: RevokeReason::Deactivated,
        ended: EndReason::Deactivated,
    },
    Leaving {
        change: |user| user.email = "anna@elsewhere.example".parse().ok(),
        file: Some("username,email\nanna,anna@elsewhere.example\n"),
        revoked: RevokeReason::AddressChanged,
        ended: EndReason::AddressChanged,
    },
    Leaving {
        change: |user| user.sign_in = Some(SignInMethod::Sso),
        file: Some("username,sign_in\nanna,sso\n"),
        revoked: RevokeReason::Sso,
        ended: EndReason::Sso,
    },
];

/// Anna, who has received a link, and for whom a reset that was begun waits.
async fn invited_with_one_waiting(house: &House) -> (UserId, BatchId, Secret) {
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let link = token(&house.messages_to("anna")[0]);
    house.clock.advance(std::time::Duration::from_hours(2));
    house.transport.script([Outcome::Deferred { retry_after: None, answer: answer("later") }]);
    let waits = house.send(Invite::users([anna])).await;
    assert_eq!(house.ended(waits, anna).await.0, DeliveryState::Queued);
    (anna, waits, link)
}

async fn all_is_revoked(house: &House, anna: UserId, waits: BatchId, link: &Secret, leaving: &Leaving) {
    let record = house.record(anna).await;
    assert_eq!(record.invitations.len(), 2);
    for invitation in &record.invitations {
        assert_eq!(invitation.state, InvitationState::Revoked(leaving.revoked));
    }
    assert!(record.credentials.iter().all(|credential| !credential.sealed), "nothing waits sealed");
    assert_eq!(house.ended(waits, anna).await, (DeliveryState::Cancelled, Some(leaving.ended)));
    assert_eq!(house.accept(link).await, Acceptance::Not(LinkState::Revoked(leaving.revoked)));
    let sent = house.transport.messages().len();
    house.work_to_the_end().await;
    assert_eq!(house.transport.messages().len(), sent);
}

#[tokio::test]
async fn rule_18_who_is_changed_by_hand_loses_what_was_sent_and_what_waits() {
    for leaving in &LEAVING {
        let house = House::with_links().await;
        let (anna, waits, link) = invited_with_one_waiting(&house).await;
        house.change(anna, leaving.change).await;
        all_is_revoked(&house, anna, waits, &link, leaving).await;
    }
}

#[tokio::test]
async fn rule_18_who_is_changed_by_an_import_loses_what_was_sent_and_what_waits() {
    for leaving in &LEAVING {
        let Some(file) = leaving.file else { continue };
        let house = House::with_links().await;
        let (anna, waits, link) = invited_with_one_waiting(&house).await;
        let options = ImportOptions::default();
        let report = house.invites.import(&house.admin, file.as_bytes(), options).await.unwrap();
        assert_eq!(report.updated, 1, "{:?} {:?}", report.errors, report.unknown_columns);
        all_is_revoked(&house, anna, waits, &link, leaving).await;
    }
}

#[tokio::test]
async fn rule_18_a_host_that_tells_of_a_change_has_it_done_at_once() {
    for leaving in &LEAVING {
        let house = House::hosted_with(RecordingTransport::new(), links).await;
        let (anna, waits, link) = invited_with_one_waiting(&house).await;
        house.change(anna, leaving.change).await;
        for _ in 0..2 {
            house.invites.record_change(house.organisation, &[anna]).await.unwrap();
            all_is_revoked(&house, anna, waits, &link, leaving).await;
        }
    }
}

#[tokio::test]
async fn rule_18_a_host_that_tells_of_an_erased_person_has_it_done_at_once() {
    let house = House::hosted_with(RecordingTransport::new(), links).await;
    let (anna, waits, link) = invited_with_one_waiting(&house).await;
    house.table.as_ref().unwrap().erase(house.organisation, anna);
    house.invites.record_change(house.organisation, &[anna]).await.unwrap();
    let erased = Leaving { revoked: RevokeReason::Erased, ended: EndReason::Erased, ..LEAVING[0] };
    all_is_revoked(&house, anna, waits, &link, &erased).await;
}

#[tokio::test]
async fn rule_18_who_left_without_a_word_of_the_host_gets_nothing_and_is_let_in_nowhere() {
    for leaving in &LEAVING {
        let house = House::hosted_with(RecordingTransport::new(), links).await;
        let (anna, waits, link) = invited_with_one_waiting(&house).await;
        let sent = house.transport.messages().len();
        house.change(anna, leaving.change).await;
        house.work_to_the_end().await;
        assert_eq!(house.transport.messages().len(), sent, "begin looks at fresh facts");
        assert_eq!(house.ended(waits, anna).await.0, DeliveryState::Cancelled);
        let not = house.accept(&link).await;
        assert_eq!(not, Acceptance::Not(LinkState::Revoked(leaving.revoked)), "and so does accept");
    }
    let house = House::hosted_with(RecordingTransport::new(), links).await;
    let (anna, _, link) = invited_with_one_waiting(&house).await;
    house.table.as_ref().unwrap().erase(house.organisation, anna);
    let sent = house.transport.messages().len();
    house.work_to_the_end().await;
    assert_eq!(house.transport.messages().len(), sent);
    assert_eq!(house.accept(&link).await, Acceptance::Not(LinkState::Revoked(RevokeReason::Erased)));
}

#[tokio::test]
async fn rule_18_a_temporary_password_of_who_left_without_a_word_of_the_host_is_not_taken() {
    for leaving in &LEAVING {
        let house = House::hosted().await;
        let anna = house.add("anna").await;
        house.send(Invite::users([anna])).await;
        let temporary = password(&house.messages_to("anna")[0]);
        house.change(anna, leaving.change).await;
        let chosen = crate::house::secret(crate::house::CHOSEN);
        let organisation = house.organisation;
        let redeemed = house.invites.redeem(organisation, anna, &temporary, &chosen, "").await.unwrap();
        assert!(
            matches!(redeemed, Acceptance::Unknown | Acceptance::Not(LinkState::Revoked(_))),
            "{redeemed:?}"
        );
        let check = house.invites.check_secret(organisation, anna, &temporary, "").await.unwrap();
        assert_eq!(check, SecretCheck::No);
    }
}

#[tokio::test]
async fn rule_18_an_organisation_that_comes_under_sso_revokes_and_cancels_of_its_people() {
    let house = House::with_links().await;
    let (anna, waits, link) = invited_with_one_waiting(&house).await;
    let keeps = house.add_with("keeps", |user| user.sign_in = Some(SignInMethod::Password)).await;
    house.send(Invite::users([keeps])).await;
    let kept = token(&house.messages_to("keeps")[0]);
    house.change_settings(|settings| settings.sign_in = SignInMethod::Sso).await;
    let revoked = Acceptance::Not(LinkState::Revoked(RevokeReason::Sso));
    assert_eq!(house.accept(&link).await, revoked, "before it is swept");
    house.work().await;
    all_is_revoked(&house, anna, waits, &link, &LEAVING[2]).await;
    assert!(matches!(house.accept(&kept).await, Acceptance::Accepted { .. }));
}

#[tokio::test]
async fn rule_18_a_change_that_concerns_no_message_revokes_nothing() {
    let house = House::with_links().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let link = token(&house.messages_to("anna")[0]);
    house
        .change(anna, |user| {
            user.last_name = "Hansen".into();
            user.email = "Anna@ACME.example".parse().ok();
            user.phone = Some(crate::house::phone("+4791234567"));
        })
        .await;
    assert!(matches!(house.accept(&link).await, Acceptance::Accepted { .. }));
}
