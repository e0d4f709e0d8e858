//! Populations of any kind, for the laws.

use invite_core::model::organisation::Settings;
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;
use proptest::prelude::*;

use crate::house::{person, phone};

/// A setting of an organisation and its people: contact shared and missing, every way to sign in, set up or not.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    pub(crate) people: Vec<User>,
    pub(crate) sso: bool,
    pub(crate) announce: bool,
    pub(crate) locale: &'static str,
}

impl Population {
    pub(crate) fn set(&self, settings: &mut Settings) {
        use invite_core::model::organisation::{Retirement, SsoPolicy};
        // Links, since a hash for each of thousands of people takes long; retired as by a temporary password.
        crate::house::links(settings);
        settings.retirement = Some(Retirement::FirstAcceptance);
        settings.sign_in = if self.sso { SignInMethod::Sso } else { SignInMethod::Password };
        settings.locale = self.locale.parse().unwrap();
        settings.sso_policy = if self.announce { SsoPolicy::Announce } else { SsoPolicy::Skip };
    }
}

pub(crate) fn population() -> impl Strategy<Value = Population> {
    let locale = prop::sample::select(vec!["en", "nb-NO", "ru"]);
    (prop::collection::vec(somebody(), 0..12), any::<bool>(), any::<bool>(), locale)
        .prop_map(|(people, sso, announce, locale)| Population { people, sso, announce, locale })
}

/// Of people: none, built in, with a region, an organisation's own, and one that there is nowhere.
const LOCALES: [&str; 7] = ["", "en-GB", "nb", "fr-CA", "ru", "ru-RU", "cy"];

fn somebody() -> impl Strategy<Value = User> {
    let email = prop::option::weighted(0.8, 0..4_u8);
    let number = prop::option::of(prop::sample::select(vec!["+4791234567", "+4798765432", "+4520123456"]));
    let sign_in = prop::option::of(prop::sample::select(vec![SignInMethod::Password, SignInMethod::Sso]));
    let flags = (prop::bool::weighted(0.2), any::<bool>(), prop::bool::weighted(0.2));
    let words = (prop::sample::select(LOCALES.to_vec()), prop::sample::select(vec!["Kari", "", "Жанна"]));
    (email, number, sign_in, flags, words).prop_map(
        |(email, number, sign_in, (deactivated, has_password, elsewhere), (locale, name))| {
            person("somebody", |user| {
                user.username = None;
                user.first_name = name.into();
                user.locale = locale.parse().ok();
                user.email = email.map(|number| format!("shop{number}@acme.example").parse().unwrap());
                user.phone = number.map(phone);
                (user.sign_in, user.deactivated) = (sign_in, deactivated);
                (user.has_password, user.elsewhere) = (has_password, elsewhere);
            })
        },
    )
}
