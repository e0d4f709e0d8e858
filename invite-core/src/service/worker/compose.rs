//! Makes the message of a hand-over: values, words, addresses.

use super::hand_over::Departure;
use crate::credential::Secret;
use crate::model::credential::CredentialKind;
use crate::model::message::{Content, Email, Mailbox, Message, Sms};
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{HttpsUrl, Retirement};
use crate::model::outcome::Answer;
use crate::template::{CredentialValue, Rendered, Values, builtin};

/// The message, or why it cannot be made; never with a part of it.
pub(super) fn compose(departure: &Departure, secret: Option<&Secret>) -> Result<Message, Answer> {
    let Departure { hand_over, organisation, batch, sender, .. } = departure;
    let (user, settings) = (&hand_over.user, &organisation.settings);
    let locale = user.locale.as_ref().unwrap_or(&settings.locale);
    let sign_in_name = user.sign_in_name().unwrap_or_default();
    let url = |link: &Option<HttpsUrl>| link.as_ref().map_or("", HttpsUrl::as_str).to_owned();
    let (app_link, ios_link, android_link) =
        (url(&settings.app_link), url(&settings.ios_link), url(&settings.android_link));
    let credential = hand_over.credential.as_ref().zip(secret);
    // Zeroised at its end, as the secret in it is.
    let link = match (credential, &settings.link_pattern) {
        (Some((credential, token)), Some(pattern)) if credential.kind == CredentialKind::SetUpLink => {
            Some(Secret::new(pattern.link(token.expose())))
        }
        (Some((credential, _)), None) if credential.kind == CredentialKind::SetUpLink => {
            return Err(Answer::new("no_link_pattern", "there is no link pattern: set the organisation's"));
        }
        _ => None,
    };
    let values = Values {
        first_name: &user.first_name,
        last_name: &user.last_name,
        username: user.username.as_deref().unwrap_or_default(),
        employee_number: user.employee_number.as_deref().unwrap_or_default(),
        email: user.email.as_ref().map_or("", |email| email.as_str()),
        phone_number: user.phone.as_ref().map_or("", |phone| phone.as_str()),
        sign_in_name: &sign_in_name,
        organisation: &settings.name,
        organisation_alias: organisation.alias.as_str(),
        app_name: &settings.app_name,
        app_link: &app_link,
        ios_link: &ios_link,
        android_link: &android_link,
        inviter: &batch.inviter,
        support: &settings.support,
        credential: match (&link, credential) {
            (Some(link), _) => CredentialValue::Link(link.expose()),
            (None, Some((_, password))) => CredentialValue::Password(password.expose()),
            (None, None) => CredentialValue::None,
        },
        expires_at: hand_over.credential.as_ref().map(|credential| credential.expires_at),
        invited_at: Some(hand_over.invited_at),
        time_zone: user.time_zone.unwrap_or(settings.time_zone),
        reset: hand_over.kind == MessageKind::Reset,
        old_password_works: hand_over.kind == MessageKind::Reset
            && settings.retirement() == Retirement::FirstUse,
        last_reminder: hand_over.last_reminder,
    };
    let template = builtin(hand_over.kind, hand_over.channel, locale);
    let rendered = template
        .render(&values, &settings.theme)
        .map_err(|error| Answer::new("template", error.to_string()))?;
    let content = match rendered {
        Rendered::Email(words) => Content::Email(Box::new(Email {
            from: sender
                .from_for(settings)
                .ok_or_else(|| Answer::new("no_from", "there is no From address: set the organisation's"))?,
            reply_to: settings.reply_to.clone(),
            to: Mailbox {
                name: format!("{} {}", user.first_name, user.last_name).trim().to_owned(),
                address: user.email.clone().ok_or_else(|| Answer::new("no_address", "no e-mail address"))?,
            },
            subject: words.subject,
            text: words.text,
            html: words.html,
            language: template.purpose().locale.as_str().to_owned(),
            date: hand_over.at,
            list_unsubscribe: settings.list_unsubscribe.clone(),
        })),
        Rendered::Sms(words) => Content::Sms(Sms {
            from: sender.sms_from.clone(),
            to: user.phone.clone().ok_or_else(|| Answer::new("no_address", "no phone number"))?,
            text: words.text,
        }),
    };
    Ok(Message { delivery: hand_over.id, organisation: hand_over.organisation, content })
}
