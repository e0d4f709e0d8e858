//! Messages of an organisation's own: what there is, saving, and going back to the built-in ones.

use std::collections::BTreeSet;

use similar::TextDiff;
use tracing::instrument;

use super::compiled::NotReady;
use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::id::OrganisationId;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::Organisation;
use crate::model::template_key::TemplateKey;
use crate::port::error::{PortError, PortErrorKind};
use crate::port::organisations::{SaveTemplate, TemplateSaved, TemplateVersion};
use crate::template::{
    BUILTIN_LANGUAGES, CredentialForm, Problem, Purpose, Template, builtin, builtin_source,
};

/// The name of the built-in message where a version is asked for.
pub const BUILT_IN: &str = "builtin";

/// So often something is checked again that changed while it was.
pub(super) const CHECK_AGAIN: usize = 10;

/// Lines around a difference.
const CONTEXT: usize = 3;

/// One of an organisation's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TemplateRow {
    /// Which.
    pub key: TemplateKey,
    /// The version of its own that is in force; none where the built-in message is, or, in a language that has none,
    /// one in another language.
    pub own: Option<TemplateVersion>,
    /// Whether there is a built-in message in this language.
    pub has_builtin: bool,
}

/// The source of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TemplateSource {
    /// Which, in the language that it is written in: of a built-in message the nearest that there is.
    pub key: TemplateKey,
    /// The version; [`BUILT_IN`] for the built-in message.
    pub version: String,
    /// Whether it is the built-in message.
    pub built_in: bool,
    /// The text to edit.
    pub source: String,
}

impl Invites {
    /// All messages of the actor's organisation: each kind on each channel, in each language that is built in or that it
    /// has a message of its own in.
    pub async fn templates(&self, actor: &Actor) -> Result<Vec<TemplateRow>, Error> {
        self.authorise(actor).await?;
        let own = self.inner.store.templates(actor.organisation()).await?;
        let builtin = BUILTIN_LANGUAGES.into_iter().map(str::parse::<Locale>);
        let mut locales: BTreeSet<Locale> = builtin.filter_map(Result::ok).collect();
        let builtin = locales.clone();
        locales.extend(own.iter().map(|(key, _)| key.locale.clone()));
        let keys = MessageKind::ALL.into_iter().flat_map(|kind| Channel::ALL.map(|channel| (kind, channel)));
        let keys = keys.flat_map(|(kind, channel)| {
            locales.iter().map(move |locale| TemplateKey { kind, channel, locale: locale.clone() })
        });
        let row = |key: TemplateKey| {
            let own = own.iter().find(|(other, _)| *other == key).map(|(_, version)| version.clone());
            TemplateRow { own, has_builtin: builtin.contains(&key.locale), key }
        };
        Ok(keys.map(row).collect())
    }

    /// The source of a message: the version that is in force, the one named, or, named [`BUILT_IN`], the built-in one.
    pub async fn template(
        &self,
        actor: &Actor,
        key: &TemplateKey,
        version: Option<&str>,
    ) -> Result<TemplateSource, Error> {
        self.authorise(actor).await?;
        self.source(actor.organisation(), key, version).await
    }

    /// The versions of a message, the newest first, those before the cursor.
    pub async fn template_versions(
        &self,
        actor: &Actor,
        key: &TemplateKey,
        before: Option<String>,
        limit: usize,
    ) -> Result<Page<TemplateVersion, String>, Error> {
        self.authorise(actor).await?;
        let versions =
            self.inner.store.template_versions(actor.organisation(), key.clone(), before, limit).await?;
        Ok(Page::new(versions, limit, |version| version.version.clone()))
    }

    /// What changes from one version of a message to another, as a unified difference; empty where nothing does. Versions
    /// are named as in [`template`](Self::template).
    pub async fn template_difference(
        &self,
        actor: &Actor,
        key: &TemplateKey,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<String, Error> {
        self.authorise(actor).await?;
        let from = self.source(actor.organisation(), key, from).await?;
        let to = self.source(actor.organisation(), key, to).await?;
        let name = |one: &TemplateSource| format!("{} ({})", one.key, one.version);
        let difference = TextDiff::from_lines(&from.source, &to.source);
        Ok(difference.unified_diff().context_radius(CONTEXT).header(&name(&from), &name(&to)).to_string())
    }

    /// Whether a source could be saved as this message under the settings in force; [`Error::Template`] says what is wrong
    /// with it, and where.
    pub async fn check_template(&self, actor: &Actor, key: &TemplateKey, source: &str) -> Result<(), Error> {
        self.authorise(actor).await?;
        let organisation = self.organisation(actor.organisation()).await?;
        check(&organisation, key, source).map_err(|problems| Error::Template { key: key.clone(), problems })
    }

    /// Saves a new version of a message, if it checks; plans that are made from now on use it. Gives the version's name.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %key))]
    pub async fn save_template(
        &self,
        actor: &Actor,
        key: &TemplateKey,
        source: &str,
    ) -> Result<String, Error> {
        self.authorise(actor).await?;
        self.keep_template(actor, key, Some(source)).await
    }

    /// Goes back to the built-in message; plans that are made from now on use it. Gives the name of the version that says
    /// so.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %key))]
    pub async fn reset_template(&self, actor: &Actor, key: &TemplateKey) -> Result<String, Error> {
        self.authorise(actor).await?;
        if self.inner.store.template(actor.organisation(), key.clone(), None).await?.is_none() {
            return Err(Error::NotFound("message of its own"));
        }
        self.keep_template(actor, key, None).await
    }

    async fn keep_template(
        &self,
        actor: &Actor,
        key: &TemplateKey,
        source: Option<&str>,
    ) -> Result<String, Error> {
        for _ in 0..CHECK_AGAIN {
            let organisation = self.organisation(actor.organisation()).await?;
            if let Some(source) = source {
                check(&organisation, key, source)
                    .map_err(|problems| Error::Template { key: key.clone(), problems })?;
            }
            let save = SaveTemplate {
                actor: actor.clone(),
                key: key.clone(),
                source: source.map(str::to_owned),
                credential: organisation.settings.credential,
            };
            match self.inner.store.save_template(save).await? {
                TemplateSaved::Done(version) => return Ok(version),
                TemplateSaved::SettingsChanged => {}
            }
        }
        Err(changed_all_the_time("save a message"))
    }

    /// Checks all messages of an organisation's own against its settings, those to be saved; gives what was checked.
    pub(super) async fn check_templates(&self, organisation: &Organisation) -> Result<TemplatePins, Error> {
        let store = &self.inner.store;
        let own = store.templates(organisation.id).await?;
        let mut templates = Vec::new();
        for (key, version) in &own {
            let stored = store.template(organisation.id, key.clone(), Some(version.version.clone())).await?;
            let stored = stored.ok_or(Error::NotFound("version of this message"))?;
            if let Err(problems) = check(organisation, key, &stored.source) {
                templates.push((key.clone(), problems));
            }
        }
        if !templates.is_empty() {
            return Err(Error::SettingBreaksTemplate { templates });
        }
        Ok(own.iter().map(|(key, version)| (key, version.version.as_str())).collect())
    }

    /// The messages of its own that an organisation has in force.
    pub(super) async fn pins(&self, organisation: OrganisationId) -> Result<TemplatePins, Error> {
        let own = self.inner.store.templates(organisation).await?;
        Ok(own.iter().map(|(key, version)| (key, version.version.as_str())).collect())
    }

    async fn source(
        &self,
        organisation: OrganisationId,
        key: &TemplateKey,
        version: Option<&str>,
    ) -> Result<TemplateSource, Error> {
        let named = version.filter(|version| *version != BUILT_IN).map(str::to_owned);
        let own = match version {
            Some(BUILT_IN) => None,
            _ => self.inner.store.template(organisation, key.clone(), named.clone()).await?,
        };
        match own {
            Some(own) => {
                let (version, source) = (own.version, own.source);
                Ok(TemplateSource { key: key.clone(), version, built_in: false, source })
            }
            None if named.is_some() => Err(NotReady::Gone(key.clone(), String::new()).into()),
            None => Ok(built_in(key)),
        }
    }
}

/// The built-in message that comes nearest.
fn built_in(key: &TemplateKey) -> TemplateSource {
    let TemplateKey { kind, channel, .. } = *key;
    let locale = builtin(kind, channel, &key.locale).purpose().locale.clone();
    let source = builtin_source(kind, channel, &locale).to_owned();
    TemplateSource {
        key: TemplateKey { kind, channel, locale },
        version: BUILT_IN.into(),
        built_in: true,
        source,
    }
}

/// Whether a message checks under an organisation's settings.
fn check(organisation: &Organisation, key: &TemplateKey, source: &str) -> Result<(), Vec<Problem>> {
    let TemplateKey { kind, channel, locale } = key.clone();
    let forms = CredentialForm::in_use(organisation.settings.credential);
    Template::check(source, Purpose { kind, channel, locale }, &forms).map(drop)
}

/// Others change what is checked faster than it can be checked.
pub(super) fn changed_all_the_time(doing: &str) -> Error {
    let error = PortError::new(PortErrorKind::Unavailable, doing);
    Error::Port(error.caused_by("settings and messages were changed by others all the time"))
}
