//! What names and other short texts about a person may not contain.

/// Why `text` cannot stand in one line of a message as it is: it has a control character (C0 or C1), a line break, or
/// a character that turns the direction of what follows it (Unicode's embeddings, overrides and isolates), with which
/// a name could garble the sentence around it. Anything else is legal: `=cmd()`, `<script>`, emoji.
pub(crate) fn objection(text: &str) -> Option<String> {
    text.chars().find_map(|c| match c {
        '\r' | '\n' | '\u{2028}' | '\u{2029}' => Some("it contains a line break".into()),
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Some(format!(
            "it contains an invisible character that turns the direction of text (U+{:04X})",
            u32::from(c)
        )),
        c if c.is_control() => {
            Some(format!("it contains an invisible control character (U+{:04X})", u32::from(c)))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn control_characters_line_breaks_and_overrides_are_named() {
        for (text, words) in [
            ("a\rb", "line break"),
            ("a\nb", "line break"),
            ("a\u{2028}b", "line break"),
            ("a\0b", "control character (U+0000)"),
            ("a\tb", "control character (U+0009)"),
            ("a\u{85}b", "control character (U+0085)"),
            ("a\u{202e}b", "direction of text (U+202E)"),
            ("a\u{2066}b", "direction of text (U+2066)"),
        ] {
            assert!(objection(text).is_some_and(|o| o.contains(words)), "{text:?}");
        }
    }

    #[test]
    fn code_markup_emoji_and_marks_are_legal_text() {
        for text in [
            "=cmd()",
            "<script>",
            "[You won](http://evil.test)",
            "👩‍🚒",
            "Ægir Þór",
            "אבי\u{200f}",
            "00123",
            "",
        ] {
            assert_eq!(objection(text), None, "{text:?}");
        }
    }
}
