//! The work that schedules make: part of the invitation store.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::error::PortResult;
use crate::model::id::{ClaimToken, OrganisationId};
use crate::model::schedule::{Due, DueKind};

/// Due work, as rows that workers claim: one of a kind and subject in an organisation.
///
/// [`claim_due`](Self::claim_due) serves all organisations and cannot begin with one; what it gives names the
/// organisation, and everything that follows stays in it.
///
/// # Contract
///
/// * Work is added in the transactions that make it, by the functions of
///   [`decision::schedule`](crate::decision::schedule): a message that [begins](super::queue::Queue::begin) adds what
///   [`due_on_begin`](crate::decision::schedule::due_on_begin) says, saving an
///   [organisation](super::organisations::Organisations::save_organisation) what
///   [`due_on_save`](crate::decision::schedule::due_on_save) says of the settings before and after, and, where the people
///   are the store's own, an import what [`due_on_import`](crate::decision::schedule::due_on_import) says of those whom it
///   adds.
/// * Adding what is there already keeps the earlier of both times, and takes it from whoever has it: to look once more is
///   harmless, not to look is not.
/// * A claim stands for its lease on the store's clock. Work that is neither settled nor claimed again is then due again.
/// * [`DueKind::ExpiryNotice`] is not claimed: the [sweep](super::queue::Queue::sweep) does it. Where the organisation's
///   schedule asks for the notice, the invitation is pending, and it expires later than now, but not later than
///   [`notice_at`](crate::decision::schedule::notice_at) says, it writes the event
///   [`ExpiresSoon`](crate::model::event::Happening::ExpiresSoon) and removes the row in the same transaction. Where the
///   invitation has been given more time, the row moves on to its new notice; otherwise it goes.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Adds work of an organisation. Nothing rings: workers look for it every few seconds.
    async fn add_due(&self, organisation: OrganisationId, due: Vec<Due>) -> PortResult<()>;

    /// Gives work of one organisation and kind that is due, that which has been due for longest first, and whatever else of
    /// the same organisation and kind is due, at most so much. Nobody else is given it until the lease is over.
    async fn claim_due(&self, limit: usize, lease: Duration) -> PortResult<Option<ClaimedDue>>;

    /// Removes the work of a claim, as far as it is still this claim's, and adds what comes after it.
    async fn settle_due(&self, settle: SettleDue) -> PortResult<()>;
}

/// Work that a worker was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDue {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Of which kind.
    pub kind: DueKind,
    /// What it is given back with.
    pub token: ClaimToken,
    /// The subjects, in ascending order.
    pub subjects: Vec<Uuid>,
}

/// Work that is done, and what comes after it.
#[derive(Debug, Clone)]
pub struct SettleDue {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// The claim.
    pub token: ClaimToken,
    /// Of which kind.
    pub kind: DueKind,
    /// The subjects that are done.
    pub done: Vec<Uuid>,
    /// What is added.
    pub next: Vec<Due>,
}
