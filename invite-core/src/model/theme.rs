//! An organisation's colours in its e-mails, readable whatever colour was chosen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::organisation::HttpsUrl;

/// How an organisation's e-mails look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Theme {
    /// The colour of the head and of buttons.
    pub colour: Colour,
    /// The logo over the message. Mail programs that block images show the organisation's name.
    pub logo: Option<HttpsUrl>,
}

/// An sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// White.
    pub const WHITE: Self = Self::new(255, 255, 255);
    /// Black.
    pub const BLACK: Self = Self::new(0, 0, 0);

    /// From its three parts.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Black or white, whichever is read more easily on this colour.
    ///
    /// One of them always has a contrast of at least 4.5:1 [WCAG 2.2, 1.4.3]: where both have the same, it is 4.58.
    #[must_use]
    pub fn readable_text(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }

    /// The contrast between two colours, from 1 to 21 [WCAG 2.2, contrast ratio].
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Relative luminance, from 0 to 1 [WCAG 2.2].
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl Default for Colour {
    /// A blue.
    fn default() -> Self {
        Self::new(0x0b, 0x57, 0xd0)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl FromStr for Colour {
    type Err = ThemeError;

    fn from_str(text: &str) -> Result<Self, ThemeError> {
        let number = text
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or(ThemeError::Colour)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl TryFrom<String> for Colour {
    type Error = ThemeError;

    fn try_from(text: String) -> Result<Self, ThemeError> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

/// Why a theme cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThemeError {
    /// Not a colour.
    #[error("a colour is written as # and six hexadecimal digits, such as #0b57d0")]
    Colour,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_readable_on_every_colour(red: u8, green: u8, blue: u8) {
            let colour = Colour::new(red, green, blue);
            prop_assert!(colour.contrast(colour.readable_text()) >= 4.5);
        }

        #[test]
        fn a_colour_parses_from_what_it_prints(red: u8, green: u8, blue: u8) {
            let colour = Colour::new(red, green, blue);
            prop_assert_eq!(colour.to_string().parse(), Ok(colour));
        }
    }

    #[test]
    fn text_is_readable_on_every_grey() {
        for grey in 0..=255 {
            let colour = Colour::new(grey, grey, grey);
            assert!(colour.contrast(colour.readable_text()) >= 4.5, "{colour}");
        }
    }

    #[test]
    fn contrast_is_as_the_standard_has_it() {
        assert!((Colour::WHITE.contrast(Colour::BLACK) - 21.0).abs() < 1e-9);
        assert!((Colour::WHITE.contrast(Colour::new(0x76, 0x76, 0x76)) - 4.54).abs() < 0.01);
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        for text in ["", "0b57d0", "#0b57d", "#0b57d0f", "red", "#gggggg", "#+12345", "#é12"] {
            assert_eq!(text.parse::<Colour>(), Err(ThemeError::Colour), "{text}");
        }
    }
}
