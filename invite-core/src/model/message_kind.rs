//! What a message is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The first message to someone who has not set up their account.
    Invitation,
    /// To someone who had: it says that their password was reset, and never welcomes them.
    Reset,
    /// To someone who was invited and has not signed in.
    Reminder,
    /// To someone who signs in with the company's account; carries no credential.
    Sso,
    /// To someone whose account also belongs elsewhere; carries no credential.
    Announcement,
}

impl MessageKind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Invitation, Self::Reset, Self::Reminder, Self::Sso, Self::Announcement];

    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
            Self::Reminder => "reminder",
            Self::Sso => "sso",
            Self::Announcement => "announcement",
        }
    }

    /// Whether a message of this kind may carry a password or a set-up link at all.
    pub const fn may_carry_credential(self) -> bool {
        matches!(self, Self::Invitation | Self::Reset | Self::Reminder)
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MessageKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A text that names no kind of message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of message: write invitation, reset, reminder, sso or announcement")]
pub struct UnknownKind(String);
