//! How long the text messages of a plan will be: rendered with a sample credential before anything is decided, since
//! nothing is rendered in a transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::compiled::Ready;
use super::error::Error;
use super::invites::Invites;
use super::preview::Circumstances;
use super::sample_credential::SampleCredential;
use crate::decision::history::History;
use crate::decision::possible_text_messages;
use crate::model::batch::{Batch, TemplatePins};
use crate::model::id::UserId;
use crate::model::item::Action;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, Organisation, Retirement};
use crate::model::user::User;
use crate::template::sms::{SmsEncoding, SmsSize};
use crate::template::{CredentialForm, Rendered, Values, resolve};

/// After so many messages other tasks have a turn.
const TURN: usize = 32;

/// What measures the text messages of one plan.
pub(super) struct SmsSizes<'a> {
    invites: &'a Invites,
    organisation: Arc<Organisation>,
    action: Action,
    channels: ChannelRule,
    inviter: String,
    planned_at: DateTime<Utc>,
    pins: TemplatePins,
    with: SampleCredential,
    without: SampleCredential,
    templates: HashMap<(MessageKind, Option<Locale>), Ready>,
}

impl<'a> SmsSizes<'a> {
    pub(super) fn new(invites: &'a Invites, organisation: Arc<Organisation>, plan: &Batch) -> Self {
        let settings = &organisation.settings;
        let with = SampleCredential::new(CredentialForm::of(settings.credential), settings);
        let without = SampleCredential::new(CredentialForm::None, settings);
        Self {
            invites,
            action: plan.action,
            channels: plan.channels,
            inviter: plan.inviter.clone(),
            planned_at: plan.planned_at,
            pins: plan.templates.clone(),
            with,
            without,
            organisation,
            templates: HashMap::new(),
        }
    }

    /// The sizes of all text messages that these people could get.
    pub(super) async fn of(
        &mut self,
        people: &[(UserId, Option<User>)],
    ) -> Result<BTreeMap<(UserId, MessageKind), SmsSize>, Error> {
        let Self { action, channels, .. } = *self;
        let organisation = self.organisation.clone();
        let possible = |user: &User| possible_text_messages(user, action, channels, &organisation.settings);
        let people = people.iter().filter_map(|(_, user)| user.as_ref());
        let people: Vec<&User> = people.filter(|user| !possible(user).is_empty()).collect();
        let mut invited = Invited::default();
        if action == Action::Remind {
            let users = people.iter().copied().cloned().collect();
            let known = self.invites.with_histories(organisation.id, users).await?;
            invited.0.extend(known.iter().map(|(user, history)| (user.id, history.clone())));
        }
        let mut sizes = BTreeMap::new();
        for (number, user) in people.into_iter().enumerate() {
            for kind in possible(user) {
                sizes.insert((user.id, *kind), self.measure(user, *kind, &invited).await?);
            }
            if number % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(sizes)
    }

    async fn measure(&mut self, user: &User, kind: MessageKind, invited: &Invited) -> Result<SmsSize, Error> {
        let template = self.template(user, kind).await?;
        let credential = if kind.may_carry_credential() { &self.with } else { &self.without };
        let (organisation, inviter) = (&*self.organisation, self.inviter.as_str());
        let circumstances = Circumstances { organisation, inviter, now: self.planned_at, credential };
        let sign_in_name = user.sign_in_name().unwrap_or_default();
        let base = circumstances.of(Some(user), &sign_in_name);
        let values = Values {
            reset: kind == MessageKind::Reset,
            old_password_works: kind == MessageKind::Reset
                && organisation.settings.retirement() == Retirement::FirstUse,
            invited_at: invited.at(user.id).or(base.invited_at),
            last_reminder: kind == MessageKind::Reminder
                && invited.reminders(user.id) + 1 >= organisation.settings.reminders.at_most,
            ..base
        };
        Ok(match template.render(&values, &organisation.settings.theme) {
            Ok(Rendered::Sms(sms)) => SmsSize::of(&sms.text),
            // It will not be sent either.
            _ => SmsSize { encoding: SmsEncoding::Gsm7, units: 0, segments: 0 },
        })
    }

    async fn template(&mut self, user: &User, kind: MessageKind) -> Result<Ready, Error> {
        let place = (kind, user.locale.clone());
        if let Some(ready) = self.templates.get(&place) {
            return Ok(ready.clone());
        }
        let settings = &self.organisation.settings;
        let resolved = resolve(kind, Channel::Sms, user.locale.as_ref(), &settings.locale, &self.pins);
        let form = if kind.may_carry_credential() {
            CredentialForm::of(settings.credential)
        } else {
            CredentialForm::None
        };
        let inner = &self.invites.inner;
        let ready = inner.compiled.get(&*inner.store, self.organisation.id, resolved, form).await?;
        self.templates.insert(place, ready.clone());
        Ok(ready)
    }
}

/// What reminders say about the invitation.
#[derive(Default)]
struct Invited(HashMap<UserId, History>);

impl Invited {
    fn at(&self, user: UserId) -> Option<DateTime<Utc>> {
        Some(self.0.get(&user)?.last_invitation.as_ref()?.created_at)
    }

    fn reminders(&self, user: UserId) -> u32 {
        let last = self.0.get(&user).and_then(|history| history.last_invitation.as_ref());
        last.map_or(0, |last| last.reminders)
    }
}
