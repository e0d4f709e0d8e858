//! The password that a person chooses.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::secret::Secret;

/// A password that a person chose and that keeps the rules: 12 to 128 characters after Unicode normalisation (NFKC),
/// none of them a control character, and nothing about digits or capitals (NIST SP 800-63B, 3.1.1).
#[derive(Debug, Clone)]
pub struct ChosenPassword(Secret);

/// Which rule a chosen password breaks; it never holds the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRuleError {
    /// Fewer than [`ChosenPassword::SHORTEST`] characters.
    #[error("the password is too short: choose at least {} characters", ChosenPassword::SHORTEST)]
    TooShort,
    /// More than [`ChosenPassword::LONGEST`] characters.
    #[error("the password is too long: choose at most {} characters", ChosenPassword::LONGEST)]
    TooLong,
    /// A tabulator, a line break or another character that cannot be seen or typed everywhere.
    #[error("the password contains a line break, a tabulator or another control character: leave it out")]
    ControlCharacter,
}

impl ChosenPassword {
    /// The least number of characters (Unicode scalar values after NFKC).
    pub const SHORTEST: usize = 12;

    /// The largest number of characters (Unicode scalar values after NFKC).
    pub const LONGEST: usize = 128;

    /// Checks what a person typed as their new password.
    pub fn parse(typed: &Secret) -> Result<Self, PasswordRuleError> {
        let secret = Self::normalise(typed).ok_or(PasswordRuleError::TooLong)?;
        if secret.expose().chars().any(char::is_control) {
            return Err(PasswordRuleError::ControlCharacter);
        }
        if secret.expose().chars().count() < Self::SHORTEST {
            return Err(PasswordRuleError::TooShort);
        }
        Ok(Self(secret))
    }

    /// What a person typed at sign-in, in the form that was hashed. The rules for new passwords are left out, so that
    /// stricter ones lock nobody out; `None` where it is longer than any password.
    pub fn normalise(typed: &Secret) -> Option<Secret> {
        // Room for the longest from the start: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(Self::LONGEST * size_of::<char>()));
        let mut characters = typed.expose().nfkc();
        text.extend(characters.by_ref().take(Self::LONGEST));
        characters.next().is_none().then(|| Secret::copied(&text))
    }

    /// The normalised text, for hashing.
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The normalised text, taken out.
    pub fn into_secret(self) -> Secret {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ChosenPassword, PasswordRuleError> {
        ChosenPassword::parse(&Secret::new(text.into()))
    }

    #[test]
    fn twelve_to_128_characters_are_counted_after_normalisation() {
        assert_eq!(parse(&"ø".repeat(11)).unwrap_err(), PasswordRuleError::TooShort);
        assert!(parse(&"ø".repeat(12)).is_ok());
        assert!(parse(&"ø".repeat(128)).is_ok());
        assert_eq!(parse(&"ø".repeat(129)).unwrap_err(), PasswordRuleError::TooLong);
        // `e` and a combining acute accent become one character, the ligature `ﬃ` becomes three.
        assert_eq!(parse(&"e\u{301}".repeat(11)).unwrap_err(), PasswordRuleError::TooShort);
        assert!(parse(&"\u{FB03}".repeat(4)).is_ok());
        assert_eq!(parse(&"\u{FB03}".repeat(43)).unwrap_err(), PasswordRuleError::TooLong);
    }

    #[test]
    fn there_are_no_rules_of_composition() {
        assert!(parse("aaaaaaaaaaaa").is_ok());
        assert!(parse("correct horse battery staple 🐎").is_ok());
    }

    #[test]
    fn control_characters_are_refused() {
        for control in ['\0', '\t', '\n', '\u{7f}', '\u{85}'] {
            let text = format!("correct{control}horse battery");
            assert_eq!(parse(&text).unwrap_err(), PasswordRuleError::ControlCharacter);
        }
    }

    #[test]
    fn an_error_says_the_rule_and_not_the_password() {
        assert_eq!(
            parse("hunter2").unwrap_err().to_string(),
            "the password is too short: choose at least 12 characters"
        );
        assert!(!format!("{:?}", parse("hunter2 hunter2")).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn the_same_password_typed_on_two_keyboards_is_one(text in "\\PC{12,60}") {
            let decomposed: String = text.nfd().collect();
            match (parse(&text), parse(&decomposed)) {
                (Ok(one), Ok(other)) => prop_assert_eq!(one.secret().expose(), other.secret().expose()),
                (Err(one), Err(other)) => prop_assert_eq!(one, other),
                (one, other) => prop_assert!(false, "{one:?} {other:?}"),
            }
        }

        #[test]
        fn sign_in_reads_what_set_up_stored(text in "\\PC{0,140}") {
            let typed = Secret::new(text);
            if let Ok(chosen) = ChosenPassword::parse(&typed) {
                let read = ChosenPassword::normalise(&typed).unwrap();
                prop_assert_eq!(read.expose(), chosen.secret().expose());
                let again = ChosenPassword::normalise(&read).unwrap();
                prop_assert_eq!(again.expose(), read.expose());
            }
        }
    }
}
