//! Text from people and templates, made harmless for a header and for a part.

use std::borrow::Cow;

/// One line for a header: nothing in it ends the line, turns it around or poses as an encoded word.
pub(crate) fn header(text: &str) -> String {
    let visible = text.replace(is_bidirectional_control, "");
    let words: Vec<&str> = visible.split(ends_a_word).filter(|word| !word.is_empty()).collect();
    words.join(" ").replace("=?", "= ?")
}

/// A part of a message with `\n` as its line end, which becomes CRLF when it is written.
pub(crate) fn body(text: &str) -> Cow<'_, str> {
    // Nearly every message, at a fraction of the cost. Octets from 0x80 to 0x9F are control characters after 0xC2 alone.
    // Without a way out, so that the compiler compares many at once.
    let plain = |b| matches!(b, b' '..=0x7e | b'\n' | b'\t' | 0x80..=0xc1 | 0xc3..);
    if text.bytes().fold(true, |all, b| all & plain(b)) {
        return Cow::Borrowed(text);
    }
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\r' => '\n',
            '\n' | '\t' => c,
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

fn ends_a_word(c: char) -> bool {
    c == ' ' || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates (UAX #9). The marks (U+200E, U+200F, U+061C) stay: names need them.
fn is_bidirectional_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
