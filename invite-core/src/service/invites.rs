//! What a host holds.

use std::sync::Arc;

use super::builder::Builder;
use super::compiled::Compiled;
use super::error::Error;
use super::worker::Worker;
use crate::credential::{Hasher, SealingKey};
use crate::model::id::{OrganisationId, UserId};
use crate::model::user::User;
use crate::policy::Policy;
use crate::port::InvitationStore;
use crate::port::accounts::Accounts;
use crate::port::bell::Bell;
use crate::port::people::People;
use crate::port::senders::Senders;

/// Everything that the library does, for all organisations of a host. Cheap to clone; one a process is enough, and any
/// number of processes may share a store.
///
/// Whoever asks for something is an [`Actor`](crate::model::actor::Actor), and every request checks that they may.
#[derive(Debug, Clone)]
pub struct Invites {
    pub(super) inner: Arc<Inner>,
}

/// The ports, and what the services need beside them.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) accounts: Arc<dyn Accounts>,
    pub(super) people: Option<Arc<dyn People>>,
    pub(super) store: Arc<dyn InvitationStore>,
    /// Whether the people are the store's.
    pub(super) people_in_store: bool,
    pub(super) senders: Arc<dyn Senders>,
    pub(super) hasher: Hasher,
    pub(super) key: SealingKey,
    pub(super) policy: Policy,
    /// Messages of organisations' own that were loaded.
    pub(super) compiled: Compiled,
    /// Rings when work was made here, so that the workers of this process need not wait until their store tells them.
    pub(super) bell: Bell,
}

impl Invites {
    /// Begins with a store that holds people too: ours.
    pub fn builder(store: impl InvitationStore + People + 'static) -> Builder {
        let store = Arc::new(store);
        Builder::of_one(store)
    }

    /// Begins with the host's own users table beside the invitation store. Import, editing and
    /// [`sign_in`](Self::sign_in) are then the host's own, unless it gives [`people`](Builder::people).
    pub fn builder_with(accounts: impl Accounts + 'static, store: impl InvitationStore + 'static) -> Builder {
        Builder::of_two(Arc::new(accounts), Arc::new(store))
    }

    /// The same over another store, for as long as it takes: one that runs in a transaction of the host's, say. Where the
    /// people are the store's ([`builder`](Self::builder)), they are now this one's; otherwise they stay where they were.
    ///
    /// What is asked of the result wakes no worker by itself: who knows when a worker would see it. The store does, once it
    /// can be seen ([`Queue::listen`](crate::port::queue::Queue::listen)).
    #[must_use]
    pub fn over(&self, store: impl InvitationStore + People + 'static) -> Self {
        let store = Arc::new(store);
        if self.inner.people_in_store {
            self.with_ports(store.clone(), Some(store.clone()), store)
        } else {
            self.with_ports(self.inner.accounts.clone(), self.inner.people.clone(), store)
        }
    }

    /// The same over another store and other [`Accounts`]: for a host whose users table is its own, and who wants it read in
    /// the same transaction. Nothing writes people.
    #[must_use]
    pub fn over_with(
        &self,
        accounts: impl Accounts + 'static,
        store: impl InvitationStore + 'static,
    ) -> Self {
        self.with_ports(Arc::new(accounts), None, Arc::new(store))
    }

    fn with_ports(
        &self,
        accounts: Arc<dyn Accounts>,
        people: Option<Arc<dyn People>>,
        store: Arc<dyn InvitationStore>,
    ) -> Self {
        let Inner { people_in_store, senders, hasher, key, policy, .. } = &*self.inner;
        Self {
            inner: Arc::new(Inner {
                accounts,
                people,
                store,
                people_in_store: *people_in_store,
                senders: senders.clone(),
                hasher: hasher.clone(),
                key: key.clone(),
                policy: policy.clone(),
                compiled: Compiled::default(),
                bell: Bell::new(),
            }),
        }
    }

    /// A worker that carries out confirmed batches; run any number of them, in any number of processes.
    pub fn worker(&self) -> Worker {
        Worker::new(self.inner.clone())
    }

    /// The figures in force.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// One person as they are now.
    pub(super) async fn fact(
        &self,
        organisation: OrganisationId,
        user: UserId,
    ) -> Result<Option<User>, Error> {
        let facts = self.inner.accounts.facts(organisation, vec![user]).await?;
        Ok(facts.into_iter().next().flatten())
    }

    /// The writing of people, where they are ours.
    pub(super) fn people(&self) -> Result<Arc<dyn People>, Error> {
        self.inner.people.clone().ok_or(Error::NoPeople)
    }
}
