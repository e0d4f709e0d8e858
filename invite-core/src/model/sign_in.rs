//! How a person signs in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::contact::quoted;

/// How a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// With a password of their own.
    Password,
    /// With the organisation's own credentials (single sign-on).
    Sso,
}

impl SignInMethod {
    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Sso => "sso",
        }
    }
}

impl fmt::Display for SignInMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SignInMethod {
    type Err = SignInMethodError;

    /// Without regard to case and surrounding white space.
    fn from_str(text: &str) -> Result<Self, SignInMethodError> {
        let text = text.trim();
        [Self::Password, Self::Sso]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| SignInMethodError(quoted(text)))
    }
}

/// A text that is not a way to sign in; at most its first 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a way to sign in: use password or sso")]
pub struct SignInMethodError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_reads_back_and_anything_else_names_the_two() {
        for method in [SignInMethod::Password, SignInMethod::Sso] {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(serde_json::to_string(&method).unwrap(), format!("{:?}", method.as_str()));
        }
        assert_eq!(" SSO ".parse(), Ok(SignInMethod::Sso));
        assert_eq!(
            "saml".parse::<SignInMethod>().unwrap_err().to_string(),
            r#""saml" is not a way to sign in: use password or sso"#
        );
    }
}
