//! What is known and what happened: part of the invitation store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::PortResult;
use crate::credential::{AddressHash, SuppressionKey};
use crate::decision::history::History;
use crate::decision::import_undo::FieldChanges;
use crate::model::actor::Actor;
use crate::model::batch::Batch;
use crate::model::credential::Generation;
use crate::model::delivery::Delivery;
use crate::model::event::{Event, EventCursor};
use crate::model::id::{ImportId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::Invitation;
use crate::model::item::Item;
use crate::model::message::Channel;
use crate::model::sender::{Covers, SenderPause};
use crate::model::suppression::{Suppression, SuppressionReason};
use crate::model::user::User;

/// What is known and what happened.
///
/// [`events`](Self::events), [`sender_pauses`](Self::sender_pauses), [`pause_sender`](Self::pause_sender) and
/// [`resume_sender`](Self::resume_sender) serve all organisations and cannot begin with one.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Records: Send + Sync {
    /// The histories of these people, in order, with everything in [view](crate::decision::history::View::All).
    async fn histories(&self, organisation: OrganisationId, users: Vec<User>) -> PortResult<Vec<History>>;

    /// Tells that these people, of a host's own table, are now like this, or gone: open invitations are revoked and
    /// unsent messages cancelled where [`leaving`](crate::decision::leave::leaving) says so. Idempotent.
    async fn record_changes(
        &self,
        organisation: OrganisationId,
        people: Vec<(UserId, Option<User>)>,
    ) -> PortResult<()>;

    /// Tells that people signed in or set a password at the host. Any order, any number of times. One that is newer
    /// than an open invitation closes it, and ends its messages; one that sets a password ends a retirement older than
    /// it; an older one only fills in what was not known.
    async fn record_arrivals(&self, organisation: OrganisationId, arrivals: Vec<Arrival>) -> PortResult<()>;

    /// Events after the cursor, in order, of all organisations. An event is seen by a later call with the same cursor,
    /// and none appears before one that was already given.
    ///
    /// The beginning ([`EventCursor::default`]) stands for the oldest that is kept. Whoever gives another cursor behind which
    /// [`Queue::sweep`](super::queue::Queue::sweep) has removed any is [told so](EventsForgotten), in the same snapshot.
    async fn events(
        &self,
        after: EventCursor,
        limit: usize,
    ) -> PortResult<Result<Vec<Event>, EventsForgotten>>;

    /// What people and the system did, the newest first, before the cursor.
    async fn audit(
        &self,
        organisation: OrganisationId,
        before: Option<u64>,
        limit: usize,
    ) -> PortResult<Vec<AuditEntry>>;

    /// Everything about one person.
    async fn person(&self, organisation: OrganisationId, user: UserId) -> PortResult<PersonRecord>;

    /// Why nothing goes out for now, on all senders.
    async fn sender_pauses(&self) -> PortResult<Vec<SenderPause>>;

    /// Stops a sender by hand, whatever stops it already: nothing of it is claimed, and no block is tried, until it is
    /// resumed. Outcomes of what was under way change nothing about it. What workers have claimed still goes. Audited in
    /// the actor's organisation; the event is for all. Pausing again changes the words.
    async fn pause_sender(&self, pause: SenderStop) -> PortResult<()>;

    /// Lets a sender go on, whatever stopped it, and says whether anything did. A run of policy refusals is over too.
    async fn resume_sender(&self, actor: Actor, covers: Covers) -> PortResult<bool>;

    /// Addresses that must not be written to, in ascending order of channel and address, after the cursor.
    async fn suppressions(
        &self,
        organisation: OrganisationId,
        after: Option<(Channel, String)>,
        limit: usize,
    ) -> PortResult<Vec<Suppression>>;

    /// Puts an address on the suppression list, or takes it off. Audited where it changes anything.
    async fn suppress(&self, change: SuppressionChange) -> PortResult<()>;

    /// Erases a person from the store, in one transaction: their open invitations are revoked and their unsent messages
    /// cancelled, as erased; the addresses, answers and receipts of their messages are removed, and so is what imports
    /// keep about them, their guesses, when they came, their name as an inviter, and their addresses where a provider's
    /// answer quotes them. Where people are kept in the same database, the person goes too. What stays bears the random
    /// id alone: figures of batches, and the audit.
    ///
    /// Where an address of theirs (a present one, one of their messages, or one that an import replaced) is suppressed,
    /// and nobody else has it, its
    /// [hash](crate::credential::SuppressionKey) takes its place on the list. [`Happening::Erased`] tells the host.
    /// Idempotent: whoever is not there changes nothing, and tells nothing.
    ///
    /// When it returns, no transaction that begins later sees anything of what was removed. A store whose files are its
    /// own has removed it from them too. One on a server cannot: it says in its documentation what stays there until
    /// when, and who decides that.
    ///
    /// [`Happening::Erased`]: crate::model::event::Happening::Erased
    async fn erase(&self, erase: Erase) -> PortResult<Erased>;

    /// Whether hashes stand on the suppression list for addresses of people who were erased.
    async fn has_hashed_suppressions(&self, organisation: OrganisationId) -> PortResult<bool>;

    /// Tells which addresses have come again: where one of its hashes stands on the suppression list, the address takes
    /// the hash's place.
    async fn recognise(&self, organisation: OrganisationId, addresses: Vec<KnownAddress>) -> PortResult<()>;

    /// What else is kept about a person, who has these addresses, beside [`person`](Self::person): for their export. It
    /// may look through everything.
    async fn traces(
        &self,
        organisation: OrganisationId,
        user: UserId,
        addresses: Vec<(Channel, String)>,
    ) -> PortResult<Traces>;
}

/// Events after a cursor that were kept too long, and are no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "events after the one that was read last are not kept any more: look at the batches and people themselves, then read \
     on after {}",
    .until.0
)]
pub struct EventsForgotten {
    /// The last that was removed: what comes after it is there.
    pub until: EventCursor,
}

impl EventsForgotten {
    /// What a reader with this cursor is told where events up to `until` were removed.
    pub fn check(after: EventCursor, until: EventCursor) -> Result<(), Self> {
        let begins = after == EventCursor::default();
        if begins || after >= until { Ok(()) } else { Err(Self { until }) }
    }
}

/// Somebody came, at the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub user: UserId,
    /// When, on the host's clock.
    pub at: DateTime<Utc>,
    /// How.
    pub how: ArrivalKind,
}

/// How somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalKind {
    /// They signed in.
    SignedIn,
    /// They set a password.
    PasswordSet,
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place in the order.
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What, a word such as `batch_confirmed`.
    pub what: String,
    /// On which thing: an id.
    pub subject: String,
    /// More about it; no secret, no personal data.
    pub details: String,
}

/// Everything about one person, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonRecord {
    /// The lines of imports that added or changed them.
    pub import_lines: Vec<ImportLine>,
    /// Their row in each plan and batch.
    pub items: Vec<(Batch, Item)>,
    /// Their invitations.
    pub invitations: Vec<Invitation>,
    /// Their messages.
    pub deliveries: Vec<Delivery>,
    /// Their credentials, without secrets.
    pub credentials: Vec<CredentialFact>,
    /// Which invitation has retired their own password, and when.
    pub retired: Option<(InvitationId, DateTime<Utc>)>,
    /// When they came, as far as the store was told.
    pub came_at: Option<DateTime<Utc>>,
}

/// A person to be erased.
#[derive(Debug, Clone)]
pub struct Erase {
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// Who.
    pub user: UserId,
    /// What hashes their addresses where they are suppressed. It is not to be kept.
    pub key: SuppressionKey,
}

/// What erasing a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Erased {
    /// Whether anything was kept about them.
    pub found: bool,
    /// Open invitations that were revoked.
    pub invitations: u64,
    /// Unsent messages that were cancelled.
    pub messages: u64,
    /// Addresses for which a hash now stands on the suppression list.
    pub suppressed: u64,
}

/// An address that has come again, with its hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAddress {
    /// On which channel.
    pub channel: Channel,
    /// The address, in the form in which it is compared.
    pub address: String,
    /// Its hashes, under each key.
    pub hashes: Vec<AddressHash>,
}

/// What is kept about a person beside their story.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traces {
    /// What the host was told about them.
    pub events: Vec<Event>,
    /// What was done to them, and what they did as an administrator.
    pub audit: Vec<AuditEntry>,
    /// Their addresses that are suppressed.
    pub suppressions: Vec<Suppression>,
    /// Wrong guesses at their secrets: from which source, how many in a row, and when the last was.
    pub guesses: Vec<(String, u32, DateTime<Utc>)>,
}

/// A line of an import that added or changed a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportLine {
    /// Which import.
    pub import: ImportId,
    /// The file's name.
    pub file_name: String,
    /// Which line; nought where the file does not name the person, whom a sync therefore deactivated.
    pub line: u64,
    /// Whether it added the person.
    pub created: bool,
    /// What it changed about a person who was there, as long as it is kept.
    pub changes: FieldChanges,
    /// By whom.
    pub actor: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFact {
    /// Of which invitation.
    pub invitation: InvitationId,
    /// Which generation.
    pub generation: Generation,
    /// When it was minted.
    pub minted_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
    /// Whether a sealed secret is still kept for a message that waits.
    pub sealed: bool,
}

/// A change of the suppression list.
#[derive(Debug, Clone)]
pub struct SuppressionChange {
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// On which channel.
    pub channel: Channel,
    /// The address, in the form in which it is compared.
    pub address: String,
    /// What is done.
    pub act: SuppressionAct,
}

/// What is done with an address and the suppression list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuppressionAct {
    /// It is put there, for this reason; a stronger one that is there stays.
    Put(SuppressionReason),
    /// It is taken off, whatever put it there.
    Release,
    /// It is taken off if the person's own opting out put it there.
    OptIn,
}

/// A sender to be stopped by hand.
#[derive(Debug, Clone)]
pub struct SenderStop {
    /// By whom.
    pub actor: Actor,
    /// What is stopped.
    pub covers: Covers,
    /// Why, in words.
    pub because: String,
}
