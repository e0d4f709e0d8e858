//! A message as SES takes it.

use std::borrow::Cow;

use idna::AsciiDenyList;
use invite_core::model::contact::EmailAddress;
use invite_core::model::message::{Content, Email, Mailbox, Message};
use invite_core::model::outcome::{Answer, Outcome, Refusal, Scope};

/// What is said of a message, and its octets.
pub(crate) struct Letter<'a> {
    /// The whole message (RFC 5322).
    pub(crate) octets: Vec<u8>,
    /// The sender's address, in ASCII.
    pub(crate) from: String,
    /// The recipient's address, in ASCII.
    pub(crate) to: String,
    email: &'a Email,
}

impl<'a> Letter<'a> {
    /// The letter, or why it certainly never goes.
    pub(crate) fn of(message: &'a Message) -> Result<Self, Outcome> {
        let Content::Email(email) = &message.content else {
            return Err(refused(Refusal::Content, "this transport carries e-mail only"));
        };
        let written = in_ascii(email)?;
        let octets = invite_mime::encode(&written, message.delivery)
            .map_err(|error| refused(Refusal::Content, &error.to_string()))?;
        let (from, to) = (written.from.address.to_string(), written.to.address.to_string());
        Ok(Self { octets, from, to, email })
    }

    /// What SES must not be quoted with.
    pub(crate) fn content(&self) -> [&[u8]; 5] {
        let Email { subject, text, html, to, .. } = self.email;
        [&self.octets, text.as_bytes(), html.as_bytes(), subject.as_bytes(), to.name.as_bytes()]
    }
}

/// With the domains of its addresses in ASCII (RFC 5890). SES takes no other character before the @ either, and that part
/// has no such form.
fn in_ascii(email: &Email) -> Result<Cow<'_, Email>, Outcome> {
    let mailboxes = [Some(&email.from), Some(&email.to), email.reply_to.as_ref()];
    if mailboxes.into_iter().flatten().all(|mailbox| mailbox.address.as_str().is_ascii()) {
        return Ok(Cow::Borrowed(email));
    }
    let author = || Outcome::Blocked {
        scope: Scope::Sender,
        answer: Answer::new(
            "",
            "the sender's address or that for answers is not ASCII before the @, or has no domain after it, and Amazon SES \
             does not support such addresses (RFC 6531); use another address",
        ),
    };
    let recipient = || {
        refused(
            Refusal::RecipientUncertain,
            "the address is not ASCII before the @, or has no domain after it, and Amazon SES does not support such \
             addresses (RFC 6531); use another address of this person",
        )
    };
    let mut written = email.clone();
    written.from = mailbox_in_ascii(&email.from).ok_or_else(author)?;
    written.to = mailbox_in_ascii(&email.to).ok_or_else(recipient)?;
    if let Some(reply_to) = &email.reply_to {
        written.reply_to = Some(mailbox_in_ascii(reply_to).ok_or_else(author)?);
    }
    Ok(Cow::Owned(written))
}

fn mailbox_in_ascii(mailbox: &Mailbox) -> Option<Mailbox> {
    let (local, domain) = mailbox.address.as_str().rsplit_once('@')?;
    if !local.is_ascii() {
        return None;
    }
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3).ok()?;
    let address: EmailAddress = format!("{local}@{domain}").parse().ok()?;
    Some(Mailbox { name: mailbox.name.clone(), address })
}

fn refused(refusal: Refusal, words: &str) -> Outcome {
    Outcome::Refused { refusal, answer: Answer::new("", words) }
}
