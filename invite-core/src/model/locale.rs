//! Languages of people and messages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::contact::quoted;

/// A language tag, BCP 47 (RFC 5646), of the form `language[-Script][-REGION]`, normalised: `pt_br` is `pt-BR`.
///
/// Norwegian in all its spellings (`no`, `nb`, `nn`) is `nb`, the one form of it that the built-in messages have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

impl Locale {
    /// English: the language that every message exists in.
    pub fn english() -> Self {
        Self("en".into())
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone: `pt` of `pt-BR`.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The locales in which to look for a text for somebody with this one, best first: their own, its language, the
    /// organisation's, its language, English; each once.
    pub fn fallbacks(&self, organisation: &Self) -> impl Iterator<Item = Self> + use<> {
        let mut locales = Vec::with_capacity(5);
        for locale in [
            self.clone(),
            Self(self.language().to_owned()),
            organisation.clone(),
            Self(organisation.language().to_owned()),
            Self::english(),
        ] {
            if !locales.contains(&locale) {
                locales.push(locale);
            }
        }
        locales.into_iter()
    }

    /// The direction in which it is written: that of its script, else that in which its language usually is.
    pub fn direction(&self) -> Direction {
        let script = self.0.split('-').nth(1).filter(|subtag| subtag.len() == 4);
        let right_to_left = match script {
            Some(script) => matches!(
                script,
                "Adlm" | "Arab" | "Aran" | "Hebr" | "Mand" | "Nkoo" | "Rohg" | "Samr" | "Syrc" | "Thaa"
            ),
            None => matches!(
                self.language(),
                "ar" | "arc"
                    | "ckb"
                    | "dv"
                    | "fa"
                    | "he"
                    | "ks"
                    | "nqo"
                    | "ps"
                    | "sd"
                    | "syr"
                    | "ug"
                    | "ur"
                    | "yi"
            ),
        };
        if right_to_left { Direction::Rtl } else { Direction::Ltr }
    }
}

/// The direction of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Left to right.
    Ltr,
    /// Right to left.
    Rtl,
}

impl Direction {
    /// The value of HTML's attribute `dir`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

impl FromStr for Locale {
    type Err = LocaleError;

    fn from_str(text: &str) -> Result<Self, LocaleError> {
        normalised(text.trim()).map(Self).ok_or_else(|| LocaleError(quoted(text.trim())))
    }
}

impl TryFrom<String> for Locale {
    type Error = LocaleError;

    fn try_from(text: String) -> Result<Self, LocaleError> {
        text.parse()
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> Self {
        locale.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a language tag; at most its first 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a language: use a tag such as en, nb or pt-BR (language, then script or region if need be)"
)]
pub struct LocaleError(String);

fn normalised(tag: &str) -> Option<String> {
    let letters = |subtag: &str| subtag.bytes().all(|b| b.is_ascii_alphabetic());
    let mut subtags = tag.split(['-', '_']).peekable();

    let language = subtags.next().filter(|s| matches!(s.len(), 2 | 3) && letters(s))?.to_ascii_lowercase();
    let script = subtags.next_if(|s| s.len() == 4 && letters(s)).map(title_case);
    let region = subtags
        .next_if(|s| s.len() == 2 && letters(s) || s.len() == 3 && s.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_ascii_uppercase);
    if subtags.next().is_some() {
        return None;
    }

    let language = match language.as_str() {
        "no" | "nn" => "nb".to_owned(),
        // Withdrawn codes that older systems still export (IANA subtag registry).
        "iw" => "he".to_owned(),
        "in" => "id".to_owned(),
        "ji" => "yi".to_owned(),
        _ => language,
    };
    Some([Some(language), script, region].into_iter().flatten().collect::<Vec<_>>().join("-"))
}

fn title_case(ascii: &str) -> String {
    let (initial, rest) = ascii.split_at(1);
    initial.to_ascii_uppercase() + &rest.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn locale(tag: &str) -> Locale {
        tag.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn tags_are_normalised() {
        for (tag, normal) in [
            ("en", "en"),
            (" NB_no ", "nb-NO"),
            ("no", "nb"),
            ("nn-NO", "nb-NO"),
            ("no_NO", "nb-NO"),
            ("pt-br", "pt-BR"),
            ("ZH_hant_tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("iw-IL", "he-IL"),
        ] {
            assert_eq!(locale(tag).as_str(), normal);
        }
    }

    #[test]
    fn what_is_not_a_tag_is_refused_with_an_example() {
        for tag in [
            "",
            "e",
            "english",
            "Norwegian",
            "en-",
            "en_US.UTF-8",
            "1n",
            "en-US-GB",
            "de-1996",
            "å",
            "-",
            "en--US",
        ] {
            let error = tag.parse::<Locale>().expect_err(tag).to_string();
            assert!(error.contains("such as en, nb or pt-BR"), "{error}");
        }
    }

    #[test]
    fn a_text_is_looked_for_in_the_users_language_then_the_organisations_then_english() {
        let fallbacks = |user: &str, organisation: &str| -> Vec<String> {
            locale(user).fallbacks(&locale(organisation)).map(String::from).collect()
        };
        assert_eq!(fallbacks("pt-BR", "nb-NO"), ["pt-BR", "pt", "nb-NO", "nb", "en"]);
        assert_eq!(fallbacks("nb", "no-NO"), ["nb", "nb-NO", "en"]);
        assert_eq!(fallbacks("en-GB", "en"), ["en-GB", "en"]);
        assert_eq!(fallbacks("en", "en"), ["en"]);
    }

    #[test]
    fn the_script_decides_the_direction_and_else_the_language() {
        for tag in ["ar", "he-IL", "fa", "ur-PK", "az-Arab", "pa-Arab-PK"] {
            assert_eq!(locale(tag).direction(), Direction::Rtl, "{tag}");
        }
        for tag in ["en", "nb-NO", "zh-Hant-TW", "ur-Latn", "pa"] {
            assert_eq!(locale(tag).direction(), Direction::Ltr, "{tag}");
        }
        assert_eq!(Direction::Rtl.as_str(), "rtl");
    }

    proptest! {
        #[test]
        fn a_normalised_tag_stays_as_it_is(tag in "[A-Za-z]{1,4}([-_][A-Za-z0-9]{1,4}){0,3}|\\PC{0,8}") {
            if let Ok(locale) = tag.parse::<Locale>() {
                prop_assert_eq!(locale.as_str().parse::<Locale>().unwrap(), locale);
            }
        }
    }
}
