//! Offers to one person, outside of any rollout: part of the invitation store.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::error::PortResult;
use super::plans::NewPlan;
use crate::credential::TokenDigest;
use crate::model::batch::Batch;
use crate::model::id::{InvitationId, UserId};
use crate::model::item::{Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::policy::Policy;

/// A link that is handed over, and a fresh credential that somebody asked for.
///
/// Each is a batch of one person that is planned, decided about with [`decide`](crate::decision::decide), and confirmed
/// in the same transaction, as [`Plans`](super::plans::Plans) does it: so consent, story, audit and funnel are those of
/// any other batch. Where the decision is against it, there is no batch.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Offers: Send + Sync {
    /// Begins an invitation with a set-up link that the caller minted and gives to whoever asks: there is no message,
    /// and so no sealed secret.
    ///
    /// In the same transaction the person's open invitations are revoked as superseded, and their unsent messages of
    /// confirmed batches cancelled (`invitation_closed`): what is in somebody's hand must not be taken away by a message
    /// that was waiting. Without consent, `send_with_reset` is refused as `set_up_needs_consent`. The batch keeps the
    /// consent, carries no message and is finished at once; the item's credential is a set-up link, whatever the
    /// organisation's kind is. The person's own password is retired when the link is used
    /// ([`Redemption::close`](super::redemption::Redemption::close) tells it), whatever the organisation chose: no
    /// provider accepts anything.
    ///
    /// It is audited as `link_handed_over`, beside `batch_confirmed`, and told as
    /// [`LinkHandedOver`](crate::model::event::Happening::LinkHandedOver).
    async fn hand_over_link(&self, hand_over: HandOverLink) -> PortResult<LinkHandedOver>;

    /// Counts a request for a fresh credential and, where the decision is for it, plans and confirms it with consent,
    /// without a hold: [`Action::Refresh`](crate::model::item::Action::Refresh) resets nobody whose own password counts.
    ///
    /// Counted are the requests of the last hour. Those from an address first: over `fresh_of_source`, it is told how
    /// long to wait, and the request counts for nothing. (An empty address has no limit.) Every other request counts
    /// for its address. Then those for the person: over `fresh_of_person`, nothing happens, and it does not count for
    /// the person, so that nobody keeps them waiting for ever. People who do not exist are counted as well. The sweep
    /// forgets what is older.
    ///
    /// A request for a person that was not too often is audited as `fresh_requested` and told as
    /// [`FreshRequested`](crate::model::event::Happening::FreshRequested), whatever was decided.
    async fn refresh(&self, refresh: Refresh) -> PortResult<Refreshed>;
}

/// A link to be handed over.
#[derive(Debug, Clone)]
pub struct HandOverLink {
    /// The batch: [`Action::HandOver`](crate::model::item::Action::HandOver), and this person alone.
    pub plan: NewPlan,
    /// For whom.
    pub user: UserId,
    /// The person as they are now, if they are there.
    pub facts: Option<User>,
    /// The digest of the link's token.
    pub digest: TokenDigest,
    /// Whether a reset is consented to.
    pub resets: bool,
    /// The host's figures.
    pub policy: Policy,
}

/// What became of a link that was to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkHandedOver {
    /// It works until then.
    Done {
        /// The batch that it was begun in.
        batch: Box<Batch>,
        /// The invitation that it belongs to.
        invitation: InvitationId,
        /// When it expires.
        expires_at: DateTime<Utc>,
    },
    /// There is none, and nothing has changed: the decision was this, which gives no credential.
    Refused(Decision),
}

/// A request for a fresh credential.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The batch: [`Action::Refresh`](crate::model::item::Action::Refresh), by the system, and this person alone.
    pub plan: NewPlan,
    /// For whom; an id that is nobody's where there is nobody.
    pub user: UserId,
    /// The person as they are now, if they are there.
    pub facts: Option<User>,
    /// What each channel sends with.
    pub senders: BTreeMap<Channel, (SenderKey, String)>,
    /// How the person was asked for.
    pub by: AskedBy,
    /// The address that the request came from; empty where the host gives none.
    pub source: String,
    /// The host's figures.
    pub policy: Policy,
}

/// How a person was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// By the name that they sign in with.
    Name,
    /// By a link that they had.
    Link,
}

impl AskedBy {
    /// In words, for the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Link => "link",
        }
    }
}

/// What became of a request for a fresh credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// It is sent by this batch.
    Confirmed(Box<Batch>),
    /// It is not sent.
    Skipped(SkipReason),
    /// It was asked for too often for this person.
    TooOften,
    /// Too many requests came from this address: again after this.
    Wait(Duration),
}
