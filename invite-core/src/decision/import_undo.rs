//! What an import changed about people, and how it is taken back.
//!
//! | the import | now | undoing it |
//! |---|---|---|
//! | changed a field | it is as the import left it | restores what was before |
//! | changed a field | somebody changed it since, or what was before now belongs to somebody else | leaves and lists it |
//! | added, or reactivated, a person | neither invited nor come since | deactivates them |
//! | added, or reactivated, a person | invited or come since, or it is who undoes | leaves and lists them |
//! | deactivated a person | still so, and not since another time | reactivates them |
//!
//! What an import changed is kept for [`KEPT`]; after that it cannot be undone.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::history::PersonRows;
use super::people::{self, Around};
use crate::model::id::UserId;
use crate::model::message::Channel;
use crate::model::user::User;

/// What an import changed is kept so long: as long as contacts in deliveries, 90 days.
pub const KEPT: TimeDelta = TimeDelta::days(90);

/// The fields that an import can change, by the names that `User` is written with.
const FIELDS: [&str; 14] = [
    "first_name",
    "last_name",
    "username",
    "employee_number",
    "external_id",
    "email",
    "phone",
    "locale",
    "time_zone",
    "prefers",
    "role",
    "group",
    "sign_in",
    "deactivated",
];

/// What an import changed about a person: of each field, what was before and what it is. Personal data.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldChanges(BTreeMap<String, (Value, Value)>);

impl FieldChanges {
    /// What differs.
    pub fn between(before: &User, after: &User) -> Self {
        let (before, after) = (written(before), written(after));
        let differing = FIELDS.into_iter().filter(|field| before.get(*field) != after.get(*field));
        let change = |field: &str| (field.to_owned(), (before[field].clone(), after[field].clone()));
        Self(differing.map(change).collect())
    }

    /// The names of the fields, with what was before and what it is.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value, &Value)> {
        self.0.iter().map(|(field, (before, after))| (field.as_str(), before, after))
    }

    /// The addresses that the person had, or got, in the form in which addresses are compared.
    pub fn addresses(&self) -> Vec<(Channel, String)> {
        let of = |channel, field: &str| {
            let values = self.0.get(field).into_iter().flat_map(|(before, after)| [before, after]);
            values
                .filter_map(Value::as_str)
                .map(move |text| (channel, text.chars().flat_map(char::to_lowercase).collect()))
        };
        of(Channel::Email, "email").chain(of(Channel::Sms, "phone")).collect()
    }

    /// Whether the person was reactivated.
    fn reactivated(&self) -> bool {
        self.0.get("deactivated").is_some_and(|(_, after)| *after == Value::Bool(false))
    }
}

/// Which fields, never what stands in them.
impl std::fmt::Debug for FieldChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What an import did to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLine {
    /// Who.
    pub user: UserId,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it added them.
    pub created: bool,
    /// What it changed about a person who was there.
    pub changes: FieldChanges,
}

impl KeptLine {
    /// The keys that the person, who is now `user`, may get back: whoever has them must be among the people
    /// [around](Around).
    pub fn keys_before(&self, user: &User) -> Vec<String> {
        let mut before = user.clone();
        for (field, value, _) in self.changes.fields() {
            before = with(&before, field, value).unwrap_or(before);
        }
        people::keys_of(&before)
    }
}

/// What undoing did to one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonUndone {
    /// Fields that are as they were before the import.
    pub restored: Vec<String>,
    /// Fields that were changed since, or whose former value now belongs to somebody else, and are left.
    pub changed_since: Vec<String>,
    /// Whether the person was deactivated.
    pub deactivated: bool,
    /// Whether the person was reactivated.
    pub reactivated: bool,
    /// Whether the person stays, since they were invited or came since, or it is who undoes.
    pub left: bool,
}

/// Whether a person was invited, or came, at or after `since`.
pub fn came_since(rows: &PersonRows, user: &User, since: DateTime<Utc>) -> bool {
    let invited = rows.messages.iter().any(|message| {
        message.confirmed.is_some()
            && (message.is_on_its_way() || message.reached_at().is_some_and(|at| at >= since))
    });
    invited || [rows.came_at, user.signed_in_at].into_iter().flatten().any(|at| at >= since)
}

impl Around {
    /// Takes back what an import did to a person. `came` says whether they were invited, or came, since the import.
    pub fn undo(
        &mut self,
        line: &KeptLine,
        came: bool,
        by: Option<UserId>,
        now: DateTime<Utc>,
    ) -> PersonUndone {
        let mut undone = PersonUndone::default();
        let Some(stored) = self.stored(line.user).cloned() else { return undone };
        let user = stored.user;
        if line.created || line.changes.reactivated() {
            undone.left = !user.deactivated && (came || by == Some(user.id));
        }
        if line.created {
            if !user.deactivated && !undone.left {
                self.write(User { deactivated: true, ..user }, now);
                undone.deactivated = true;
            }
            return undone;
        }
        let mut restored = user.clone();
        for (field, before, after) in line.changes.fields() {
            let present = &written(&restored)[field];
            // Somebody may have reactivated and deactivated them again since.
            let another_time = field == "deactivated"
                && *after == Value::Bool(true)
                && stored.deactivated_at.is_some_and(|at| at != line.at);
            if present == before || (field == "deactivated" && undone.left) {
                continue;
            }
            match with(&restored, field, before).filter(|_| present == after && !another_time) {
                Some(with) if self.taken(&with).is_none() => {
                    restored = with;
                    match (field, restored.deactivated) {
                        ("deactivated", true) => undone.deactivated = true,
                        ("deactivated", false) => undone.reactivated = true,
                        _ => undone.restored.push(field.to_owned()),
                    }
                }
                _ => undone.changed_since.push(field.to_owned()),
            }
        }
        if restored != user {
            self.write(restored, now);
        }
        undone
    }
}

fn written(user: &User) -> Value {
    serde_json::to_value(user).expect("a person can be written as JSON")
}

/// The person with this in a field; none where it does not fit any more.
fn with(user: &User, field: &str, value: &Value) -> Option<User> {
    let mut written = written(user);
    written[field] = value.clone();
    serde_json::from_value(written).ok()
}
