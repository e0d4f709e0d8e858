//! A plain-text secret that cannot be printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// A secret in plain text: a temporary password, a link's token, or what a person typed into a password field.
///
/// It is wiped from memory when it is dropped. `Debug` hides it, and there is neither `Display` nor `Serialize`, so
/// that it reaches a log, an error or an API only where somebody wrote [`Secret::expose`]:
///
/// ```compile_fail,E0277
/// # use invite_core::credential::Secret;
/// println!("{}", Secret::new(String::from("abcd")));
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text over; the buffer that it came in is wiped.
    pub fn new(text: String) -> Self {
        Self::copied(&Zeroizing::new(text))
    }

    /// Copies a text, into exactly as much memory as it needs, since what a larger buffer leaves is not wiped.
    pub(super) fn copied(text: &str) -> Self {
        Self(SecretString::from(Box::<str>::from(text)))
    }

    /// The text, for hashing, sealing and rendering; it must not be kept.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_the_text_nor_its_length() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
        assert_eq!(format!("{:#?}", Secret::new(String::new())), "Secret(…)");
    }

    #[test]
    fn expose_returns_what_was_put_in() {
        assert_eq!(Secret::new("blåbær".into()).expose(), "blåbær");
    }
}
