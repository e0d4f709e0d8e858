//! Writing our own people: import, editing, sign-in.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Account, following};
use super::transaction::Transaction;
use crate::credential::PasswordHash;
use crate::decision::people::{self, Around, Change, Stored};
use crate::model::id::{ImportId, OrganisationId, UserId};
use crate::model::user::User;
use crate::port::error::PortResult;
use crate::port::people::{
    FinishedImport, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople, People, SaveUsers,
    Saved, SignInRecord, SyncDone, SyncStep, UndoPage, Undone,
};
use crate::port::records::{Erase, Erased};

#[async_trait]
impl People for MemoryStore {
    async fn import_page(&self, page: ImportPage) -> PortResult<ImportedPage> {
        self.transact(|transaction| transaction.import(&page))
    }

    async fn missing_page(&self, page: MissingPage) -> PortResult<MissingPeople> {
        self.transact(|transaction| transaction.missing(&page))
    }

    async fn carry_out_sync(&self, step: SyncStep) -> PortResult<SyncDone> {
        self.transact(|transaction| transaction.carry_out_sync(&step))
    }

    async fn finish_import(&self, import: FinishedImport) -> PortResult<()> {
        self.transact(|transaction| transaction.finish_import(&import))
    }

    async fn imports(
        &self,
        organisation: OrganisationId,
        before: Option<ImportId>,
        limit: usize,
    ) -> PortResult<Vec<ImportSummary>> {
        self.transact(|transaction| transaction.imports(organisation, before, limit))
    }

    async fn undo_page(&self, page: UndoPage) -> PortResult<Undone> {
        self.transact(|transaction| transaction.undo(&page))
    }

    async fn named(&self, organisation: OrganisationId, name: String) -> PortResult<Vec<User>> {
        let keys = people::keys_of_name(&name);
        self.transact(|transaction| {
            let around = transaction.around(organisation, std::iter::empty(), keys.into_iter());
            let mut named: Vec<User> = around.people().cloned().collect();
            named.sort_by_key(|user| user.id);
            named.truncate(10);
            named
        })
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        self.transact(|transaction| transaction.erase(&erase))
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
    /// The people with these ids and keys.
    pub(super) fn around(
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

    /// Writes people, in the indices as well, and takes away what they must not have any more. Gives who was written.
    pub(super) fn write_people(&mut self, organisation: OrganisationId, around: Around) -> Vec<Change> {
        let changes = around.into_changes();
        for Change { before, user, deactivated_at, forgets_password } in &changes {
            let id = user.id;
            for key in before.iter().flat_map(people::keys_of) {
                self.state.account_keys.remove(&(organisation, key, id));
            }
            for key in people::keys_of(user) {
                self.state.account_keys.insert((organisation, key, id));
            }
            self.depart(organisation, id, Some(user));
            let before = self.state.accounts.remove(&(organisation, id));
            let (password, set_by) = before.map_or((None, None), |before| (before.password, before.set_by));
            let password = password.filter(|_| !*forgets_password);
            let account = Account { user: user.clone(), password, set_by, deactivated_at: *deactivated_at };
            self.state.accounts.insert((organisation, id), account);
        }
        changes
    }

    /// Who has this key.
    pub(super) fn owners(&self, organisation: OrganisationId, key: &str) -> impl Iterator<Item = UserId> {
        let (from, to) = following(None, UserId::from_uuid);
        let place = |id| (organisation, key.to_owned(), id);
        self.state.account_keys.range((from.map(place), to.map(place))).map(|(_, _, id)| *id)
    }
}
