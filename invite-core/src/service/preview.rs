//! What a message looks like: with sample data or a real person's, never with a real credential.

use chrono::{DateTime, TimeDelta, Utc};
use tracing::instrument;

use super::compiled::{Ready, compile};
use super::error::Error;
use super::invites::Invites;
use super::person_values::{organisation_values, person_values};
use super::sample_credential::SampleCredential;
use crate::model::actor::Actor;
use crate::model::id::UserId;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{Organisation, Retirement};
use crate::model::template_key::TemplateKey;
use crate::model::user::User;
use crate::template::sms::SmsSize;
use crate::template::{CredentialForm, Rendered, Values, resolve};

/// What is to be previewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    key: TemplateKey,
    source: Option<String>,
    person: Option<UserId>,
    credential: Option<CredentialForm>,
    reset: bool,
    last_reminder: bool,
}

impl Preview {
    /// The message that somebody gets whose language is that of the key, as it is in force, with sample data.
    pub const fn of(key: TemplateKey) -> Self {
        Self { key, source: None, person: None, credential: None, reset: false, last_reminder: false }
    }

    /// Of this source instead of what is in force.
    #[must_use]
    pub fn source(self, source: impl Into<String>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// With the names and contact of this person instead of sample data.
    #[must_use]
    pub fn person(self, person: UserId) -> Self {
        Self { person: Some(person), ..self }
    }

    /// With this form of credential, a sample always, instead of the one that the organisation's invitations carry.
    #[must_use]
    pub fn credential(self, form: CredentialForm) -> Self {
        Self { credential: Some(form), ..self }
    }

    /// As for somebody whose password the invitation replaced.
    #[must_use]
    pub fn reset(self, reset: bool) -> Self {
        Self { reset, ..self }
    }

    /// As for somebody who gets the last reminder.
    #[must_use]
    pub fn last_reminder(self, last: bool) -> Self {
        Self { last_reminder: last, ..self }
    }

    /// Which message.
    pub const fn key(&self) -> &TemplateKey {
        &self.key
    }

    pub(super) const fn shown_person(&self) -> Option<UserId> {
        self.person
    }
}

/// A message as it would look. Its credential is a sample, as long as a real one, that signs nobody in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Previewed {
    /// Which message, in the language that it is written in.
    pub key: TemplateKey,
    /// The words.
    pub words: Rendered,
    /// The size, where it is a text message.
    pub sms: Option<SmsSize>,
}

impl Invites {
    /// What a message looks like. A source that is given is checked first.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), key = %preview.key))]
    pub async fn preview(&self, actor: &Actor, preview: &Preview) -> Result<Previewed, Error> {
        let administrator = self.authorise(actor).await?;
        let organisation = self.organisation(actor.organisation()).await?;
        let inviter =
            administrator.map_or_else(|| organisation.settings.name.clone(), |user| user.display_name());
        self.previewed(&organisation, &inviter, preview).await
    }

    pub(super) async fn previewed(
        &self,
        organisation: &Organisation,
        inviter: &str,
        preview: &Preview,
    ) -> Result<Previewed, Error> {
        let person = match preview.person {
            Some(id) => Some(self.fact(organisation.id, id).await?.ok_or(Error::NotFound("person"))?),
            None => None,
        };
        let form = match preview.credential {
            _ if !preview.key.kind.may_carry_credential() => CredentialForm::None,
            Some(form) => form,
            None => CredentialForm::of(organisation.settings.credential),
        };
        let template = self.template_to_show(organisation, preview, form).await?;
        let now = self.inner.store.now().await?;
        let credential = SampleCredential::new(form, &organisation.settings);
        let circumstances = Circumstances { organisation, inviter, now, credential: &credential };
        let sign_in_name = sign_in_name(person.as_ref());
        let reset = preview.reset || preview.key.kind == MessageKind::Reset;
        let values = Values {
            reset,
            old_password_works: reset && organisation.settings.retirement() == Retirement::FirstUse,
            last_reminder: preview.last_reminder,
            ..circumstances.of(person.as_ref(), &sign_in_name)
        };
        let purpose = template.purpose();
        let key = TemplateKey { locale: purpose.locale.clone(), ..preview.key.clone() };
        match template.render(&values, &organisation.settings.theme) {
            Ok(words) => {
                let sms = match &words {
                    Rendered::Sms(sms) => Some(SmsSize::of(&sms.text)),
                    Rendered::Email(_) => None,
                };
                Ok(Previewed { key, words, sms })
            }
            Err(source) => Err(Error::NotRendered { key, source }),
        }
    }

    async fn template_to_show(
        &self,
        organisation: &Organisation,
        preview: &Preview,
        form: CredentialForm,
    ) -> Result<Ready, Error> {
        let TemplateKey { kind, channel, locale } = &preview.key;
        if let Some(source) = &preview.source {
            return Ok(Ready::Own(compile(&preview.key, source, form)?.into()));
        }
        let pins = self.pins(organisation.id).await?;
        let resolved = resolve(*kind, *channel, Some(locale), &organisation.settings.locale, &pins);
        Ok(self.inner.compiled.get(&*self.inner.store, organisation.id, resolved, form).await?)
    }
}

fn sign_in_name(person: Option<&User>) -> String {
    person.map_or_else(
        || Values::sample().sign_in_name.to_owned(),
        |user| user.sign_in_name().unwrap_or_default(),
    )
}

/// What is the same for all whose message is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) organisation: &'a Organisation,
    pub(super) inviter: &'a str,
    pub(super) now: DateTime<Utc>,
    pub(super) credential: &'a SampleCredential,
}

impl<'a> Circumstances<'a> {
    /// The values of a person, or of a made-up one, invited now.
    pub(super) fn of(&self, person: Option<&'a User>, sign_in_name: &'a str) -> Values<'a> {
        let base = if let Some(user) = person {
            person_values(user, sign_in_name, self.organisation, self.inviter)
        } else {
            let sample = Values::sample();
            Values {
                first_name: sample.first_name,
                last_name: sample.last_name,
                username: sample.username,
                employee_number: sample.employee_number,
                email: sample.email,
                phone_number: sample.phone_number,
                sign_in_name,
                ..organisation_values(self.organisation, self.inviter)
            }
        };
        let lifetime =
            TimeDelta::from_std(self.organisation.settings.credential_lifetime).unwrap_or_default();
        let credential = self.credential.value();
        Values {
            credential,
            expires_at: (credential.form() != CredentialForm::None).then(|| self.now + lifetime),
            invited_at: Some(self.now),
            ..base
        }
    }
}
