//! Which users: ids, or a filter. Resolved by the store page by page, never loaded whole.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::contact::{EmailAddress, PhoneNumber};
use super::id::UserId;
use super::role::Role;
use super::user::User;

/// Which users of an organisation.
///
/// ```
/// use invite_core::model::selection::{Filter, HistoryFilter, PeopleFilter, Selection};
///
/// let never_invited_in_oslo = Selection::Matching(Filter {
///     people: PeopleFilter { group: Some("Oslo".into()), ..PeopleFilter::default() },
///     history: HistoryFilter { never_invited: true, ..HistoryFilter::default() },
/// });
/// assert!(!never_invited_in_oslo.is_by_id());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// These, ticked one by one.
    Ids(Vec<UserId>),
    /// All that match; a filter without conditions matches everybody.
    Matching(Filter),
}

impl Selection {
    /// Everybody.
    pub fn all() -> Self {
        Self::Matching(Filter::default())
    }

    /// Without the text of a filter that is a name, a key or a contact of this person.
    #[must_use]
    pub fn without(mut self, user: &User) -> Self {
        if let Self::Matching(Filter { people: PeopleFilter { text: Some(text), .. }, .. }) = &mut self {
            let searched = text.trim().to_lowercase();
            let whole = search_text(user);
            let of_person = whole.split('\n').any(|part| {
                let is_word = part.split(' ').any(|word| word == searched);
                !searched.is_empty() && (part == searched || is_word)
            });
            if of_person {
                "(erased)".clone_into(text);
            }
        }
        self
    }

    /// Whether the people were ticked one by one.
    pub const fn is_by_id(&self) -> bool {
        matches!(self, Self::Ids(_))
    }
}

/// Conditions, all of which hold for a user that matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// What `Accounts` knows.
    pub people: PeopleFilter,
    /// What the invitation store knows.
    pub history: HistoryFilter,
}

/// Conditions on what `Accounts` knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PeopleFilter {
    /// In this group, compared without case.
    pub group: Option<String>,
    /// With this role.
    pub role: Option<Role>,
    /// Only the deactivated (`true`) or only the active (`false`).
    pub deactivated: Option<bool>,
    /// A name, user name, employee number, address or phone that contains this, compared without case.
    pub text: Option<String>,
}

/// Conditions on what the invitation store knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryFilter {
    /// No message of an invitation ever reached sent, delivered or unknown.
    pub never_invited: bool,
    /// Never signed in, and never accepted an invitation.
    pub never_signed_in: bool,
    /// The newest message ended failed, suppressed, bounced or unknown.
    pub failed: bool,
    /// The last invitation is older than this.
    pub invited_before: Option<DateTime<Utc>>,
    /// The last message of any kind is older than this.
    pub reminded_before: Option<DateTime<Utc>>,
}

impl PeopleFilter {
    /// Whether `user` matches. A store that filters in SQL must agree with this; the conformance suite compares.
    pub fn matches(&self, user: &User) -> bool {
        self.group.as_ref().is_none_or(|group| {
            user.group.as_ref().is_some_and(|of_user| of_user.to_lowercase() == group.to_lowercase())
        }) && self.role.as_ref().is_none_or(|role| *role == user.role)
            && self.deactivated.is_none_or(|deactivated| deactivated == user.deactivated)
            && self.text.as_ref().is_none_or(|text| search_text(user).contains(&text.trim().to_lowercase()))
    }
}

impl HistoryFilter {
    /// Whether it has no condition, so that nobody needs to be looked up.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a text filter searches, in lower case; a store may keep it in a column.
pub fn search_text(user: &User) -> String {
    let contact =
        [user.email.as_ref().map(EmailAddress::as_str), user.phone.as_ref().map(PhoneNumber::as_str)];
    let keys = [user.username.as_deref(), user.employee_number.as_deref(), user.external_id.as_deref()];
    let mut text = format!("{} {}", user.first_name, user.last_name);
    for part in contact.into_iter().chain(keys).flatten() {
        text.push('\n');
        text.push_str(part);
    }
    text.to_lowercase()
}
