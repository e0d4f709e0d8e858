//! A message as Twilio's request has it.

use ::url::form_urlencoded::Serializer;
use invite_core::model::message::{Content, Message, Sms};
use invite_core::model::outcome::{Answer, Outcome, Refusal, Scope};

use crate::sender::Sender;
use crate::settings::Settings;

/// The longest text that Twilio takes, in characters (its error 21617).
const LONGEST: usize = 1_600;

/// What is asked of Twilio.
pub(crate) struct Request<'a> {
    /// The body, in the form `application/x-www-form-urlencoded`.
    pub(crate) form: String,
    /// The message's text, which Twilio must not be quoted with.
    pub(crate) text: &'a str,
}

/// The request that sends a message, or why it certainly is not sent.
pub(crate) fn request<'a>(message: &'a Message, settings: &Settings) -> Result<Request<'a>, Outcome> {
    let Content::Sms(sms) = &message.content else {
        return Err(refused("this transport carries SMS only"));
    };
    if sms.text.chars().count() > LONGEST {
        return Err(refused("the text has more than 1,600 characters; shorten the message"));
    }
    Ok(Request { form: form(message, sms, settings)?, text: &sms.text })
}

fn form(message: &Message, sms: &Sms, settings: &Settings) -> Result<String, Outcome> {
    let own = match sms.from.as_deref() {
        Some(from) => Some(Sender::parse(from).map_err(|error| Outcome::Blocked {
            scope: Scope::Sender,
            answer: Answer::new("", error.to_string()),
        })?),
        None => None,
    };
    let (name, sender) = own.as_ref().unwrap_or(&settings.sender).parameter();
    let mut form = Serializer::new(String::new());
    form.append_pair("To", sms.to.as_str()).append_pair(name, sender).append_pair("Body", &sms.text);
    if let Some(seconds) = settings.validity_seconds {
        form.append_pair("ValidityPeriod", &seconds.to_string());
    }
    if let Some(callback) = &settings.status_callback {
        form.append_pair("StatusCallback", callback.of(message.delivery).as_str());
    }
    Ok(form.finish())
}

fn refused(words: &str) -> Outcome {
    Outcome::Refused { refusal: Refusal::Content, answer: Answer::new("", words) }
}
