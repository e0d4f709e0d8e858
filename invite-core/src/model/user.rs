//! A person in an organisation, as `Accounts` tells.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::contact::{EmailAddress, PhoneNumber};
use super::id::UserId;
use super::locale::Locale;
use super::message::Channel;
use super::preference::Preference;
use super::role::Role;
use super::sign_in::SignInMethod;

/// A person: what the decision, the messages and the lists need to know.
///
/// Contact is not identity: an address and a phone may be shared, a shop's mailbox or a family's phone.
///
/// ```
/// use invite_core::model::id::UserId;
/// use invite_core::model::message::Channel;
/// use invite_core::model::user::User;
///
/// let mut user = User::new(UserId::new());
/// user.email = Some("kari@example.com".parse()?);
/// assert_eq!(user.sign_in_name().as_deref(), Some("kari@example.com"));
/// assert_eq!((user.address(Channel::Email), user.address(Channel::Sms)), (Some("kari@example.com"), None));
/// # Ok::<(), invite_core::model::contact::ContactError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// The name to sign in with; unique in the organisation.
    pub username: Option<String>,
    /// The number at the employer, text; unique in the organisation.
    pub employee_number: Option<String>,
    /// The id in the system from which people are synchronised; unique in the organisation.
    pub external_id: Option<String>,
    /// Where e-mail goes.
    pub email: Option<EmailAddress>,
    /// Where SMS go.
    pub phone: Option<PhoneNumber>,
    /// The language of messages, if not the organisation's.
    pub locale: Option<Locale>,
    /// The zone of dates and quiet hours, if not the organisation's.
    pub time_zone: Option<Tz>,
    /// Which channel they want, if not the organisation's.
    #[serde(default)]
    pub prefers: Option<Preference>,
    /// What they may do.
    pub role: Role,
    /// A part of the organisation, to select by.
    pub group: Option<String>,
    /// How they sign in, if not by the organisation's default.
    pub sign_in: Option<SignInMethod>,
    /// Deactivated people get nothing and cannot sign in.
    pub deactivated: bool,
    /// Whether they have a password of their own. One from before [`returned_at`](Self::returned_at) does not count.
    pub has_password: bool,
    /// When they last signed in, if they ever did.
    pub signed_in_at: Option<DateTime<Utc>>,
    /// Whether the account also belongs to another organisation or application: then it is never reset from here.
    pub elsewhere: bool,
    /// When they came back after 30 days or more deactivated: what was before no longer counts.
    pub returned_at: Option<DateTime<Utc>>,
}

impl User {
    /// A member with nothing known about them, to fill in.
    pub fn new(id: UserId) -> Self {
        Self {
            id,
            first_name: String::new(),
            last_name: String::new(),
            username: None,
            employee_number: None,
            external_id: None,
            email: None,
            phone: None,
            locale: None,
            time_zone: None,
            prefers: None,
            role: Role::Member,
            group: None,
            sign_in: None,
            deactivated: false,
            has_password: false,
            signed_in_at: None,
            elsewhere: false,
            returned_at: None,
        }
    }

    /// What this person signs in with: user name, else e-mail address, else phone, else employee number.
    pub fn sign_in_name(&self) -> Option<String> {
        self.username
            .clone()
            .or_else(|| self.email.as_ref().map(|e| e.as_str().to_owned()))
            .or_else(|| self.phone.as_ref().map(|p| p.as_str().to_owned()))
            .or_else(|| self.employee_number.clone())
    }

    /// First and last name, or what is there of them, or the sign-in name.
    pub fn display_name(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name).trim().to_owned();
        if name.is_empty() { self.sign_in_name().unwrap_or_default() } else { name }
    }

    /// Where a message on `channel` goes, as text.
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email.as_ref().map(EmailAddress::as_str),
            Channel::Sms => self.phone.as_ref().map(PhoneNumber::as_str),
        }
    }
}
