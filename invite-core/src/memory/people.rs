//! Writing our own people: import, editing, sign-in.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Account, following};
use super::transaction::Transaction;
use crate::credential::PasswordHash;
use crate::decision::people::{self, Around, Change, Seen, Stored};
use crate::decision::person_match::RowOutcome;
use crate::model::id::{OrganisationId, UserId};
use crate::people_file::PersonRow;
use crate::port::error::PortResult;
use crate::port::people::{FinishedImport, ImportPage, People, SaveUsers, Saved, SignInRecord};
use crate::port::records::ImportLine;

#[async_trait]
impl People for MemoryStore {
    async fn import_page(&self, page: ImportPage) -> PortResult<Vec<RowOutcome>> {
        self.transact(|transaction| transaction.import(&page))
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
            let ids = save.users.iter().map(|user| user.id);
            let keys = save.users.iter().flat_map(people::keys_of);
            let mut around = transaction.around(save.organisation, ids, keys);
            let mut answers = Vec::with_capacity(save.users.len());
            for user in save.users {
                let id = user.id;
                let saved = around.save(user, transaction.now);
                match saved {
                    Saved::Created => transaction.audit(&save.actor, "user_saved", &id, "created"),
                    Saved::Updated => transaction.audit(&save.actor, "user_saved", &id, "updated"),
                    Saved::Unchanged | Saved::Taken { .. } => {}
                }
                answers.push(saved);
            }
            transaction.write_people(save.organisation, around);
            answers
        })
    }

    async fn sign_in_record(
        &self,
        organisation: OrganisationId,
        name: String,
    ) -> PortResult<Option<SignInRecord>> {
        self.transact(|transaction| {
            people::keys_of_sign_in(&name).into_iter().find_map(|key| {
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
    fn import(&mut self, page: &ImportPage) -> Vec<RowOutcome> {
        let keys = page.rows.iter().flat_map(people::keys_of_row);
        let mut around = self.around(page.organisation, std::iter::empty(), keys);
        let lines = self.state.imports.entry((page.organisation, page.import)).or_default();
        let known = Seen::keys(&page.rows, &around).into_iter();
        let known = known.filter_map(|key| lines.get(&key).map(|line| (key.clone(), *line)));
        let mut seen = Seen::new(known.collect());
        let mut import = |row: &PersonRow| around.import(row, page.mode, &mut seen, UserId::new(), self.now);
        let outcomes: Vec<_> = page.rows.iter().map(&mut import).collect();
        lines.extend(seen.into_new());
        if !page.dry_run {
            self.write_people(page.organisation, around);
            for (row, outcome) in page.rows.iter().zip(&outcomes) {
                self.keep_line(page, row.line, outcome);
            }
        }
        outcomes
    }

    fn keep_line(&mut self, page: &ImportPage, line: u64, outcome: &RowOutcome) {
        let (id, created) = match outcome {
            RowOutcome::Created(id) => (*id, true),
            RowOutcome::Updated(id) => (*id, false),
            RowOutcome::Unchanged(_) | RowOutcome::Refused { .. } => return,
        };
        let line = ImportLine {
            import: page.import,
            file_name: page.file_name.clone(),
            line,
            created,
            actor: page.actor.clone(),
            at: self.now,
        };
        self.person_mut(page.organisation, id).import_lines.push(line);
    }

    /// The people with these ids and keys.
    fn around(
        &self,
        organisation: OrganisationId,
        ids: impl Iterator<Item = UserId>,
        keys: impl Iterator<Item = String>,
    ) -> Around {
        let owners: Vec<UserId> =
            keys.flat_map(|key| self.owners(organisation, &key).collect::<Vec<_>>()).collect();
        let ids: BTreeSet<UserId> = ids.chain(owners).collect();
        let stored = |id| {
            let account = self.state.accounts.get(&(organisation, id))?;
            Some(Stored { user: account.user.clone(), deactivated_at: account.deactivated_at })
        };
        Around::new(ids.into_iter().filter_map(stored))
    }

    /// Writes people, in the indices as well, and takes away what they must not have any more.
    fn write_people(&mut self, organisation: OrganisationId, around: Around) {
        for Change { before, user, deactivated_at, forgets_password } in around.into_changes() {
            let id = user.id;
            for key in before.iter().flat_map(people::keys_of) {
                self.state.account_keys.remove(&(organisation, key, id));
            }
            for key in people::keys_of(&user) {
                self.state.account_keys.insert((organisation, key, id));
            }
            self.depart(organisation, id, Some(&user));
            let before = self.state.accounts.remove(&(organisation, id));
            let (password, set_by) = before.map_or((None, None), |before| (before.password, before.set_by));
            let password = password.filter(|_| !forgets_password);
            let account = Account { user, password, set_by, deactivated_at };
            self.state.accounts.insert((organisation, id), account);
        }
    }

    /// Who has this key.
    fn owners(&self, organisation: OrganisationId, key: &str) -> impl Iterator<Item = UserId> {
        let (from, to) = following(None, UserId::from_uuid);
        let place = |id| (organisation, key.to_owned(), id);
        self.state.account_keys.range((from.map(place), to.map(place))).map(|(_, _, id)| *id)
    }
}
