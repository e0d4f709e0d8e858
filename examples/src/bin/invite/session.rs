//! What a command works with: the database, the organisation, and who acts.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use invite_core::credential::random;
use invite_core::model::id::OrganisationId;
use invite_core::model::message::Channel;
use invite_core::model::organisation::{Alias, Organisation};
use invite_core::policy::Policy;
use invite_core::port::clock::{Clock, SystemClock};
use invite_core::service::{Builder, Error};
use invite_core::{Actor, Invites, SealingKey};

use crate::arguments::Globals;
use crate::database::{Database, Store};
use crate::failure::Failure;
use crate::find;
use crate::nearest::nearest;
use crate::output::Output;
use crate::transports::{Counts, Leaving, Url};

/// The environment variable with the key or keys.
pub(crate) const KEY: &str = "INVITE_SECRET_KEY";

/// Organisations that an error lists at most.
const LISTED: usize = 20;

/// What a command needs beyond the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// A database that is there.
    Database,
    /// A database, which is made where it is not there.
    NewDatabase,
    /// The key, too.
    Key,
    /// What sends; nothing is sealed or opened.
    Transport,
    /// What sends, and the key that secrets are sealed with.
    Sending,
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) invites: Invites,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) output: Output,
    has_key: bool,
    globals: Globals,
}

/// An organisation, and the administrator of it who acts.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    pub(crate) organisation: Organisation,
    pub(crate) actor: Actor,
}

impl Session {
    pub(crate) async fn open(globals: &Globals, output: Output, needs: Needs) -> Result<Self, Failure> {
        Self::open_with(globals, output, needs, |builder| builder).await
    }

    /// As [`open`](Self::open), with what a command asks of the builder.
    pub(crate) async fn open_with(
        globals: &Globals,
        output: Output,
        needs: Needs,
        with: impl FnOnce(Builder) -> Builder,
    ) -> Result<Self, Failure> {
        let database = Database::parse(globals.db.as_deref())?;
        if let Some(path) = database.missing().filter(|_| needs != Needs::NewDatabase) {
            return Err(Failure::wrong(format!(
                "there is no database {}: look whether --db (INVITE_DB) is right, or begin with `invite org create`",
                path.display()
            )));
        }
        let (email, sms) = (given(globals.email.as_ref()), given(globals.sms.as_ref()));
        let urls = [(Channel::Email, email), (Channel::Sms, sms)];
        for (channel, url) in urls {
            url.map(|url| Url::parse(channel, url)).transpose()?;
        }
        let has_key = matches!(needs, Needs::Sending | Needs::Key) || key_is_set();
        let key = if has_key { sealing_key()? } else { unused_key()? };
        let sending = matches!(needs, Needs::Sending | Needs::Transport);
        let counts = Arc::new(Counts::default());
        let leaving = async |channel, url: Option<&str>| {
            Leaving::through(channel, url.filter(|_| sending), &counts, output).await
        };
        let (email, sms) = (leaving(Channel::Email, email).await?, leaving(Channel::Sms, sms).await?);
        let (mut builder, store) = database.open().await?;
        if let Some(rate) = email.rate {
            builder = builder.email_rate(rate);
        }
        let builder = builder.email(email).sms(sms).seal_with(key).policy(policy(globals.policy.as_deref())?);
        let invites = with(builder).build().map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { invites, store, counts, output, has_key, globals: globals.clone() })
    }

    /// The organisation that `--org` names.
    pub(crate) async fn organisation(&self) -> Result<Organisation, Failure> {
        let alias = given(self.globals.org.as_ref()).ok_or_else(|| {
            Failure::wrong("which organisation? Give its short name with --org (or INVITE_ORG)")
        })?;
        self.organisation_called(alias).await
    }

    /// The organisation with this short name.
    pub(crate) async fn organisation_called(&self, alias: &str) -> Result<Organisation, Failure> {
        let parsed: Alias =
            alias.parse().map_err(|error| Failure::wrong(format!("--org {alias:?}: {error}")))?;
        match self.invites.organisation_by_alias(parsed).await {
            Err(Error::NotFound(_)) => {
                let there = self.invites.organisations(None, LISTED).await?;
                let names: Vec<&str> = there.iter().map(|one| one.alias.as_str()).collect();
                let near = nearest(alias, names.iter().copied(), 1);
                let hint = match (near.first(), names.as_slice()) {
                    (_, []) => "there is none yet: begin with `invite org create`".to_owned(),
                    (Some(near), _) => format!("did you mean {near}?"),
                    (None, names) => format!("there are: {}", names.join(", ")),
                };
                Err(Failure::wrong(format!("there is no organisation {alias}; {hint}")))
            }
            organisation => Ok(organisation?),
        }
    }

    /// The organisation, and the administrator that `--as` names.
    pub(crate) async fn acting(&self) -> Result<Acting, Failure> {
        let organisation = self.organisation().await?;
        let actor = self.actor(organisation.id).await?;
        Ok(Acting { organisation, actor })
    }

    /// The administrator that `--as` names.
    pub(crate) async fn actor(&self, organisation: OrganisationId) -> Result<Actor, Failure> {
        let name = given(self.globals.acting.as_ref()).ok_or_else(|| {
            Failure::wrong("who are you? Name an administrator of the organisation with --as (or INVITE_AS)")
        })?;
        let user = find::user(self, &Actor::system(organisation), name).await?;
        let actor = Actor::administrator(organisation, user);
        match self.invites.authorise(&actor).await {
            Err(Error::NotAllowed) => Err(Failure::wrong(format!(
                "{name} is no active administrator of this organisation: give another with --as (or INVITE_AS)"
            ))),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(actor),
        }
    }

    /// Where addresses of erased people are suppressed, they are recognised with the key alone.
    pub(crate) async fn can_recognise(&self, organisation: OrganisationId) -> Result<(), Failure> {
        if self.has_key || !self.store.has_hashed_suppressions(organisation).await? {
            return Ok(());
        }
        Err(Failure::wrong(format!(
            "{KEY} is not set: addresses of people who were erased are suppressed here, and are recognised with it. Set \
             it as it is in the other processes"
        )))
    }

    /// What `--email` or `--sms` says.
    pub(crate) fn url(&self, channel: Channel) -> Option<&str> {
        given(match channel {
            Channel::Email => self.globals.email.as_ref(),
            Channel::Sms => self.globals.sms.as_ref(),
        })
    }

    /// Whether `--org` names an organisation.
    pub(crate) fn names_organisation(&self) -> bool {
        given(self.globals.org.as_ref()).is_some()
    }
}

/// Now.
pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// The key or keys of the environment.
pub(crate) fn sealing_key() -> Result<SealingKey, Failure> {
    if key_is_set() {
        return SealingKey::from_env(KEY).map_err(|error| Failure::wrong(format!("{KEY}: {error}")));
    }
    Err(Failure::wrong(format!(
        "{KEY} is not set: secrets are sealed with it while they wait to be sent. Make a key once with \
         `export {KEY}=$(invite key new)`, give every process the same, and keep it as safe as the database"
    )))
}

fn key_is_set() -> bool {
    std::env::var(KEY).is_ok_and(|text| !text.trim().is_empty())
}

/// Stands in for the key in commands that seal nothing and open nothing.
fn unused_key() -> Result<SealingKey, Failure> {
    let mut random = random::system_random().map_err(|error| Failure::failed(error.to_string()))?;
    Ok(SealingKey::generate(&mut random))
}

/// An option that is given; an empty environment variable is none.
fn given(option: Option<&String>) -> Option<&str> {
    option.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The usual figures, or those of the file.
fn policy(path: Option<&Path>) -> Result<Policy, Failure> {
    let Some(path) = path else { return Ok(Policy::default()) };
    let wrong = |error: String| Failure::wrong(format!("--policy {}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let policy: Policy = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    policy.check().map_err(|error| wrong(error.to_string()))?;
    Ok(policy)
}
