//! As much of MIME (RFC 2045, 2046) as finds one part of a message: its own parts, and none within them.

/// The most parts that are looked at; a notification has three (RFC 6522, 3).
const MOST_PARTS: usize = 16;

/// The lines of a text, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The value of a header, unfolded, from the lines before the first empty one.
pub(super) fn header(text: &[u8], name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in lines(text).take_while(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        match &mut value {
            Some(value) if line.starts_with([' ', '\t']) => value.push_str(&line),
            Some(_) => break,
            None => {
                let said =
                    line.split_once(':').filter(|(said, _)| said.trim_end().eq_ignore_ascii_case(name));
                value = said.map(|(_, rest)| rest.trim().to_owned());
            }
        }
    }
    value
}

/// Whether this is a value of `Content-Type` with this type.
pub(super) fn is_type(value: &str, wanted: &str) -> bool {
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// A parameter of a `Content-Type`, without its quotes.
pub(super) fn parameter(value: &str, wanted: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The parts between the boundaries, each with its header.
pub(super) fn parts<'a>(text: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut begun, mut at) = (Vec::new(), None, 0);
    for line in text.split_inclusive(|b| *b == b'\n') {
        let rest = line.trim_ascii_end().strip_prefix(delimiter.as_bytes());
        if rest.is_some_and(|rest| matches!(rest, b"" | b"--")) {
            if let Some(from) = begun {
                parts.push(&text[from..at]);
            }
            if rest == Some(b"--") || parts.len() == MOST_PARTS {
                return parts;
            }
            begun = Some(at + line.len());
        }
        at += line.len();
    }
    // A notification that was cut off: what came of its last part.
    parts.extend(begun.map(|from| &text[from..]));
    parts
}

/// What follows the first empty line.
pub(super) fn body(text: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            break;
        }
    }
    &text[at..]
}
