//! What of Twilio's words may be shown.
//!
//! Twilio quotes what it was sent: "The 'To' number +4791234567 is not a valid phone number". Its words go into answers,
//! which are stored and shown, so numbers, credentials and what they have in common with the message are taken out.

use invite_core::model::redaction::Redaction;

use crate::credentials::Credentials;

/// The most characters of Twilio's words that are kept.
const LONGEST: usize = 400;
/// As many digits make a phone number; Twilio's codes have five.
const NUMBER: usize = 7;

/// The words on one line, with an ellipsis for everything that must not be shown.
pub(crate) fn shown(words: &str, credentials: &Credentials, message: &str) -> String {
    let mut words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // Before it is cut: half a token is no longer recognised.
    for secret in [credentials.account(), credentials.user(), credentials.password()] {
        words = words.replace(secret, "…");
    }
    let words: String = words.chars().take(LONGEST).collect();
    // As the words are, on one line.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut redaction = Redaction::of(&words).without(&[message.as_bytes()]);
    hide_numbers(&words, &mut redaction);
    redaction.shown()
}

/// Runs of digits, also with a plus before and a few separators between them.
fn hide_numbers(words: &str, redaction: &mut Redaction<'_>) {
    let octets = words.as_bytes();
    let mut at = 0;
    while at < octets.len() {
        let start = at;
        if octets[at] == b'+' {
            at += 1;
        }
        let (mut digits, mut end) = (0, at);
        while let Some(octet) = octets.get(at) {
            if octet.is_ascii_digit() {
                (digits, end) = (digits + 1, at + 1);
            } else if digits == 0 || at - end >= 3 || !b" -.()/".contains(octet) {
                break;
            }
            at += 1;
        }
        if digits >= NUMBER {
            redaction.hide(start..end);
        }
        at = at.max(start + 1);
    }
}

#[cfg(test)]
mod tests {
    use invite_core::Secret;
    use proptest::prelude::*;

    use super::*;
    use crate::credentials::Login;

    const MESSAGE: &str = "Hello Anna\n\n    kfm4 p7qx wz2c\n\nhttps://app.acme.example/welcome#q9Zx";

    fn words(words: &str) -> String {
        without_message(words, MESSAGE)
    }

    fn without_message(words: &str, message: &str) -> String {
        let account = format!("AC{}", "0a".repeat(16));
        let login = Login::AuthToken(Secret::new("t0ken".into()));
        let credentials = Credentials::new(Secret::new(account), Some(login)).unwrap();
        shown(words, &credentials, message)
    }

    #[test]
    fn numbers_are_taken_out_however_they_are_written() {
        for (said, kept) in [
            (
                "The 'To' number +4791234567 is not a valid phone number.",
                "The 'To' number … is not a valid phone number.",
            ),
            ("to 004791234567", "to …"),
            ("to +1 (415) 867-5309, from ACME", "to …, from ACME"),
            ("error 21211, see 30005", "error 21211, see 30005"),
            ("12345", "12345"),
            ("+", "+"),
        ] {
            assert_eq!(words(said), kept);
        }
    }

    #[test]
    fn what_the_message_says_is_taken_out() {
        assert_eq!(words("blocked: https://app.acme.example/welcome#q9Zx!"), "blocked:…!");
        assert_eq!(words("rejected 'kfm4 p7qx wz2c'"), "rejected '…'");
        assert_eq!(words("Hello Anna"), "Hello Anna");
    }

    #[test]
    fn credentials_are_taken_out() {
        let account = format!("AC{}", "0a".repeat(16));
        assert_eq!(
            words(&format!("/Accounts/{account}/Messages.json with t0ken")),
            "/Accounts/…/Messages.json with …"
        );
    }

    #[test]
    fn words_of_any_kind_do_not_make_it_panic() {
        for said in ["", "é", "+é+1é", "1 2 3 4 5 6 7 8 é", "  ", &"9".repeat(5_000), &"é".repeat(5_000)]
        {
            assert!(words(said).chars().count() <= LONGEST);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_run_as_long_as_a_password_stays(
            before in "[ -~]{0,30}", echoed in "[!-~é]{12,60}", after in "[ -~]{0,30}", said in "[a-z ]{0,40}",
        ) {
            let message = format!("{before}{echoed}{after}");
            let shown = without_message(&format!("{said}{echoed}{said}"), &message);
            let runs: Vec<_> = message.as_bytes().windows(12).collect();
            prop_assert!(!shown.as_bytes().windows(12).any(|run| runs.contains(&run)), "{shown}");
        }

        #[test]
        fn no_number_stays(
            before in "[a-z ,.]{0,20}", number in "[1-9]([ .()/-]?[0-9]){6,14}", after in "[a-z ,.]{0,20}",
        ) {
            let shown = words(&format!("{before}{number}{after}"));
            prop_assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
        }
    }
}
