//! What of a server's words may be shown.
//!
//! A server can echo what it was sent: the credentials after AUTH, a line or a link of the message after DATA ("the URL
//! … is listed"). Its words go into answers, which are stored and shown, so what it echoes is taken out of them.

use invite_core::model::redaction::Redaction;

use crate::credentials::Credentials;

/// The most characters of a server's words that are kept.
const LONGEST: usize = 400;
/// The words on one line, without the credentials and without what they have in common with the message.
pub(crate) fn shown(words: &str, credentials: Option<&Credentials>, message: &[&[u8]]) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // Before it is cut: half a password is no longer recognised.
    let words = match credentials {
        Some(credentials) => credentials.hidden_in(words),
        None => words,
    };
    let words: String = words.chars().take(LONGEST).collect();
    Redaction::of(&words).without(message).shown()
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
