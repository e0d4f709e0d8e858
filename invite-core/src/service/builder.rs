//! Puts [`Invites`] together.

use std::sync::Arc;

use super::compiled::Compiled;
use super::invites::{Inner, Invites};
use crate::credential::{HashCost, Hasher, HasherError, SealingKey};
use crate::model::message::Mailbox;
use crate::model::rate::Rate;
use crate::model::sender::SenderKey;
use crate::policy::{Policy, PolicyError};
use crate::port::InvitationStore;
use crate::port::accounts::Accounts;
use crate::port::bell::Bell;
use crate::port::people::People;
use crate::port::senders::{OneForAll, Sender, Senders};
use crate::port::transport::Transport;

/// Puts [`Invites`] together: a store, at least one transport, and a sealing key.
#[derive(Debug)]
#[must_use = "nothing is there before `build`"]
pub struct Builder {
    accounts: Arc<dyn Accounts>,
    people: Option<Arc<dyn People>>,
    store: Arc<dyn InvitationStore>,
    people_in_store: bool,
    email: Option<Arc<dyn Transport>>,
    email_from: Option<Mailbox>,
    email_rate: Option<Rate>,
    sms: Option<Arc<dyn Transport>>,
    sms_from: Option<String>,
    sms_rate: Option<Rate>,
    senders: Option<Arc<dyn Senders>>,
    key: Option<SealingKey>,
    policy: Policy,
    hash_cost: HashCost,
}

/// Why [`Invites`] cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no sealing key.
    #[error(
        "there is no sealing key: call seal_with(SealingKey::from_env(\"INVITE_SECRET_KEY\")?), with a key that every \
         process shares"
    )]
    NoSealingKey,
    /// There is nothing to send with.
    #[error(
        "there is nothing to send with: call email(…), sms(…), or senders(…) where tenants have their own"
    )]
    NoTransport,
    /// Transports for all organisations, and a port that resolves them too.
    #[error("call either email(…) and sms(…), or senders(…): with both it is not clear which of them sends")]
    SendersTwice,
    /// A figure is outside its bounds.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There are no threads to hash on.
    #[error(transparent)]
    Hasher(#[from] HasherError),
}

impl Builder {
    pub(super) fn of_one(store: Arc<impl InvitationStore + People + 'static>) -> Self {
        let builder = Self::of_two(store.clone(), store.clone());
        Self { people: Some(store), people_in_store: true, ..builder }
    }

    pub(super) fn of_two(accounts: Arc<dyn Accounts>, store: Arc<dyn InvitationStore>) -> Self {
        Self {
            accounts,
            people: None,
            store,
            people_in_store: false,
            email: None,
            email_from: None,
            email_rate: None,
            sms: None,
            sms_from: None,
            sms_rate: None,
            senders: None,
            key: None,
            policy: Policy::default(),
            hash_cost: HashCost::default(),
        }
    }

    /// The transport of e-mail, for all organisations.
    pub fn email(mut self, transport: impl Transport + 'static) -> Self {
        self.email = Some(Arc::new(transport));
        self
    }

    /// Who e-mail is from where the organisation does not say; without it, `no-reply` at the host of the
    /// organisation's app link.
    pub fn email_from(mut self, from: Mailbox) -> Self {
        self.email_from = Some(from);
        self
    }

    /// How fast e-mail may go, by all workers on the store together; without it, as fast as it can. A provider that
    /// accepts 14 messages a second has `Rate::per_second(14)?`.
    pub const fn email_rate(mut self, rate: Rate) -> Self {
        self.email_rate = Some(rate);
        self
    }

    /// The transport of SMS, for all organisations.
    pub fn sms(mut self, transport: impl Transport + 'static) -> Self {
        self.sms = Some(Arc::new(transport));
        self
    }

    /// The number or name that SMS are from, where the provider needs one.
    pub fn sms_from(mut self, from: impl Into<String>) -> Self {
        self.sms_from = Some(from.into());
        self
    }

    /// How fast SMS may go, as [`email_rate`](Self::email_rate).
    pub const fn sms_rate(mut self, rate: Rate) -> Self {
        self.sms_rate = Some(rate);
        self
    }

    /// Each tenant's own senders, instead of [`email`](Self::email) and [`sms`](Self::sms).
    pub fn senders(mut self, senders: impl Senders + 'static) -> Self {
        self.senders = Some(Arc::new(senders));
        self
    }

    /// The key, or keys, that secrets are sealed with while they wait.
    pub fn seal_with(mut self, key: SealingKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The host's figures; the defaults suit production.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// What a hash of a temporary password costs; OWASP's minimum by default.
    pub const fn hash_cost(mut self, cost: HashCost) -> Self {
        self.hash_cost = cost;
        self
    }

    /// The writing of people, for a host whose own [`Accounts`] can do that as well.
    pub fn people(mut self, people: impl People + 'static) -> Self {
        self.people = Some(Arc::new(people));
        self
    }

    /// Checks it and starts the hashing threads.
    pub fn build(self) -> Result<Invites, BuildError> {
        self.policy.check()?;
        let key = self.key.ok_or(BuildError::NoSealingKey)?;
        let sender = |name: &str, transport: Option<Arc<dyn Transport>>, rate: Option<Rate>| {
            transport.map(|transport| Sender {
                key: SenderKey(name.to_owned()),
                account: name.to_owned(),
                transport,
                from: None,
                sms_from: None,
                rate,
            })
        };
        let email = sender("email", self.email, self.email_rate)
            .map(|sender| Sender { from: self.email_from, ..sender });
        let sms =
            sender("sms", self.sms, self.sms_rate).map(|sender| Sender { sms_from: self.sms_from, ..sender });
        let senders = match (self.senders, email, sms) {
            (Some(senders), None, None) => senders,
            (Some(_), ..) => return Err(BuildError::SendersTwice),
            (None, None, None) => return Err(BuildError::NoTransport),
            (None, email, sms) => Arc::new(OneForAll { email, sms }),
        };
        let hasher = Hasher::new(self.hash_cost)?;
        let Self { accounts, people, store, people_in_store, policy, .. } = self;
        let (compiled, bell) = (Compiled::default(), Bell::new());
        let inner =
            Inner { accounts, people, store, people_in_store, senders, hasher, key, policy, compiled, bell };
        Ok(Invites { inner: Arc::new(inner) })
    }
}
