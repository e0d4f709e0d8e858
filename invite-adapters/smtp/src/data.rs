//! The octets that follow DATA.

/// What ends a message, after its last line.
const END: &[u8] = b".\r\n";

/// A message has a line that no server takes, or that a server might take for the end or for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotForTheWire;

/// A message as it follows DATA: lines that begin with a dot have another before it (RFC 5321, 4.5.2), and the line
/// with the single dot ends it.
///
/// Whether it [fits the wire](invite_mime::fits_the_wire) is looked at first.
pub(crate) fn data(message: Vec<u8>) -> Result<Vec<u8>, NotForTheWire> {
    if !invite_mime::fits_the_wire(&message) {
        return Err(NotForTheWire);
    }
    // Seldom does a line begin with one.
    let mut dotted = message.first() == Some(&b'.');
    for (before, octet) in message.iter().zip(message.iter().skip(1)) {
        dotted |= [*before, *octet] == *b"\n.";
    }
    let mut stuffed = message;
    if dotted {
        let message = std::mem::take(&mut stuffed);
        for line in message.split_inclusive(|b| *b == b'\n') {
            if line.first() == Some(&b'.') {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
    }
    stuffed.extend_from_slice(END);
    Ok(stuffed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(message: &str) -> Result<String, NotForTheWire> {
        data(message.into()).map(|octets| String::from_utf8(octets).unwrap())
    }

    #[test]
    fn a_line_that_begins_with_a_dot_gets_another() {
        assert_eq!(stuffed("a\r\n.\r\n..b\r\nc.\r\n").unwrap(), "a\r\n..\r\n...b\r\nc.\r\n.\r\n");
        assert_eq!(stuffed(".\r\n").unwrap(), "..\r\n.\r\n");
        assert_eq!(stuffed("").unwrap(), ".\r\n");
    }

    #[test]
    fn a_line_may_have_998_octets_and_a_dot_that_was_added_is_not_counted() {
        let longest = format!(".{}\r\n", "x".repeat(997));
        assert_eq!(stuffed(&longest).unwrap(), format!(".{longest}.\r\n"));
        assert_eq!(stuffed(&format!("x{longest}")), Err(NotForTheWire));
    }

    #[test]
    fn a_line_that_ends_otherwise_or_holds_a_nul_does_not_go() {
        for message in ["a", "a\n", "a\r", "a\rb\r\n", "a\r\r\n", "\n.\n", "a\0\r\n", "a\r\n.\n\r\n"] {
            assert_eq!(stuffed(message), Err(NotForTheWire), "{message:?}");
        }
    }

    /// What a server makes of what it receives: the message, and what stands after the end.
    fn received(octets: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut message = Vec::new();
        let mut rest = octets;
        while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let (line, after) = rest.split_at(end + 2);
            rest = after;
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        (message, rest.to_vec())
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof!["[.]{0,3}", "[.]?[ -~]{0,90}", "[.]{0,2}[æøå漢👋]{0,20}", "[.]x{990,997}"];
        prop::collection::vec(line, 0..8)
            .prop_map(|lines| lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_server_receives_the_message_and_nothing_after_it(message in lines()) {
            let octets = data(message.clone()).unwrap();
            prop_assert_eq!(received(&octets), (message, Vec::new()));
        }

        #[test]
        fn whatever_goes_ends_once_and_at_its_end(octets in prop::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0)], 0..40,
        )) {
            if let Ok(sent) = data(octets.clone()) {
                prop_assert_eq!(received(&sent), (octets, Vec::new()));
            }
        }
    }
}
