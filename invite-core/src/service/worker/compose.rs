//! Makes the message of a hand-over: values, words, addresses.

use super::hand_over::Departure;
use crate::credential::Secret;
use crate::model::credential::CredentialKind;
use crate::model::message::{Content, Email, Mailbox, Message, Sms};
use crate::model::message_kind::MessageKind;
use crate::model::organisation::Retirement;
use crate::model::outcome::Answer;
use crate::service::person_values::person_values;
use crate::template::{CredentialValue, Rendered, Template, Values};

/// The message, or why it cannot be made; never with a part of it.
pub(super) fn compose(
    departure: &Departure,
    template: &Template,
    secret: Option<&Secret>,
) -> Result<Message, Answer> {
    let Departure { hand_over, organisation, batch, sender, .. } = departure;
    let (user, settings) = (&hand_over.user, &organisation.settings);
    let sign_in_name = user.sign_in_name().unwrap_or_default();
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
        credential: match (&link, credential) {
            (Some(link), _) => CredentialValue::Link(link.expose()),
            (None, Some((_, password))) => CredentialValue::Password(password.expose()),
            (None, None) => CredentialValue::None,
        },
        expires_at: hand_over.credential.as_ref().map(|credential| credential.expires_at),
        invited_at: Some(hand_over.invited_at),
        reset: hand_over.kind == MessageKind::Reset,
        old_password_works: hand_over.kind == MessageKind::Reset
            && settings.retirement() == Retirement::FirstUse,
        last_reminder: hand_over.last_reminder,
        ..person_values(user, &sign_in_name, organisation, &batch.inviter)
    };
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
