//! E-mails of `invite-core` as RFC 5322 octets.
//!
//! This crate is no adapter: it is what the adapters that send or store e-mail share, so that a message is the same
//! whichever of them carries it. Hosts need it only when they write such an adapter of their own:
//!
//! ```
//! # use invite_core::model::{id::DeliveryId, message::Email};
//! fn hand_over(email: &Email, delivery: DeliveryId) -> Result<(), invite_mime::MimeError> {
//!     let octets = invite_mime::encode(email, delivery)?;
//!     // … write `octets` to the wire
//!     Ok(())
//! }
//! ```
//!
//! # What the octets are
//!
//! * `multipart/alternative` with the text part first and the HTML part after it, both UTF-8.
//! * From, To, Subject, Date, Message-ID, Auto-Submitted: auto-generated (RFC 3834), Content-Language; Reply-To and
//!   List-Unsubscribe where the message has them. No Precedence, which RFC 3834 replaced.
//! * The same for each attempt of a delivery but for the Date: Message-ID and the boundary come from the delivery id,
//!   so a provider and a reader recognise a second copy.
//! * Lines of at most 998 octets (RFC 5322, 2.1.1), of at most 78 where they can be folded or encoded, each ended by
//!   CRLF; no NUL, and no CR or LF of its own. [`encode`] looks at every octet before it answers.
//!
//! # What happens to hostile text
//!
//! A name, a subject and the two parts come from people and from templates, and a message must not fail to leave
//! because of a stray character in one of them. So they are mended:
//!
//! * In names and subjects each run of spaces, control characters and line or paragraph separators becomes one space,
//!   the bidirectional controls that could turn the rest of a header around are left out, and `=?` becomes `= ?`, so
//!   that no reader takes it for an encoded word. Nothing in them can begin a header.
//! * In the parts CR and CRLF become line ends, and any other control character but the tab becomes a space: a space,
//!   not nothing, since leaving one out could join what it kept apart (`<scr␀ipt>`).
//!
//! An [`EmailAddress`](invite_core::model::contact::EmailAddress) that exists is valid. The language and the
//! unsubscribe address come from settings; one that does not fit into a header is refused with a [`MimeError`] that
//! says which.
//!
//! # Internationalised addresses
//!
//! Addresses outside ASCII are written as they are, as UTF-8 (RFC 6532). Such a message needs a transport that
//! offers SMTPUTF8 (RFC 6531); an adapter whose provider does not must refuse it.

mod clean;

use invite_core::model::id::DeliveryId;
use invite_core::model::message::{Email, Mailbox};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::url::URL;
use mail_builder::mime::MimePart;

/// The most octets in a line, without its CRLF (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;

/// Why an e-mail cannot be written. No variant carries a part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MimeError {
    /// The language is no BCP 47 tag.
    #[error(
        "the language of the message is not a tag such as en or pt-BR; correct the locale of its template"
    )]
    Language,
    /// The unsubscribe address is none.
    #[error(
        "the List-Unsubscribe address is not an https or mailto address in ASCII without spaces; correct the setting"
    )]
    ListUnsubscribe,
    /// A header holds one word that is too long for a line and cannot be folded.
    #[error("a header holds an address that does not fit into a line of 998 octets; shorten it")]
    LineTooLong,
}

/// The octets of an e-mail, ready for `DATA` (before dot-stuffing) or for a file.
///
/// The crate's page says what they are and what becomes of hostile text.
pub fn encode(email: &Email, delivery: DeliveryId) -> Result<Vec<u8>, MimeError> {
    let (text, html) = (clean::body(&email.text), clean::body(&email.html));
    let boundary = boundary(delivery, &[&text, &html]);
    let alternative = ContentType::new("multipart/alternative").attribute("boundary", boundary);
    let parts = vec![MimePart::new("text/plain", text), MimePart::new("text/html", html)];

    let mut builder = MessageBuilder::new()
        .header("From", mailbox(&email.from))
        .header("To", mailbox(&email.to))
        .header("Subject", Text::new(clean::header(&email.subject)))
        .header("Date", Date::new(email.date.timestamp()))
        .header("Message-ID", MessageId::new(format!("{delivery}@{}", email.from.address.domain())))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("Content-Language", Raw::new(language(&email.language)?));
    if let Some(reply_to) = &email.reply_to {
        builder = builder.header("Reply-To", mailbox(reply_to));
    }
    if let Some(address) = &email.list_unsubscribe {
        builder = builder.header("List-Unsubscribe", URL::new(unsubscribe(address)?));
    }

    let mut octets = Vec::new();
    builder.body(MimePart::new(alternative, parts)).serialize(&mut octets);
    fits_the_wire(&octets).then_some(octets).ok_or(MimeError::LineTooLong)
}

/// What stands between the parts: of the delivery, so that each attempt has the same, and in neither part.
fn boundary(delivery: DeliveryId, parts: &[&str]) -> String {
    // Quoted-printable and base64 never hold `=_` (RFC 2045, 6.7); a part that needs no encoding might.
    let mut boundary = format!("=_{}", delivery.as_uuid().simple());
    while parts.iter().any(|part| part.contains(&boundary)) {
        boundary.push('_');
    }
    boundary
}

fn mailbox(mailbox: &Mailbox) -> Address<'_> {
    let name = clean::header(&mailbox.name);
    Address::new_address((!name.is_empty()).then_some(name), mailbox.address.as_str())
}

fn language(tag: &str) -> Result<&str, MimeError> {
    let well_formed = !tag.is_empty()
        && tag
            .split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    well_formed.then_some(tag).ok_or(MimeError::Language)
}

fn unsubscribe(address: &str) -> Result<&str, MimeError> {
    let known = address.starts_with("https://") || address.starts_with("mailto:");
    // A comma would begin a second address (RFC 2369, 2); inside an address it is written %2C.
    let plain = address.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b','));
    (known && plain).then_some(address).ok_or(MimeError::ListUnsubscribe)
}

/// Whether a mail server takes these octets as a message (RFC 5321, 2.3.8 and 4.5.3.1.6; RFC 5322, 2.1.1): every line has
/// at most 998 octets and ends with CRLF, and there is no other CR or LF and no NUL.
///
/// What [`encode`] answers does. An adapter that writes to a wire looks once more: some servers take a bare LF for the end
/// of a line, and what held `LF . LF` could say commands of its own to them.
pub fn fits_the_wire(octets: &[u8]) -> bool {
    if octets.is_empty() {
        return true;
    }
    // All of it, without a way out: so the compiler compares many octets at once.
    let mut wrong = matches!(octets[0], b'\n' | b'\0');
    for (before, octet) in octets.iter().zip(&octets[1..]) {
        wrong |= (*before == b'\r') != (*octet == b'\n');
        wrong |= *octet == b'\0';
    }
    if wrong || !octets.ends_with(b"\r\n") {
        return false;
    }
    // Lines that end within the length of the longest are short enough, however many they are.
    let mut rest = octets;
    while let Some(within) = rest.get(..LONGEST_LINE + 2) {
        let Some(end) = within.iter().rposition(|b| *b == b'\n') else { return false };
        rest = &rest[end + 1..];
    }
    true
}
