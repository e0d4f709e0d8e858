//! One message to one user on one channel, and how far it is.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::id::{BatchId, DeliveryId, InvitationId, UserId};
use super::message::Channel;
use super::outcome::{Answer, Receipt};

macro_rules! names {
    ($(#[$outer:meta])* $type:ident { $($(#[$meta:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$meta])* $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in output and databases.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl From<$type> for &'static str {
            fn from(one: $type) -> Self {
                one.as_str()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|one| one.as_str() == text)
                    .ok_or_else(|| format!(concat!("{:?} is not a ", stringify!($type)), text))
            }
        }
    };
}
pub(crate) use names;

names! {
    /// Where a delivery stands. [`machine::delivery`](crate::machine::delivery) has the table of its steps.
    DeliveryState {
        /// Its batch is not confirmed. Never stored: a queued delivery of a planned batch is shown so.
        Planned = "planned",
        /// Waits for a worker, or for its next attempt.
        Queued = "queued",
        /// A worker has taken it and prepares it.
        Claimed = "claimed",
        /// A worker is about to call, or has called, the transport.
        HandingOver = "handing_over",
        /// The provider took responsibility.
        Sent = "sent",
        /// The provider reports that it arrived.
        Delivered = "delivered",
        /// The provider reports that it came back.
        Bounced = "bounced",
        /// It arrived, and the person called it spam.
        Complained = "complained",
        /// It will not go.
        Failed = "failed",
        /// The address must not be written to.
        Suppressed = "suppressed",
        /// It is not wanted any more.
        Cancelled = "cancelled",
        /// It may have been sent, or not.
        Unknown = "unknown",
    }
}

impl DeliveryState {
    /// Whether the message is still to be sent, or being sent.
    pub const fn is_on_its_way(self) -> bool {
        matches!(self, Self::Planned | Self::Queued | Self::Claimed | Self::HandingOver)
    }

    /// Whether a person has the message, as far as is known.
    pub const fn has_arrived(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered | Self::Complained | Self::Unknown)
    }
}

names! {
    /// Why a message that is queued does not go now.
    WaitCause {
        /// The batch is held, or has a start time.
        Start = "start",
        /// The batch is paused.
        Paused = "paused",
        /// The batch goes to its first people only, until somebody lets it go on.
        Pilot = "pilot",
        /// Nothing goes out there for now: the sender is stopped or slowed, by its provider or by hand.
        Sender = "sender",
        /// It is an SMS, and it is night where the person is.
        QuietHours = "quiet_hours",
        /// It is an SMS, and as many have gone to that number, or from the organisation, as may within a day.
        SmsLimit = "sms_limit",
        /// It was tried, and is tried again later.
        NextAttempt = "next_attempt",
        /// Its secret is sealed with a key that the worker does not have.
        SealingKey = "sealing_key",
    }
}

names! {
    /// Why a delivery ended as it did.
    EndReason {
        /// Fresh facts or settings would decide otherwise than the plan that was confirmed.
        ChangedSincePlan = "changed_since_plan",
        /// The batch was cancelled.
        BatchCancelled = "batch_cancelled",
        /// The batch was recalled.
        BatchRecalled = "batch_recalled",
        /// The invitation was used, replaced or revoked in the meantime.
        InvitationClosed = "invitation_closed",
        /// The person was deactivated.
        Deactivated = "deactivated",
        /// The person was erased.
        Erased = "erased",
        /// The address was changed.
        AddressChanged = "address_changed",
        /// The person came under SSO.
        Sso = "sso",
        /// The person has set a password.
        PasswordSet = "password_set",
        /// The provider says that the address takes no messages.
        RecipientRefused = "recipient_refused",
        /// The person opted out.
        OptedOut = "opted_out",
        /// The content was refused.
        ContentRefused = "content_refused",
        /// The receiving side's policy refused it.
        PolicyRefused = "policy_refused",
        /// The provider does not send to this country.
        CountryRefused = "country_refused",
        /// Tried as often, or as long, as the policy allows.
        TriedEnough = "tried_enough",
        /// It took down the worker that prepared it, as often as the policy allows.
        StoppedItsWorker = "stopped_its_worker",
        /// The message could not be rendered.
        NotRendered = "not_rendered",
        /// The worker was lost while the message was handed over.
        LeaseLost = "lease_lost",
        /// The transport could not tell.
        OutcomeUnknown = "outcome_unknown",
        /// The address is on the suppression list.
        OnSuppressionList = "on_suppression_list",
        /// The provider reported later that it failed.
        ReportedFailed = "reported_failed",
    }
}

/// A delivery as a reader sees it: no address book, no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// Of which batch.
    pub batch: BatchId,
    /// To whom.
    pub user: UserId,
    /// Of which invitation.
    pub invitation: InvitationId,
    /// On which channel.
    pub channel: Channel,
    /// To which address; none when retention has removed it.
    pub address: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it ended so.
    pub reason: Option<EndReason>,
    /// What the provider last said.
    pub answer: Option<Answer>,
    /// The provider's id.
    pub receipt: Option<Receipt>,
    /// How often it was handed over.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What it waits for of itself, while it does. That its batch or its sender is stopped is not among it: see
    /// [`Progress::waits`](super::batch::Progress::waits).
    #[serde(default)]
    pub waits_for: Option<WaitCause>,
    /// When the provider accepted it.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
}
