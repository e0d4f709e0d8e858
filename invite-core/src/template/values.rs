//! What a message says about one person, made harmless.
//!
//! Names come from files that anyone may have written. A value is one line of visible text before it goes anywhere:
//! control characters and the marks that turn text around are taken out, white space becomes one space, and a name is
//! cut at 64 characters. What it looks like besides (`<script>`, `{{ 7*7 }}`, an address) it still looks like: the
//! pipeline shows it as text.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::canonical::day_name;
use super::credential_form::CredentialForm;
use super::date::{DateStyle, format_date};
use super::render::RenderError;
use super::variable::Variable;
use crate::model::locale::Locale;
use crate::model::message::Channel;

/// How many characters of a person's name are shown.
const MAX_NAME: usize = 64;

/// How many characters of another text are shown.
const MAX_WORDS: usize = 128;

/// How many characters a value may have that must be shown whole.
const MAX_EXACT: usize = 1_024;

/// How many octets an address may have.
const MAX_ADDRESS: usize = 2_048;

/// What lets the person sign in, for as long as the message is rendered.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum CredentialValue<'a> {
    /// Nothing.
    #[default]
    None,
    /// A temporary password, as it is typed.
    Password(&'a str),
    /// A set-up link, whole.
    Link(&'a str),
}

impl CredentialValue<'_> {
    /// Which form it has.
    pub const fn form(&self) -> CredentialForm {
        match self {
            Self::None => CredentialForm::None,
            Self::Password(_) => CredentialForm::Password,
            Self::Link(_) => CredentialForm::Link,
        }
    }
}

impl fmt::Debug for CredentialValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password(_) => f.write_str("Password(hidden)"),
            Self::Link(_) => f.write_str("Link(hidden)"),
        }
    }
}

/// What a template's variables stand for in one message. An empty text is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Values<'a> {
    /// The person's first name.
    pub first_name: &'a str,
    /// The person's last name.
    pub last_name: &'a str,
    /// The user name in the application.
    pub username: &'a str,
    /// The employee number.
    pub employee_number: &'a str,
    /// The e-mail address.
    pub email: &'a str,
    /// The phone number.
    pub phone_number: &'a str,
    /// What this person signs in with.
    pub sign_in_name: &'a str,
    /// The organisation's name.
    pub organisation: &'a str,
    /// The organisation's short identifier.
    pub organisation_alias: &'a str,
    /// The application's name.
    pub app_name: &'a str,
    /// The application on the web: an https address, as the next two.
    pub app_link: &'a str,
    /// The application in Apple's store.
    pub ios_link: &'a str,
    /// The application in Google's store.
    pub android_link: &'a str,
    /// Who sent the invitation.
    pub inviter: &'a str,
    /// Whom to ask for help.
    pub support: &'a str,
    /// What the message lets the person sign in with. `Debug` does not show it.
    pub credential: CredentialValue<'a>,
    /// Until when the credential works; not shown without one.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the person was invited.
    pub invited_at: Option<DateTime<Utc>>,
    /// The person's time zone, in which dates are written.
    pub time_zone: Tz,
    /// Whether the invitation replaced a password that the person had.
    pub reset: bool,
    /// Whether the password that a reset replaces goes on working until the credential is used.
    pub old_password_works: bool,
    /// Whether no reminder follows this one.
    pub last_reminder: bool,
}

impl Values<'static> {
    /// A made-up person with a value for everything, for previews and for the check of templates.
    ///
    /// No credential: a preview sets one of [`sample_credential`](Self::sample_credential).
    pub fn sample() -> Self {
        let november = |day| Utc.with_ymd_and_hms(2026, 11, day, 13, 30, 0).single();
        Self {
            first_name: "Kari",
            last_name: "Nordmann",
            username: "kari.nordmann",
            employee_number: "004711",
            email: "kari.nordmann@acme.example",
            phone_number: "+4791234567",
            sign_in_name: "kari.nordmann",
            organisation: "Acme",
            organisation_alias: "acme",
            app_name: "Shiftbook",
            app_link: "https://app.shiftbook.example/",
            ios_link: "https://apps.example/shiftbook",
            android_link: "https://play.example/shiftbook",
            inviter: "Ola Hansen",
            support: "help@acme.example",
            credential: CredentialValue::None,
            expires_at: november(10),
            invited_at: november(3),
            time_zone: Tz::Europe__Oslo,
            reset: false,
            old_password_works: false,
            last_reminder: false,
        }
    }

    /// A made-up credential of a form.
    pub const fn sample_credential(form: CredentialForm) -> CredentialValue<'static> {
        match form {
            CredentialForm::None => CredentialValue::None,
            CredentialForm::Password => CredentialValue::Password("wxyz-2345-abcd"),
            CredentialForm::Link => {
                CredentialValue::Link("https://app.shiftbook.example/join/AAAAAAAAAAAAAAAAAAAAAA")
            }
        }
    }
}

impl Values<'_> {
    /// Whether a variable has a value, so that `{% if variable %}` holds.
    pub(super) fn is_set(&self, variable: Variable) -> bool {
        match variable {
            Variable::Password => matches!(self.credential, CredentialValue::Password(_)),
            Variable::SetupLink => matches!(self.credential, CredentialValue::Link(_)),
            date if date.is_date() => self.moment(date).is_some(),
            Variable::Reset => self.reset,
            Variable::OldPasswordWorks => self.old_password_works,
            Variable::LastReminder => self.last_reminder,
            other => visible_characters(&self.words(other)).any(|character| character != ' '),
        }
    }

    /// What Tera gets: the values of `variables`, each one line of visible text.
    pub(super) fn context(
        &self,
        variables: &[Variable],
        channel: Channel,
        locale: &Locale,
    ) -> Result<tera::Context, RenderError> {
        let mut context = tera::Context::new();
        for &variable in variables {
            if variable.is_condition() {
                context.insert_value(variable.as_str(), self.is_set(variable).into());
                continue;
            }
            if variable.is_date() {
                let style = if channel == Channel::Sms { DateStyle::ShortDay } else { DateStyle::Day };
                let day = self.date(variable, style, locale);
                context.insert_value(day_name(variable), tera::Value::normal_string(&day));
            }
            let text = self.text(variable, channel, locale)?;
            context.insert_value(variable.as_str(), tera::Value::normal_string(&text));
        }
        Ok(context)
    }

    fn text(&self, variable: Variable, channel: Channel, locale: &Locale) -> Result<String, RenderError> {
        if variable.is_date() {
            let style = if channel == Channel::Sms { DateStyle::Short } else { DateStyle::Long };
            return Ok(self.date(variable, style, locale));
        }
        let words = self.words(variable);
        if variable.is_link() {
            return match &*words {
                "" => Ok(String::new()),
                address if is_web_address(address) => Ok(address.to_owned()),
                _ => Err(RenderError::NotAnAddress { variable }),
            };
        }
        if variable == Variable::Password {
            let typeable =
                words.chars().all(|character| !character.is_whitespace() && !character.is_control());
            return if typeable { Ok(words.into_owned()) } else { Err(RenderError::NotTypeable) };
        }
        let line = one_line(&words);
        let limit = match variable {
            Variable::FirstName | Variable::LastName | Variable::Inviter => MAX_NAME,
            Variable::FullName => 2 * MAX_NAME,
            exact if exact.is_exact() => {
                return if line.chars().count() <= MAX_EXACT {
                    Ok(line)
                } else {
                    Err(RenderError::ValueTooLong { variable, limit: MAX_EXACT })
                };
            }
            _ => MAX_WORDS,
        };
        Ok(cut(line, limit, channel))
    }

    fn date(&self, variable: Variable, style: DateStyle, locale: &Locale) -> String {
        let moment = self.moment(variable);
        moment.map_or_else(String::new, |moment| format_date(moment, self.time_zone, locale, style))
    }

    fn moment(&self, variable: Variable) -> Option<DateTime<Utc>> {
        match variable {
            Variable::InvitedAt => self.invited_at,
            _ if self.credential.form() == CredentialForm::None => None,
            _ => self.expires_at,
        }
    }

    fn words(&self, variable: Variable) -> Cow<'_, str> {
        Cow::Borrowed(match variable {
            Variable::FirstName => self.first_name,
            Variable::LastName => self.last_name,
            Variable::FullName => return Cow::Owned(format!("{} {}", self.first_name, self.last_name)),
            Variable::Username => self.username,
            Variable::EmployeeNumber => self.employee_number,
            Variable::Email => self.email,
            Variable::PhoneNumber => self.phone_number,
            Variable::SignInName => self.sign_in_name,
            Variable::Organisation => self.organisation,
            Variable::OrganisationAlias => self.organisation_alias,
            Variable::AppName => self.app_name,
            Variable::AppLink => self.app_link,
            Variable::IosLink => self.ios_link,
            Variable::AndroidLink => self.android_link,
            Variable::Inviter => self.inviter,
            Variable::Support => self.support,
            Variable::Password => match self.credential {
                CredentialValue::Password(password) => password,
                _ => "",
            },
            Variable::SetupLink => match self.credential {
                CredentialValue::Link(link) => link,
                _ => "",
            },
            Variable::ExpiresAt
            | Variable::InvitedAt
            | Variable::Reset
            | Variable::OldPasswordWorks
            | Variable::LastReminder => "",
        })
    }
}

/// Whether `text` is an https address that can stand in a message as it is.
pub(super) fn is_web_address(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    text.len() <= MAX_ADDRESS
        && rest.starts_with(|first: char| first.is_alphanumeric() || first == '[')
        && !rest.contains(|character: char| {
            character.is_whitespace()
                || character.is_control()
                || is_direction_mark(character)
                || matches!(character, '"' | '\'' | '<' | '>' | '\\' | '`' | '{' | '}' | '|' | '^')
        })
}

/// A value as one line: what is visible, one space between words, none at the ends.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in visible_characters(text) {
        if character != ' ' || !(line.is_empty() || line.ends_with(' ')) {
            line.push(character);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn visible_characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter_map(|character| match character {
        character if character.is_whitespace() => Some(' '),
        character if character.is_control() || is_direction_mark(character) => None,
        // No width, no use: zero-width space, word joiner, byte order mark. Joiners stay: Persian and emoji need them.
        '\u{200b}' | '\u{2060}' | '\u{feff}' => None,
        other => Some(other),
    })
}

/// The marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm.
const fn is_direction_mark(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Cuts at `limit` characters and shows it. GSM-7 has no `…`, and one name must not double the price of its SMS.
pub(super) fn cut(mut line: String, limit: usize, channel: Channel) -> String {
    if line.chars().nth(limit).is_none() {
        return line;
    }
    let mark = if channel == Channel::Sms { "..." } else { "…" };
    let kept = limit - mark.chars().count();
    let end = line.char_indices().nth(kept).map_or(line.len(), |(at, _)| at);
    line.truncate(line[..end].trim_end_matches(['\u{200c}', '\u{200d}', ' ']).len());
    line.push_str(mark);
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(name: &str) -> String {
        let values = Values { first_name: name, ..Values::default() };
        values.text(Variable::FirstName, Channel::Email, &Locale::english()).unwrap()
    }

    #[test]
    fn a_name_is_one_line_of_visible_text() {
        assert_eq!(shown(" A\r\nB\0\t C\u{202e}D\u{200f} \u{2028}E\u{feff} "), "A B CD E");
        assert_eq!(shown("[You won](http://evil.test)"), "[You won](http://evil.test)");
        assert_eq!(shown("👩\u{200d}🚀"), "👩\u{200d}🚀");
    }

    #[test]
    fn a_long_name_is_cut_and_shows_it() {
        let long = "x".repeat(1_000);
        assert_eq!(shown(&long), "x".repeat(63) + "…");
        let values = Values { first_name: &long, ..Values::default() };
        let sms = values.text(Variable::FirstName, Channel::Sms, &Locale::english()).unwrap();
        assert_eq!(sms, "x".repeat(61) + "...");
        assert_eq!(shown(&"x".repeat(64)), "x".repeat(64));
    }

    #[test]
    fn what_a_person_types_or_follows_is_never_cut() {
        let long = "x".repeat(1_025);
        let values = Values { sign_in_name: &long, app_link: "http://a.example", ..Values::default() };
        let english = Locale::english();
        assert_eq!(
            values.text(Variable::SignInName, Channel::Email, &english),
            Err(RenderError::ValueTooLong { variable: Variable::SignInName, limit: 1_024 })
        );
        assert_eq!(
            values.text(Variable::AppLink, Channel::Email, &english),
            Err(RenderError::NotAnAddress { variable: Variable::AppLink })
        );
    }

    #[test]
    fn debug_shows_no_credential() {
        let secret = Values { credential: CredentialValue::Password("s3cret"), ..Values::sample() };
        assert!(!format!("{secret:?}").contains("s3cret"));
        let link =
            Values { credential: CredentialValue::Link("https://a.example/s3cret"), ..Values::sample() };
        assert!(!format!("{link:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn any_name_comes_out_as_one_short_visible_line(name: String) {
            let line = shown(&name);
            prop_assert!(line.chars().count() <= 64);
            prop_assert!(!line.chars().any(|character| character.is_control() || is_direction_mark(character)));
            prop_assert!(!line.contains("  ") && line.trim() == line);
            let values = Values { first_name: &name, ..Values::default() };
            prop_assert_eq!(values.is_set(Variable::FirstName), !line.is_empty());
        }
    }
}
