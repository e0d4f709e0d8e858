//! What a credential is, without its secret.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an invitation lets a person in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A password that is typed, works once and must be replaced at once.
    TemporaryPassword,
    /// A link that opens the page where a password is chosen.
    SetUpLink,
}

impl CredentialKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::TemporaryPassword, Self::SetUpLink];

    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TemporaryPassword => "temporary_password",
            Self::SetUpLink => "set_up_link",
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no kind of credential: write temporary_password or set_up_link")]
pub struct CredentialKindError {
    text: String,
}

impl FromStr for CredentialKind {
    type Err = CredentialKindError;

    fn from_str(text: &str) -> Result<Self, CredentialKindError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| CredentialKindError { text: text.chars().take(64).collect() })
    }
}

/// Which of an invitation's credentials, counted from 1: a reminder carries the next one, and the earlier ones stay
/// valid until one is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(NonZeroU32);

impl Generation {
    /// The one that the invitation itself carries.
    pub const fn first() -> Self {
        Self(NonZeroU32::MIN)
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The generation that a store has kept; `None` for 0, which there is not.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, for a store.
    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_reads_as_it_is_written_everywhere() {
        for kind in CredentialKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(
            "link".parse::<CredentialKind>().unwrap_err().to_string(),
            "\"link\" is no kind of credential: write temporary_password or set_up_link"
        );
    }

    #[test]
    fn generations_count_from_one() {
        assert_eq!(Generation::first().number(), 1);
        assert_eq!(Generation::first().next(), Generation::new(2).unwrap());
        assert_eq!(Generation::new(0), None);
        assert_eq!(Generation::new(u32::MAX).unwrap().next().number(), u32::MAX);
    }
}
