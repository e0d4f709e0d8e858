//! The fixed list of what a template may name.

use std::fmt;
use std::str::FromStr;

/// What a template may show or ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Variable {
    /// The person's first name.
    FirstName,
    /// The person's last name.
    LastName,
    /// First and last name, whichever there are.
    FullName,
    /// The user name in the application.
    Username,
    /// The employee number.
    EmployeeNumber,
    /// The e-mail address.
    Email,
    /// The phone number.
    PhoneNumber,
    /// What this person signs in with: a user name, an address, a number.
    SignInName,
    /// The organisation's name.
    Organisation,
    /// The organisation's short identifier, where people type one at sign-in.
    OrganisationAlias,
    /// The application's name.
    AppName,
    /// Where the application is on the web.
    AppLink,
    /// The application in Apple's store.
    IosLink,
    /// The application in Google's store.
    AndroidLink,
    /// Who sent the invitation.
    Inviter,
    /// The temporary password. A credential.
    Password,
    /// The set-up link. A credential.
    SetupLink,
    /// Until when the credential works.
    ExpiresAt,
    /// When the person was invited.
    InvitedAt,
    /// Whom to ask for help: an address, a number or a few words.
    Support,
    /// Whether the invitation replaced a password that the person had. Only in conditions.
    Reset,
    /// Whether that password goes on working until the credential is used. Only in conditions.
    OldPasswordWorks,
    /// Whether no reminder follows this one. Only in conditions.
    LastReminder,
}

impl Variable {
    /// Every variable, in the order in which they are documented.
    pub const ALL: [Self; 23] = [
        Self::FirstName,
        Self::LastName,
        Self::FullName,
        Self::Username,
        Self::EmployeeNumber,
        Self::Email,
        Self::PhoneNumber,
        Self::SignInName,
        Self::Organisation,
        Self::OrganisationAlias,
        Self::AppName,
        Self::AppLink,
        Self::IosLink,
        Self::AndroidLink,
        Self::Inviter,
        Self::Password,
        Self::SetupLink,
        Self::ExpiresAt,
        Self::InvitedAt,
        Self::Support,
        Self::Reset,
        Self::OldPasswordWorks,
        Self::LastReminder,
    ];

    /// The name in templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::FullName => "full_name",
            Self::Username => "username",
            Self::EmployeeNumber => "employee_number",
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::SignInName => "sign_in_name",
            Self::Organisation => "organisation",
            Self::OrganisationAlias => "organisation_alias",
            Self::AppName => "app_name",
            Self::AppLink => "app_link",
            Self::IosLink => "ios_link",
            Self::AndroidLink => "android_link",
            Self::Inviter => "inviter",
            Self::Password => "password",
            Self::SetupLink => "setup_link",
            Self::ExpiresAt => "expires_at",
            Self::InvitedAt => "invited_at",
            Self::Support => "support",
            Self::Reset => "reset",
            Self::OldPasswordWorks => "old_password_works",
            Self::LastReminder => "last_reminder",
        }
    }

    /// Whether whoever holds its value can sign in as the person.
    pub const fn is_credential(self) -> bool {
        matches!(self, Self::Password | Self::SetupLink)
    }

    /// Whether its value is a web address, so that it may be a link's target.
    pub const fn is_link(self) -> bool {
        matches!(self, Self::AppLink | Self::IosLink | Self::AndroidLink | Self::SetupLink)
    }

    /// Whether its value is a moment.
    pub const fn is_date(self) -> bool {
        matches!(self, Self::ExpiresAt | Self::InvitedAt)
    }

    /// Whether it is a yes or a no: it may be asked for, not shown.
    pub const fn is_condition(self) -> bool {
        matches!(self, Self::Reset | Self::OldPasswordWorks | Self::LastReminder)
    }

    /// Whether a person types or follows the value as it stands, so that no filter may change it and nothing cuts it.
    pub const fn is_exact(self) -> bool {
        self.is_credential()
            || self.is_link()
            || matches!(
                self,
                Self::Username | Self::EmployeeNumber | Self::Email | Self::PhoneNumber | Self::SignInName
            )
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Variable {
    type Err = UnknownVariable;

    fn from_str(text: &str) -> Result<Self, UnknownVariable> {
        Self::ALL.into_iter().find(|variable| variable.as_str() == text).ok_or_else(|| UnknownVariable {
            name: text.to_owned(),
            nearest: nearest(text, Self::ALL.map(Self::as_str)),
        })
    }
}

/// A name that is no variable's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// What was written.
    pub name: String,
    /// The variable whose name is most like it, if one is.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no variable `{}`", self.name)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownVariable {}

/// The name that `text` was most likely meant to be.
pub(super) fn nearest(text: &str, names: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    // 0.8 lets two or three slips in a word of ten letters pass, and no unrelated word.
    const ALIKE: f64 = 0.8;
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(text, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_variable() {
        for variable in Variable::ALL {
            assert_eq!(variable.as_str().parse(), Ok(variable));
        }
    }

    #[test]
    fn a_slip_is_answered_with_the_name_that_was_meant() {
        for (slip, meant) in [
            ("frist_name", "first_name"),
            ("firstname", "first_name"),
            ("setup_url", "setup_link"),
            ("pasword", "password"),
            ("organization", "organisation"),
            ("user_name", "username"),
        ] {
            assert_eq!(slip.parse::<Variable>().unwrap_err().nearest, Some(meant), "{slip}");
        }
    }

    #[test]
    fn a_name_unlike_any_gets_no_suggestion() {
        assert_eq!("zzz".parse::<Variable>().unwrap_err().to_string(), "there is no variable `zzz`");
    }
}
