//! STOP and START from a phone.

use invite_core::model::contact::PhoneNumber;

use super::parameters::Parameters;

/// What somebody who wrote to the sender's number wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Whose it is.
    pub number: PhoneNumber,
    /// What they want.
    pub choice: Choice,
}

/// Whether somebody wants messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Not any more. Twilio itself refuses further messages of that sender to that number (21610).
    OptedOut,
    /// Again.
    OptedIn,
}

/// The words that Twilio takes for it by default, as the whole message, whatever their case.
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

pub(super) fn consent(parameters: &Parameters) -> Option<Consent> {
    let number = PhoneNumber::try_from(parameters.said("From")?.to_owned()).ok()?;
    let choice = match parameters.said("OptOutType") {
        // A messaging service with words of its own says what it took the message for.
        Some(kind) => choice(kind, &["STOP"], &["START"])?,
        None => choice(parameters.said("Body")?.trim(), &STOP, &START)?,
    };
    Some(Consent { number, choice })
}

fn choice(text: &str, stop: &[&str], start: &[&str]) -> Option<Choice> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(stop) {
        Some(Choice::OptedOut)
    } else if is_one_of(start) {
        Some(Choice::OptedIn)
    } else {
        None
    }
}
