//! Sign-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::Invites;
use invite_core::credential::random::system_random;
use invite_core::credential::{HashCost, SealingKey};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::port::people::People;
use invite_core::service::{Error, SignIn, SignedIn};

use crate::support::{World, finished, secret};

const NEW: &str = "correct horse battery";

#[tokio::test]
async fn a_temporary_password_works_once_and_must_be_replaced() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    for _ in 0..2 {
        assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::MustChangePassword);
    }
    let spaced = secret(&temporary.expose().replace('-', " ").to_uppercase());
    assert_eq!(world.sign_in("Anna@Example.com", &spaced, Some(&secret(NEW))).await, SignedIn::In(anna));
    assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::Refused);
    assert_eq!(world.sign_in("anna", &secret(NEW), None).await, SignedIn::In(anna));
    assert_eq!(world.sign_in("anna", &secret("correct horse batterx"), None).await, SignedIn::Refused);
}

#[tokio::test]
async fn the_new_password_keeps_the_rules_and_is_not_the_temporary_one() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    let error = world.try_sign_in("anna", &temporary, Some(&secret("short"))).await.unwrap_err();
    assert!(matches!(error, Error::NewPassword(_)), "{error}");
    let again = secret(&temporary.expose().to_uppercase());
    let error = world.try_sign_in("anna", &temporary, Some(&again)).await.unwrap_err();
    assert!(matches!(error, Error::SamePassword), "{error}");
    assert!(!error.to_string().contains(temporary.expose()));
    assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::MustChangePassword);
}

#[tokio::test]
async fn every_password_that_was_received_works_until_one_is_used() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let first = world.secret_for(anna).await;
    world.wait(Duration::from_hours(4 * 24));
    let reminded = world.send(invite_core::Remind::users([anna])).await;
    let second = reminded[0].secret.clone().unwrap();
    for temporary in [&first, &second] {
        assert_eq!(world.sign_in("anna", temporary, None).await, SignedIn::MustChangePassword);
    }
    assert_eq!(world.sign_in("anna", &first, Some(&secret(NEW))).await, SignedIn::In(anna));
    assert_eq!(world.sign_in("anna", &second, Some(&secret(NEW))).await, SignedIn::Refused);
}

#[tokio::test]
async fn a_temporary_password_expires() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    world.wait(Duration::from_hours(8 * 24));
    assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::Refused);
}

#[tokio::test]
async fn a_reset_retires_the_own_password_and_a_recall_restores_it() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    world.sign_in("anna", &temporary, Some(&secret(NEW))).await;
    let reset = world.secret_for(anna).await;
    assert_eq!(world.sign_in("anna", &secret(NEW), None).await, SignedIn::Refused);
    assert_eq!(world.sign_in("anna", &reset, None).await, SignedIn::MustChangePassword);
    let batch = world.invites.batches(&world.admin, None, 1).await.unwrap().rows.remove(0);
    world.invites.recall(&world.admin, batch.id).await.unwrap();
    assert_eq!(world.sign_in("anna", &reset, None).await, SignedIn::Refused);
    assert_eq!(world.sign_in("anna", &secret(NEW), None).await, SignedIn::In(anna));
}

#[tokio::test]
async fn strangers_the_deactivated_and_sso_people_hear_the_same_answer() {
    let world = World::new().await;
    let (per, ida) = (world.add("Per").await, world.add("Ida").await);
    let (for_per, for_ida) = (world.secret_for(per).await, world.secret_for(ida).await);
    world.invites.change_user(&world.admin, per, |user| user.deactivated = true).await.unwrap();
    let sso = |user: &mut User| user.sign_in = Some(SignInMethod::Sso);
    world.invites.change_user(&world.admin, ida, sso).await.unwrap();
    for (name, secret) in [("per", &for_per), ("ida", &for_ida), ("nobody", &for_per), ("", &secret(""))] {
        assert_eq!(world.sign_in(name, secret, None).await, SignedIn::Refused, "{name}");
    }
}

#[tokio::test]
async fn guessing_slows_down_for_people_and_strangers_alike_and_locks_nobody_out() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    for name in ["anna", "nobody"] {
        for _ in 0..5 {
            assert_eq!(world.sign_in(name, &secret("wrong"), None).await, SignedIn::Refused);
        }
        let SignedIn::Wait(rest) = world.sign_in(name, &temporary, None).await else { panic!("{name}") };
        assert!(rest <= Duration::from_mins(1), "{rest:?}");
    }
    world.wait(Duration::from_secs(61));
    assert_eq!(world.sign_in("anna", &temporary, None).await, SignedIn::MustChangePassword);
    assert_eq!(world.sign_in("anna", &secret("wrong"), None).await, SignedIn::Refused, "counted anew");
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_when_the_password_is_at_hand() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;
    world.sign_in("anna", &temporary, Some(&secret(NEW))).await;
    let cost = async || {
        let record = world.store.sign_in_record(world.organisation, "anna".into()).await.unwrap();
        record.unwrap().password.unwrap().cost()
    };
    assert_eq!(cost().await, HashCost::weak_for_tests());

    let stronger = HashCost::new(7168, 5, 1).unwrap();
    let builder = Invites::builder(world.store.clone()).email(RecordingTransport::new());
    let invites = builder.seal_with(world.key.clone()).hash_cost(stronger).build().unwrap();
    for _ in 0..2 {
        let sign_in = SignIn { name: "anna".into(), secret: secret(NEW), new_password: None, source: None };
        assert_eq!(invites.sign_in(world.organisation, sign_in).await.unwrap(), SignedIn::In(anna));
        assert_eq!(cost().await, stronger);
    }
}

/// A host whose table goes away just when a password is to be set.
#[derive(Debug, Clone)]
struct Shaky {
    people: MemoryStore,
    fails: Arc<AtomicBool>,
}

#[async_trait]
impl Accounts for Shaky {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        self.people.page(page).await
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        self.people.facts(organisation, users).await
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(PortError::new(PortErrorKind::Unavailable, "set a password"));
        }
        self.people.set_password(request).await
    }
}

#[tokio::test]
async fn whoever_was_cut_off_comes_again_with_the_same_secret() {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    let store = MemoryStore::with_clock(clock.clone());
    let key = SealingKey::generate(&mut system_random().unwrap());
    let fails = Arc::new(AtomicBool::new(true));
    let accounts = Shaky { people: store.clone(), fails: fails.clone() };
    let invites = finished(Invites::builder_with(accounts, store.clone()).people(store.clone()), &key);
    let world = World::on(store, clock, key, invites, |_| {}).await;
    let anna = world.add("Anna").await;
    let temporary = world.secret_for(anna).await;

    let error = world.try_sign_in("anna", &temporary, Some(&secret(NEW))).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    fails.store(false, Ordering::SeqCst);
    let busy = world.sign_in("anna", &temporary, Some(&secret(NEW))).await;
    assert!(matches!(busy, SignedIn::Wait(rest) if rest <= Duration::from_mins(1)), "{busy:?}");
    world.wait(Duration::from_secs(61));
    assert_eq!(world.sign_in("anna", &temporary, Some(&secret(NEW))).await, SignedIn::In(anna));
    assert_eq!(world.sign_in("anna", &secret(NEW), None).await, SignedIn::In(anna));
}
