//! What a channel sends with, and what stops it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::delivery::names;
use super::outcome::{Answer, Scope};

/// The name of a sender: the same for all that share a transport, a From and a rate. At most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SenderKey(pub String);

impl fmt::Display for SenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a pause or a throttle covers: deliveries whose sender, account and destination match what is given here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// All senders on this provider account.
    Account(String),
    /// This sender.
    Sender(SenderKey),
    /// This sender, to one destination: an e-mail domain or a country.
    Destination(SenderKey, String),
}

impl Covers {
    /// What an outcome with `scope` covers, for a message of `sender` on `account` to `destination`.
    pub fn of(scope: Scope, sender: &SenderKey, account: &str, destination: &str) -> Self {
        match scope {
            Scope::Account => Self::Account(account.to_owned()),
            Scope::Sender => Self::Sender(sender.clone()),
            Scope::RecipientDomain | Scope::Country => {
                Self::Destination(sender.clone(), destination.to_owned())
            }
        }
    }

    /// One text for it, the key in a database. [`matching`] lists the keys that stop a delivery.
    pub fn key(&self) -> String {
        match self {
            Self::Account(account) => format!("account:{account}"),
            Self::Sender(sender) => format!("sender:{sender}"),
            Self::Destination(sender, destination) => format!("to:{sender}:{destination}"),
        }
    }
}

/// The keys of all that could stop a delivery.
pub fn matching(sender: &SenderKey, account: &str, destination: &str) -> [String; 3] {
    [
        Covers::Account(account.to_owned()).key(),
        Covers::Sender(sender.clone()).key(),
        Covers::Destination(sender.clone(), destination.to_owned()).key(),
    ]
}

/// Why nothing goes out for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderPause {
    /// What is stopped.
    pub covers: Covers,
    /// What kind of stop it is.
    pub kind: PauseKind,
    /// What the provider said, or the person who stopped it.
    pub answer: Answer,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When one message is tried (blocked), or when it goes on (throttled); none where somebody has to let it go on.
    pub next_at: Option<DateTime<Utc>>,
}

impl SenderPause {
    /// Whether nothing at all goes out now, not even the one message by which a block is tried.
    pub fn stops(&self, now: DateTime<Utc>) -> bool {
        self.next_at.is_none_or(|next| next > now)
    }

    /// Whether a message that lies under these is stopped, and until when as far as is known. A block stops it even when
    /// it is time to try: that is for one message only.
    pub fn stopped<'a>(
        pauses: impl IntoIterator<Item = &'a Self>,
        now: DateTime<Utc>,
    ) -> Option<Option<DateTime<Utc>>> {
        pauses
            .into_iter()
            .filter(|pause| pause.kind == PauseKind::Blocked || pause.stops(now))
            .map(|pause| pause.next_at)
            .reduce(|a, b| Some(a?.max(b?)))
    }
}

names! {
    /// The kinds of stop.
    PauseKind {
        /// The configuration is at fault; one message is tried every 10 minutes.
        Blocked = "blocked",
        /// Too fast; it goes on by itself.
        Throttled = "throttled",
        /// Somebody stopped it: nothing is tried until somebody lets it go on.
        ByHand = "by_hand",
    }
}
