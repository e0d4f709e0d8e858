//! A user's row in a plan or batch: what was decided for them, and why.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::{InvitationId, UserId};
use super::message::Channel;
use super::message_kind::MessageKind;

/// What a batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Begins an invitation for each person, replacing an earlier one.
    Invite,
    /// Adds a message to each person's last invitation; what they received before goes on working.
    Remind,
    /// Begins an invitation for one person without any message: whoever asked was given the set-up link.
    HandOver,
    /// Begins an invitation for one person who asked for a fresh credential, replacing an earlier one.
    Refresh,
}

impl Action {
    /// The name in databases and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Remind => "remind",
            Self::HandOver => "hand_over",
            Self::Refresh => "refresh",
        }
    }

    /// Whether it begins an invitation for each person, rather than adding to one that there is.
    pub const fn begins_invitation(self) -> bool {
        !matches!(self, Self::Remind)
    }
}

/// What happens to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A message with a fresh credential.
    Send,
    /// A message with a fresh credential, which retires the person's own password. Needs consent.
    SendWithReset,
    /// A message without any credential.
    Announce(Announcement),
    /// Nothing.
    Skip(SkipReason),
}

/// Why a message carries no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// They sign in with their company account.
    Sso,
    /// Their account also belongs elsewhere: they sign in with the password that they have.
    Elsewhere,
}

macro_rules! skip_reasons {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $text:literal;)*) => {
        /// Why a person is skipped. The names are fixed: scripts read them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum SkipReason { $($(#[$meta])* $variant,)* }

        impl SkipReason {
            /// All of them, in the order of the decision table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in output and databases.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// In words, for a plan that people read.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

skip_reasons! {
    /// Unknown, deleted, or of another organisation; it does not say which.
    NotFound = "not_found", "not found";
    /// Deactivated.
    Deactivated = "deactivated", "deactivated";
    /// The person who plans or confirms.
    Yourself = "yourself", "you yourself";
    /// No address for any channel in use.
    NoContact = "no_contact", "no e-mail address or phone number for a channel in use";
    /// Every address is on the suppression list.
    Suppressed = "suppressed", "address suppressed after a bounce, a complaint or an opt-out";
    /// The number's country is not among those allowed.
    CountryNotAllowed = "country_not_allowed", "phone number in a country that is not allowed";
    /// Another confirmed batch has a message for them that has not left yet.
    AlreadyQueued = "already_queued", "a message of another batch is on its way";
    /// A message was accepted within the hour.
    InvitedRecently = "invited_recently", "got a message within the hour";
    /// They sign in with the company account.
    SignsInWithSso = "signs_in_with_sso", "signs in with the company account";
    /// They have a password, and nobody consented to its reset.
    SetUpNeedsConsent = "set_up_needs_consent", "already set up: a reset needs consent";
    /// They never got an invitation to be reminded of.
    NeverInvited = "never_invited", "never invited";
    /// They are set up: no reminder is needed.
    AlreadySetUp = "already_set_up", "already set up";
    /// Their last invitation was revoked.
    InvitationRevoked = "invitation_revoked", "the last invitation was revoked";
    /// Nothing of the last invitation arrived on any channel.
    NotDelivered = "not_delivered", "nothing of the last invitation arrived";
    /// The last message is too recent.
    TooSoon = "too_soon", "the last message is too recent";
    /// They were given a link that still works; a message would take it away.
    LinkInHand = "link_in_hand", "holds a link that works";
    /// Reminded as often as the organisation allows.
    EnoughReminders = "enough_reminders", "reminded often enough";
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Decision {
    /// The name in output and databases; the reason of a skip is beside it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::SendWithReset => "send_with_reset",
            Self::Announce(Announcement::Sso) => "announce_sso",
            Self::Announce(Announcement::Elsewhere) => "announce_elsewhere",
            Self::Skip(_) => "skip",
        }
    }

    /// The reason, where it is a skip.
    pub const fn skip_reason(self) -> Option<SkipReason> {
        match self {
            Self::Skip(reason) => Some(reason),
            _ => None,
        }
    }

    /// Reads back what [`as_str`](Self::as_str) and [`skip_reason`](Self::skip_reason) wrote.
    pub fn from_parts(name: &str, reason: Option<&str>) -> Option<Self> {
        Some(match (name, reason) {
            ("send", _) => Self::Send,
            ("send_with_reset", _) => Self::SendWithReset,
            ("announce_sso", _) => Self::Announce(Announcement::Sso),
            ("announce_elsewhere", _) => Self::Announce(Announcement::Elsewhere),
            ("skip", Some(reason)) => Self::Skip(reason.parse().ok()?),
            _ => return None,
        })
    }

    /// What the message is for; none for a skip.
    pub const fn message_kind(self, action: Action) -> Option<MessageKind> {
        Some(match (self, action) {
            (Self::Skip(_), _) => return None,
            (Self::Announce(Announcement::Sso), _) => MessageKind::Sso,
            (Self::Announce(Announcement::Elsewhere), _) => MessageKind::Announcement,
            (Self::SendWithReset, _) => MessageKind::Reset,
            (Self::Send, Action::Remind) => MessageKind::Reminder,
            (Self::Send, Action::Invite | Action::HandOver | Action::Refresh) => MessageKind::Invitation,
        })
    }

    /// Whether the message carries a credential.
    pub const fn wants_credential(self) -> bool {
        matches!(self, Self::Send | Self::SendWithReset)
    }
}

impl FromStr for SkipReason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a skip reason"))
    }
}

/// A user's row in a plan or batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Who.
    pub user: UserId,
    /// What was decided.
    pub decision: Decision,
    /// On which channels; empty for a skip.
    pub channels: Vec<Channel>,
    /// The invitation that it begins or adds to.
    pub invitation: Option<InvitationId>,
}
