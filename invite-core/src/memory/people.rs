//! Writing our own people: import, editing, sign-in.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::MemoryStore;
use super::state::{Account, following};
use super::transaction::Transaction;
use crate::credential::PasswordHash;
use crate::decision::person_match::{self, ImportMode, Match, RowOutcome, match_row, merge};
use crate::model::contact::{EmailAddress, PhoneNumber};
use crate::model::id::{OrganisationId, UserId};
use crate::model::user::User;
use crate::people_file::PersonRow;
use crate::port::error::PortResult;
use crate::port::people::{FinishedImport, ImportPage, People, SaveUsers, Saved, SignInRecord};
use crate::port::records::ImportLine;

/// Who comes back after so long deactivated begins anew.
const LONG_AWAY: TimeDelta = TimeDelta::days(30);

#[async_trait]
impl People for MemoryStore {
    async fn import_page(&self, page: ImportPage) -> PortResult<Vec<RowOutcome>> {
        self.transact(|transaction| page.rows.iter().map(|row| transaction.import_row(&page, row)).collect())
    }

    async fn finish_import(&self, import: FinishedImport) -> PortResult<()> {
        self.transact(|transaction| {
            transaction.state.imports.remove(&(import.organisation, import.import));
            let FinishedImport { file_name, dry_run, created, updated, unchanged, refused, .. } = &import;
            let details = format!(
                "{file_name}: {created} created, {updated} updated, {unchanged} unchanged, {refused} refused{}",
                if *dry_run { "; dry run, nothing written" } else { "" }
            );
            transaction.audit(&import.actor, "imported", &import.import, details);
        })
    }

    async fn save(&self, save: SaveUsers) -> PortResult<Vec<Saved>> {
        self.transact(|transaction| {
            let mut answers = Vec::with_capacity(save.users.len());
            for user in save.users {
                let id = user.id;
                let saved = transaction.save_user(save.organisation, user);
                match saved {
                    Saved::Created => transaction.audit(&save.actor, "user_saved", &id, "created"),
                    Saved::Updated => transaction.audit(&save.actor, "user_saved", &id, "updated"),
                    Saved::Unchanged | Saved::Taken { .. } => {}
                }
                answers.push(saved);
            }
            answers
        })
    }

    async fn sign_in_record(
        &self,
        organisation: OrganisationId,
        name: String,
    ) -> PortResult<Option<SignInRecord>> {
        let name = name.trim();
        let email: Option<EmailAddress> = name.parse().ok();
        let email = email.map(|email| key("email", &email.key()));
        let columns = [
            Some(key("username", name)),
            email,
            Some(key("phone_number", name)),
            Some(key("employee_number", name)),
        ];
        self.transact(|transaction| {
            columns.into_iter().flatten().find_map(|key| {
                let mut owners = transaction.owners(organisation, &key);
                let only = owners.next().filter(|_| owners.next().is_none())?;
                let account = transaction.state.accounts.get(&(organisation, only))?;
                Some(SignInRecord { user: account.user.clone(), password: account.password.clone() })
            })
        })
    }

    async fn note_sign_in(
        &self,
        organisation: OrganisationId,
        user: UserId,
        rehashed: Option<PasswordHash>,
    ) -> PortResult<()> {
        self.transact(|transaction| {
            let now = transaction.now;
            if let Some(account) = transaction.state.accounts.get_mut(&(organisation, user)) {
                account.user.signed_in_at = Some(now);
                if account.password.is_some() && rehashed.is_some() {
                    account.password = rehashed;
                }
            }
        })
    }
}

impl Transaction<'_> {
    fn import_row(&mut self, page: &ImportPage, row: &PersonRow) -> RowOutcome {
        if let Some(refused) = self.seen_in_import(page, row, person_match::keys(row)) {
            return refused;
        }
        let candidates = self.sharing(page.organisation, row);
        let (user, created) = match match_row(row, &candidates) {
            Match::Unclear(message) => return RowOutcome::Refused { column: None, message },
            Match::New => (merge(row, &User::new(UserId::new())), true),
            Match::Known(id) => {
                // Two rows may find the same person by different keys.
                if let Some(refused) = self.seen_in_import(page, row, vec![key("person", &id.to_string())]) {
                    return refused;
                }
                let known = candidates.into_iter().find(|user| user.id == id).expect("it is a candidate");
                let merged = if page.mode == ImportMode::Add { known.clone() } else { merge(row, &known) };
                if merged == known {
                    return RowOutcome::Unchanged(id);
                }
                (merged, false)
            }
        };
        let id = user.id;
        if let Some((by, column)) = self.taken(page.organisation, &user) {
            let name = self.state.accounts[&(page.organisation, by)].user.display_name();
            let message = format!("{name} has this {column}; correct the row, or change them first");
            return RowOutcome::Refused { column: Some(column), message };
        }
        if !page.dry_run {
            if created {
                self.seen_in_import(page, row, vec![key("person", &id.to_string())]);
            }
            self.write_user(page.organisation, user);
            let line = ImportLine {
                import: page.import,
                file_name: page.file_name.clone(),
                line: row.line,
                created,
                actor: page.actor.clone(),
                at: self.now,
            };
            self.person_mut(page.organisation, id).import_lines.push(line);
        }
        if created { RowOutcome::Created(id) } else { RowOutcome::Updated(id) }
    }

    /// Notes the keys of a row; the refusal, where an earlier row of the import had one of them.
    fn seen_in_import(
        &mut self,
        page: &ImportPage,
        row: &PersonRow,
        keys: Vec<String>,
    ) -> Option<RowOutcome> {
        let seen = self.state.imports.entry((page.organisation, page.import)).or_default();
        let mut refused = None;
        for key in keys {
            let first = *seen.entry(key.clone()).or_insert(row.line);
            if first != row.line && refused.is_none() {
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

    /// Everybody who shares a key or a contact with a row.
    fn sharing(&self, organisation: OrganisationId, row: &PersonRow) -> Vec<User> {
        let keys = keys(
            [row.external_id.as_deref(), row.employee_number.as_deref(), row.username.as_deref()],
            row.email.as_ref(),
            row.phone.as_ref(),
        );
        let mut ids: Vec<UserId> = keys.iter().flat_map(|key| self.owners(organisation, key)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| self.state.accounts[&(organisation, id)].user.clone()).collect()
    }

    fn save_user(&mut self, organisation: OrganisationId, mut user: User) -> Saved {
        if let Some((by, column)) = self.taken(organisation, &user) {
            return Saved::Taken { by, column };
        }
        let saved = match self.state.accounts.get(&(organisation, user.id)) {
            None => {
                user.has_password = false;
                user.signed_in_at = None;
                Saved::Created
            }
            Some(Account { user: before, .. }) => {
                user.has_password = before.has_password;
                user.signed_in_at = before.signed_in_at;
                user.returned_at = user.returned_at.max(before.returned_at);
                if user == *before {
                    return Saved::Unchanged;
                }
                Saved::Updated
            }
        };
        self.write_user(organisation, user);
        saved
    }

    /// Writes a person, in the indices as well, and takes away what they must not have any more.
    fn write_user(&mut self, organisation: OrganisationId, mut user: User) {
        let now = self.now;
        let place = (organisation, user.id);
        let before = self.state.accounts.remove(&place);
        for key in before.iter().flat_map(|before| keys_of(&before.user)) {
            self.state.account_keys.remove(&(organisation, key, user.id));
        }
        let (mut password, set_by, away) = match before {
            Some(before) => (before.password, before.set_by, before.deactivated_at),
            None => (None, None, None),
        };
        if !user.deactivated && away.is_some_and(|since| now - since >= LONG_AWAY) {
            user.returned_at = Some(now);
            user.has_password = false;
            password = None;
        }
        let deactivated_at = user.deactivated.then(|| away.unwrap_or(now));
        for key in keys_of(&user) {
            self.state.account_keys.insert((organisation, key, user.id));
        }
        self.depart(organisation, user.id, Some(&user));
        self.state.accounts.insert(place, Account { user, password, set_by, deactivated_at });
    }

    /// Who else has a unique key of this person, and which.
    fn taken(&self, organisation: OrganisationId, user: &User) -> Option<(UserId, &'static str)> {
        let unique = [
            ("username", &user.username),
            ("employee_number", &user.employee_number),
            ("external_id", &user.external_id),
        ];
        unique.into_iter().find_map(|(column, value)| {
            let key = key(column, value.as_deref()?);
            let other = self.owners(organisation, &key).find(|owner| *owner != user.id)?;
            Some((other, column))
        })
    }

    /// Who has this key.
    fn owners(&self, organisation: OrganisationId, key: &str) -> impl Iterator<Item = UserId> {
        let (from, to) = following(None, UserId::from_uuid);
        let place = |id| (organisation, key.to_owned(), id);
        self.state.account_keys.range((from.map(place), to.map(place))).map(|(_, _, id)| *id)
    }
}

fn keys_of(user: &User) -> Vec<String> {
    keys(
        [user.external_id.as_deref(), user.employee_number.as_deref(), user.username.as_deref()],
        user.email.as_ref(),
        user.phone.as_ref(),
    )
}

fn keys(
    [external_id, employee_number, username]: [Option<&str>; 3],
    email: Option<&EmailAddress>,
    phone: Option<&PhoneNumber>,
) -> Vec<String> {
    [
        external_id.map(|value| key("external_id", value)),
        employee_number.map(|value| key("employee_number", value)),
        username.map(|value| key("username", value)),
        email.map(|email| key("email", &email.key())),
        phone.map(|phone| key("phone_number", phone.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect()
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
