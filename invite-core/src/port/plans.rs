//! Plans and batches: part of the invitation store.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::error::PortResult;
use crate::machine::batch::{BatchEvent, WrongBatchState};
use crate::model::actor::Actor;
use crate::model::batch::{Batch, BatchState, Progress, TemplatePins, Totals};
use crate::model::delivery::Delivery;
use crate::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use crate::model::item::{Action, Item};
use crate::model::message::Channel;
use crate::model::organisation::ChannelRule;
use crate::model::selection::Selection;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::policy::Policy;

/// Plans and batches.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Plans: Send + Sync {
    /// The store's clock: what every instant that is persisted and compared is on.
    async fn now(&self) -> PortResult<DateTime<Utc>>;

    /// Opens an empty plan, which expires unused after `lifetime`.
    async fn open_plan(&self, plan: NewPlan) -> PortResult<Batch>;

    /// Adds one page of people to a plan that is not complete: decides about each with
    /// [`decide`](crate::decision::decide), on their rows as they are, and keeps item, messages and totals.
    ///
    /// Conditional on `after`, the last person of the page before: a page that was written already changes nothing.
    /// Gives the batch, with its totals so far.
    async fn plan_page(&self, page: PlanPage) -> PortResult<Batch>;

    /// Confirms a complete plan: one conditional write, in which the confirmer's own item becomes skip: `yourself`,
    /// and, without consent, those of resets become skip: `set_up_needs_consent`, totals and messages with them.
    /// Confirming again answers [`Confirmed::Already`].
    async fn confirm(&self, confirm: Confirm) -> PortResult<Confirmed>;

    /// Pauses, resumes, cancels or recalls. Cancelling and recalling count at once in everything that reads; messages
    /// and invitations are swept in chunks. Resuming sets the brake's count to nought; the hours of messages that were
    /// already tried go on by themselves, for the machine leaves out what a message waits beyond its due time.
    async fn change_batch(&self, change: BatchChange) -> PortResult<Option<Result<Batch, WrongBatchState>>>;

    /// A plan or batch.
    async fn batch(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Option<Batch>>;

    /// Plans and batches, the newest first, those before the cursor.
    async fn batches(
        &self,
        organisation: OrganisationId,
        before: Option<BatchId>,
        limit: usize,
    ) -> PortResult<Vec<Batch>>;

    /// The rows of a plan or batch, in ascending order of user id, after the cursor.
    async fn items(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<UserId>,
        limit: usize,
    ) -> PortResult<Vec<Item>>;

    /// The messages of a batch, in ascending order of id, after the cursor.
    async fn deliveries(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>>;

    /// What became of a batch so far.
    async fn progress(&self, organisation: OrganisationId, batch: BatchId) -> PortResult<Progress>;
}

/// A plan to be opened.
#[derive(Debug, Clone)]
pub struct NewPlan {
    /// Its id.
    pub id: BatchId,
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// The name that messages give as the inviter.
    pub inviter: String,
    /// What it does.
    pub action: Action,
    /// For whom.
    pub selection: Selection,
    /// On which channels.
    pub channels: ChannelRule,
    /// The versions of the messages.
    pub templates: TemplatePins,
    /// How long it can be confirmed.
    pub lifetime: Duration,
}

impl NewPlan {
    /// The empty plan, opened now.
    pub fn opened(self, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> Batch {
        Batch {
            id: self.id,
            organisation: self.actor.organisation(),
            action: self.action,
            selection: self.selection,
            channels: self.channels,
            state: BatchState::Planned,
            paused_because: None,
            planned_by: self.actor,
            inviter: self.inviter,
            planned_at: now,
            complete: false,
            expires_at,
            confirmed: None,
            stopped_at: None,
            templates: self.templates,
            totals: Totals::default(),
        }
    }
}

/// One page of a plan.
#[derive(Debug, Clone)]
pub struct PlanPage {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Of which plan.
    pub plan: BatchId,
    /// The last person of the page before; none for the first page.
    pub after: Option<UserId>,
    /// The people, in ascending order of id, each once; without facts where there is no such person.
    pub people: Vec<(UserId, Option<User>)>,
    /// What each channel sends with.
    pub senders: BTreeMap<Channel, (SenderKey, String)>,
    /// Whether this is the last page.
    pub last: bool,
    /// The host's figures.
    pub policy: Policy,
}

/// A plan to be confirmed.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// Which.
    pub plan: BatchId,
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// Whether resets are consented to.
    pub resets: bool,
    /// How long nothing leaves; none for the policy's hold.
    pub hold: Option<Duration>,
    /// The host's figures.
    pub policy: Policy,
}

/// What confirming did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// Confirmed now.
    Now(Box<Batch>),
    /// Confirmed before: the same batch.
    Already(Box<Batch>),
    /// There is no such plan in this organisation.
    NotFound,
    /// It was not confirmed in time.
    Expired,
    /// Not everybody has been looked at yet.
    Incomplete,
    /// It was cancelled or recalled.
    Stopped,
}

/// A change of a batch.
#[derive(Debug, Clone)]
pub struct BatchChange {
    /// Which.
    pub batch: BatchId,
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// What.
    pub event: BatchEvent,
    /// Why, in words, for a pause.
    pub because: Option<String>,
}
