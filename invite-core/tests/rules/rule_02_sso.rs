//! Rule 2, SSO bypass: nothing is minted or retired for a user to whom SSO applies; checked when planning, at begin and at
//! sign-in.

use invite_core::Invite;
use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::UserId;
use invite_core::model::invitation::RevokeReason;
use invite_core::model::item::{Announcement, Decision, SkipReason};
use invite_core::model::organisation::SsoPolicy;
use invite_core::model::sign_in::SignInMethod;
use invite_core::port::redemption::LinkState;
use invite_core::service::{Acceptance, SecretCheck, SignedIn};

use crate::house::{CHOSEN, House, password, secret, token};

/// How somebody comes under SSO.
#[derive(Debug, Clone, Copy)]
enum Switch {
    Themselves,
    WithTheirOrganisation,
}

const BOTH: [Switch; 2] = [Switch::Themselves, Switch::WithTheirOrganisation];

impl Switch {
    async fn on(self, house: &House, user: UserId) {
        match self {
            Self::Themselves => house.change(user, |user| user.sign_in = Some(SignInMethod::Sso)).await,
            Self::WithTheirOrganisation => {
                house.change_settings(|settings| settings.sign_in = SignInMethod::Sso).await;
            }
        }
    }
}

async fn has_nothing(house: &House, user: UserId) {
    let record = house.record(user).await;
    assert_eq!(record.credentials, []);
    assert_eq!(record.retired, None);
}

#[tokio::test]
async fn rule_02_planning_gives_people_under_sso_no_credential() {
    for switch in BOTH {
        for policy in [SsoPolicy::Skip, SsoPolicy::Announce] {
            let house =
                House::hosted_with(RecordingTransport::new(), |settings| settings.sso_policy = policy).await;
            let new = house.add("new").await;
            let set_up = house.add_with("setup", |user| user.has_password = true).await;
            switch.on(&house, new).await;
            switch.on(&house, set_up).await;
            let batch = house.send(Invite::all()).await;
            let (decision, messages) = match policy {
                SsoPolicy::Skip => (Decision::Skip(SkipReason::SignsInWithSso), 0),
                SsoPolicy::Announce => (Decision::Announce(Announcement::Sso), 2),
            };
            assert_eq!(house.transport.messages().len(), messages);
            for user in [new, set_up] {
                assert_eq!(house.decision(batch, user).await, decision, "{switch:?}");
                has_nothing(&house, user).await;
            }
        }
    }
}

#[tokio::test]
async fn rule_02_begin_refuses_people_who_came_under_sso_after_the_confirmation() {
    for switch in BOTH {
        for house in [House::new().await, House::hosted().await] {
            let anna = house.add("anna").await;
            let batch = house.confirm(Invite::users([anna])).await;
            switch.on(&house, anna).await;
            house.work().await;
            assert_eq!(house.ended(batch, anna).await.0, DeliveryState::Cancelled, "{switch:?}");
            assert!(house.transport.messages().is_empty());
            has_nothing(&house, anna).await;
        }
    }
}

#[tokio::test]
async fn rule_02_begin_resets_nobody_who_came_under_sso_after_the_confirmation() {
    for switch in BOTH {
        let house = House::hosted().await;
        let anna = house.add_with("anna", |user| user.has_password = true).await;
        let batch = house.confirm(Invite::users([anna])).await;
        assert_eq!(house.decision(batch, anna).await, Decision::SendWithReset);
        switch.on(&house, anna).await;
        house.work().await;
        assert!(house.transport.messages().is_empty());
        has_nothing(&house, anna).await;
        assert!(house.own_counts(anna).await);
    }
}

#[tokio::test]
async fn rule_02_sign_in_takes_no_secret_of_people_under_sso() {
    for switch in BOTH {
        let house = House::new().await;
        let anna = house.add("anna").await;
        house.send(Invite::users([anna])).await;
        let temporary = password(&house.messages_to("anna")[0]);
        switch.on(&house, anna).await;
        assert_eq!(house.sign_in("anna", &temporary).await, SignedIn::Refused, "{switch:?}");
        assert_eq!(house.sign_in_with_new("anna", &temporary, CHOSEN).await, SignedIn::Refused);
        let check = house.invites.check_secret(house.organisation, anna, &temporary, "").await.unwrap();
        assert_eq!(check, SecretCheck::No);
        let redeemed =
            house.invites.redeem(house.organisation, anna, &temporary, &secret(CHOSEN), "").await.unwrap();
        assert_eq!(redeemed, Acceptance::Unknown);

        let house = House::with_links().await;
        let anna = house.add("anna").await;
        house.send(Invite::users([anna])).await;
        switch.on(&house, anna).await;
        let link = token(&house.messages_to("anna")[0]);
        let revoked = Acceptance::Not(LinkState::Revoked(RevokeReason::Sso));
        assert_eq!(house.accept(&link).await, revoked);
    }
}

#[tokio::test]
async fn rule_02_an_own_password_opens_nothing_under_sso_either() {
    for switch in BOTH {
        let house = House::new().await;
        let anna = house.add("anna").await;
        house.set_up("anna", anna).await;
        switch.on(&house, anna).await;
        assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::Refused, "{switch:?}");
    }
}
