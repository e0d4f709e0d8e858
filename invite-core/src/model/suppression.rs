//! Addresses that must not be written to.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::delivery::names;
use super::message::Channel;

names! {
    /// Why an address is suppressed, the weaker reasons first: what a provider said, what the person said, what an
    /// administrator did. Of several the strongest is kept, so that the order in which they come makes no difference.
    SuppressionReason {
        /// The provider refused the address for good.
        Refused = "refused",
        /// A message came back.
        Bounced = "bounced",
        /// The person called a message spam.
        Complained = "complained",
        /// The person opted out.
        OptedOut = "opted_out",
        /// An administrator put it there.
        ByHand = "by_hand",
    }
}

/// An address that must not be written to, in one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// On which channel.
    pub channel: Channel,
    /// The address in the form in which it is compared.
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
    /// Since when.
    pub since: DateTime<Utc>,
}
