//! What a message is for.

use std::fmt;
use std::str::FromStr;

use super::delivery::names;
use serde::{Deserialize, Serialize};

names! {
    /// What a message is for.
    MessageKind {
        /// Somebody is invited.
        Invitation = "invitation",
        /// Somebody who was set up is invited again, and their password is reset.
        Reset = "reset",
        /// Somebody who was invited has not come yet.
        Reminder = "reminder",
        /// Somebody signs in with the company account.
        Sso = "sso",
        /// Somebody's account is there, and they have its password already.
        Announcement = "announcement",
    }
}
