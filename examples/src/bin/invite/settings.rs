//! The settings of an organisation, as options.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono_tz::Tz;
use clap::Args;
use invite_core::model::contact::Country;
use invite_core::model::credential::CredentialKind;
use invite_core::model::locale::Locale;
use invite_core::model::message::{Channel, Mailbox};
use invite_core::model::organisation::{HttpsUrl, LinkPattern, Retirement, Settings, SsoPolicy};
use invite_core::model::preference::Preference;
use invite_core::model::quiet_hours::QuietHours;
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::theme::Colour;

use crate::duration;
use crate::none_or::NoneOr;
use crate::schedule::ScheduleArguments;

/// What can be set; what is not given stays as it is. `none` takes away what may be missing.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsArguments {
    /// The organisation's name in messages
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The application's name in messages; the organisation's by default
    #[arg(long)]
    app_name: Option<String>,
    /// Where one signs in
    #[arg(long, value_name = "URL")]
    app_link: Option<NoneOr<HttpsUrl>>,
    /// The app in Apple's App Store
    #[arg(long, value_name = "URL")]
    ios_link: Option<NoneOr<HttpsUrl>>,
    /// The app in Google Play
    #[arg(long, value_name = "URL")]
    android_link: Option<NoneOr<HttpsUrl>>,
    /// What invitations carry
    #[arg(long, value_name = "password|link", value_parser = credential)]
    credential: Option<CredentialKind>,
    /// Where set-up links lead, with {token} in it, such as https://app.acme.example/welcome#{token}
    #[arg(long, value_name = "URL")]
    link_pattern: Option<NoneOr<LinkPattern>>,
    /// How long a password or link works, such as 7d; between 1h and 90d
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    lifetime: Option<Duration>,
    /// When a reset ends the person's own password: when a message is accepted, or when its password or link is used
    #[arg(long, value_name = "acceptance|use|none", value_parser = retirement)]
    retirement: Option<NoneOr<Retirement>>,
    /// The channels in use
    #[arg(long, value_name = "email,sms", value_delimiter = ',', value_parser = channel)]
    channels: Vec<Channel>,
    /// The channel for people who have both and prefer none
    #[arg(long, value_name = "email|sms|both")]
    prefers: Option<Preference>,
    /// Whether an invitation goes by SMS where its e-mail bounces or is refused
    #[arg(long, value_name = "true|false")]
    sms_fallback: Option<bool>,
    /// The country of phone numbers without a country code; SMS go there
    #[arg(long, value_name = "CODE")]
    country: Option<NoneOr<Country>>,
    /// Other countries that SMS go to
    #[arg(long, value_name = "CODE,…", value_delimiter = ',')]
    sms_countries: Option<Vec<NoneOr<Country>>>,
    /// The language of people who have none of their own, such as en or nb
    #[arg(long, value_name = "TAG")]
    locale: Option<Locale>,
    /// The time zone of people who have none of their own, such as Europe/Oslo
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<Tz>,
    /// Whom to ask, in words: an address, a phone number
    #[arg(long, value_name = "TEXT")]
    support: Option<String>,
    /// Who e-mail is from, such as 'Acme <it@acme.example>'
    #[arg(long, value_name = "MAILBOX", value_parser = mailbox)]
    from: Option<NoneOr<Mailbox>>,
    /// Where answers go
    #[arg(long, value_name = "MAILBOX", value_parser = mailbox)]
    reply_to: Option<NoneOr<Mailbox>>,
    /// Where one may unsubscribe: an https or mailto address
    #[arg(long, value_name = "URL")]
    list_unsubscribe: Option<NoneOr<String>>,
    /// The colour of messages, such as '#0b57d0'
    #[arg(long, value_name = "#RRGGBB")]
    colour: Option<Colour>,
    /// The logo over messages
    #[arg(long, value_name = "URL")]
    logo: Option<NoneOr<HttpsUrl>>,
    /// The hours in which no SMS leaves, where the recipient is, such as 20:00-8:00; it waits until they end
    #[arg(long, value_name = "FROM-TO|none")]
    quiet_hours: Option<NoneOr<QuietHours>>,
    /// How people sign in who have no method of their own
    #[arg(long, value_name = "password|sso")]
    sign_in: Option<SignInMethod>,
    /// What people get who sign in with the company account: nothing, or a message that says how
    #[arg(long, value_name = "skip|announce", value_parser = sso)]
    sso: Option<SsoPolicy>,
    /// The least time between the last message and a reminder, such as 3d; 0s for none
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    reminder_gap: Option<Duration>,
    /// How many reminders an invitation gets
    #[arg(long, value_name = "N")]
    reminders: Option<u32>,
    #[command(flatten)]
    schedule: ScheduleArguments,
}

impl SettingsArguments {
    /// Whether nothing is to be set.
    pub(crate) fn is_empty(&self) -> bool {
        format!("{self:?}") == format!("{:?}", Self::default())
    }

    /// Changes `settings`.
    pub(crate) fn apply(self, settings: &mut Settings) {
        if let Some(name) = self.name {
            if settings.app_name == settings.name {
                settings.app_name.clone_from(&name);
            }
            settings.name = name;
        }
        set(&mut settings.app_name, self.app_name);
        set(&mut settings.app_link, self.app_link.map(|value| value.0));
        set(&mut settings.ios_link, self.ios_link.map(|value| value.0));
        set(&mut settings.android_link, self.android_link.map(|value| value.0));
        set(&mut settings.credential, self.credential);
        set(&mut settings.link_pattern, self.link_pattern.map(|value| value.0));
        set(&mut settings.credential_lifetime, self.lifetime);
        set(&mut settings.retirement, self.retirement.map(|value| value.0));
        if !self.channels.is_empty() {
            settings.channels = self.channels.into_iter().collect();
        }
        set(&mut settings.prefers, self.prefers);
        set(&mut settings.sms_fallback, self.sms_fallback);
        set(&mut settings.country, self.country.map(|value| value.0));
        let countries =
            self.sms_countries.map(|all| all.into_iter().filter_map(|one| one.0).collect::<BTreeSet<_>>());
        set(&mut settings.sms_countries, countries);
        set(&mut settings.locale, self.locale);
        set(&mut settings.time_zone, self.time_zone);
        set(&mut settings.support, self.support);
        set(&mut settings.from, self.from.map(|value| value.0));
        set(&mut settings.reply_to, self.reply_to.map(|value| value.0));
        set(&mut settings.list_unsubscribe, self.list_unsubscribe.map(|value| value.0));
        set(&mut settings.theme.colour, self.colour);
        set(&mut settings.theme.logo, self.logo.map(|value| value.0));
        set(&mut settings.quiet_hours, self.quiet_hours.map(|value| value.0));
        set(&mut settings.sign_in, self.sign_in);
        set(&mut settings.sso_policy, self.sso);
        set(&mut settings.reminders.gap, self.reminder_gap);
        set(&mut settings.reminders.at_most, self.reminders);
        self.schedule.apply(settings);
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn credential(text: &str) -> Result<CredentialKind, String> {
    match text {
        "password" | "temporary_password" => Ok(CredentialKind::TemporaryPassword),
        "link" | "set_up_link" => Ok(CredentialKind::SetUpLink),
        _ => Err("write password or link".into()),
    }
}

fn retirement(text: &str) -> Result<NoneOr<Retirement>, String> {
    match text {
        "acceptance" | "first_acceptance" => Ok(NoneOr(Some(Retirement::FirstAcceptance))),
        "use" | "first_use" => Ok(NoneOr(Some(Retirement::FirstUse))),
        "none" => Ok(NoneOr(None)),
        _ => Err("write acceptance, use, or none for the default".into()),
    }
}

/// Reads the name of a channel.
pub(crate) fn channel(text: &str) -> Result<Channel, String> {
    match text.trim().to_lowercase().as_str() {
        "email" | "e-mail" => Ok(Channel::Email),
        "sms" => Ok(Channel::Sms),
        _ => Err("write email, sms, or email,sms".into()),
    }
}

/// Reads a time zone.
pub(crate) fn zone(text: &str) -> Result<Tz, String> {
    text.trim().parse().map_err(|_| {
        format!("{text:?} is no time zone: write a name such as Europe/Oslo, America/New_York or UTC")
    })
}

fn sso(text: &str) -> Result<SsoPolicy, String> {
    match text {
        "skip" => Ok(SsoPolicy::Skip),
        "announce" => Ok(SsoPolicy::Announce),
        _ => Err("write skip or announce".into()),
    }
}

/// Reads `Acme <it@acme.example>`, or an address alone.
fn mailbox(text: &str) -> Result<NoneOr<Mailbox>, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(NoneOr(None));
    }
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address),
        None => ("", text),
    };
    if name.chars().any(char::is_control) {
        return Err("the name contains a control character: leave it out".into());
    }
    let address = address.parse().map_err(|error| format!("{error}"))?;
    Ok(NoneOr(Some(Mailbox { name: name.to_owned(), address })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        let boxed = |text| mailbox(text).unwrap().0.map(|mailbox| format!("{mailbox:?}"));
        assert_eq!(boxed("Acme Ltd <it@acme.example>").unwrap(), r#"Mailbox("Acme Ltd" <it@acme.example>)"#);
        assert_eq!(boxed("it@acme.example").unwrap(), r#"Mailbox("" <it@acme.example>)"#);
        assert_eq!(boxed("none"), None);
        assert!(mailbox("Acme <it@>").is_err());
    }

    #[test]
    fn the_applications_name_follows_the_organisations_until_it_has_its_own() {
        let mut settings = Settings::new("Acme");
        let named =
            |name: &str| SettingsArguments { name: Some(name.into()), ..SettingsArguments::default() };
        named("Acme Ltd").apply(&mut settings);
        assert_eq!(settings.app_name, "Acme Ltd");
        settings.app_name = "Shiftbook".into();
        named("Acme plc").apply(&mut settings);
        assert_eq!((settings.name.as_str(), settings.app_name.as_str()), ("Acme plc", "Shiftbook"));
        assert!(SettingsArguments::default().is_empty() && !named("x").is_empty());
    }
}
