//! Which channel a person is written to on, where they have addresses for both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::contact::quoted;

/// Which channel is preferred, among those in use.
///
/// An organisation has one, and a person may have one of their own.
///
/// ```
/// use invite_core::model::preference::Preference;
///
/// assert_eq!(" SMS ".parse(), Ok(Preference::Sms));
/// assert!("fax".parse::<Preference>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// E-mail, and SMS where there is no e-mail address.
    #[default]
    Email,
    /// SMS, and e-mail where there is no phone that may be written to.
    Sms,
    /// Both.
    Both,
}

impl Preference {
    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Both => "both",
        }
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Preference {
    type Err = PreferenceError;

    /// Without regard to case and surrounding white space.
    fn from_str(text: &str) -> Result<Self, PreferenceError> {
        let text = text.trim();
        [Self::Email, Self::Sms, Self::Both]
            .into_iter()
            .find(|one| one.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| PreferenceError(quoted(text)))
    }
}

/// A text that is no preference; at most its first 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a channel to prefer: use email, sms or both")]
pub struct PreferenceError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_reads_back_and_anything_else_names_the_three() {
        for one in [Preference::Email, Preference::Sms, Preference::Both] {
            assert_eq!(one.as_str().parse(), Ok(one));
            assert_eq!(serde_json::to_string(&one).unwrap(), format!("{:?}", one.as_str()));
        }
        assert_eq!(
            "fax".parse::<Preference>().unwrap_err().to_string(),
            r#""fax" is not a channel to prefer: use email, sms or both"#
        );
    }
}
