//! Whom the workers write to, and whom they must not.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::organisation::Settings;
use invite_core::model::role::Role;
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;
use invite_core::port::people::{People, SaveUsers, Saved};
use invite_core::service::{ConfirmOptions, Invite, Invites};

use crate::rollout::{LINK, WAVES};

/// People in a transaction.
const PAGE: usize = 1_000;
/// People whose batch is cancelled before anything leaves, and as many whose plan nobody confirms.
const ROLLED_BACK: u64 = 50;

/// The organisations and their people: in every wave those who get a message, some who sign in with SSO, some who come
/// under it between plan and confirmation, and the planner.
pub(crate) struct Parties {
    people: Arc<dyn People>,
    organisations: [Organisation; 2],
    /// Addresses that no message may reach.
    pub(crate) untouchable: HashSet<String>,
}

struct Organisation {
    id: OrganisationId,
    planners: Vec<UserId>,
    /// By wave: those who come under SSO.
    turning: Vec<Vec<User>>,
}

impl Parties {
    /// Makes them for so many messages: every hundredth with a temporary password, the others with a link.
    pub(crate) async fn prepare(
        people: Arc<dyn People>,
        invites: &Invites,
        deliveries: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let links = Settings {
            link_pattern: Some(format!("{LINK}{{token}}").parse()?),
            credential: CredentialKind::SetUpLink,
            ..settings("Links")?
        };
        let passwords = Settings { credential: CredentialKind::TemporaryPassword, ..settings("Passwords")? };
        let mut untouchable = HashSet::new();
        let mut organisations = Vec::new();
        let with_password = deliveries.div_ceil(100);
        for (alias, settings, messages) in
            [("links", links, deliveries - with_password), ("passwords", passwords, with_password)]
        {
            let id = invites.create_organisation(alias.parse()?, settings).await?.id;
            let mut made = Made { alias, people: Vec::new() };
            for number in 0..messages {
                made.person(&group(number % WAVES), |_| {})?;
            }
            let others = made.people.len();
            let few = messages.div_ceil(400);
            let (mut planners, mut turning) = (Vec::new(), Vec::new());
            for wave in 0..WAVES {
                planners.push(made.person(&group(wave), |user| user.role = Role::Administrator)?.id);
                for _ in 0..few {
                    made.person(&group(wave), |user| user.sign_in = Some(SignInMethod::Sso))?;
                }
                let mut turn = Vec::new();
                for _ in 0..few {
                    turn.push(made.person(&group(wave), |_| {})?);
                }
                turning.push(turn);
            }
            for rolled_back in ["cancelled", "not-confirmed"] {
                for _ in 0..ROLLED_BACK {
                    made.person(rolled_back, |_| {})?;
                }
            }
            let addresses = made.people[others..].iter().filter_map(|user| user.email.as_ref());
            untouchable.extend(addresses.map(|address| address.as_str().to_owned()));
            save(&*people, id, &made.people, Saved::Created).await?;
            organisations.push(Organisation { id, planners, turning });
        }
        let organisations = organisations.try_into().map_err(|_| "there are two")?;
        Ok(Self { people, organisations, untouchable })
    }

    /// Both organisations.
    pub(crate) fn organisations(&self) -> [OrganisationId; 2] {
        [self.organisations[0].id, self.organisations[1].id]
    }

    /// Plans and confirms a batch of each organisation, and between the two some of its people come under SSO. Gives how
    /// many messages are to leave.
    pub(crate) async fn confirm(&self, invites: &Invites, wave: u64) -> Result<u64, Box<dyn Error>> {
        let mut messages = 0;
        let wave_number = usize::try_from(wave)?;
        for organisation in &self.organisations {
            let actor = Actor::administrator(organisation.id, organisation.planners[wave_number]);
            let plan = invites.plan(&actor, Invite::group(group(wave))).await?;
            let turning = &organisation.turning[wave_number];
            messages += plan.totals().messages.values().sum::<u64>() - turning.len() as u64;
            let turned = turning.iter().cloned();
            let turned: Vec<User> =
                turned.map(|user| User { sign_in: Some(SignInMethod::Sso), ..user }).collect();
            save(&*self.people, organisation.id, &turned, Saved::Updated).await?;
            invites.confirm_with(&actor, plan.id(), ConfirmOptions::new().hold(Duration::ZERO)).await?;
        }
        Ok(messages)
    }

    /// Plans and does not confirm; confirms and cancels while it is held. Gives how many batches it cancelled.
    pub(crate) async fn roll_back(&self, invites: &Invites) -> Result<usize, Box<dyn Error>> {
        for organisation in &self.organisations {
            let actor = Actor::system(organisation.id);
            invites.plan(&actor, Invite::group("not-confirmed")).await?;
            let plan = invites.plan(&actor, Invite::group("cancelled")).await?;
            let options = ConfirmOptions::new().hold(Duration::from_hours(1));
            invites.confirm_with(&actor, plan.id(), options).await?;
            invites.cancel(&actor, plan.id()).await?;
        }
        Ok(self.organisations.len())
    }
}

struct Made {
    alias: &'static str,
    people: Vec<User>,
}

impl Made {
    fn person(&mut self, group: &str, change: impl FnOnce(&mut User)) -> Result<User, Box<dyn Error>> {
        let (number, alias) = (self.people.len(), self.alias);
        let mut user = User::new(UserId::new());
        user.first_name = "Kari".into();
        user.last_name = format!("Nordmann {number}");
        user.username = Some(format!("kari{number}"));
        user.email = Some(format!("kari{number}@{alias}.example.com").parse()?);
        user.group = Some(group.to_owned());
        change(&mut user);
        self.people.push(user.clone());
        Ok(user)
    }
}

async fn save(
    people: &dyn People,
    organisation: OrganisationId,
    users: &[User],
    expected: Saved,
) -> Result<(), Box<dyn Error>> {
    for page in users.chunks(PAGE) {
        let actor = Actor::system(organisation);
        let saved = people.save(SaveUsers { organisation, actor, users: page.to_vec() }).await?;
        if saved.iter().any(|saved| *saved != expected) {
            return Err("a person of the campaign was not saved".into());
        }
    }
    Ok(())
}

fn settings(name: &str) -> Result<Settings, Box<dyn Error>> {
    Ok(Settings { app_link: Some("https://app.example.com".parse()?), ..Settings::new(name) })
}

fn group(wave: u64) -> String {
    format!("wave-{wave}")
}
