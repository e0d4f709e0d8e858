//! STOP and START from a phone.

use invite_core::model::contact::PhoneNumber;
use invite_core::service::Consent;

use super::parameters::Parameters;

/// What somebody who wrote to the sender's number wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentChange {
    /// Whose it is.
    pub number: PhoneNumber,
    /// What they want. After an opt-out Twilio itself refuses further messages of that sender to that number (21610).
    pub consent: Consent,
}

/// The words that Twilio takes for it by default, as the whole message, whatever their case.
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

pub(super) fn consent(parameters: &Parameters) -> Option<ConsentChange> {
    let number = PhoneNumber::try_from(parameters.said("From")?.to_owned()).ok()?;
    let consent = match parameters.said("OptOutType") {
        // A messaging service with words of its own says what it took the message for.
        Some(kind) => choice(kind, &["STOP"], &["START"])?,
        None => choice(parameters.said("Body")?.trim(), &STOP, &START)?,
    };
    Some(ConsentChange { number, consent })
}

fn choice(text: &str, stop: &[&str], start: &[&str]) -> Option<Consent> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(stop) {
        Some(Consent::OptedOut)
    } else if is_one_of(start) {
        Some(Consent::OptedIn)
    } else {
        None
    }
}
