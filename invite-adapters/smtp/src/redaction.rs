//! What of a server's words may be shown.
//!
//! A server can echo what it was sent: the credentials after AUTH, a line or a link of the message after DATA ("the URL
//! … is listed"). Its words go into answers, which are stored and shown, so what it echoes is taken out of them.

use crate::credentials::Credentials;

/// The most characters of a server's words that are kept.
const LONGEST: usize = 400;
/// A run of this many octets in the words and in the message is an echo: shorter than a temporary password (12 letters)
/// and than any link, longer than most that two English texts have in common by chance.
const ECHO: usize = 2 * STEP - 1;
/// A run of [`ECHO`] octets holds a whole step of this many, wherever it begins.
const STEP: usize = 6;

/// The words on one line, without the credentials and without what they have in common with the message.
pub(crate) fn shown(words: &str, credentials: Option<&Credentials>, message: &[&[u8]]) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // Before it is cut: half a password is no longer recognised.
    let words = match credentials {
        Some(credentials) => credentials.hidden_in(words),
        None => words,
    };
    without_echo(words.chars().take(LONGEST).collect(), message)
}

/// The same for the replies to AUTH, in which a word that looks like base64 is taken out too: part of what was sent.
pub(crate) fn shown_after_auth(words: &str, credentials: Option<&Credentials>) -> String {
    let words = shown(words, credentials, &[]);
    words.split(' ').map(|word| if looks_encoded(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

fn looks_encoded(word: &str) -> bool {
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '+' | '/' | '='));
    let sign = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'/' | b'=');
    let humps = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    word.len() >= 8
        && word.bytes().all(|b| b.is_ascii_alphabetic() || sign(b))
        && (word.bytes().any(sign) || word.as_bytes().windows(2).any(humps))
}

fn without_echo(words: String, message: &[&[u8]]) -> String {
    let octets = words.as_bytes();
    if message.is_empty() || octets.len() < ECHO {
        return words;
    }
    // One bit for each step of the words, and for few others.
    let mut seen = [0_u64; 64];
    for step in octets.windows(STEP) {
        seen[slot(step) / 64] |= 1 << (slot(step) % 64);
    }
    let mut echoed = vec![false; octets.len()];
    for part in message {
        for (number, step) in part.chunks_exact(STEP).enumerate() {
            // Nearly every step ends here, so that a message costs microseconds.
            if seen[slot(step) / 64] & (1 << (slot(step) % 64)) == 0 {
                continue;
            }
            for (at, _) in octets.windows(STEP).enumerate().filter(|(_, other)| *other == step) {
                let (before, after) = (number * STEP, number * STEP + STEP);
                let left = common(octets[..at].iter().rev(), part[..before].iter().rev());
                let right = common(octets[at + STEP..].iter(), part[after..].iter());
                if left + STEP + right >= ECHO {
                    echoed[at - left..at + STEP + right].fill(true);
                }
            }
        }
    }
    hidden(&words, &echoed)
}

/// One of 4,096 places, by the first four octets.
fn slot(step: &[u8]) -> usize {
    let first = u32::from_le_bytes([step[0], step[1], step[2], step[3]]);
    // Knuth's multiplier; the upper bits are the well mixed ones.
    (first.wrapping_mul(0x9e37_79b1) >> 20) as usize
}

fn common<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// Each run of characters of which an octet is marked becomes `…`.
fn hidden(words: &str, marked: &[bool]) -> String {
    let mut shown = String::with_capacity(words.len());
    let mut inside = false;
    for (at, c) in words.char_indices() {
        let hide = marked[at..at + c.len_utf8()].contains(&true);
        match (hide, inside) {
            (true, false) => shown.push('…'),
            (true, true) => {}
            (false, _) => shown.push(c),
        }
        inside = hide;
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MESSAGE: &str =
        "Hello Anna\r\n\r\n    kfm4 p7qx wz2c\r\n\r\nhttps://app.acme.example/welcome#q9Zx\r\n";

    fn words(words: &str) -> String {
        shown(words, None, &[MESSAGE.as_bytes()])
    }

    #[test]
    fn a_link_or_password_of_the_message_is_taken_out() {
        assert_eq!(
            words("5.7.1 URL https://app.acme.example/welcome#q9Zx is listed"),
            "5.7.1 URL … is listed"
        );
        assert_eq!(words("rejected: 'kfm4 p7qx wz2c'"), "rejected: '…'");
    }

    #[test]
    fn ordinary_words_stay() {
        for ordinary in ["Message rejected as spam", "Hello Anna", "4.2.2 The mailbox is full"] {
            assert_eq!(words(ordinary), ordinary);
        }
    }

    #[test]
    fn lines_become_one() {
        assert_eq!(words("one\n two\t three\r\n"), "one two three");
    }

    #[test]
    fn what_looks_encoded_is_taken_out_of_replies_to_auth() {
        for (said, kept) in [
            ("Invalid: AGFubmEAdHIwdWI0ZG9y", "Invalid: …"),
            ("5.7.8 Authentication failed (AGFubmE=)", "5.7.8 Authentication failed …"),
            ("5.7.8 Username and Password not accepted", "5.7.8 Username and Password not accepted"),
        ] {
            assert_eq!(shown_after_auth(said, None), kept);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_run_as_long_as_a_password_stays(
            before in "[ -~]{0,30}", echoed in "[ -~é]{12,60}", after in "[ -~]{0,30}", said in "[a-z ]{0,40}",
        ) {
            let message = format!("{before}{echoed}{after}");
            let shown = shown(&format!("{said}{echoed}{said}"), None, &[message.as_bytes()]);
            let runs: Vec<_> = message.as_bytes().windows(12).collect();
            prop_assert!(!shown.as_bytes().windows(12).any(|run| runs.contains(&run)), "{shown}");
        }
    }
}
