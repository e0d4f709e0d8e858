//! A message as this conversation carries it.

use std::borrow::Cow;

use idna::AsciiDenyList;
use invite_core::model::contact::EmailAddress;
use invite_core::model::message::{Content, Email, Mailbox, Message};
use invite_core::model::outcome::{Answer, Outcome, Refusal, Scope};

use crate::capabilities::Capabilities;
use crate::data::data;
use crate::dsn::BounceAddress;

/// What is said of a message, and its octets.
pub(crate) struct Letter<'a> {
    /// What follows DATA, to the final dot.
    pub(crate) data: Vec<u8>,
    /// Octets before dot-stuffing, for `SIZE=`.
    size: usize,
    /// Whether they are not ASCII alone.
    eight_bit: bool,
    /// Where notifications go.
    from: String,
    to: EmailAddress,
    /// Whether the address of an author is not ASCII. All domains are.
    author_is_international: bool,
    email: &'a Email,
}

impl<'a> Letter<'a> {
    /// The letter, or why it certainly never goes.
    pub(crate) fn of(message: &'a Message, bounces: Option<&BounceAddress>) -> Result<Self, Outcome> {
        let Content::Email(email) = &message.content else {
            return Err(refused(Refusal::Content, "this transport carries e-mail only"));
        };
        let written = with_ascii_domains(email)?;
        let octets = invite_mime::encode(&written, message.delivery)
            .map_err(|error| refused(Refusal::Content, &error.to_string()))?;
        let (size, eight_bit) = (octets.len(), !octets.is_ascii());
        let data = data(octets)
            .map_err(|_| refused(Refusal::Content, "the message has a line that no mail server takes"))?;
        let (author, to) = (&written.from.address, written.to.address.clone());
        let from = bounces.map_or_else(|| author.as_str().to_owned(), |it| it.address(message.delivery));
        if [author.as_str(), &from, to.as_str()].iter().any(|address| !fits_a_command(address)) {
            return Err(refused(Refusal::Content, "an address has a character that no command can carry"));
        }
        let author_is_international =
            !author.as_str().is_ascii() || written.reply_to.as_ref().is_some_and(|it| !is_ascii(it));
        Ok(Self { data, size, eight_bit, from, to, author_is_international, email })
    }

    /// Why a server that offers this would not take it.
    pub(crate) fn objection(&self, offered: Capabilities) -> Option<Outcome> {
        if !offered.smtputf8() {
            if !self.to.as_str().is_ascii() {
                return Some(refused(
                    Refusal::RecipientUncertain,
                    "the part before the @ is not ASCII, and the mail server does not offer SMTPUTF8 (RFC 6531); use \
                     another address of this person, or another mail server",
                ));
            }
            if self.author_is_international {
                let answer = Answer::new(
                    "",
                    "the sender's address or that for answers is not ASCII before the @, and the mail server does not \
                     offer SMTPUTF8 (RFC 6531); use another address, or another mail server",
                );
                return Some(Outcome::Blocked { scope: Scope::Sender, answer });
            }
        }
        if self.eight_bit && !offered.eight_bit() {
            let words =
                "the message is not ASCII alone, and the mail server does not offer 8BITMIME (RFC 6152)";
            return Some(refused(Refusal::Content, words));
        }
        let largest = offered.largest()?;
        (self.size > largest).then(|| {
            let words = format!(
                "the message has {} octets, and the mail server takes {largest} at most; shorten its template",
                self.size
            );
            refused(Refusal::Content, &words)
        })
    }

    /// The line of MAIL.
    pub(crate) fn mail(&self, offered: Capabilities) -> String {
        let size = if offered.size() { format!(" SIZE={}", self.size) } else { String::new() };
        let mut line = format!("MAIL FROM:<{}>{size}", self.from);
        if self.eight_bit {
            line.push_str(" BODY=8BITMIME");
        }
        if self.author_is_international || !self.to.as_str().is_ascii() {
            line.push_str(" SMTPUTF8");
        }
        line.push_str("\r\n");
        line
    }

    /// The line of RCPT.
    pub(crate) fn rcpt(&self) -> String {
        format!("RCPT TO:<{}>\r\n", self.to)
    }

    /// What a server must not be quoted with.
    pub(crate) fn content(&self) -> [&[u8]; 4] {
        [&self.data, self.email.text.as_bytes(), self.email.html.as_bytes(), self.email.subject.as_bytes()]
    }
}

/// The addresses in the header and in the commands are the same, and their domains are in ASCII (RFC 5890), which every
/// server takes; what stands before the @ has no such form.
fn with_ascii_domains(email: &Email) -> Result<Cow<'_, Email>, Outcome> {
    if is_ascii(&email.from) && is_ascii(&email.to) && email.reply_to.as_ref().is_none_or(is_ascii) {
        return Ok(Cow::Borrowed(email));
    }
    let author = || Outcome::Blocked {
        scope: Scope::Sender,
        answer: Answer::new(
            "",
            "the domain of the sender's address, or of that for answers, is none; correct it",
        ),
    };
    let recipient =
        || refused(Refusal::RecipientUncertain, "what stands after the @ is no domain; correct the address");
    let mut written = email.clone();
    written.from = with_ascii_domain(&email.from).ok_or_else(author)?;
    written.to = with_ascii_domain(&email.to).ok_or_else(recipient)?;
    if let Some(reply_to) = &email.reply_to {
        written.reply_to = Some(with_ascii_domain(reply_to).ok_or_else(author)?);
    }
    Ok(Cow::Owned(written))
}

fn with_ascii_domain(mailbox: &Mailbox) -> Option<Mailbox> {
    let (local, domain) = mailbox.address.as_str().rsplit_once('@')?;
    if domain.is_ascii() {
        return Some(mailbox.clone());
    }
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3).ok()?;
    Some(Mailbox { name: mailbox.name.clone(), address: format!("{local}@{domain}").parse().ok()? })
}

fn is_ascii(mailbox: &Mailbox) -> bool {
    mailbox.address.as_str().is_ascii()
}

/// An address that exists has none of these; but what goes over the wire is looked at as it is.
fn fits_a_command(address: &str) -> bool {
    !address.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
}

fn refused(refusal: Refusal, words: &str) -> Outcome {
    Outcome::Refused { refusal, answer: Answer::new("", words) }
}
