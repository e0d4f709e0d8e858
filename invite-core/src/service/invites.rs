//! What a host holds.

use std::sync::Arc;

use tokio::sync::Notify;

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
    pub(super) senders: Arc<dyn Senders>,
    pub(super) hasher: Hasher,
    pub(super) key: SealingKey,
    pub(super) policy: Policy,
    /// Messages of organisations' own that were loaded.
    pub(super) compiled: Compiled,
    /// Rings when this process has confirmed a batch: its workers need not wait for their next look.
    pub(super) wake: Notify,
}

impl Invites {
    /// Begins with a store that holds people too: ours.
    pub fn builder(store: impl InvitationStore + People + 'static) -> Builder {
        let store = Arc::new(store);
        Builder::new(store.clone(), Some(store.clone()), store)
    }

    /// Begins with the host's own users table beside the invitation store. Import, editing and
    /// [`sign_in`](Self::sign_in) are then the host's own, unless it gives [`people`](Builder::people).
    pub fn builder_with(accounts: impl Accounts + 'static, store: impl InvitationStore + 'static) -> Builder {
        Builder::new(Arc::new(accounts), None, Arc::new(store))
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
