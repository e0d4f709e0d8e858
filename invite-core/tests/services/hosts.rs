//! Hosts with users and sign-in of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::credential::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::memory::{ManualClock, MemoryStore};
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::item::SkipReason;
use invite_core::model::organisation::Settings;
use invite_core::model::role::Role;
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::PortResult;
use invite_core::service::{Acceptance, Error, ImportOptions, SecretCheck};
use invite_core::{Actor, Invite, Invites, Remind, Secret};

use crate::support::{World, finished, person, secret};

const NEW: &str = "correct horse battery";
const FROM: &str = "192.0.2.1";

/// A host's own table, with passwords that it could hash as it likes.
#[derive(Debug, Clone, Default)]
struct Table(Arc<Mutex<Rows>>);

type Rows = BTreeMap<UserId, (User, Option<String>)>;

impl Table {
    fn change(&self, id: UserId, change: impl FnOnce(&mut User)) {
        change(&mut self.0.lock().unwrap().get_mut(&id).unwrap().0);
    }

    fn password(&self, id: UserId) -> Option<String> {
        self.0.lock().unwrap()[&id].1.clone()
    }
}

#[async_trait]
impl Accounts for Table {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        let table = self.0.lock().unwrap();
        let people = table.values().map(|(user, _)| user.clone());
        let people = people.filter(|user| Some(user.id) > page.after && page.filter.people.matches(user));
        Ok(people.take(page.limit).collect())
    }

    async fn facts(&self, _: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        let table = self.0.lock().unwrap();
        Ok(users.iter().map(|id| table.get(id).map(|(user, _)| user.clone())).collect())
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        let mut table = self.0.lock().unwrap();
        let Some((user, password)) = table.get_mut(&request.user) else { return Ok(PasswordSet::Refused) };
        user.has_password = true;
        *password = Some(request.password.chosen().secret().expose().to_owned());
        Ok(PasswordSet::Done)
    }
}

async fn host() -> (World, Table, UserId) {
    let table = Table::default();
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    let store = MemoryStore::with_clock(clock.clone());
    let key = SealingKey::generate(&mut system_random().unwrap());
    let invites = finished(Invites::builder_with(table.clone(), store.clone()), &key);
    let mut settings = Settings::new("Rema");
    settings.app_link = Some("https://app.example.com".parse().unwrap());
    let organisation = invites.create_organisation("rema".parse().unwrap(), settings).await.unwrap().id;
    let boss = person("Kari", |user| user.role = Role::Administrator);
    let anna = person("Anna", |_| {});
    let (admin, id) = (Actor::administrator(organisation, boss.id), anna.id);
    table.0.lock().unwrap().extend([(boss.id, (boss, None)), (id, (anna, None))]);
    let world = World { store, clock, invites, organisation, admin, key, accounts: Arc::new(table.clone()) };
    (world, table, id)
}

async fn check(world: &World, user: UserId, secret: &Secret) -> SecretCheck {
    world.invites.check_secret(world.organisation, user, secret, FROM).await.unwrap()
}

#[tokio::test]
async fn a_host_checks_and_redeems_a_temporary_password_through_its_own_table() {
    let (world, table, anna) = host().await;
    let temporary = world.secret_for(anna).await;
    assert!(matches!(check(&world, anna, &temporary).await, SecretCheck::Belongs(_)));
    assert_eq!(check(&world, anna, &secret("abcd-efgh-jkmn")).await, SecretCheck::No);
    assert_eq!(check(&world, UserId::new(), &temporary).await, SecretCheck::No);
    let redeemed =
        world.invites.redeem(world.organisation, anna, &temporary, &secret(NEW), FROM).await.unwrap();
    assert_eq!(redeemed, Acceptance::Accepted { organisation: world.organisation, user: anna });
    assert_eq!(table.password(anna).as_deref(), Some(NEW));
    assert_eq!(check(&world, anna, &temporary).await, SecretCheck::No);
}

#[tokio::test]
async fn guesses_at_a_host_slow_down_by_their_source() {
    let (world, _, anna) = host().await;
    let temporary = world.secret_for(anna).await;
    for _ in 0..5 {
        assert_eq!(check(&world, anna, &secret("wrong")).await, SecretCheck::No);
    }
    assert!(matches!(check(&world, anna, &temporary).await, SecretCheck::Wait(_)));
    let elsewhere = world.invites.check_secret(world.organisation, anna, &temporary, "198.51.100.7").await;
    assert!(matches!(elsewhere.unwrap(), SecretCheck::Belongs(_)));
}

#[tokio::test]
async fn a_password_that_the_host_knows_is_retired_by_a_reset_and_counts_again_when_one_is_set() {
    let (world, table, anna) = host().await;
    let counts = async || world.invites.own_password_counts(world.organisation, vec![anna]).await.unwrap();
    table.change(anna, |user| user.has_password = true);
    assert_eq!(counts().await, [true]);
    let temporary = world.secret_for(anna).await;
    assert_eq!(counts().await, [false]);
    world.wait(Duration::from_mins(1));
    let now = world.now().await;
    world.invites.record_password_set(world.organisation, &[(anna, now)]).await.unwrap();
    assert_eq!(counts().await, [true]);
    assert_eq!(check(&world, anna, &temporary).await, SecretCheck::No);
}

#[tokio::test]
async fn a_change_that_the_host_tells_revokes_what_was_sent() {
    let (world, table, anna) = host().await;
    let temporary = world.secret_for(anna).await;
    table.change(anna, |user| user.email = Some("new@example.com".parse().unwrap()));
    for _ in 0..2 {
        world.invites.record_change(world.organisation, &[anna]).await.unwrap();
    }
    assert_eq!(check(&world, anna, &temporary).await, SecretCheck::No);
}

#[tokio::test]
async fn a_change_that_the_host_does_not_tell_is_seen_where_it_matters() {
    let (world, table, anna) = host().await;
    let temporary = world.secret_for(anna).await;
    table.change(anna, |user| user.deactivated = true);
    assert_eq!(check(&world, anna, &temporary).await, SecretCheck::No);
}

#[tokio::test]
async fn a_sign_in_that_the_host_tells_ends_the_reminders_and_an_old_one_does_not() {
    let (world, _, anna) = host().await;
    let before = world.now().await;
    world.wait(Duration::from_hours(1));
    world.send(Invite::users([anna])).await;
    world.wait(Duration::from_hours(4 * 24));
    let now = world.now().await;
    let reason = async || {
        let totals = world.plan(Remind::users([anna])).await.totals().clone();
        totals.skip.keys().next().copied()
    };
    assert_eq!(reason().await, None);
    world.invites.record_sign_in(world.organisation, &[(anna, now)]).await.unwrap();
    assert_eq!(reason().await, Some(SkipReason::AlreadySetUp));
    world.invites.record_sign_in(world.organisation, &[(anna, before)]).await.unwrap();
    assert_eq!(reason().await, Some(SkipReason::AlreadySetUp));
}

#[tokio::test]
async fn people_of_a_host_are_not_written_from_here() {
    let (world, _, anna) = host().await;
    let import = world.invites.import(&world.admin, "email\n".as_bytes(), ImportOptions::default()).await;
    assert!(matches!(import, Err(Error::NoPeople)));
    let change = world.invites.change_user(&world.admin, anna, |_| {}).await;
    assert!(matches!(change, Err(Error::NoPeople)));
    assert!(matches!(world.try_sign_in("anna", &secret(NEW), None).await, Err(Error::NoPeople)));
}
