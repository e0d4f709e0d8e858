//! Whom a message comes from.

use invite_core::model::contact::PhoneNumber;

use crate::error::SetupError;
use crate::sid::is_sid;

/// The longest alphanumeric sender (GSM 03.38, and so Twilio).
const LONGEST: usize = 11;

/// A sender that Twilio takes.
#[derive(Clone)]
pub(crate) enum Sender {
    /// A number in E.164, a short code, or an alphanumeric sender.
    From(String),
    /// A messaging service, which chooses the number.
    MessagingService(String),
}

impl Sender {
    pub(crate) fn parse(text: &str) -> Result<Self, SetupError> {
        if is_sid(text, "MG") {
            return Ok(Self::MessagingService(text.to_owned()));
        }
        if text.starts_with('+') {
            let number = PhoneNumber::try_from(text.to_owned()).map_err(|_| SetupError::Sender)?;
            return Ok(Self::From(number.into()));
        }
        // A short code: a national number of 5 or 6 digits, which Twilio takes without a plus sign.
        if matches!(text.len(), 5 | 6) && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::From(text.to_owned()));
        }
        let fits = (1..=LONGEST).contains(&text.len());
        let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
        if fits && allowed && text.bytes().any(|b| b.is_ascii_alphabetic()) {
            Ok(Self::From(text.to_owned()))
        } else {
            Err(SetupError::Sender)
        }
    }

    /// The request's parameter: name and value.
    pub(crate) fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::From(sender) => ("From", sender),
            Self::MessagingService(sid) => ("MessagingServiceSid", sid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_messaging_services_are_senders() {
        let service = format!("MG{}", "0a".repeat(16));
        for (text, parameter) in [
            ("+4791234567", ("From", "+4791234567")),
            ("12345", ("From", "12345")),
            ("123456", ("From", "123456")),
            ("ACME", ("From", "ACME")),
            ("Nordby 24", ("From", "Nordby 24")),
            ("ABCDEFGHIJK", ("From", "ABCDEFGHIJK")),
            ("7 Eleven", ("From", "7 Eleven")),
            (&service, ("MessagingServiceSid", &*service)),
        ] {
            assert_eq!(Sender::parse(text).unwrap().parameter(), parameter);
        }
    }

    #[test]
    fn what_twilio_does_not_take_is_no_sender() {
        for text in [
            "",
            " ",
            "1234",
            "1234567",
            "12345678",
            "1 2",
            "ABCDEFGHIJKL",
            "Nørdby",
            "A-B",
            "A\nB",
            "+",
            "+47",
            "+47x",
        ] {
            assert!(matches!(Sender::parse(text), Err(SetupError::Sender)), "{text:?}");
        }
    }
}
