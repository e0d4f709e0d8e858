//! A test message to one address, before a large rollout.

use std::sync::Arc;

use tracing::instrument;

use super::call::call;
use super::error::Error;
use super::invites::Invites;
use super::preview::Preview;
use crate::model::actor::Actor;
use crate::model::contact::PhoneNumber;
use crate::model::id::{DeliveryId, UserId};
use crate::model::item::SkipReason;
use crate::model::message::{Channel, Content, Email, Mailbox, Message, Sms};
use crate::model::organisation::{Organisation, Settings};
use crate::model::outcome::Outcome;
use crate::model::user::User;
use crate::policy::TEST_SENDS_WITHIN;
use crate::port::organisations::TestSend;
use crate::template::Rendered;

impl Invites {
    /// Sends what [`preview`](Self::preview) shows to one e-mail address or phone number, with what the organisation sends
    /// with, at once and once; gives what the transport saw. Its credential is a sample. It is written into the audit,
    /// without the address, and limited to [`Policy::test_sends`](crate::policy::Policy::test_sends) an hour and actor.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), key = %preview.key()))]
    pub async fn send_test(&self, actor: &Actor, preview: &Preview, address: &str) -> Result<Outcome, Error> {
        let administrator = self.authorise(actor).await?;
        let organisation = Arc::new(self.organisation(actor.organisation()).await?);
        let settings = &organisation.settings;
        let inviter = administrator.map_or_else(|| settings.name.clone(), |user| user.display_name());
        let channel = preview.key().channel;
        let to = recipient(channel, address, settings)?;
        self.may_be_written_to(&organisation, &to, channel).await?;
        let sender = self.inner.senders.sender(organisation.clone(), channel).await?;
        let sender = sender.ok_or(Error::NoSender(channel))?;
        let previewed = self.previewed(&organisation, &inviter, preview).await?;
        let content = match (previewed.words, &to.email, &to.phone) {
            (Rendered::Email(words), Some(address), _) => Content::Email(Box::new(Email {
                from: sender.from_for(settings).ok_or(Error::NoFrom)?,
                reply_to: settings.reply_to.clone(),
                to: Mailbox { name: String::new(), address: address.clone() },
                subject: words.subject,
                text: words.text,
                html: words.html,
                language: previewed.key.locale.as_str().to_owned(),
                date: self.inner.store.now().await?,
                list_unsubscribe: settings.list_unsubscribe.clone(),
            })),
            (Rendered::Sms(words), _, Some(number)) => {
                Content::Sms(Sms { from: sender.sms_from.clone(), to: number.clone(), text: words.text })
            }
            _ => return Err(Error::NotToThisAddress(SkipReason::NoContact)),
        };
        self.count_test_send(actor, preview, &to).await?;
        let message = Message { delivery: DeliveryId::new(), organisation: organisation.id, content };
        Ok(call(&*sender.transport, &message, self.inner.policy.send_deadline).await)
    }

    /// Refuses an address that is suppressed, and a number in a country to which no SMS go.
    async fn may_be_written_to(
        &self,
        organisation: &Organisation,
        to: &User,
        channel: Channel,
    ) -> Result<(), Error> {
        let allowed = |number: &PhoneNumber| {
            let country = number.country();
            !number.is_premium_rate() && country.is_some_and(|one| organisation.settings.allows_sms_to(one))
        };
        if to.phone.as_ref().is_some_and(|number| !allowed(number)) {
            return Err(Error::NotToThisAddress(SkipReason::CountryNotAllowed));
        }
        let histories = self.inner.store.histories(organisation.id, vec![to.clone()]).await?;
        if histories.iter().any(|history| history.suppressed.contains(&channel)) {
            return Err(Error::NotToThisAddress(SkipReason::Suppressed));
        }
        Ok(())
    }

    async fn count_test_send(&self, actor: &Actor, preview: &Preview, to: &User) -> Result<(), Error> {
        let at_most = self.inner.policy.test_sends;
        let send = TestSend {
            actor: actor.clone(),
            key: preview.key().clone(),
            details: details(preview.shown_person(), to),
            at_most,
            within: TEST_SENDS_WITHIN,
        };
        match self.inner.store.count_test_send(send).await? {
            None => Ok(()),
            Some(again_at) => Err(Error::TestLimit { at_most, again_at }),
        }
    }
}

/// Somebody who has this address and nothing else.
fn recipient(channel: Channel, address: &str, settings: &Settings) -> Result<User, Error> {
    let mut to = User::new(UserId::new());
    match channel {
        Channel::Email => to.email = Some(address.parse()?),
        Channel::Sms => to.phone = Some(PhoneNumber::parse(address, settings.country)?),
    }
    Ok(to)
}

/// For the audit, which is kept for long: no address, but where it leads.
fn details(person: Option<UserId>, to: &User) -> String {
    let to = match (&to.email, &to.phone) {
        (Some(email), _) => email.domain(),
        (None, Some(number)) => number.country().map_or_else(|| "a phone".to_owned(), |one| one.to_string()),
        (None, None) => String::new(),
    };
    person.map_or_else(|| format!("sample data, to {to}"), |person| format!("data of {person}, to {to}"))
}
