//! A host's own table of users, which counts how much is asked of it at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::PortResult;
use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(crate) struct Table(Arc<Rows>);

#[derive(Default)]
struct Rows {
    users: Mutex<BTreeMap<(OrganisationId, UserId), User>>,
    pages: AtomicUsize,
    largest: AtomicUsize,
    deadly: Mutex<Option<UserId>>,
    died: Notify,
}

impl Table {
    pub(crate) fn insert(&self, organisation: OrganisationId, user: User) {
        self.0.users.lock().unwrap().insert((organisation, user.id), user);
    }

    pub(crate) fn change(&self, organisation: OrganisationId, user: UserId, change: impl FnOnce(&mut User)) {
        change(self.0.users.lock().unwrap().get_mut(&(organisation, user)).unwrap());
    }

    pub(crate) fn erase(&self, organisation: OrganisationId, user: UserId) {
        self.0.users.lock().unwrap().remove(&(organisation, user));
    }

    /// How many pages were asked for.
    pub(crate) fn pages(&self) -> usize {
        self.0.pages.load(Ordering::Relaxed)
    }

    /// The most people that were asked for at once.
    pub(crate) fn largest(&self) -> usize {
        self.0.largest.load(Ordering::Relaxed)
    }

    /// From now on, whoever asks for the facts of this person dies.
    pub(crate) fn kill_whoever_reads(&self, user: UserId) {
        *self.0.deadly.lock().unwrap() = Some(user);
    }

    /// Completes when somebody has died of that.
    pub(crate) async fn died(&self) {
        self.0.died.notified().await;
    }

    fn asked_for(&self, people: usize) {
        self.0.largest.fetch_max(people, Ordering::Relaxed);
    }
}

#[async_trait]
impl Accounts for Table {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        self.asked_for(page.limit);
        self.0.pages.fetch_add(1, Ordering::Relaxed);
        let users = self.0.users.lock().unwrap();
        let ours = users.iter().filter(|((organisation, id), user)| {
            *organisation == page.organisation
                && page.after.is_none_or(|after| *id > after)
                && page.filter.people.matches(user)
        });
        Ok(ours.map(|(_, user)| user.clone()).take(page.limit).collect())
    }

    async fn facts(&self, organisation: OrganisationId, ids: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        self.asked_for(ids.len());
        let deadly = *self.0.deadly.lock().unwrap();
        if deadly.is_some_and(|deadly| ids.contains(&deadly)) {
            self.0.died.notify_one();
            std::future::pending::<()>().await;
        }
        let users = self.0.users.lock().unwrap();
        Ok(ids.into_iter().map(|id| users.get(&(organisation, id)).cloned()).collect())
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        self.change(request.organisation, request.user, |user| user.has_password = true);
        Ok(PasswordSet::Done)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
