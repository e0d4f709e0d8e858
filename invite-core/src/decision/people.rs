//! What importing and editing make of people. A store loads everybody who shares a key or a contact with those who are
//! to be written, calls this inside its transaction, and writes the [changes](Around::into_changes).

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::person_match::{self, ImportMode, Match, RowOutcome, match_row, merge};
use crate::model::contact::EmailAddress;
use crate::model::id::UserId;
use crate::model::user::User;
use crate::people_file::{PersonRow, RefusedRow};

/// Who comes back after so long deactivated begins anew: what was before no longer counts, their own password included.
pub const LONG_AWAY: TimeDelta = TimeDelta::days(30);

/// What saving one person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// Added.
    Created,
    /// Changed.
    Updated,
    /// As it was.
    Unchanged,
    /// Another person has this user name, employee number or external id.
    Taken {
        /// Who.
        by: UserId,
        /// Which column.
        column: &'static str,
    },
}

/// A person as a store has them, with what [`User`] does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The person.
    pub user: User,
    /// Since when they are deactivated.
    pub deactivated_at: Option<DateTime<Utc>>,
}

/// A person who has to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who they were; none where they are new.
    pub before: Option<User>,
    /// Who they are.
    pub user: User,
    /// Since when they are deactivated.
    pub deactivated_at: Option<DateTime<Utc>>,
    /// Whether their own password is forgotten.
    pub forgets_password: bool,
}

/// How the rows of an import are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowImport {
    /// What happens to people who are there already.
    pub mode: ImportMode,
    /// Whether deactivated people whom the file names are active again. A sync always does it.
    pub reactivates: bool,
}

/// The people around those who are to be written: they share an id, a key or a contact with them. Whoever is written is
/// among them at once, so that the next row sees it.
#[derive(Debug, Default)]
pub struct Around {
    people: HashMap<UserId, Stored>,
    by_key: HashMap<String, Vec<UserId>>,
    /// Who has to be written, in the order in which they changed first.
    written: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    id: UserId,
    before: Option<User>,
    forgets_password: bool,
}

impl Around {
    /// Everybody whom a store has with one of these ids and [keys](keys_of).
    pub fn new(people: impl IntoIterator<Item = Stored>) -> Self {
        let mut around = Self::default();
        for stored in people {
            around.place(stored);
        }
        around
    }

    /// A person as they are by now.
    pub fn stored(&self, id: UserId) -> Option<&Stored> {
        self.people.get(&id)
    }

    /// The people, as they are by now.
    pub fn people(&self) -> impl Iterator<Item = &User> {
        self.people.values().map(|stored| &stored.user)
    }

    /// Adds the person with the id that they carry, or replaces what is known about them. Whether they have a password
    /// and when they signed in is left as it is.
    pub fn save(&mut self, mut user: User, now: DateTime<Utc>) -> Saved {
        if let Some((by, column)) = self.taken(&user) {
            return Saved::Taken { by, column };
        }
        let saved = match self.people.get(&user.id) {
            None => {
                user.has_password = false;
                user.signed_in_at = None;
                Saved::Created
            }
            Some(Stored { user: before, .. }) => {
                user.has_password = before.has_password;
                user.signed_in_at = before.signed_in_at;
                user.returned_at = user.returned_at.max(before.returned_at);
                if user == *before {
                    return Saved::Unchanged;
                }
                Saved::Updated
            }
        };
        self.write(user, now);
        saved
    }

    /// Finds who a row of a file is, and adds or changes them; a person who is there is reactivated where the import
    /// does that. A new person gets the id `new`. `seen` is what the same import has seen before: two rows that are the
    /// same person are refused, the second with the first one's line.
    pub fn import(
        &mut self,
        row: &PersonRow,
        how: RowImport,
        seen: &mut Seen,
        new: UserId,
        now: DateTime<Utc>,
    ) -> RowOutcome {
        let outcome = self.import_row(row, how, seen, new, now);
        if how.mode == ImportMode::Sync && matches!(outcome, RowOutcome::Refused { .. }) {
            self.note_meant(row, seen);
        }
        outcome
    }

    /// Notes whom a row that was refused names: for a sync they are in the file. Says whether it may mean anybody: where
    /// it names nobody who is there, and what says who is meant could not all be read.
    pub fn may_mean_anybody(&self, refused: &RefusedRow, seen: &mut Seen) -> bool {
        !self.note_meant(&refused.row, seen) && !refused.identified
    }

    /// Deactivates a person whom the file of a sync does not name; says whether they were active.
    pub fn deactivate(&mut self, id: UserId, now: DateTime<Utc>) -> bool {
        let active = self.people.get(&id).map(|stored| &stored.user).filter(|user| !user.deactivated);
        let Some(user) = active.cloned() else { return false };
        self.write(User { deactivated: true, ..user }, now);
        true
    }

    fn note_meant(&self, row: &PersonRow, seen: &mut Seen) -> bool {
        let meant = self.sharing(row);
        for user in &meant {
            let key = key(PRESENT, &user.id.to_string());
            seen.lines.entry(key.clone()).or_insert(row.line);
            seen.new.entry(key).or_insert(row.line);
        }
        !meant.is_empty()
    }

    fn import_row(
        &mut self,
        row: &PersonRow,
        how: RowImport,
        seen: &mut Seen,
        new: UserId,
        now: DateTime<Utc>,
    ) -> RowOutcome {
        if let Some(refused) = seen.note(row, person_match::keys(row)) {
            return refused;
        }
        let candidates = self.sharing(row);
        let (user, created) = match match_row(row, &candidates) {
            Match::Unclear(message) => return RowOutcome::Refused { column: None, message },
            Match::New => (merge(row, &User::new(new)), true),
            Match::Known(id) => {
                // Two rows may find the same person by different keys.
                if let Some(refused) = seen.note(row, vec![person_key(id)]) {
                    return refused;
                }
                let known = candidates.into_iter().find(|user| user.id == id).expect("it is a candidate");
                let mut merged = if how.mode == ImportMode::Add { known.clone() } else { merge(row, &known) };
                merged.deactivated &= !how.reactivates;
                if merged == known {
                    return RowOutcome::Unchanged(id);
                }
                (merged, false)
            }
        };
        let id = user.id;
        if let Some((by, column)) = self.taken(&user) {
            let name = self.people.get(&by).map(|stored| stored.user.display_name()).unwrap_or_default();
            let message = format!("{name} has this {column}; correct the row, or change them first");
            return RowOutcome::Refused { column: Some(column), message };
        }
        if created {
            seen.note(row, vec![person_key(id)]);
        }
        self.write(user, now);
        if created { RowOutcome::Created(id) } else { RowOutcome::Updated(id) }
    }

    /// How many people who were there have another e-mail address or phone now, and how many were reactivated.
    pub fn counts(&self) -> (u64, u64) {
        let changed = self
            .written
            .iter()
            .filter_map(|written| Some((written.before.as_ref()?, &self.people.get(&written.id)?.user)));
        changed.fold((0, 0), |(contacts, reactivated), (before, user)| {
            let replaced = replaces(before.email.as_ref(), user.email.as_ref())
                || replaces(before.phone.as_ref(), user.phone.as_ref());
            let active_again = before.deactivated && !user.deactivated;
            (contacts + u64::from(replaced), reactivated + u64::from(active_again))
        })
    }

    /// Everybody who has to be written, once each.
    pub fn into_changes(self) -> Vec<Change> {
        let Self { mut people, written, .. } = self;
        let change = |Written { id, before, forgets_password }| {
            let Stored { user, deactivated_at } = people.remove(&id).expect("whoever is written is there");
            Change { before, user, deactivated_at, forgets_password }
        };
        written.into_iter().map(change).collect()
    }

    fn place(&mut self, stored: Stored) {
        for key in keys_of(&stored.user) {
            self.by_key.entry(key).or_default().push(stored.user.id);
        }
        self.people.insert(stored.user.id, stored);
    }

    /// Notes a person as they are to be written.
    pub(super) fn write(&mut self, mut user: User, now: DateTime<Utc>) {
        let id = user.id;
        let before = self.people.remove(&id);
        for key in before.iter().flat_map(|before| keys_of(&before.user)) {
            if let Some(owners) = self.by_key.get_mut(&key) {
                owners.retain(|owner| *owner != id);
            }
        }
        let away = before.as_ref().and_then(|before| before.deactivated_at);
        let forgets = !user.deactivated && away.is_some_and(|since| now - since >= LONG_AWAY);
        if forgets {
            user.returned_at = Some(now);
            user.has_password = false;
        }
        let deactivated_at = user.deactivated.then(|| away.unwrap_or(now));
        self.place(Stored { user, deactivated_at });
        if let Some(written) = self.written.iter_mut().find(|written| written.id == id) {
            written.forgets_password |= forgets;
        } else {
            let before = before.map(|before| before.user);
            self.written.push(Written { id, before, forgets_password: forgets });
        }
    }

    fn owners(&self, key: &str) -> impl Iterator<Item = UserId> {
        self.by_key.get(key).into_iter().flatten().copied()
    }

    /// Everybody who shares a key or a contact with a row.
    fn sharing(&self, row: &PersonRow) -> Vec<User> {
        let keys = keys_of_row(row);
        let mut ids: Vec<_> = keys.iter().flat_map(|key| self.owners(key)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.people.get(id)).map(|stored| stored.user.clone()).collect()
    }

    /// Who else has a unique key of this person, and which.
    pub(super) fn taken(&self, user: &User) -> Option<(UserId, &'static str)> {
        let unique = [
            ("username", &user.username),
            ("employee_number", &user.employee_number),
            ("external_id", &user.external_id),
        ];
        unique.into_iter().find_map(|(column, value)| {
            let key = key(column, value.as_deref()?);
            let other = self.owners(&key).find(|owner| *owner != user.id)?;
            Some((other, column))
        })
    }
}

/// Before the id of a person whom a row names that was refused.
const PRESENT: &str = "present";

/// The keys of which an import has seen at least one where its file names this person.
pub fn keys_of_named(id: UserId) -> [String; 2] {
    [person_key(id), key(PRESENT, &id.to_string())]
}

/// On which lines an import has seen which keys.
#[derive(Debug, Default)]
pub struct Seen {
    lines: HashMap<String, u64>,
    new: BTreeMap<String, u64>,
}

impl Seen {
    /// What the import has seen so far of the keys that [`keys`](Self::keys) lists.
    pub fn new(lines: HashMap<String, u64>) -> Self {
        Self { lines, new: BTreeMap::new() }
    }

    /// The keys that importing these rows asks for.
    pub fn keys<'a>(rows: impl Iterator<Item = &'a PersonRow>, around: &Around) -> Vec<String> {
        let people = around.people().flat_map(|user| keys_of_named(user.id));
        rows.flat_map(person_match::keys).chain(people).collect()
    }

    /// What was seen for the first time, with the lines: a store keeps it until the import ends.
    pub fn into_new(self) -> BTreeMap<String, u64> {
        self.new
    }

    /// Notes the keys of a row; the refusal, where an earlier row had one of them.
    fn note(&mut self, row: &PersonRow, keys: Vec<String>) -> Option<RowOutcome> {
        let mut refused = None;
        for key in keys {
            let first = *self.lines.entry(key.clone()).or_insert(row.line);
            if first == row.line {
                self.new.insert(key, first);
            } else if refused.is_none() {
                let what = key.split_once(':').map_or("person", |(column, _)| column);
                let message = format!(
                    "line {} is the same person as line {first} (same {what}): give each a username, \
                     employee_number or external_id",
                    row.line
                );
                refused = Some(RowOutcome::Refused { column: column(what), message });
            }
        }
        refused
    }
}

/// The keys under which a person is found, such as `username:anna`: unique keys and contact, in the form in which they
/// are compared.
pub fn keys_of(user: &User) -> Vec<String> {
    [
        user.external_id.as_deref().map(|value| key("external_id", value)),
        user.employee_number.as_deref().map(|value| key("employee_number", value)),
        user.username.as_deref().map(|value| key("username", value)),
        user.email.as_ref().map(email_key),
        user.phone.as_ref().map(|phone| key("phone_number", phone.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The keys under which whoever a row may be is found.
pub fn keys_of_row(row: &PersonRow) -> Vec<String> {
    keys_of(&merge(row, &User::new(UserId::from_uuid(Uuid::nil()))))
}

/// The keys under which whoever signs in with this name is found, in the order in which they are asked.
pub fn keys_of_sign_in(name: &str) -> Vec<String> {
    let name = name.trim();
    let email = name.parse().ok().as_ref().map(email_key);
    [Some(key("username", name)), email, Some(key("phone_number", name)), Some(key("employee_number", name))]
        .into_iter()
        .flatten()
        .collect()
}

/// Whether another value stands where one stood.
fn replaces<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> bool {
    before.is_some() && before != after
}

fn email_key(email: &EmailAddress) -> String {
    format!("email:{}", email.key())
}

/// The keys under which whoever is called so is found, whatever the column.
pub fn keys_of_name(name: &str) -> Vec<String> {
    let mut keys = keys_of_sign_in(name);
    keys.push(key("external_id", name.trim()));
    keys
}

fn person_key(id: UserId) -> String {
    key("person", &id.to_string())
}

fn key(column: &str, value: &str) -> String {
    format!("{column}:{}", value.to_lowercase())
}

/// The column of a key; none for the person themselves.
fn column(name: &str) -> Option<&'static str> {
    ["external_id", "employee_number", "username", "email", "phone_number"]
        .into_iter()
        .find(|column| *column == name)
}
