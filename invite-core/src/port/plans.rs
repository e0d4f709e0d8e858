//! Plans and batches: part of the invitation store.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::error::{PortError, PortErrorKind, PortResult};
use crate::machine::batch::{BatchEvent, WrongBatchState};
use crate::model::actor::Actor;
use crate::model::batch::{Batch, BatchState, Progress, TemplatePins, Totals};
use crate::model::delivery::Delivery;
use crate::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use crate::model::item::{Action, Item};
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, Settings};
use crate::model::selection::Selection;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::model::wording::ItemWording;
use crate::policy::Policy;
use crate::template::sms::SmsSize;
use crate::template::wording;

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
    /// The ids of messages ascend with their people: pilots are cut off at one.
    ///
    /// Conditional on `after`, the last person of the page before: a page that was written already changes nothing.
    /// Gives the batch, with its totals so far. Languages and sizes of the messages are those of
    /// [`PlanPage::wording`]; they are kept with the item, so that confirming can take them back. With the last page,
    /// those who share an address are counted.
    async fn plan_page(&self, page: PlanPage) -> PortResult<Batch>;

    /// Confirms a complete plan: one conditional write, in which the confirmer's own item becomes skip: `yourself`,
    /// and, without consent, those of resets become skip: `set_up_needs_consent`, totals and messages with them.
    /// Confirming again answers [`Confirmed::Already`].
    ///
    /// A batch with a pilot of fewer people than it has gives out the messages of its first people alone, in ascending
    /// order of id. The transaction in which the last of those messages ends, however it ends, pauses the batch, tells
    /// so in words ([`pilot::because`](crate::decision::pilot::because)) and writes the event; nothing else was given
    /// out before.
    async fn confirm(&self, confirm: Confirm) -> PortResult<Confirmed>;

    /// Pauses, resumes, cancels or recalls. Cancelling and recalling count at once in everything that reads; messages
    /// and invitations are swept in chunks. Resuming sets the brake's count to nought; the hours of messages that were
    /// already tried go on by themselves, for the machine leaves out what a message waits beyond its due time.
    ///
    /// Resuming a batch whose pilot is out lets the rest go on. While messages of the pilot are still on their way (a
    /// person or the brake had paused it, or one was asked for again), it is the pilot that goes on, and the batch pauses
    /// itself when that is out.
    async fn change_batch(&self, change: BatchChange) -> PortResult<Option<Result<Batch, WrongBatchState>>>;

    /// Puts failed or unknown messages of a batch back into the queue, a chunk at a time, in ascending order of id, with
    /// [`DeliveryEvent::Retry`](crate::machine::delivery::DeliveryEvent::Retry), and audits each chunk that found any.
    /// The batch is not finished any more.
    ///
    /// Only where the batch is confirmed and neither cancelled nor recalled. A request leaves alone what changed after its
    /// first chunk: a message that failed again meanwhile takes another request, so of two at the same time one queues it.
    async fn retry(&self, retry: RetryChunk) -> PortResult<Retried>;

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
    /// Whether the organisation's schedule asks for it.
    pub scheduled: bool,
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
            scheduled: self.scheduled,
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
    /// How long the text message to each person would be, by what it would be for; nothing for those who cannot get
    /// one.
    pub sms_sizes: BTreeMap<(UserId, MessageKind), SmsSize>,
    /// Whether this is the last page.
    pub last: bool,
    /// The host's figures.
    pub policy: Policy,
}

impl PlanPage {
    /// In which languages the messages are that were decided for a person, and how long the text message, where
    /// `templates` are pinned. A store calls it in its transaction.
    ///
    /// Fails where the size of a text message is not there: the settings changed after the page was prepared.
    pub fn wording(
        &self,
        user: &User,
        (kind, channels): (MessageKind, &[Channel]),
        settings: &Settings,
        templates: &TemplatePins,
    ) -> PortResult<ItemWording> {
        let size = self.sms_sizes.get(&(user.id, kind)).copied();
        if size.is_none() && channels.contains(&Channel::Sms) {
            return Err(PortError::new(PortErrorKind::Unavailable, "plan a page")
                .caused_by("a text message was not measured: settings or people changed meanwhile"));
        }
        Ok(wording(kind, channels, user.locale.as_ref(), &settings.locale, templates, size))
    }
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
    /// From now until the start time. Nothing leaves before both this and the hold are over.
    pub starts_in: Duration,
    /// To how many people it goes first; as many as it has, or more, is no pilot.
    pub pilot: Option<NonZeroU64>,
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

/// A chunk of messages to be sent again.
#[derive(Debug, Clone)]
pub struct RetryChunk {
    /// Of which batch.
    pub batch: BatchId,
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// Those that failed.
    pub failed: bool,
    /// Those of which nobody knows whether they were sent.
    pub unknown: bool,
    /// Where the chunk before ended; none for the first.
    pub cursor: Option<RetryCursor>,
    /// At most so many messages.
    pub limit: usize,
}

/// Where a chunk ended. A store makes it, and is given it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryCursor {
    /// When the first chunk was, on the store's clock.
    pub since: DateTime<Utc>,
    /// The last message that was looked at.
    pub after: DeliveryId,
}

/// What a chunk did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// So many that had failed, and so many that were unknown, are queued; the cursor of the next chunk, if there may be
    /// one.
    Queued {
        /// Had failed.
        failed: u64,
        /// Were unknown.
        unknown: u64,
        /// Where to go on.
        next: Option<RetryCursor>,
    },
    /// There is no such batch in this organisation.
    NotFound,
    /// It is not confirmed, or it was cancelled or recalled.
    Stopped(BatchState),
}
