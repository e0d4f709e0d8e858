//! Rules 1 to 6 for a link that is handed over and for a fresh credential that somebody asked for.

use std::time::Duration;

use invite_core::memory::RecordingTransport;
use invite_core::model::event::Happening;
use invite_core::model::id::UserId;
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::organisation::Retirement;
use invite_core::model::role::Role;
use invite_core::model::sign_in::SignInMethod;
use invite_core::port::redemption::LinkState;
use invite_core::service::{
    Acceptance, Error, FreshAnswer, FreshRequest, HandOverOptions, HandedOver, SignedIn, UserStatus,
};
use invite_core::{Actor, Invite, Remind, Secret};

use crate::house::{CHOSEN, House, password, secret, token};

const DAY: Duration = Duration::from_hours(24);
const CONSENT: HandOverOptions = HandOverOptions { reset: true };

async fn hand_over(house: &House, user: UserId, options: HandOverOptions) -> Result<HandedOver, Error> {
    house.invites.hand_over_link(&house.admin, user, options).await
}

/// Why somebody gets no link.
async fn refusal(house: &House, user: UserId, options: HandOverOptions) -> Decision {
    match hand_over(house, user, options).await {
        Err(Error::NotHandedOver(decision)) => decision,
        other => panic!("{other:?}"),
    }
}

fn token_of(handed_over: &HandedOver) -> Secret {
    secret(handed_over.link.expose().strip_prefix("https://app.acme.example/welcome#").unwrap())
}

async fn ask(house: &House, name: &str) {
    let request = FreshRequest::Name(name.into());
    let answer = house.invites.request_fresh(house.organisation, request, "").await.unwrap();
    assert_eq!(answer, FreshAnswer::Noted);
    house.work().await;
}

async fn retirements(house: &House) -> usize {
    let events = house.events().await;
    events.iter().filter(|event| matches!(event, Happening::PasswordRetired { .. })).count()
}

#[tokio::test]
async fn rule_01_a_link_replaces_a_password_with_consent_alone_and_when_it_is_used() {
    // What the organisation chose for messages does not matter: no provider accepts a link that is handed over.
    for retirement in [None, Some(Retirement::FirstAcceptance), Some(Retirement::FirstUse)] {
        let settings = |settings: &mut invite_core::model::organisation::Settings| {
            settings.retirement = retirement;
        };
        let house = House::with(RecordingTransport::new(), settings).await;
        let anna = house.add("anna").await;
        house.set_up("anna", anna).await;
        let needs_consent = Decision::Skip(SkipReason::SetUpNeedsConsent);
        assert_eq!(refusal(&house, anna, HandOverOptions::default()).await, needs_consent);

        let handed_over = hand_over(&house, anna, CONSENT).await.unwrap();
        assert!(handed_over.reset);
        assert!(house.own_counts(anna).await);
        assert_eq!(retirements(&house).await, 0);
        assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
    }
}

#[tokio::test]
async fn rule_01_the_use_of_a_link_tells_that_the_password_before_it_is_over() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.set_up("anna", anna).await;
    let handed_over = hand_over(&house, anna, CONSENT).await.unwrap();
    let new = secret("snow over the fjord");
    let accepted = house.invites.accept(&token_of(&handed_over), &new).await.unwrap();
    assert!(matches!(accepted, Acceptance::Accepted { .. }));
    assert_eq!(retirements(&house).await, 1);
    assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::Refused);
    assert_eq!(house.sign_in("anna", &new).await, SignedIn::In(anna));
}

#[tokio::test]
async fn rule_01_a_stranger_who_asks_for_a_fresh_credential_resets_no_password_that_works() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.set_up("anna", anna).await;
    let sent = house.transport.messages().len();
    ask(&house, "anna").await;
    assert_eq!(house.transport.messages().len(), sent);
    assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
    assert_eq!(retirements(&house).await, 0);
}

#[tokio::test]
async fn rule_01_whose_password_is_retired_already_gets_a_fresh_one_for_the_asking() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.set_up("anna", anna).await;
    house.send(Invite::users([anna])).await;
    house.clock.advance(8 * DAY);
    house.work().await;
    let expired = password(house.messages_to("anna").last().unwrap());
    assert_eq!(house.sign_in("anna", &expired).await, SignedIn::Refused);

    ask(&house, "anna").await;
    let fresh = password(house.messages_to("anna").last().unwrap());
    assert_ne!(fresh.expose(), expired.expose());
    assert!(!house.own_counts(anna).await);
    assert_eq!(house.sign_in_with_new("anna", &fresh, "snow over the fjord").await, SignedIn::In(anna));
}

#[tokio::test]
async fn rule_02_nobody_to_whom_sso_applies_gets_a_link_or_a_fresh_credential() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    house.change(anna, |user| user.sign_in = Some(SignInMethod::Sso)).await;
    let sso = Decision::Skip(SkipReason::SignsInWithSso);
    assert_eq!(refusal(&house, anna, CONSENT).await, sso);
    let sent = house.transport.messages().len();
    ask(&house, "anna").await;
    assert_eq!(house.transport.messages().len(), sent);
}

#[tokio::test]
async fn rule_02_a_link_in_hand_dies_when_its_person_comes_under_sso() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    let link = token_of(&hand_over(&house, anna, HandOverOptions::default()).await.unwrap());
    house.change(anna, |user| user.sign_in = Some(SignInMethod::Sso)).await;
    assert!(matches!(house.accept(&link).await, Acceptance::Not(LinkState::Revoked(_))));
}

#[tokio::test]
async fn rule_03_nobody_is_handed_a_link_of_their_own() {
    let house = House::new().await;
    let admin = house.admin.user().unwrap();
    assert_eq!(refusal(&house, admin, CONSENT).await, Decision::Skip(SkipReason::Yourself));
    let for_them = Actor::operator(house.organisation, "support", admin);
    let answer = house.invites.hand_over_link(&for_them, admin, CONSENT).await;
    assert!(matches!(answer, Err(Error::NotHandedOver(Decision::Skip(SkipReason::Yourself)))));
}

#[tokio::test]
async fn rule_04_a_link_is_handed_over_and_a_credential_refreshed_in_ones_own_organisation() {
    let house = House::with_links().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let old = token(house.messages_to("anna").last().unwrap());
    let settings = crate::house::settings("Other");
    let other = house.invites.create_organisation("other".parse().unwrap(), settings).await.unwrap().id;
    let stranger = house.invites.hand_over_link(&Actor::system(other), anna, CONSENT).await;
    assert!(matches!(stranger, Err(Error::NotHandedOver(Decision::Skip(SkipReason::NotFound)))));

    house.clock.advance(8 * DAY);
    let sent = house.transport.messages().len();
    for request in [FreshRequest::Link(old), FreshRequest::Name("anna".into()), FreshRequest::Person(anna)] {
        let answer = house.invites.request_fresh(other, request, "").await.unwrap();
        assert_eq!(answer, FreshAnswer::Noted);
    }
    house.work().await;
    assert_eq!(house.transport.messages().len(), sent);
}

#[tokio::test]
async fn rule_05_the_newest_of_the_links_in_hand_works_until_it_is_used_or_expires() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let sent = password(house.messages_to("anna").last().unwrap());
    let mut links = Vec::new();
    for _ in 0..3 {
        house.clock.advance(Duration::from_secs(1));
        links.push(token_of(&hand_over(&house, anna, HandOverOptions::default()).await.unwrap()));
    }
    let last = links.pop().unwrap();
    for link in &links {
        assert!(matches!(house.accept(link).await, Acceptance::Not(LinkState::Revoked(_))));
    }
    assert_eq!(house.sign_in("anna", &sent).await, SignedIn::Refused);
    house.clock.advance(Duration::from_mins(7 * 24 * 60 - 1));
    assert!(matches!(house.accept(&last).await, Acceptance::Accepted { .. }));
    assert_eq!(house.accept(&last).await, Acceptance::Not(LinkState::Used));
    assert_eq!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(anna));
}

#[tokio::test]
async fn rule_05_a_stranger_who_knows_a_name_takes_no_link_out_of_a_hand() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    let link = token_of(&hand_over(&house, anna, HandOverOptions::default()).await.unwrap());
    ask(&house, "anna").await;
    assert!(house.transport.messages().is_empty());
    assert!(matches!(house.accept(&link).await, Acceptance::Accepted { .. }));
}

#[tokio::test]
async fn rule_06_a_link_is_given_once_and_nothing_keeps_it_or_shows_it() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    let handed_over = hand_over(&house, anna, HandOverOptions::default()).await.unwrap();
    let link = token_of(&handed_over);
    let story = house.invites.story(&house.admin, anna).await.unwrap();
    let audit = house.invites.audit(&house.admin, None, 100).await.unwrap();
    let shown = format!("{handed_over:?} {story:?} {story} {audit:?} {:?}", house.events().await);
    assert!(!shown.contains(link.expose()));
    let record = house.record(anna).await;
    assert!(record.credentials.iter().all(|credential| !credential.sealed));
    assert!(story.to_string().contains("link handed over, no message"), "{story}");
    assert!(
        audit.rows.iter().any(|line| line.what == "link_handed_over" && line.subject == anna.to_string())
    );
}

#[tokio::test]
async fn rule_06_what_is_handed_over_is_never_a_password_and_needs_a_link_pattern() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    let link = token_of(&hand_over(&house, anna, HandOverOptions::default()).await.unwrap());
    assert_eq!(link.expose().len(), 22);
    house.change_settings(|settings| settings.link_pattern = None).await;
    let error = hand_over(&house, anna, HandOverOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::NoLinkPattern));
    assert!(error.to_string().contains("{token}"), "{error}");
    // The refusal changed nothing.
    assert!(matches!(house.accept(&link).await, Acceptance::Accepted { .. }));
}

#[tokio::test]
async fn whoever_holds_a_link_counts_as_never_invited_is_not_reminded_and_is_shown_as_such() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    let handed_over = hand_over(&house, anna, HandOverOptions::default()).await.unwrap();
    let status = || async { house.invites.user(&house.admin, anna).await.unwrap().status };
    assert_eq!(status().await, UserStatus::LinkHandedOver);
    let reminder = house.invites.plan(&house.admin, Remind::users([anna])).await.unwrap();
    assert_eq!(house.decision(reminder.id(), anna).await, Decision::Skip(SkipReason::NeverInvited));
    let never = house.invites.plan(&house.admin, Invite::never_invited()).await.unwrap();
    assert_eq!(house.decision(never.id(), anna).await, Decision::Send);
    house.clock.advance(8 * DAY);
    house.work().await;
    assert_eq!(status().await, UserStatus::Expired);
    assert!(matches!(house.accept(&token_of(&handed_over)).await, Acceptance::Not(LinkState::Expired)));
}

#[tokio::test]
async fn a_link_is_handed_over_to_somebody_without_an_address_and_not_to_one_who_left() {
    let house = House::new().await;
    let anna = house.add_with("anna", |user| user.email = None).await;
    let bo = house.add_with("bo", |user| user.deactivated = true).await;
    assert!(hand_over(&house, anna, HandOverOptions::default()).await.is_ok());
    assert_eq!(refusal(&house, bo, CONSENT).await, Decision::Skip(SkipReason::Deactivated));
    let colleague = house.add_with("colleague", |user| user.role = Role::Member).await;
    let not_allowed = Actor::administrator(house.organisation, colleague);
    let answer = house.invites.hand_over_link(&not_allowed, anna, CONSENT).await;
    assert!(matches!(answer, Err(Error::NotAllowed)));
}
