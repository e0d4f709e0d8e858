//! The name of a message's file: `<delivery id>-<recipient>.<eml or txt>`.

use invite_core::model::id::DeliveryId;
use invite_core::model::message::{Channel, Content, Message};

/// How much of a recipient goes into the name; with the rest it stays far below the 255 octets of file systems.
const LONGEST_RECIPIENT: usize = 80;
/// A hyphenated UUID.
const LENGTH_OF_ID: usize = 36;

/// The name under which a message is stored; the same whenever the delivery is handed over.
pub(crate) fn of(message: &Message) -> String {
    let recipient = match &message.content {
        Content::Email(email) => email.to.address.as_str(),
        Content::Sms(sms) => sms.to.as_str(),
    };
    let recipient: String = recipient.chars().take(LONGEST_RECIPIENT).map(harmless).collect();
    format!("{}-{recipient}.{}", message.delivery, extension(message.channel()))
}

/// The channel of a file that bears such a name; nothing for any other file.
pub(crate) fn channel(name: &str) -> Option<Channel> {
    let id = name.get(..LENGTH_OF_ID)?;
    id.parse::<DeliveryId>().ok()?;
    let (recipient, found) = name[LENGTH_OF_ID..].strip_prefix('-')?.rsplit_once('.')?;
    let ours = recipient.chars().all(|c| harmless(c) == c);
    Channel::ALL.into_iter().find(|channel| ours && extension(*channel) == found)
}

const fn extension(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "eml",
        Channel::Sms => "txt",
    }
}

/// What needs no quoting in a shell, a URL's path or HTML, and means nothing to a file system.
fn harmless(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '+' | '-') { c } else { '_' }
}
