//! What is known about a person, as options.

use chrono_tz::Tz;
use clap::Args;
use invite_core::model::contact::{Country, EmailAddress, PhoneNumber};
use invite_core::model::locale::Locale;
use invite_core::model::preference::Preference;
use invite_core::model::role::Role;
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;

use crate::failure::Failure;
use crate::none_or::NoneOr;
use crate::settings::zone;

/// What can be said about a person. `none` takes away what may be missing.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "About the person")]
pub(crate) struct Fields {
    /// First name
    #[arg(long)]
    first_name: Option<String>,
    /// Last name
    #[arg(long)]
    last_name: Option<String>,
    /// Where e-mail goes
    #[arg(long, value_name = "ADDRESS")]
    email: Option<NoneOr<EmailAddress>>,
    /// Where SMS go; without a country code it is a number of the organisation's country
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// The name to sign in with
    #[arg(long, value_name = "NAME")]
    username: Option<NoneOr<String>>,
    /// The number at the employer
    #[arg(long, value_name = "NUMBER")]
    employee_number: Option<NoneOr<String>>,
    /// The id in the system from which people come
    #[arg(long, value_name = "ID")]
    external_id: Option<NoneOr<String>>,
    /// The language of messages, such as en or nb
    #[arg(long, value_name = "TAG")]
    locale: Option<NoneOr<Locale>>,
    /// The zone of dates and quiet hours, such as Europe/Oslo
    #[arg(long, value_name = "ZONE", value_parser = own_zone)]
    time_zone: Option<NoneOr<Tz>>,
    /// The channel they prefer, if not the organisation's
    #[arg(long, value_name = "email|sms|both|none")]
    prefers: Option<NoneOr<Preference>>,
    /// administrator, member, or a role of the application's own
    #[arg(long)]
    role: Option<Role>,
    /// A part of the organisation, to select by
    #[arg(long)]
    group: Option<NoneOr<String>>,
    /// How they sign in, if not as the organisation does
    #[arg(long, value_name = "password|sso|none")]
    sign_in: Option<NoneOr<SignInMethod>>,
}

impl Fields {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        format!("{self:?}") == format!("{:?}", Self::default())
    }

    /// Whether somebody could be told apart by this.
    pub(crate) fn names_somebody(&self) -> bool {
        let keys = [&self.username, &self.employee_number, &self.external_id];
        self.email.is_some() || self.phone.is_some() || keys.iter().any(|key| key.is_some())
    }

    /// Reads the phone number, which needs the organisation's country; gives the change.
    pub(crate) fn change(self, country: Option<Country>) -> Result<impl FnOnce(&mut User) + Send, Failure> {
        let phone = match self.phone.as_deref().map(str::trim) {
            None => None,
            Some("none") => Some(None),
            Some(text) => {
                let number = PhoneNumber::parse(text, country);
                Some(Some(number.map_err(|error| Failure::wrong(error.to_string()))?))
            }
        };
        Ok(move |user: &mut User| {
            set(&mut user.first_name, self.first_name);
            set(&mut user.last_name, self.last_name);
            set(&mut user.email, self.email.map(|value| value.0));
            set(&mut user.phone, phone);
            set(&mut user.username, self.username.map(|value| value.0));
            set(&mut user.employee_number, self.employee_number.map(|value| value.0));
            set(&mut user.external_id, self.external_id.map(|value| value.0));
            set(&mut user.locale, self.locale.map(|value| value.0));
            set(&mut user.time_zone, self.time_zone.map(|value| value.0));
            set(&mut user.prefers, self.prefers.map(|value| value.0));
            set(&mut user.role, self.role);
            set(&mut user.group, self.group.map(|value| value.0));
            set(&mut user.sign_in, self.sign_in.map(|value| value.0));
        })
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn own_zone(text: &str) -> Result<NoneOr<Tz>, String> {
    if text.trim().eq_ignore_ascii_case("none") {
        Ok(NoneOr(None))
    } else {
        zone(text).map(|zone| NoneOr(Some(zone)))
    }
}
