//! What the workers carry out: two organisations, their people, and a batch of each in every wave.

use std::error::Error;
use std::time::Duration;

use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, Settings};
use invite_core::model::user::User;
use invite_core::port::people::{People, SaveUsers, Saved};
use invite_core::service::{ConfirmOptions, Invite, Invites};
use invite_sqlite::SqliteStore;

/// So many times a batch of each organisation is confirmed, so that both meet kills from the first to the last.
pub(crate) const WAVES: u64 = 4;
/// What stands before the token in a link.
pub(crate) const LINK: &str = "https://app.example.com/welcome#";

/// People in a transaction.
const PAGE: usize = 1_000;

/// The organisations.
#[derive(Debug)]
pub(crate) struct Rollout {
    /// Set-up links by e-mail: nine messages of ten.
    links: OrganisationId,
    /// Temporary passwords by e-mail and SMS.
    passwords: OrganisationId,
    channels: ChannelRule,
}

impl Rollout {
    /// Makes the organisations, and people for so many messages on these channels.
    pub(crate) async fn prepare(
        store: &SqliteStore,
        invites: &Invites,
        deliveries: u64,
        channels: ChannelRule,
    ) -> Result<Self, Box<dyn Error>> {
        let with_password = deliveries / 20;
        let messages_each = if channels == ChannelRule::Both { 2 } else { 1 };
        let links = Settings {
            link_pattern: Some(format!("{LINK}{{token}}").parse()?),
            credential: CredentialKind::SetUpLink,
            ..settings("Links")?
        };
        let passwords = Settings {
            channels: Channel::ALL.into(),
            country: Some("NO".parse()?),
            credential: CredentialKind::TemporaryPassword,
            ..settings("Passwords")?
        };
        let links = invites.create_organisation("links".parse()?, links).await?.id;
        let passwords = invites.create_organisation("passwords".parse()?, passwords).await?.id;
        save(store, links, deliveries - messages_each * with_password, false).await?;
        save(store, passwords, with_password, true).await?;
        Ok(Self { links, passwords, channels })
    }

    /// Both organisations.
    pub(crate) const fn organisations(&self) -> [OrganisationId; 2] {
        [self.links, self.passwords]
    }

    /// Plans and confirms a batch of each organisation. Gives how many messages they have together.
    pub(crate) async fn confirm(&self, invites: &Invites, wave: u64) -> Result<u64, Box<dyn Error>> {
        let mut messages = 0;
        for organisation in self.organisations() {
            let actor = Actor::system(organisation);
            let request = Invite::group(group(wave)).channels(self.channels);
            let plan = invites.plan(&actor, request).await?;
            messages += plan.totals().messages.values().sum::<u64>();
            let options = ConfirmOptions::new().hold(Duration::ZERO);
            invites.confirm_with(&actor, plan.id(), options).await?;
        }
        Ok(messages)
    }
}

fn settings(name: &str) -> Result<Settings, Box<dyn Error>> {
    // It runs at any time of day.
    Ok(Settings {
        app_link: Some("https://app.example.com".parse()?),
        quiet_hours: None,
        ..Settings::new(name)
    })
}

fn group(wave: u64) -> String {
    format!("wave-{wave}")
}

async fn save(
    store: &SqliteStore,
    organisation: OrganisationId,
    people: u64,
    with_phone: bool,
) -> Result<(), Box<dyn Error>> {
    let people = (0..people).map(|number| person(number, with_phone)).collect::<Result<Vec<_>, _>>()?;
    for page in people.chunks(PAGE) {
        let actor = Actor::system(organisation);
        let saved = store.save(SaveUsers { organisation, actor, users: page.to_vec() }).await?;
        if saved.iter().any(|saved| *saved != Saved::Created) {
            return Err("a person of the campaign was not saved".into());
        }
    }
    Ok(())
}

fn person(number: u64, with_phone: bool) -> Result<User, Box<dyn Error>> {
    let mut user = User::new(UserId::new());
    user.first_name = "Kari".into();
    user.last_name = format!("Nordmann {number}");
    user.username = Some(format!("kari{number}"));
    user.email = Some(format!("kari{number}@example.com").parse()?);
    if with_phone {
        user.phone = Some(format!("+47{}", 90_000_000 + number).try_into()?);
    }
    user.group = Some(group(number % WAVES));
    Ok(user)
}
