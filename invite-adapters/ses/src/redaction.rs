//! What of SES's words may be shown.
//!
//! SES can quote what it was sent: an address, or a line of the message. Its words go into answers, which are stored and
//! shown, so what they have in common with the message is taken out of them.

use invite_core::model::redaction::Redaction;

use crate::letter::Letter;

/// The most characters of SES's words that are kept, so that what to do about them fits into an answer too.
const LONGEST: usize = 260;
/// The words on one line, without the recipient and without what they quote of the message.
pub(crate) fn shown(words: &str, letter: &Letter) -> String {
    let words = without_recipient(&one_line(words), &letter.to);
    without_quotations(&words, &letter.content())
}

/// The words on one line.
pub(crate) fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Before it is cut: half an address is no longer recognised.
fn without_recipient(words: &str, recipient: &str) -> String {
    let (lower, recipient) = (words.to_ascii_lowercase(), recipient.to_ascii_lowercase());
    let mut shown = String::with_capacity(words.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(&recipient) {
        shown.push_str(&words[from..at]);
        shown.push_str("(the recipient)");
        from = at + recipient.len();
    }
    shown + &words[from..]
}

fn without_quotations(words: &str, message: &[&[u8]]) -> String {
    let words: String = words.chars().take(LONGEST).collect();
    Redaction::of(&words).without(message).shown()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str =
        "Hello Anna\r\n\r\n    kfm4 p7qx wz2c\r\n\r\nhttps://app.acme.example/welcome#q9Zx\r\n";

    fn words(words: &str) -> String {
        without_quotations(&without_recipient(&one_line(words), "a@x.se"), &[MESSAGE.as_bytes()])
    }

    #[test]
    fn a_link_or_password_of_the_message_is_taken_out() {
        assert_eq!(words("URL https://app.acme.example/welcome#q9Zx is listed"), "URL … is listed");
        assert_eq!(words("rejected: 'kfm4 p7qx wz2c'"), "rejected: '…'");
    }

    #[test]
    fn the_recipient_is_taken_out_however_it_is_written() {
        assert_eq!(words("not verified: A@x.SE,\n a@x.se"), "not verified: (the recipient), (the recipient)");
    }

    #[test]
    fn ordinary_words_stay() {
        for ordinary in ["Message rejected as spam", "Hello Anna", "Maximum sending rate exceeded."] {
            assert_eq!(words(ordinary), ordinary);
        }
    }
}
