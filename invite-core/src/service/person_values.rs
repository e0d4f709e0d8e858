//! What a message says about a person, but for what lets them sign in and the dates.

use crate::model::organisation::{HttpsUrl, Organisation};
use crate::model::user::User;
use crate::template::Values;

/// The values of a person's message; `sign_in_name` is theirs, `inviter` is who invites them.
pub(super) fn person_values<'a>(
    user: &'a User,
    sign_in_name: &'a str,
    organisation: &'a Organisation,
    inviter: &'a str,
) -> Values<'a> {
    let settings = &organisation.settings;
    Values {
        first_name: &user.first_name,
        last_name: &user.last_name,
        username: user.username.as_deref().unwrap_or_default(),
        employee_number: user.employee_number.as_deref().unwrap_or_default(),
        email: user.email.as_ref().map_or("", |email| email.as_str()),
        phone_number: user.phone.as_ref().map_or("", |phone| phone.as_str()),
        sign_in_name,
        time_zone: user.time_zone.unwrap_or(settings.time_zone),
        ..organisation_values(organisation, inviter)
    }
}

/// The values that are the same for all people of an organisation.
pub(super) fn organisation_values<'a>(organisation: &'a Organisation, inviter: &'a str) -> Values<'a> {
    let settings = &organisation.settings;
    let url = |link: &'a Option<HttpsUrl>| link.as_ref().map_or("", HttpsUrl::as_str);
    Values {
        organisation: &settings.name,
        organisation_alias: organisation.alias.as_str(),
        app_name: &settings.app_name,
        app_link: url(&settings.app_link),
        ios_link: url(&settings.ios_link),
        android_link: url(&settings.android_link),
        inviter,
        support: &settings.support,
        time_zone: settings.time_zone,
        ..Values::default()
    }
}
