//! What the invitation store knows about a person, folded from its rows.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::model::delivery::DeliveryState;
use crate::model::id::{BatchId, InvitationId};
use crate::model::invitation::InvitationState;
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::selection::HistoryFilter;
use crate::model::user::User;

/// One message of a person, as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFact {
    /// Its batch.
    pub batch: BatchId,
    /// What the batch does.
    pub action: Action,
    /// The batch's place in the order of confirmations; none for a plan.
    pub confirmed: Option<u64>,
    /// Whether the batch still sends: running or paused.
    pub batch_goes_on: bool,
    /// Its invitation.
    pub invitation: InvitationId,
    /// Its channel.
    pub channel: Channel,
    /// Where it stands.
    pub state: DeliveryState,
    /// When a provider accepted it.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
}

impl MessageFact {
    /// When it reached sent, delivered or unknown, if it ever did. What a provider reported on is known to have been
    /// handed over, even where nobody saw it being accepted.
    pub(super) fn reached_at(&self) -> Option<DateTime<Utc>> {
        let reached = self.state.has_arrived() || self.state == DeliveryState::Bounced;
        self.sent_at.or(reached.then_some(self.changed_at))
    }

    /// Whether it may still reach the person. What is handed over does, even if its batch was stopped meanwhile.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.state == DeliveryState::HandingOver || (self.state.is_on_its_way() && self.batch_goes_on)
    }
}

/// One invitation of a person, as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationFact {
    /// Which.
    pub id: InvitationId,
    /// The batch that began it.
    pub batch: BatchId,
    /// Where it stands; one whose batch is recalled is revoked, swept or not.
    pub state: InvitationState,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When its newest credential expires; none where it carries none.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it is a link that was handed over: its batch's action says so.
    pub handed_over: bool,
}

/// Everything that a store has about one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonRows {
    /// All their messages.
    pub messages: Vec<MessageFact>,
    /// All their invitations.
    pub invitations: Vec<InvitationFact>,
    /// When they last came: accepted, signed in or set a password, as far as the store was told.
    pub came_at: Option<DateTime<Utc>>,
    /// Whether their own password is retired at present.
    pub retired: bool,
    /// The channels on which their present address is suppressed.
    pub suppressed: BTreeSet<Channel>,
}

/// Which rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All of them, for a list.
    All,
    /// For the plan or batch with this id: its own rows are left out.
    Planning(BatchId),
    /// For a message of this batch that is about to go: its own rows are left out, and of the others only those
    /// confirmed earlier are on their way.
    Beginning(BatchId, u64),
}

/// A person's history, as the decision needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// A message of another confirmed batch has not left yet.
    pub on_their_way: bool,
    /// At least one message ever reached sent, delivered or unknown.
    pub invited: bool,
    /// When a message last reached sent, delivered or unknown.
    pub last_message_at: Option<DateTime<Utc>>,
    /// When a reminder last did.
    pub last_reminder_at: Option<DateTime<Utc>>,
    /// The newest invitation.
    pub last_invitation: Option<LastInvitation>,
    /// When they last came, as far as the store was told.
    pub came_at: Option<DateTime<Utc>>,
    /// Whether their own password is retired at present.
    pub retired: bool,
    /// The channels on which their present address is suppressed.
    pub suppressed: BTreeSet<Channel>,
    /// The state of their newest message (of the batch confirmed last), for lists.
    pub newest: Option<DeliveryState>,
}

/// The newest invitation of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastInvitation {
    /// Which.
    pub id: InvitationId,
    /// Where it stands.
    pub state: InvitationState,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When its newest credential expires; none where it carries none.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it is a link that was handed over, without any message.
    pub handed_over: bool,
    /// The channels on which at least one of its messages has arrived.
    pub arrived: BTreeSet<Channel>,
    /// How many reminders of it reached the person.
    pub reminders: u32,
}

impl History {
    /// Folds a person's rows. Those from before `returned_at` do not count: the person came back after a long time.
    pub fn fold(rows: &PersonRows, view: View, returned_at: Option<DateTime<Utc>>) -> Self {
        let own = match view {
            View::All => None,
            View::Planning(batch) | View::Beginning(batch, _) => Some(batch),
        };
        let counts = |at: DateTime<Utc>| returned_at.is_none_or(|returned| at >= returned);
        let others: Vec<&MessageFact> =
            rows.messages.iter().filter(|message| Some(message.batch) != own).collect();
        let reached: Vec<(&MessageFact, DateTime<Utc>)> = others
            .iter()
            .filter_map(|message| message.reached_at().filter(|at| counts(*at)).map(|at| (*message, at)))
            .collect();
        let last = rows
            .invitations
            .iter()
            .filter(|invitation| Some(invitation.batch) != own && counts(invitation.created_at))
            .max_by_key(|invitation| (invitation.created_at, invitation.id));
        Self {
            on_their_way: others
                .iter()
                .any(|message| message.is_on_its_way() && is_before(message.confirmed, view)),
            invited: !reached.is_empty(),
            last_message_at: reached.iter().map(|(_, at)| *at).max(),
            last_reminder_at: reached
                .iter()
                .filter(|(message, _)| message.action == Action::Remind)
                .map(|(_, at)| *at)
                .max(),
            last_invitation: last.map(|invitation| LastInvitation {
                id: invitation.id,
                state: invitation.state,
                created_at: invitation.created_at,
                expires_at: invitation.expires_at,
                handed_over: invitation.handed_over,
                arrived: others
                    .iter()
                    .filter(|message| message.invitation == invitation.id && message.state.has_arrived())
                    .map(|message| message.channel)
                    .collect(),
                reminders: count(
                    reached
                        .iter()
                        .filter(|(m, _)| m.invitation == invitation.id && m.action == Action::Remind)
                        .map(|(m, _)| m.batch)
                        .collect::<BTreeSet<_>>()
                        .len(),
                ),
            }),
            came_at: rows.came_at.filter(|at| counts(*at)),
            retired: rows.retired,
            suppressed: rows.suppressed.clone(),
            newest: others
                .iter()
                .filter(|message| message.confirmed.is_some() && counts(message.changed_at))
                .max_by_key(|message| (message.confirmed, message.changed_at))
                .map(|message| message.state),
        }
    }

    /// Whether the person is set up: has a password of their own, or has ever come.
    pub fn is_set_up(&self, user: &User) -> bool {
        user.has_password || self.has_come(user)
    }

    /// Whether the person has ever signed in; accepting an invitation counts. Before they returned does not.
    fn has_come(&self, user: &User) -> bool {
        let signed_in =
            user.signed_in_at.filter(|at| user.returned_at.is_none_or(|returned| *at >= returned));
        let accepted =
            self.last_invitation.as_ref().is_some_and(|last| last.state == InvitationState::Accepted);
        signed_in.is_some() || self.came_at.is_some() || accepted
    }

    /// Whether the person matches the part of a filter that `Accounts` cannot know.
    pub fn matches(&self, filter: &HistoryFilter, user: &User) -> bool {
        let failed = matches!(
            self.newest,
            Some(
                DeliveryState::Failed
                    | DeliveryState::Suppressed
                    | DeliveryState::Bounced
                    | DeliveryState::Unknown
            )
        );
        (!filter.never_invited || !self.invited)
            && (!filter.never_signed_in || !self.has_come(user))
            && (!filter.failed || failed)
            && filter.invited_before.is_none_or(|before| {
                self.last_invitation.as_ref().is_some_and(|invitation| invitation.created_at < before)
            })
            && filter.reminded_before.is_none_or(|before| self.last_message_at.is_some_and(|at| at < before))
    }
}

fn is_before(confirmed: Option<u64>, view: View) -> bool {
    match (confirmed, view) {
        (None, _) => false,
        (Some(order), View::Beginning(_, own)) => order < own,
        (Some(_), View::All | View::Planning(_)) => true,
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
