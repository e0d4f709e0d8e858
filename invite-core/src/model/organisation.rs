//! The tenant and its settings.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::contact::Country;
use super::credential::CredentialKind;
use super::id::OrganisationId;
use super::locale::Locale;
use super::message::{Channel, Mailbox};
use super::preference::Preference;
use super::quiet_hours::QuietHours;
use super::schedule::Schedule;
use super::sign_in::SignInMethod;
use super::theme::Theme;
use super::user::User;

/// An organisation: owns users, templates and settings. Nothing crosses its border.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Which.
    pub id: OrganisationId,
    /// The short name by which people and scripts call it; unique.
    pub alias: Alias,
    /// Everything that can be set.
    pub settings: Settings,
}

/// What an organisation can set. Made by [`Settings::new`]; every field has a default but the name.
///
/// ```
/// use invite_core::model::credential::CredentialKind;
/// use invite_core::model::organisation::{Settings, SettingsError};
///
/// let mut settings = Settings::new("Acme");
/// settings.credential = CredentialKind::SetUpLink;
/// assert_eq!(settings.check(), Err(SettingsError::NoLinkPattern));
/// settings.link_pattern = Some("https://app.example.com/welcome#{token}".parse()?);
/// assert_eq!(settings.check(), Ok(()));
/// # Ok::<(), invite_core::model::organisation::TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The organisation's name in messages.
    pub name: String,
    /// The application's name in messages.
    pub app_name: String,
    /// Where one signs in.
    pub app_link: Option<HttpsUrl>,
    /// The app in Apple's App Store.
    pub ios_link: Option<HttpsUrl>,
    /// The app in Google Play.
    pub android_link: Option<HttpsUrl>,
    /// Where set-up links lead; needed for [`CredentialKind::SetUpLink`], and to hand a link over.
    pub link_pattern: Option<LinkPattern>,
    /// Colour and logo of messages and pages.
    pub theme: Theme,
    /// Whom to ask, in words: an address, a phone number.
    pub support: String,
    /// The language of people who have none of their own.
    pub locale: Locale,
    /// The zone of people who have none of their own.
    pub time_zone: Tz,
    /// The country of phone numbers without a country code; SMS go there.
    pub country: Option<Country>,
    /// Other countries that SMS go to.
    pub sms_countries: BTreeSet<Country>,
    /// The channels in use.
    pub channels: BTreeSet<Channel>,
    /// Which of them is preferred, for people who have no preference of their own.
    #[serde(default)]
    pub prefers: Preference,
    /// Whether an invitation goes by SMS where its e-mail bounces or is refused, to those who have a phone that may be
    /// written to. The plan counts them; the credential of the e-mail is revoked, and the SMS carries the next one.
    #[serde(default)]
    pub sms_fallback: bool,
    /// Who e-mail is from, if not the sender's own.
    pub from: Option<Mailbox>,
    /// Where answers go.
    pub reply_to: Option<Mailbox>,
    /// Where one may unsubscribe, for `List-Unsubscribe`.
    pub list_unsubscribe: Option<String>,
    /// What invitations carry.
    pub credential: CredentialKind,
    /// How long a credential works. 7 days by default; NIST SP 800-63B and the strict profile ask for less.
    pub credential_lifetime: Duration,
    /// When a reset retires the person's own password; none for the default of the credential's kind.
    pub retirement: Option<Retirement>,
    /// How people sign in who have no method of their own.
    pub sign_in: SignInMethod,
    /// What people get to whom SSO applies.
    pub sso_policy: SsoPolicy,
    /// How often people are reminded.
    pub reminders: ReminderRules,
    /// The hours in which no SMS is sent, in the recipient's zone or else the organisation's: it waits until they are
    /// over. From 20:00 to 8:00 by default; none for none.
    #[serde(default = "standard_quiet_hours")]
    pub quiet_hours: Option<QuietHours>,
    /// What happens without anybody asking; none by default.
    #[serde(default)]
    pub schedule: Option<Schedule>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde asks for the field's own type")]
fn standard_quiet_hours() -> Option<QuietHours> {
    Some(QuietHours::standard())
}

/// When the person's own password stops working after a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retirement {
    /// When a provider accepts the first message. The default for temporary passwords.
    FirstAcceptance,
    /// When the credential is used. The default for set-up links.
    FirstUse,
}

/// What an invitation does for people to whom SSO applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SsoPolicy {
    /// They are skipped.
    #[default]
    Skip,
    /// They get a message without credential that says how to sign in.
    Announce,
}

/// When a reminder is too soon, and when it is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderRules {
    /// The least time after the last message.
    pub gap: Duration,
    /// How many reminders an invitation gets.
    pub at_most: u32,
}

impl Default for ReminderRules {
    /// At least 3 days after the last message, at most 3.
    fn default() -> Self {
        Self { gap: Duration::from_hours(3 * 24), at_most: 3 }
    }
}

/// Which channels a batch uses, among those that the organisation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelRule {
    /// What the person prefers, else the organisation ([`Settings::prefers`]). A reminder also goes by SMS where nothing
    /// else arrived.
    // By this name in stores, where releases that know no preference read it.
    #[default]
    #[serde(rename = "email_else_sms")]
    Preferred,
    /// E-mail only.
    Email,
    /// SMS only.
    Sms,
    /// Every channel that a person has an address for.
    Both,
}

impl Settings {
    /// Settings with every default: e-mail, temporary passwords for 7 days, English, UTC.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            app_name: name.clone(),
            name,
            app_link: None,
            ios_link: None,
            android_link: None,
            link_pattern: None,
            theme: Theme::default(),
            support: String::new(),
            locale: Locale::english(),
            time_zone: Tz::UTC,
            country: None,
            sms_countries: BTreeSet::new(),
            channels: BTreeSet::from([Channel::Email]),
            prefers: Preference::Email,
            sms_fallback: false,
            from: None,
            reply_to: None,
            list_unsubscribe: None,
            credential: CredentialKind::TemporaryPassword,
            credential_lifetime: Duration::from_hours(7 * 24),
            retirement: None,
            sign_in: SignInMethod::Password,
            sso_policy: SsoPolicy::Skip,
            reminders: ReminderRules::default(),
            quiet_hours: standard_quiet_hours(),
            schedule: None,
        }
    }

    /// Whether SSO applies to `user`: their method is SSO, or it is unset and the organisation's default is.
    pub fn sso_applies(&self, user: &User) -> bool {
        user.sign_in.unwrap_or(self.sign_in) == SignInMethod::Sso
    }

    /// When a reset retires the person's own password.
    pub fn retirement(&self) -> Retirement {
        self.retirement.unwrap_or(match self.credential {
            CredentialKind::TemporaryPassword => Retirement::FirstAcceptance,
            CredentialKind::SetUpLink => Retirement::FirstUse,
        })
    }

    /// Whether SMS may go to `country`.
    pub fn allows_sms_to(&self, country: Country) -> bool {
        self.country == Some(country) || self.sms_countries.contains(&country)
    }

    /// Whether these can be used, or what to change.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.name.trim().is_empty() || self.name.chars().count() > 100 {
            return Err(SettingsError::Name);
        }
        if self.channels.is_empty() {
            return Err(SettingsError::NoChannel);
        }
        if self.sms_fallback && self.channels.len() < Channel::ALL.len() {
            return Err(SettingsError::Fallback);
        }
        if self.credential == CredentialKind::SetUpLink && self.link_pattern.is_none() {
            return Err(SettingsError::NoLinkPattern);
        }
        if !(Duration::from_hours(1)..=Duration::from_hours(90 * 24)).contains(&self.credential_lifetime) {
            return Err(SettingsError::Lifetime);
        }
        if self.schedule.as_ref().is_some_and(|schedule| !schedule.has_good_days()) {
            return Err(SettingsError::RemindAfter);
        }
        Ok(())
    }
}

/// Settings that contradict each other or go beyond what is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The name is empty or too long.
    #[error("the organisation's name must have 1 to 100 characters")]
    Name,
    /// No channel is in use.
    #[error("no channel is in use: turn on e-mail, SMS or both")]
    NoChannel,
    /// SMS is a fallback for e-mail, and one of the two is not in use.
    #[error("SMS as a fallback for e-mail needs both: turn both channels on, or the fallback off")]
    Fallback,
    /// Links are sent, but nobody knows where they lead.
    #[error(
        "invitations carry set-up links, but there is no link pattern: set one such as https://app.example.com/welcome#{{token}}"
    )]
    NoLinkPattern,
    /// A lifetime that is too short to be used or too long to be safe.
    #[error("a credential's lifetime must be between 1 hour and 90 days")]
    Lifetime,
    /// Days of reminders that are out of order, too many, or too far away.
    #[error(
        "reminders go after at most 10 different numbers of days, in ascending order, each from 1 to 90, such as 3, 7, 14"
    )]
    RemindAfter,
}

/// An organisation's short name: 1 to 63 lower-case letters, digits and dashes, as in a host name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Alias(String);

impl Alias {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Alias {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim().to_lowercase();
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=63).contains(&text.len()) && text.chars().all(legal) && !text.starts_with('-') {
            Ok(Self(text))
        } else {
            Err(TextError::Alias)
        }
    }
}

/// An `https` address without white space or quotes, at most 2,048 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpsUrl(String);

impl HttpsUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpsUrl {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        let host =
            text.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(rest));
        let legal = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\' | '`' | '^');
        match host {
            Some(host)
                if !host.is_empty()
                    && !host.contains('@')
                    && text.len() <= 2048
                    && text.chars().all(legal) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(TextError::Url),
        }
    }
}

/// Where set-up links lead: an `https` address with `{token}` exactly once.
///
/// Put the token into the fragment (`#{token}`), so that it is in no server's log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkPattern(String);

impl LinkPattern {
    /// The text, with `{token}` in it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link for a token.
    pub fn link(&self, token: &str) -> String {
        self.0.replace("{token}", token)
    }
}

impl FromStr for LinkPattern {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.matches("{token}").count() != 1 || text.replace("{token}", "").contains(['{', '}']) {
            return Err(TextError::Pattern);
        }
        let url: HttpsUrl = text.replace("{token}", "token").parse().map_err(|_| TextError::Pattern)?;
        let host =
            url.as_str()["https://".len()..].split(['/', '?', '#']).next().unwrap_or_default().to_owned();
        if text["https://".len()..].starts_with(&host) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError::Pattern)
        }
    }
}

/// A text that is not what a setting needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Not a short name.
    #[error("an alias has 1 to 63 letters, digits and dashes, such as acme or acme-norway")]
    Alias,
    /// Not a link.
    #[error(
        "a link must begin with https:// and hold no white space or quotes, such as https://app.example.com"
    )]
    Url,
    /// Not a link pattern.
    #[error(
        "a link pattern must begin with https:// and hold {{token}} exactly once, after the host name, such as https://app.example.com/welcome#{{token}}"
    )]
    Pattern,
}

macro_rules! text_conversions {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_conversions!(Alias, HttpsUrl, LinkPattern);
