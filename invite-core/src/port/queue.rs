//! The queue of messages: part of the invitation store.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::bell::Rings;
use super::error::PortResult;
use crate::credential::{Minted, Salt, SealedSecret};
use crate::decision::begin::Take;
use crate::decision::pace::Slots;
use crate::machine::delivery::Report;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::{DeliveryState, EndReason, WaitCause};
use crate::model::id::{BatchId, ClaimToken, DeliveryId, InvitationId, OrganisationId, UserId};
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::metrics::Metrics;
use crate::model::outcome::{Answer, Concerns, Outcome};
use crate::model::rate::Rate;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::policy::Policy;

/// The queue.
///
/// [`claim`](Self::claim), [`renew`](Self::renew), [`begin`](Self::begin), [`record`](Self::record),
/// [`reserve_sends`](Self::reserve_sends), [`release`](Self::release), [`report`](Self::report),
/// [`waiting`](Self::waiting), [`listen`](Self::listen), [`metrics`](Self::metrics) and [`sweep`](Self::sweep) serve all
/// organisations and cannot begin with one; what they touch is found by the claim's token or the delivery's id,
/// and everything that follows from it stays in that delivery's organisation.
///
/// # Contract
///
/// * **Fencing.** Whatever a worker does to a delivery carries its claim's token. One whose delivery was claimed by
///   another since, or given back, changes nothing and is answered [`Begun::Fenced`], `None` or `false`.
/// * **Leases** lapse on the store's clock. [`claim`](Self::claim) first takes back what has lapsed, with
///   [`DeliveryEvent::LeaseLost`](crate::machine::delivery::DeliveryEvent::LeaseLost).
/// * **Stopped batches.** What would come back into the queue of a batch that was cancelled or recalled is cancelled in the
///   same transaction ([`next_in`](crate::machine::delivery::next_in)); a sweep does the rest.
/// * **Suspects** (survivors of a group that died) are claimed alone: a claim gives one suspect and nothing else, or no
///   suspect. They go first.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Queue: Send + Sync {
    /// Takes messages that are due, of running batches whose hold is over, whose sender is not stopped, fairly between
    /// organisations. Of a batch with a pilot that is not out, those of the pilot alone.
    ///
    /// Of a sender with a rate no more are given than it has [room](crate::decision::pace::Pace::room) for. Where nothing is given, and that is
    /// why, the answer says for how long.
    ///
    /// Of a blocked sender one message is given when its probe is due, and the next probe is set.
    async fn claim(&self, claim: Claim) -> PortResult<Claimed>;

    /// Renews the leases of these claims from now. Says of each whether it still stands.
    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>>;

    /// The last step before the transport, for a few messages: decides again with fresh facts
    /// ([`may_go`](crate::decision::begin::may_go)), begins the invitation, saves the credential if no other worker
    /// did, and marks the message as being handed over. Answers in the order asked.
    ///
    /// An SMS in quiet hours is put back into the queue until they are over, no attempt counted; and so is one over the
    /// policy's limits ([`SmsDay`](crate::decision::sms_limits::SmsDay)), of all that were handed over and are not known to
    /// have stayed behind.
    ///
    /// Two messages of one person never begin at the same time: the person's row is locked.
    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>>;

    /// Keeps outcomes, with everything that follows from them
    /// ([`consequences`](crate::decision::record::consequences)): the invitation, the person's own password,
    /// suppressions, the sender, the brake, events; and wipes a sealed secret that no message needs any more. Says of
    /// each, in order, where it stands now; `None` where the token is out of date and nothing was kept.
    async fn record(&self, record: Record) -> PortResult<Vec<Option<DeliveryState>>>;

    /// Reserves slots of a sender with a rate, for messages in hand: [`Pace::reserve`](crate::decision::pace::Pace::reserve), kept for the sender in one
    /// transaction, so that all workers together keep to the rate. May give fewer than are wanted, or none.
    async fn reserve_sends(&self, reserve: ReserveSends) -> PortResult<Slots>;

    /// Gives back messages that were claimed and not begun.
    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()>;

    /// What providers report, in any order, any number of times, before or after the recording. Says of each whether
    /// there is such a delivery.
    ///
    /// The address goes on the suppression list as [`report_suppresses`](crate::decision::record::report_suppresses) says,
    /// where the strongest reason stays; the sender stops as [`report_stops`](crate::decision::record::report_stops)
    /// says, where the report told something new about its message.
    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>>;

    /// What waits, and for how long.
    async fn waiting(&self) -> PortResult<Waiting>;

    /// Listens, from the answer on, for work that somebody made: in this process, and in others on the same store.
    ///
    /// It rings after [`confirm`](super::plans::Plans::confirm), after
    /// [`change_batch`](super::plans::Plans::change_batch) where the batch goes on or is stopped for good, after
    /// [`retry`](super::plans::Plans::retry), after [`resume_sender`](super::records::Records::resume_sender), and after
    /// [`refresh`](super::offers::Offers::refresh): what workers do themselves ([`claim`](Self::claim) to
    /// [`sweep`](Self::sweep)) and what becomes due by its time rings nothing.
    ///
    /// * A ring comes when what it tells of can be seen, never before: whoever then claims, finds it. Where it was done in a
    ///   transaction of the host's, that is when the host commits.
    /// * It may ring for nothing, and several rings may be one.
    /// * A ring may be missed, where a connection was lost, say; so workers look from time to time all the same. A store
    ///   that may have missed one rings when it listens again.
    /// * Asking it is no error when the store cannot listen just now: it goes on trying by itself, for as long as the answer is
    ///   kept. One that never can gives [`Rings::never`], and its workers find work of other processes when they look.
    ///
    /// A worker asks once, and keeps the answer.
    async fn listen(&self) -> Rings;

    /// Figures for whoever operates the library. It changes nothing, and is asked every few seconds however many messages
    /// there are: what would have to be counted over many rows is [counted](crate::decision::counts::of_step) as it happens
    /// instead, in the same transactions, so that it survives every crash and nothing is counted of a transaction that
    /// was undone.
    async fn metrics(&self) -> PortResult<Metrics>;

    /// Does at most about `limit` rows of the work that nobody waits for: leases that lapsed, invitations that expired,
    /// messages of batches that were cancelled, invitations of batches that were recalled and of people who came under
    /// SSO with their organisation, retirements to lift, plans that expired, batches that finished, notices that an invitation [is about to
    /// expire](super::schedules::Schedules). Gives how many rows it
    /// changed; nought when nothing is left.
    ///
    /// And what is kept too long goes, the oldest first, found without looking through what stays: addresses, answers and
    /// receipts of messages whose batch has been finished for the policy's `contacts_kept` (or, if it was never confirmed,
    /// stopped), events, and the audit. A message whose address has gone keeps no answer that comes later. Items, states
    /// and totals stay.
    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64>;
}

/// A wish for work.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who asks, for people who look; it decides nothing.
    pub worker: String,
    /// At most so many.
    pub limit: usize,
    /// How long the claim stands without renewal.
    pub lease: Duration,
    /// The host's figures.
    pub policy: Policy,
}

/// What a worker was given. Empty where nothing is due.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The fencing token of all of them.
    pub token: ClaimToken,
    /// Whether it is one suspect, which is worked on alone: the worker finishes everything else first.
    pub alone: bool,
    /// The messages.
    pub deliveries: Vec<ClaimedDelivery>,
    /// Where nothing is given of what is due, since its senders keep to their rates: when one of them has room again.
    pub room_in: Option<Duration>,
}

/// One message that a worker was given.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Of which batch.
    pub batch: BatchId,
    /// To whom.
    pub user: UserId,
    /// On which channel.
    pub channel: Channel,
    /// Of which invitation, begun or not.
    pub invitation: InvitationId,
    /// What credential it carries, and what there is of it.
    pub credential: Option<CredentialWish>,
}

/// A wish for slots of a sender with a rate.
#[derive(Debug, Clone)]
pub struct ReserveSends {
    /// Whose.
    pub sender: SenderKey,
    /// How fast it may send.
    pub rate: Rate,
    /// At most so many.
    pub wanted: usize,
}

/// What is known about the credential of a message that a worker was given.
#[derive(Debug, Clone)]
pub struct CredentialWish {
    /// Of which kind.
    pub kind: CredentialKind,
    /// The one that is there, or the generation to mint.
    pub take: Take,
    /// The salt of the invitation's generations, if there is one.
    pub salt: Option<Salt>,
}

/// Messages that are about to go.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The claim.
    pub token: ClaimToken,
    /// The messages.
    pub deliveries: Vec<BeginDelivery>,
    /// The host's figures.
    pub policy: Policy,
}

/// One message that is about to go.
#[derive(Debug, Clone)]
pub struct BeginDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Its person, as they are now.
    pub user: Option<User>,
    /// The credential that the worker minted, if it did.
    pub minted: Option<Minted>,
    /// What it is sent with now: key and account.
    pub sender: (SenderKey, String),
}

/// What beginning did.
#[derive(Debug, Clone)]
pub enum Begun {
    /// Hand it over.
    Go(Box<HandOver>),
    /// It will not go, for this reason; this is kept.
    Stopped(EndReason),
    /// Not now: its batch is paused. It is back in the queue.
    Released,
    /// Not now, for this reason of its own. It is back in the queue, due later.
    PutOff(WaitCause),
    /// Mint this generation, with this salt if there is one, and begin again: another worker, or time, was faster.
    Mint(Generation, Option<Salt>),
    /// The claim is out of date: leave it alone.
    Fenced,
}

/// A message to be rendered and sent.
#[derive(Debug, Clone)]
pub struct HandOver {
    /// Which.
    pub id: DeliveryId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Of which batch.
    pub batch: BatchId,
    /// Its person, as they were a moment ago.
    pub user: User,
    /// On which channel.
    pub channel: Channel,
    /// What it says.
    pub kind: MessageKind,
    /// The credential that it carries.
    pub credential: Option<HandOverCredential>,
    /// When the invitation was begun.
    pub invited_at: DateTime<Utc>,
    /// Whether it is the last reminder.
    pub last_reminder: bool,
    /// Now, on the store's clock.
    pub at: DateTime<Utc>,
}

/// The credential of a message to be sent.
#[derive(Debug, Clone)]
pub struct HandOverCredential {
    /// Of which kind.
    pub kind: CredentialKind,
    /// Of which invitation.
    pub invitation: InvitationId,
    /// Which generation.
    pub generation: Generation,
    /// Its secret.
    pub sealed: SealedSecret,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// Outcomes to be kept.
#[derive(Debug, Clone)]
pub struct Record {
    /// The outcomes.
    pub outcomes: Vec<RecordDelivery>,
    /// The host's figures.
    pub policy: Policy,
}

/// One outcome to be kept.
#[derive(Debug, Clone)]
pub struct RecordDelivery {
    /// The claim.
    pub token: ClaimToken,
    /// Of which message.
    pub id: DeliveryId,
    /// What happened.
    pub result: HandOverResult,
}

/// What became of a hand-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOverResult {
    /// The transport answered.
    Outcome(Outcome),
    /// The transport was certainly not called.
    NotCalled,
    /// Its secret is sealed with a key that the worker does not have, so the transport was not called; why, in words
    /// without content. It is looked at again after the policy's `probe_every`, no attempt counted, and other messages of
    /// its sender go on.
    Locked(Answer),
    /// Its sealed secret was changed or is in no format known, so the transport was not called; why, in words without
    /// content. That sealed secret is wiped, so that the next attempt mints the next generation; the attempt counts, so
    /// that it does not go on for ever.
    Damaged(Answer),
    /// The message could not be rendered; why, in words without content.
    NotRendered(Answer),
}

impl HandOverResult {
    /// Whether the message certainly did not go: then it counts for no limit.
    pub const fn stayed_behind(&self) -> bool {
        !matches!(self, Self::Outcome(Outcome::Accepted(_) | Outcome::Unknown { .. }))
    }
}

/// What a provider reported about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Of which message.
    pub delivery: DeliveryId,
    /// What.
    pub report: Report,
    /// What it says beyond that message.
    pub concerns: Concerns,
    /// The provider's words.
    pub answer: Answer,
}

/// What is in the queue. Messages of plans that nobody has confirmed are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Messages that could be claimed now, or as soon as the rate of their sender lets them.
    pub due: u64,
    /// Messages that a worker has.
    pub leased: u64,
    /// Messages that wait for a time, a sender, a hold, or a paused batch.
    pub later: u64,
    /// When the next of those becomes due by itself, from now. A lease that may lapse is not among them: whoever waits
    /// looks again from time to time.
    pub next_in: Option<Duration>,
}
