//! What arrived lets people in, and stands nowhere else.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::path::PathBuf;

use aho_corasick::AhoCorasick;
use invite_core::Secret;
use invite_core::credential::TemporaryPassword;
use invite_core::model::delivery::Delivery;
use invite_core::model::id::{DeliveryId, OrganisationId, UserId};
use invite_core::port::redemption::LinkState;
use invite_core::service::{Acceptance, Invites, SecretCheck};

use crate::journal::Accepted;
use crate::rollout::LINK;

/// One of so many secrets is also used, to its end.
const USED: usize = 20;
/// So many secrets are looked for in the database's files.
const SEARCHED: usize = 2_000;
/// What people choose.
const CHOSEN: &str = "a long walk to the harbour";

/// A secret as it stood in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presented {
    Link(String),
    Password(String),
}

/// What trying the secrets showed.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    /// Different secrets in all messages that arrived.
    pub(crate) tried: usize,
    pub(crate) working: usize,
    pub(crate) used: usize,
    pub(crate) faults: Vec<String>,
}

impl Presented {
    /// The secret in a message's text.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let password = || TemporaryPassword::normalise(word).filter(|_| word.contains('-'));
            match word.strip_prefix(LINK) {
                Some(token) => Some(Self::Link(token.to_owned())),
                None => password().map(|password| Self::Password(password.secret().expose().to_owned())),
            }
        })
    }

    fn text(&self) -> &str {
        match self {
            Self::Link(text) | Self::Password(text) => text,
        }
    }

    fn secret(&self) -> Secret {
        Secret::new(self.text().to_owned())
    }
}

/// Tries the secret of every message that arrived. All messages of a person carry the same one, also those that
/// arrived twice.
pub(crate) async fn try_all(
    invites: &Invites,
    deliveries: &HashMap<DeliveryId, (OrganisationId, Delivery)>,
    journal: &[Accepted],
) -> Result<Trial, Box<dyn Error>> {
    let mut trial = Trial::default();
    let mut of_person: HashMap<(OrganisationId, UserId), Presented> = HashMap::new();
    for accepted in journal {
        let Some((organisation, delivery)) = deliveries.get(&accepted.delivery) else { continue };
        let Some(secret) = Presented::find(&accepted.text) else {
            trial.faults.push(format!("{}: a message without a secret", delivery.id));
            continue;
        };
        let first = of_person.entry((*organisation, delivery.user)).or_insert_with(|| secret.clone());
        if *first != secret {
            trial.faults.push(format!("{}: another secret than before", delivery.id));
        }
    }
    trial.tried = of_person.len();
    let mut people: Vec<_> = of_person.into_iter().collect();
    people.sort_by_key(|(person, _)| *person);
    for ((organisation, user), secret) in &people {
        match check(invites, *organisation, *user, secret).await? {
            None => trial.working += 1,
            Some(why) => trial.faults.push(format!("the secret of {user} does not work: {why}")),
        }
    }
    for ((organisation, user), secret) in people.iter().step_by(USED) {
        let accepted = Acceptance::Accepted { organisation: *organisation, user: *user };
        match redeem(invites, *organisation, *user, secret).await? {
            acceptance if acceptance == accepted => trial.used += 1,
            other => trial.faults.push(format!("{user} could not use their secret: {other:?}")),
        }
        if check(invites, *organisation, *user, secret).await?.is_none() {
            trial.faults.push(format!("the secret of {user} works after its use"));
        }
    }
    Ok(trial)
}

/// In which files a secret stands that arrived: of many messages, some are looked for.
pub(crate) fn search(files: &[PathBuf], journal: &[Accepted]) -> Result<Vec<String>, Box<dyn Error>> {
    let secrets: Vec<String> = journal
        .iter()
        .step_by(journal.len().div_ceil(SEARCHED).max(1))
        .filter_map(|accepted| Presented::find(&accepted.text))
        .flat_map(|secret| {
            let text = secret.text().to_owned();
            [text.replace('-', ""), text]
        })
        .collect();
    let secrets = AhoCorasick::builder().ascii_case_insensitive(true).build(&secrets)?;
    let mut found = Vec::new();
    for path in files {
        let octets = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            octets => octets?,
        };
        let times = secrets.find_iter(&octets).count();
        if times > 0 {
            found.push(format!("{}: {times} secrets in plain text", path.display()));
        }
    }
    Ok(found)
}

/// Why a secret does not work.
async fn check(
    invites: &Invites,
    organisation: OrganisationId,
    user: UserId,
    secret: &Presented,
) -> Result<Option<String>, Box<dyn Error>> {
    Ok(match secret {
        Presented::Link(_) => match invites.inspect_link(&secret.secret()).await? {
            Some(view) if matches!(view.state, LinkState::Open { .. }) => None,
            Some(view) => Some(format!("{:?}", view.state)),
            None => Some("no link of ours".to_owned()),
        },
        Presented::Password(_) => match invites.check_secret(organisation, user, &secret.secret(), "").await?
        {
            SecretCheck::Belongs(_) => None,
            other => Some(format!("{other:?}")),
        },
    })
}

async fn redeem(
    invites: &Invites,
    organisation: OrganisationId,
    user: UserId,
    secret: &Presented,
) -> Result<Acceptance, Box<dyn Error>> {
    let chosen = Secret::new(CHOSEN.to_owned());
    Ok(match secret {
        Presented::Link(_) => invites.accept(&secret.secret(), &chosen).await?,
        Presented::Password(_) => invites.redeem(organisation, user, &secret.secret(), &chosen, "").await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_the_words_around_it() {
        let link =
            format!("Choose your own password here:\n\n{LINK}AAAAAAAAAAAAAAAAAAAAAA\n\nIt works once.");
        assert_eq!(Presented::find(&link), Some(Presented::Link("A".repeat(22))));
        let sms = "Acme: Kari, sign in: https://app.example.com User: kari1 Password: abcd-efgh-jkmn Help: x";
        assert_eq!(Presented::find(sms), Some(Presented::Password("abcd-efgh-jkmn".into())));
        assert_eq!(Presented::find("Hello Kari, unexpectedly you come twelve-fold."), None);
    }
}
