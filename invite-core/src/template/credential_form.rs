//! What a message lets a person sign in with.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::credential::CredentialKind;

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

    /// That of a credential.
    pub const fn of(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::TemporaryPassword => Self::Password,
            CredentialKind::SetUpLink => Self::Link,
        }
    }

    /// Those of the messages of an organisation whose invitations carry this kind: what its own messages are checked
    /// for.
    pub const fn in_use(kind: CredentialKind) -> [Self; 2] {
        [Self::of(kind), Self::None]
    }

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
