//! Which person a row of an upload is. A store calls this inside its import transaction.
//!
//! Contact is not identity: a shop's mailbox and a family's phone are shared. So the keys that are unique come first
//! (external id, employee number, user name), and contact is asked only where none of them finds anybody:
//!
//! * Each unique key of the row that finds a person must find the same person; else the row is an error that names them.
//! * Where no unique key finds anybody, the e-mail address is asked, or, where the row has none, the phone. People whose
//!   own unique keys differ from the row's are others, who share the contact. One who is left is the person; several
//!   who are left are an error that names them; none means a new person.

use serde::{Deserialize, Serialize};

use crate::model::id::UserId;
use crate::model::user::User;
use crate::people_file::PersonRow;

/// What an import does with people who are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// Adds people; those who are there are left as they are.
    Add,
    /// Adds people, and changes those who are there. An empty cell changes nothing.
    Upsert,
    /// The file is the whole truth: as [`Upsert`](Self::Upsert), and whoever it names is active, and whoever it does not
    /// name is deactivated. Nothing is written before the file was read to its end.
    Sync,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// A new person.
    Created(UserId),
    /// A person who was there, changed.
    Updated(UserId),
    /// A person who was there and is as the row says, or is left as they are.
    Unchanged(UserId),
    /// Refused, with the column at fault, if it is one, and a message that says what to do.
    Refused {
        /// The column.
        column: Option<&'static str>,
        /// What is wrong, and what to do.
        message: String,
    },
}

/// Who a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Nobody who is there.
    New,
    /// This person.
    Known(UserId),
    /// It cannot be told: the message names the people.
    Unclear(String),
}

/// Who `row` is, among `candidates`: everybody in the organisation who shares at least one key or contact with it.
pub fn match_row(row: &PersonRow, candidates: &[User]) -> Match {
    let unique = [
        ("external_id", row.external_id.as_deref(), User::external_id as fn(&User) -> Option<&str>),
        ("employee_number", row.employee_number.as_deref(), User::employee_number),
        ("username", row.username.as_deref(), User::username),
    ];
    let mut found: Vec<(&'static str, &User)> = Vec::new();
    for (column, value, of) in unique {
        let Some(value) = value else { continue };
        found.extend(candidates.iter().filter(|user| same(of(user), Some(value))).map(|user| (column, user)));
    }
    if let Some((_, first)) = found.first() {
        return if found.iter().all(|(_, user)| user.id == first.id) {
            Match::Known(first.id)
        } else {
            Match::Unclear(format!(
                "its keys belong to different people: {}; correct the row, or change one of them first",
                names(&found)
            ))
        };
    }
    let (column, by_contact): (_, Vec<&User>) = match (&row.email, &row.phone) {
        (Some(email), _) => {
            ("email", candidates.iter().filter(|user| user.email.as_ref() == Some(email)).collect())
        }
        (None, Some(phone)) => {
            ("phone_number", candidates.iter().filter(|user| user.phone.as_ref() == Some(phone)).collect())
        }
        (None, None) => return Match::New,
    };
    let possible: Vec<_> = by_contact
        .into_iter()
        .filter(|user| {
            unique
                .iter()
                .all(|(_, value, of)| value.is_none() || of(user).is_none() || same(of(user), *value))
        })
        .map(|user| (column, user))
        .collect();
    match possible.as_slice() {
        [] => Match::New,
        [(_, one)] => Match::Known(one.id),
        several => Match::Unclear(format!(
            "several people share this {column}: {}; give the row a username, employee_number or external_id",
            names(several)
        )),
    }
}

/// The person that `row` makes of `user`: what the row does not say stays.
pub fn merge(row: &PersonRow, user: &User) -> User {
    fn take<T: Clone>(new: Option<&T>, old: &mut Option<T>) {
        if new.is_some() {
            *old = new.cloned();
        }
    }
    let mut merged = user.clone();
    if let Some(name) = &row.first_name {
        merged.first_name.clone_from(name);
    }
    if let Some(name) = &row.last_name {
        merged.last_name.clone_from(name);
    }
    if let Some(role) = &row.role {
        merged.role.clone_from(role);
    }
    take(row.username.as_ref(), &mut merged.username);
    take(row.employee_number.as_ref(), &mut merged.employee_number);
    take(row.external_id.as_ref(), &mut merged.external_id);
    take(row.email.as_ref(), &mut merged.email);
    take(row.phone.as_ref(), &mut merged.phone);
    take(row.locale.as_ref(), &mut merged.locale);
    take(row.time_zone.as_ref(), &mut merged.time_zone);
    take(row.prefers.as_ref(), &mut merged.prefers);
    take(row.group.as_ref(), &mut merged.group);
    take(row.sign_in.as_ref(), &mut merged.sign_in);
    merged
}

/// The keys under which an import keeps who was in it, so that a second row of the same person is seen.
pub fn keys(row: &PersonRow) -> Vec<String> {
    let unique = [
        ("external_id", &row.external_id),
        ("employee_number", &row.employee_number),
        ("username", &row.username),
    ];
    let mut keys: Vec<String> = unique
        .into_iter()
        .filter_map(|(column, value)| {
            value.as_ref().map(|value| format!("{column}:{}", value.to_lowercase()))
        })
        .collect();
    if keys.is_empty() {
        keys.extend(row.email.as_ref().map(|email| format!("email:{}", email.key())));
        if keys.is_empty() {
            keys.extend(row.phone.as_ref().map(|phone| format!("phone_number:{phone}")));
        }
    }
    keys
}

impl User {
    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    fn employee_number(&self) -> Option<&str> {
        self.employee_number.as_deref()
    }

    fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }
}

fn same(a: Option<&str>, b: Option<&str>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.to_lowercase() == b.to_lowercase())
}

fn names(people: &[(&'static str, &User)]) -> String {
    let named: Vec<_> =
        people.iter().take(5).map(|(column, user)| format!("{} (by {column})", name(user))).collect();
    named.join(", ")
}

/// A name that tells people apart who share a contact.
fn name(user: &User) -> String {
    if user.first_name.is_empty() && user.last_name.is_empty() {
        let unique = user.username().or(user.employee_number()).or(user.external_id());
        unique.map_or_else(|| user.id.to_string(), str::to_owned)
    } else {
        user.display_name()
    }
}
