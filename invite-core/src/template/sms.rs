//! What a text message costs: its alphabet and how many segments it takes.
//!
//! # Where others count otherwise
//!
//! `cargo xtask messages` compares [`SmsSize`] with Twilio's `sms-segments-calculator` on 10,000 random texts. Alphabet and
//! length are always the same, line ends, `ç`, backticks and extended characters included. The number of segments
//! differs in one case: in UCS-2 the calculator also keeps together several characters that are drawn as one sign (an
//! emoji made with a joiner, a flag, a letter with a combining accent), so that it sometimes needs another segment. The
//! standard knows characters of 16 bits and no such signs [3GPP TS 23.038, 6.2.3], and phones put a message together
//! before they draw it; so here only the two halves of a surrogate pair stay together. A message with such signs that
//! takes several segments may cost a segment more where the provider divides it as the calculator does.

/// The alphabet of a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmsEncoding {
    /// Seven bits a character [3GPP TS 23.038, 6.2.1].
    Gsm7,
    /// Sixteen bits a character, as soon as one is not in GSM-7.
    Ucs2,
}

/// The size of a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SmsSize {
    /// The alphabet that it needs.
    pub encoding: SmsEncoding,
    /// Its length: septets in GSM-7, where an extended character counts two; UTF-16 units in UCS-2.
    pub units: usize,
    /// What is sent and paid for: one up to 160 septets or 70 units, else one for each 153 or 67.
    pub segments: usize,
}

impl SmsSize {
    /// Measures `text`. An empty text takes one segment, as it would be sent in one.
    pub fn of(text: &str) -> Self {
        if let Some(widths) = text.chars().map(septets).collect::<Option<Vec<_>>>() {
            Self::measure(SmsEncoding::Gsm7, &widths, 160, 153)
        } else {
            let widths: Vec<_> = text.chars().map(char::len_utf16).collect();
            Self::measure(SmsEncoding::Ucs2, &widths, 70, 67)
        }
    }

    fn measure(encoding: SmsEncoding, widths: &[usize], alone: usize, each: usize) -> Self {
        let units = widths.iter().sum();
        if units <= alone {
            return Self { encoding, units, segments: 1 };
        }
        // A character of two units never stands in two segments.
        let (mut segments, mut filled) = (1, 0);
        for width in widths {
            if filled + width > each {
                segments += 1;
                filled = 0;
            }
            filled += width;
        }
        Self { encoding, units, segments }
    }
}

/// How many septets a character takes, if GSM-7 has it. `ç` is not in it, though `Ç` is.
const fn septets(character: char) -> Option<usize> {
    match character {
        '\n' | '\r' | ' '..='_' | 'a'..='z' => match character {
            '[' | '\\' | ']' | '^' => Some(2),
            _ => Some(1),
        },
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Δ' | 'Φ' | 'Γ' | 'Λ'
        | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' | 'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü'
        | '§' | '¿' | 'ä' | 'ö' | 'ñ' | 'ü' | 'à' => Some(1),
        '\u{c}' | '{' | '}' | '~' | '|' | '€' => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> (SmsEncoding, usize, usize) {
        let size = SmsSize::of(text);
        (size.encoding, size.units, size.segments)
    }

    #[test]
    fn gsm7_holds_160_alone_and_153_each_in_several() {
        use SmsEncoding::Gsm7;
        assert_eq!(size(""), (Gsm7, 0, 1));
        assert_eq!(size(&"a".repeat(160)), (Gsm7, 160, 1));
        assert_eq!(size(&"a".repeat(161)), (Gsm7, 161, 2));
        assert_eq!(size(&"a".repeat(306)), (Gsm7, 306, 2));
        assert_eq!(size(&"a".repeat(307)), (Gsm7, 307, 3));
    }

    #[test]
    fn ucs2_holds_70_alone_and_67_each_in_several() {
        use SmsEncoding::Ucs2;
        assert_eq!(size(&"ж".repeat(70)), (Ucs2, 70, 1));
        assert_eq!(size(&"ж".repeat(71)), (Ucs2, 71, 2));
        assert_eq!(size(&"ж".repeat(134)), (Ucs2, 134, 2));
        assert_eq!(size(&"ж".repeat(135)), (Ucs2, 135, 3));
    }

    #[test]
    fn an_extended_character_counts_two_and_is_not_divided() {
        assert_eq!(size(&"€".repeat(80)), (SmsEncoding::Gsm7, 160, 1));
        // 153 is odd: each segment holds 76 of them.
        assert_eq!(size(&"€".repeat(153)), (SmsEncoding::Gsm7, 306, 3));
    }

    #[test]
    fn an_emoji_counts_two_and_is_not_divided() {
        assert_eq!(size(&"😀".repeat(35)), (SmsEncoding::Ucs2, 70, 1));
        assert_eq!(size(&"😀".repeat(67)), (SmsEncoding::Ucs2, 134, 3));
    }

    #[test]
    fn signs_of_several_characters_are_divided_between_them() {
        // 11 units: four emoji and three joiners.
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!(size(&family.repeat(6)), (SmsEncoding::Ucs2, 66, 1));
        assert_eq!(size(&family.repeat(12)), (SmsEncoding::Ucs2, 132, 2));
        assert_eq!(size(&("e".repeat(66) + "e\u{301}e\u{301}")), (SmsEncoding::Ucs2, 70, 1));
        assert_eq!(size(&("e".repeat(66) + &"e\u{301}".repeat(34))), (SmsEncoding::Ucs2, 134, 2));
    }

    #[test]
    fn line_ends_are_in_gsm7_and_count_each_character() {
        assert_eq!(size("a\r\nb\n"), (SmsEncoding::Gsm7, 5, 1));
    }

    #[test]
    fn a_small_c_cedilla_a_curly_quote_and_a_backtick_force_ucs2() {
        for text in ["ç", "’", "`", "ê", "…", "\t"] {
            assert_eq!(SmsSize::of(text).encoding, SmsEncoding::Ucs2, "{text}");
        }
        for text in ["Ç", "øæå ÄÖÜ ß ñ à", "'\"@_$", "\n"] {
            assert_eq!(SmsSize::of(text).encoding, SmsEncoding::Gsm7, "{text}");
        }
    }
}
