//! Organisations and their people, as benches need them.

use chrono::{DateTime, Utc};
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::UserId;
use invite_core::model::organisation::{ReminderRules, Settings};
use invite_core::model::role::Role;
use invite_core::model::user::User;
use invite_core::port::people::{SaveUsers, Saved};
use invite_core::{Invites, SealingKey, credential::random::system_random};

use crate::transport::Instantly;
use crate::{Answer, Store};

/// People in a transaction.
const PAGE: usize = 1_000;
/// The groups that people are in, as many as a large chain has shops.
pub const GROUPS: usize = 300;

/// An instant after all others.
pub const EVER: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

/// An organisation with so many people, who get what `credential` says.
pub async fn organisation(
    store: &Store,
    alias: &str,
    people: usize,
    credential: CredentialKind,
) -> Answer<Actor> {
    let settings = Settings {
        app_link: Some("https://app.example.com".parse()?),
        link_pattern: Some("https://app.example.com/welcome#{token}".parse()?),
        credential,
        reminders: ReminderRules { gap: std::time::Duration::ZERO, ..ReminderRules::default() },
        ..Settings::new("Acme")
    };
    let invites = invites(store)?;
    let actor = Actor::system(invites.create_organisation(alias.parse()?, settings).await?.id);
    for first in (0..people).step_by(PAGE) {
        let users = (first..people.min(first + PAGE)).map(person).collect::<Answer<Vec<_>>>()?;
        let save = SaveUsers { organisation: actor.organisation(), actor: actor.clone(), users };
        if store.people().save(save).await?.iter().any(|saved| *saved != Saved::Created) {
            return Err("a person of the bench was not saved".into());
        }
    }
    Ok(actor)
}

/// The library over a store, with a transport that takes everything at once.
pub fn invites(store: &Store) -> Answer<Invites> {
    let key = SealingKey::generate(&mut system_random()?);
    Ok(store.builder().email(Instantly).seal_with(key).build()?)
}

/// Everybody has an e-mail address of their own; one of 1,000 is an administrator, one of 50 deactivated.
fn person(number: usize) -> Answer<User> {
    Ok(User {
        first_name: "Kari".into(),
        last_name: format!("Nordmann {number}"),
        username: Some(format!("kari{number}")),
        employee_number: Some(format!("{number:08}")),
        email: Some(format!("kari{number}@example.com").parse()?),
        group: Some(format!("Shop {}", number % GROUPS)),
        role: if number % 1_000 == 999 { Role::Administrator } else { Role::Member },
        deactivated: number % 50 == 49,
        ..User::new(UserId::new())
    })
}
