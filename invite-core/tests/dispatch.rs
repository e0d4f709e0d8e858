//! The worker, on the memory store: what leaves, what comes back, what follows.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use invite_core::credential::{HashCost, random};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::UserId;
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::organisation::{Organisation, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::role::Role;
use invite_core::model::user::User;
use invite_core::service::{ConfirmOptions, SignIn, SignedIn};
use invite_core::{Actor, Invite, Invites, SealingKey, Secret};

struct House {
    invites: Invites,
    clock: Arc<ManualClock>,
    transport: RecordingTransport,
    organisation: Organisation,
    admin: Actor,
}

impl House {
    async fn new(kind: CredentialKind, transport: RecordingTransport) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T09:00:00Z".parse().unwrap()));
        let invites = Invites::builder(MemoryStore::with_clock(clock.clone()))
            .email(transport.clone())
            .sms(transport.clone())
            .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
            .hash_cost(HashCost::weak_for_tests())
            .build()
            .unwrap();
        let mut settings = Settings::new("Acme Ltd");
        settings.app_link = Some("https://app.acme.example".parse().unwrap());
        settings.link_pattern = Some("https://app.acme.example/welcome#{token}".parse().unwrap());
        settings.channels = Channel::ALL.into();
        settings.country = Some("NO".parse().unwrap());
        settings.credential = kind;
        let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap();
        let system = Actor::system(organisation.id);
        let admin = User { role: Role::Administrator, ..person("admin") };
        invites.add_user(&system, admin.clone()).await.unwrap();
        let admin = Actor::administrator(organisation.id, admin.id);
        Self { invites, clock, transport, organisation, admin }
    }

    async fn add(&self, name: &str) -> UserId {
        let user = person(name);
        let id = user.id;
        self.invites.add_user(&self.admin, user).await.unwrap();
        id
    }
}

fn person(name: &str) -> User {
    User {
        first_name: name.into(),
        username: Some(name.into()),
        email: Some(format!("{name}@acme.example").parse().unwrap()),
        ..User::new(UserId::new())
    }
}

fn text(message: &Message) -> &str {
    match &message.content {
        Content::Email(email) => &email.text,
        Content::Sms(sms) => &sms.text,
    }
}

fn password(message: &Message) -> Secret {
    let is_password = |word: &&str| word.len() == 14 && word.split('-').all(|group| group.len() == 4);
    Secret::new(text(message).split_whitespace().find(is_password).unwrap().to_owned())
}

#[tokio::test]
async fn what_a_person_received_lets_them_in_and_a_reset_retires_what_they_chose() {
    let house = House::new(CredentialKind::TemporaryPassword, RecordingTransport::new()).await;
    let anna = house.add("anna").await;
    let plan = house.invites.plan(&house.admin, Invite::never_invited()).await.unwrap();
    assert_eq!((plan.totals().send, plan.totals().skipped()), (1, 1));
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    let report = house.invites.worker().run_until_idle().await.unwrap();
    assert_eq!((report.sent, report.failed, report.unknown), (1, 0, 0));

    let temporary = password(&house.transport.messages()[0]);
    let mut sign_in = SignIn::new("anna", temporary);
    let id = house.organisation.id;
    assert_eq!(house.invites.sign_in(id, sign_in.clone()).await.unwrap(), SignedIn::MustChangePassword);
    sign_in.new_password = Some(Secret::new("rain over the fjord".into()));
    assert_eq!(house.invites.sign_in(id, sign_in.clone()).await.unwrap(), SignedIn::In(anna));
    let own = SignIn::new("anna", Secret::new("rain over the fjord".into()));
    assert_eq!(house.invites.sign_in(id, own.clone()).await.unwrap(), SignedIn::In(anna));

    house.clock.advance(Duration::from_hours(2));
    let plan = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    assert_eq!(plan.totals().reset, 1);
    let consent = ConfirmOptions::new().resets(true);
    house.invites.confirm_with(&house.admin, plan.id(), consent).await.unwrap();
    house.invites.worker().run_until_idle().await.unwrap();
    assert_eq!(house.invites.sign_in(id, own).await.unwrap(), SignedIn::Refused);
    let again = SignIn::new("anna", password(&house.transport.messages()[1]));
    assert_eq!(house.invites.sign_in(id, again).await.unwrap(), SignedIn::MustChangePassword);
}

#[tokio::test]
async fn a_transport_that_panics_takes_nothing_else_down() {
    let transport = RecordingTransport::answering(|message| {
        assert!(!text(message).contains("Hello anna"), "the provider's library panics on anna");
        Outcome::Accepted(Receipt("1".into()))
    });
    let house = House::new(CredentialKind::SetUpLink, transport).await;
    for name in ["anna", "bo", "carl"] {
        house.add(name).await;
    }
    let plan = house.invites.plan(&house.admin, Invite::never_invited()).await.unwrap();
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    let report = house.invites.worker().run_until_idle().await.unwrap();
    assert_eq!(report.sent, 2);
    house.clock.advance(Duration::from_hours(1));
    let report = house.invites.worker().run_until_idle().await.unwrap();
    assert_eq!((report.sent, report.unknown), (0, 1));
    let progress = house.invites.batch(&house.admin, plan.id()).await.unwrap().progress;
    assert_eq!(progress.states.get(&DeliveryState::Unknown), Some(&1));
}
