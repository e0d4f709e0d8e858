//! A message as it leaves: rendered, for one person, on one channel.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::contact::{EmailAddress, PhoneNumber};
use super::id::{DeliveryId, OrganisationId};

/// What a message travels on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// An e-mail, RFC 5322.
    Email,
    /// A text message to a phone.
    Sms,
}

impl Channel {
    /// Both channels, in the order in which they are tried and shown.
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    /// The name in settings, files and databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name and an address, as in a `From` header.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The display name; empty for none.
    pub name: String,
    /// The address.
    pub address: EmailAddress,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({:?} <{}>)", self.name, self.address)
    }
}

/// A rendered message, ready for a transport.
///
/// It holds the credential in plain text: `Debug` shows where it goes and how long it is, never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The delivery; the same on each attempt, so a transport derives its idempotency key and `Message-ID` from it.
    pub delivery: DeliveryId,
    /// Whose message it is.
    pub organisation: OrganisationId,
    /// The channel's part.
    pub content: Content,
}

/// What a message says, and to whom.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// An e-mail.
    Email(Box<Email>),
    /// A text message.
    Sms(Sms),
}

/// An e-mail before it becomes octets.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// Who sends it.
    pub from: Mailbox,
    /// Where answers go, if not to `from`.
    pub reply_to: Option<Mailbox>,
    /// Who receives it.
    pub to: Mailbox,
    /// The subject: one line, no credential.
    pub subject: String,
    /// The text part: says everything that the HTML says.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The language of the text, a BCP 47 tag.
    pub language: String,
    /// The `Date` header: when this attempt is made, on the store's clock.
    pub date: chrono::DateTime<chrono::Utc>,
    /// Where one may unsubscribe (`List-Unsubscribe`, RFC 2369): an `https` or `mailto` address, if the host has one.
    pub list_unsubscribe: Option<String>,
}

/// A text message.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// The number or alphanumeric sender, if the provider needs one.
    pub from: Option<String>,
    /// Who receives it.
    pub to: PhoneNumber,
    /// The text.
    pub text: String,
}

impl Message {
    /// The channel it travels on.
    pub const fn channel(&self) -> Channel {
        match self.content {
            Content::Email(_) => Channel::Email,
            Content::Sms(_) => Channel::Sms,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("delivery", &self.delivery)
            .field("organisation", &self.organisation)
            .field("content", &self.content)
            .finish()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(email) => email.fmt(f),
            Self::Sms(sms) => sms.fmt(f),
        }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({} octets of text, {} of HTML, content hidden)", self.text.len(), self.html.len())
    }
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sms({} octets, content hidden)", self.text.len())
    }
}
