//! What Twilio calls things: two letters that say the kind, and 32 hexadecimal digits.

/// Whether it is the SID of something of this kind, such as `AC`.
pub(crate) fn is_sid(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(is_hexadecimal)
}

/// Whether it is a SID of any kind.
pub(crate) fn is_any_sid(text: &str) -> bool {
    let kind = text.as_bytes().first_chunk::<2>();
    kind.is_some_and(|kind| kind.iter().all(u8::is_ascii_uppercase))
        && text.get(2..).is_some_and(is_hexadecimal)
}

fn is_hexadecimal(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
