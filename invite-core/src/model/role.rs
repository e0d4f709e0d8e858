//! What a person may do in their organisation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::contact::quoted;
use super::plain_text;

/// What a person may do in their organisation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Uses the application.
    #[default]
    Member,
    /// May import, plan, confirm and change settings as well.
    Administrator,
    /// A role of the host's, which means nothing to the library but can be filtered by.
    Named(RoleName),
}

impl Role {
    /// The name in files and databases.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Member => "member",
            Self::Administrator => "administrator",
            Self::Named(name) => name.as_str(),
        }
    }

    /// Whether they may administer the organisation.
    pub const fn is_administrator(&self) -> bool {
        matches!(self, Self::Administrator)
    }
}

/// The name of a role of the host's: 1 to 64 characters, none of them a control character, and none of the library's
/// own names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// As it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Role {
    type Err = RoleError;

    /// `administrator` or `admin`, `member`, `user` or nothing, without regard to case; else a role of the host's.
    fn from_str(text: &str) -> Result<Self, RoleError> {
        let text = text.trim();
        match text.to_lowercase().as_str() {
            "administrator" | "admin" => Ok(Self::Administrator),
            "member" | "user" | "" => Ok(Self::Member),
            _ if text.chars().nth(64).is_some() => {
                Err(RoleError { quoted: quoted(text), reason: "it is longer than 64 characters".into() })
            }
            _ => match plain_text::objection(text) {
                Some(reason) => Err(RoleError { quoted: quoted(text), reason }),
                None => Ok(Self::Named(RoleName(text.to_owned()))),
            },
        }
    }
}

impl TryFrom<String> for Role {
    type Error = RoleError;

    fn try_from(text: String) -> Result<Self, RoleError> {
        text.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not the name of a role; it quotes at most the text's first 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{quoted} is not a role: {reason}")]
pub struct RoleError {
    quoted: String,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_built_in_roles_have_several_spellings_and_others_keep_theirs() {
        for text in ["administrator", "Admin", " ADMINISTRATOR "] {
            assert_eq!(text.parse(), Ok(Role::Administrator));
        }
        for text in ["member", "User", "", "  "] {
            assert_eq!(text.parse(), Ok(Role::Member));
        }
        let role: Role = "Shop manager".parse().unwrap();
        assert_eq!(role.as_str(), "Shop manager");
        assert!(Role::Administrator.is_administrator() && !role.is_administrator());
        assert_eq!(serde_json::to_string(&role).unwrap(), r#""Shop manager""#);
        assert_eq!(serde_json::from_str::<Role>(r#""Shop manager""#).unwrap(), role);
    }

    #[test]
    fn a_role_with_a_line_break_or_over_64_characters_is_refused() {
        assert_eq!(
            "a\nb".parse::<Role>().unwrap_err().to_string(),
            r#""a\nb" is not a role: it contains a line break"#
        );
        assert!("x".repeat(65).parse::<Role>().unwrap_err().to_string().contains("longer than 64"));
    }
}
