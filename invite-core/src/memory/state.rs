//! What the memory store holds: rows as plain structs, the organisation first in every key, and the indices that keep
//! 100,000 people from being looked through.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::imports::{ImportLineRow, ImportRow};
use super::schedules::{DueKey, DueRow};
use crate::credential::{AddressHash, PasswordHash, Salt, SealedSecret, StoredForm};
use crate::decision::pace::Pace;
use crate::machine::delivery::Standing;
use crate::model::actor::Actor;
use crate::model::batch::Batch;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::event::Event;
use crate::model::id::{
    BatchId, ClaimToken, CredentialId, DeliveryId, ImportId, InvitationId, OrganisationId, UserId,
};
use crate::model::invitation::InvitationState;
use crate::model::item::Item;
use crate::model::message::Channel;
use crate::model::metrics::Count;
use crate::model::organisation::{Alias, Organisation};
use crate::model::outcome::{Answer, Receipt};
use crate::model::sender::{SenderKey, SenderPause};
use crate::model::suppression::{Suppression, SuppressionReason};
use crate::model::template_key::TemplateKey;
use crate::model::user::User;
use crate::model::wording::ItemWording;
use crate::port::records::AuditEntry;

/// Everything. What is found without an organisation gives the organisation.
#[derive(Default)]
pub(super) struct State {
    pub(super) organisations: BTreeMap<OrganisationId, Organisation>,
    pub(super) aliases: BTreeMap<Alias, OrganisationId>,
    /// Version n is at n - 1.
    pub(super) templates: BTreeMap<(OrganisationId, TemplateKey), Vec<TemplateRow>>,
    /// Text messages that may have gone within a day: when, and to which number.
    pub(super) text_messages: BTreeMap<(OrganisationId, DeliveryId), (DateTime<Utc>, String)>,
    /// When each actor sent test messages, oldest first.
    pub(super) test_sends: BTreeMap<(OrganisationId, String), Vec<DateTime<Utc>>>,

    pub(super) accounts: BTreeMap<(OrganisationId, UserId), Account>,
    /// Who has a unique key or a contact, as `username:anna`.
    pub(super) account_keys: BTreeSet<(OrganisationId, String, UserId)>,
    pub(super) imports: BTreeMap<(OrganisationId, ImportId), ImportRow>,
    pub(super) import_lines: BTreeMap<(OrganisationId, ImportId, UserId), ImportLineRow>,

    pub(super) batches: BTreeMap<(OrganisationId, BatchId), BatchRow>,
    /// How many plans were ever confirmed: the order of the last one.
    pub(super) confirmations: u64,
    /// Confirmed batches that have messages on their way.
    pub(super) going_on: BTreeSet<(OrganisationId, BatchId)>,
    /// Cancelled and recalled batches that the sweep has not done with.
    pub(super) stopped: BTreeSet<(OrganisationId, BatchId)>,
    /// Batches that finished, and plans that were stopped unconfirmed, by when, until the contacts of their messages are
    /// removed.
    pub(super) finished: BTreeSet<(DateTime<Utc>, OrganisationId, BatchId)>,
    /// Plans by when they expire.
    pub(super) plans: BTreeSet<(DateTime<Utc>, OrganisationId, BatchId)>,

    pub(super) persons: BTreeMap<(OrganisationId, UserId), Person>,

    pub(super) deliveries: BTreeMap<(OrganisationId, DeliveryId), DeliveryRow>,
    pub(super) delivery_organisations: BTreeMap<DeliveryId, OrganisationId>,
    /// Which messages went to an address, in the form in which it is compared.
    pub(super) addresses: BTreeSet<(OrganisationId, Channel, String, DeliveryId)>,
    /// Queued suspects by when they are due.
    pub(super) suspects: BTreeSet<(DateTime<Utc>, OrganisationId, DeliveryId)>,
    pub(super) claims: BTreeMap<ClaimToken, ClaimRow>,
    /// The organisation that the last claim took a message of.
    pub(super) last_served: Option<OrganisationId>,

    pub(super) invitations: BTreeMap<(OrganisationId, InvitationId), InvitationRow>,
    /// Pending invitations by when they expire; an entry may be out of date.
    pub(super) expiring: BTreeSet<(DateTime<Utc>, OrganisationId, InvitationId)>,
    pub(super) credentials: BTreeMap<(OrganisationId, CredentialId), (InvitationId, Generation)>,
    pub(super) links: BTreeMap<[u8; 32], (OrganisationId, CredentialId)>,
    pub(super) guesses: BTreeMap<(OrganisationId, UserId, String), Guesses>,
    /// When fresh credentials were asked for, the oldest first.
    pub(super) requests: BTreeMap<(OrganisationId, Asked), VecDeque<DateTime<Utc>>>,

    pub(super) suppressions: BTreeMap<(OrganisationId, Channel, String), Suppression>,
    pub(super) hashed_suppressions:
        BTreeMap<(OrganisationId, Channel, AddressHash), (SuppressionReason, DateTime<Utc>)>,
    pub(super) pauses: BTreeMap<String, SenderPause>,
    pub(super) paces: BTreeMap<SenderKey, Pace>,
    pub(super) refusals: BTreeMap<SenderKey, RefusalRun>,
    /// Organisations that came under SSO, and the last of their people that the sweep has looked at.
    pub(super) under_sso: BTreeMap<OrganisationId, Option<UserId>>,

    pub(super) due: BTreeMap<DueKey, DueRow>,
    /// The same by when it is due.
    pub(super) due_order: BTreeSet<(DateTime<Utc>, DueKey)>,

    pub(super) counts: BTreeMap<Count, i64>,

    pub(super) events: VecDeque<Event>,
    /// How many events were removed: the cursor of the last of them.
    pub(super) events_removed: u64,
    pub(super) audit: BTreeMap<(OrganisationId, u64), AuditEntry>,
    /// The lines of the audit, the oldest first.
    pub(super) audit_order: VecDeque<(DateTime<Utc>, OrganisationId, u64)>,
    pub(super) audited: u64,
}

/// A version of a message.
#[derive(Clone)]
pub(super) struct TemplateRow {
    /// None where it is the built-in message.
    pub(super) source: Option<String>,
    pub(super) saved_at: DateTime<Utc>,
    pub(super) saved_by: Actor,
}

/// One of our own people.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) user: User,
    pub(super) password: Option<PasswordHash>,
    /// The key under which the password was set.
    pub(super) set_by: Option<(CredentialId, u64)>,
    pub(super) deactivated_at: Option<DateTime<Utc>>,
}

/// A plan or batch, with what it counts.
#[derive(Clone)]
pub(super) struct BatchRow {
    pub(super) batch: Batch,
    /// The last person of the last page of the plan.
    pub(super) cursor: Option<UserId>,
    /// Its place in the order of confirmations.
    pub(super) order: Option<u64>,
    pub(super) items: BTreeMap<UserId, ItemRow>,
    pub(super) deliveries: BTreeSet<DeliveryId>,
    /// Its queued messages, suspects left out, by when they are due.
    pub(super) queue: BTreeSet<(DateTime<Utc>, DeliveryId)>,
    /// The last message of its pilot, while nothing else may leave.
    pub(super) pilot_until: Option<DeliveryId>,
    pub(super) on_their_way: u64,
    /// When it finished, and the event says so; a retry reopens it.
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// The last message whose contact was removed.
    pub(super) contacts_removed: Option<DeliveryId>,
    /// Since confirmation or resumption, for the brake.
    pub(super) outcomes: u32,
    pub(super) hard_failures: u32,
    /// The last person whose invitation the sweep of a recall has revoked.
    pub(super) swept: Option<UserId>,
}

#[derive(Clone)]
pub(super) struct ItemRow {
    pub(super) item: Item,
    pub(super) administrator: bool,
    /// What the totals have counted of its messages' languages and sizes.
    pub(super) wording: ItemWording,
    /// The kind of credential that its messages carry.
    pub(super) credential: Option<CredentialKind>,
    /// Which generation they share, once there is one.
    pub(super) generation: Option<Generation>,
    /// The SMS that goes if its e-mail does not arrive.
    pub(super) reserve: Option<Reserve>,
}

/// Where a message in reserve would go, and by whom.
#[derive(Clone)]
pub(super) struct Reserve {
    pub(super) channel: Channel,
    pub(super) address: String,
    pub(super) destination: String,
    pub(super) sender: SenderKey,
    pub(super) account: String,
}

/// What the invitation store keeps about a person, ours or the host's.
#[derive(Default)]
pub(super) struct Person {
    pub(super) retired: Option<(InvitationId, DateTime<Utc>)>,
    pub(super) came_at: Option<DateTime<Utc>>,
    pub(super) deliveries: BTreeSet<DeliveryId>,
    pub(super) invitations: BTreeSet<InvitationId>,
    pub(super) batches: BTreeSet<BatchId>,
    pub(super) imports: BTreeSet<ImportId>,
}

#[derive(Clone)]
pub(super) struct DeliveryRow {
    pub(super) batch: BatchId,
    pub(super) user: UserId,
    pub(super) invitation: InvitationId,
    pub(super) channel: Channel,
    pub(super) address: String,
    pub(super) destination: String,
    pub(super) sender: SenderKey,
    pub(super) account: String,
    pub(super) standing: Standing,
    pub(super) claim: Option<ClaimToken>,
    pub(super) answer: Option<Answer>,
    pub(super) receipt: Option<Receipt>,
    pub(super) sent_at: Option<DateTime<Utc>>,
    pub(super) changed_at: DateTime<Utc>,
}

/// A claim that has messages left.
#[derive(Clone)]
pub(super) struct ClaimRow {
    pub(super) lease_until: DateTime<Utc>,
    /// Whether it is one suspect.
    pub(super) alone: bool,
    pub(super) deliveries: BTreeSet<(OrganisationId, DeliveryId)>,
}

#[derive(Clone)]
pub(super) struct InvitationRow {
    pub(super) user: UserId,
    /// The batch that began it.
    pub(super) batch: BatchId,
    pub(super) state: InvitationState,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    /// Whether the event says that its first message was accepted.
    pub(super) told: bool,
    /// The salt that its temporary passwords share.
    pub(super) salt: Option<Salt>,
    pub(super) credentials: BTreeMap<Generation, CredentialRow>,
}

#[derive(Clone)]
pub(super) struct CredentialRow {
    pub(super) id: CredentialId,
    /// The batch whose message it was minted for.
    pub(super) batch: BatchId,
    pub(super) stored: StoredForm,
    pub(super) sealed: Option<SealedSecret>,
    pub(super) minted_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    /// The number of its last reservation; 0 for none.
    pub(super) reservation: u64,
    pub(super) reserved_at: Option<DateTime<Utc>>,
    pub(super) used_at: Option<DateTime<Utc>>,
}

/// Wrong guesses in a row.
#[derive(Default)]
pub(super) struct Guesses {
    pub(super) failures: u32,
    pub(super) last_at: DateTime<Utc>,
    pub(super) wait_until: Option<DateTime<Utc>>,
}

/// What requests for a fresh credential are counted for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    Person(UserId),
    Source(String),
}

/// Identical policy refusals in a row, and whose they are.
#[derive(Default)]
pub(super) struct RefusalRun {
    pub(super) text: String,
    pub(super) deliveries: Vec<(OrganisationId, DeliveryId)>,
}

type Bounds<T> = (Bound<T>, Bound<T>);

/// The range of the ids that follow a cursor, in ascending order.
pub(super) fn following<T>(cursor: Option<T>, id: fn(Uuid) -> T) -> Bounds<T> {
    (cursor.map_or(Bound::Included(id(Uuid::nil())), Bound::Excluded), Bound::Included(id(Uuid::max())))
}

/// As [`following`], of one organisation.
pub(super) fn following_in<T>(
    organisation: OrganisationId,
    cursor: Option<T>,
    id: fn(Uuid) -> T,
) -> Bounds<(OrganisationId, T)> {
    let (from, to) = following(cursor, id);
    (from.map(|id| (organisation, id)), to.map(|id| (organisation, id)))
}

/// The range of the ids of one organisation that come before a cursor, in ascending order.
pub(super) fn preceding_in<T>(
    organisation: OrganisationId,
    cursor: Option<T>,
    id: fn(Uuid) -> T,
) -> Bounds<(OrganisationId, T)> {
    let to = cursor.map_or(Bound::Included(id(Uuid::max())), Bound::Excluded);
    (Bound::Included((organisation, id(Uuid::nil()))), to.map(|id| (organisation, id)))
}

impl InvitationRow {
    /// Whether it carries no credential.
    pub(super) fn is_announced(&self) -> bool {
        self.credentials.is_empty()
    }
}
