//! What a message lets a person sign in with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a message lets a person sign in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialForm {
    /// A temporary password.
    Password,
    /// A set-up link.
    Link,
    /// Nothing: the person has something already.
    None,
}

impl CredentialForm {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Password, Self::Link, Self::None];

    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Link => "link",
            Self::None => "none",
        }
    }
}

impl fmt::Display for CredentialForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
