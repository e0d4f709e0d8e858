//! What happened, for the host: durable, in order, at least once.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::contact::without;
use super::delivery::EndReason;
use super::id::{BatchId, DeliveryId, InvitationId, OrganisationId, UserId};
use super::message::Channel;
use super::sender::Covers;

/// Where a reader of events stands. It moves forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventCursor(pub u64);

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the order; give it back to read on.
    pub cursor: EventCursor,
    /// In which organisation; none for what concerns all of them.
    pub organisation: Option<OrganisationId>,
    /// When, on the store's clock.
    pub at: DateTime<Utc>,
    /// What.
    pub what: Happening,
}

/// The kinds of event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happening {
    /// The first message of an invitation was accepted by a provider.
    Invited {
        /// Who.
        user: UserId,
        /// By which invitation.
        invitation: InvitationId,
        /// In which batch.
        batch: BatchId,
    },
    /// A person's set-up link was given to whoever asked for it, to be handed over; no message goes out.
    LinkHandedOver {
        /// Whose.
        user: UserId,
        /// Of which invitation.
        invitation: InvitationId,
        /// In which batch.
        batch: BatchId,
    },
    /// Somebody asked for a fresh credential of a person: the person, or a stranger who knows the name.
    FreshRequested {
        /// Whose.
        user: UserId,
        /// The batch that sends it; none where nothing is sent.
        batch: Option<BatchId>,
    },
    /// The person's own password no longer counts: end their sessions.
    PasswordRetired {
        /// Whose.
        user: UserId,
        /// By which invitation.
        invitation: InvitationId,
    },
    /// The person's own password counts again.
    PasswordRestored {
        /// Whose.
        user: UserId,
        /// Which invitation had retired it.
        invitation: InvitationId,
    },
    /// The person came.
    Accepted {
        /// Who.
        user: UserId,
        /// By which invitation.
        invitation: InvitationId,
    },
    /// An open invitation expires within a day: tell its inviter, where the organisation's schedule asks for it. Once for
    /// each time at which it was to expire; a reminder puts that off.
    ExpiresSoon {
        /// Whose.
        user: UserId,
        /// Which.
        invitation: InvitationId,
        /// The batch that began it.
        batch: BatchId,
        /// The administrator who planned that batch; none where it was the system.
        inviter: Option<UserId>,
        /// When it expires.
        expires_at: DateTime<Utc>,
    },
    /// An invitation expired unused.
    Expired {
        /// Whose.
        user: UserId,
        /// Which.
        invitation: InvitationId,
    },
    /// A message came back.
    Bounced {
        /// Whose.
        user: UserId,
        /// Which.
        delivery: DeliveryId,
        /// On which channel.
        channel: Channel,
    },
    /// A message will not go.
    Failed {
        /// Whose.
        user: UserId,
        /// Which.
        delivery: DeliveryId,
        /// On which channel.
        channel: Channel,
        /// Why.
        reason: EndReason,
    },
    /// An address is no longer written to.
    Suppressed {
        /// Whose message showed it.
        user: UserId,
        /// On which channel.
        channel: Channel,
    },
    /// Nothing goes out at this scope until somebody mends the configuration.
    SenderPaused {
        /// What is stopped.
        covers: Covers,
        /// What the provider said.
        answer: String,
    },
    /// It goes out again.
    SenderResumed {
        /// What was stopped.
        covers: Covers,
    },
    /// The brake, or a person, paused a batch.
    BatchPaused {
        /// Which.
        batch: BatchId,
        /// Why, in words.
        because: String,
    },
    /// A person was erased: what the host keeps about them elsewhere is to go too.
    Erased {
        /// Who it was.
        user: UserId,
    },
    /// Nothing of a batch is on its way any more.
    BatchFinished {
        /// Which.
        batch: BatchId,
    },
}

impl Happening {
    /// Whom it is about, if it is about one person.
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::Invited { user, .. }
            | Self::LinkHandedOver { user, .. }
            | Self::FreshRequested { user, .. }
            | Self::PasswordRetired { user, .. }
            | Self::PasswordRestored { user, .. }
            | Self::Accepted { user, .. }
            | Self::ExpiresSoon { user, .. }
            | Self::Expired { user, .. }
            | Self::Bounced { user, .. }
            | Self::Failed { user, .. }
            | Self::Suppressed { user, .. }
            | Self::Erased { user } => Some(*user),
            Self::SenderPaused { .. }
            | Self::SenderResumed { .. }
            | Self::BatchPaused { .. }
            | Self::BatchFinished { .. } => None,
        }
    }

    /// Without these addresses, which are in the form in which addresses are compared, where it quotes somebody.
    #[must_use]
    pub fn without(mut self, addresses: &[&str]) -> Self {
        if let Self::SenderPaused { answer: text, .. } | Self::BatchPaused { because: text, .. } = &mut self {
            *text = without(text, addresses);
        }
        self
    }
}
