//! Which message of an organisation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::locale::Locale;
use super::message::Channel;
use super::message_kind::MessageKind;

/// Which message of an organisation: its kind, its channel and its language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TemplateKey {
    /// What it is for.
    pub kind: MessageKind,
    /// What it travels on.
    pub channel: Channel,
    /// Its language.
    pub locale: Locale,
}

impl fmt::Display for TemplateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind.as_str(), self.channel, self.locale)
    }
}
