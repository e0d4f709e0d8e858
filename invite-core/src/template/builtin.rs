//! The messages that every organisation starts with.

use std::sync::LazyLock;

use super::check::Purpose;
use super::credential_form::CredentialForm;
use super::render::Template;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;

/// The version of the built-in messages that a batch pins. It changes with their wording.
pub const BUILTIN_VERSION: &str = "builtin-1";

/// The built-in message for a purpose, in the language that comes nearest to `locale`: English so far.
///
/// Its [`purpose`](Template::purpose) says which language it is.
pub fn builtin(kind: MessageKind, channel: Channel, _locale: &Locale) -> &'static Template {
    static ENGLISH: LazyLock<Vec<Template>> = LazyLock::new(|| {
        let each = MessageKind::ALL.into_iter().flat_map(|kind| Channel::ALL.map(|channel| (kind, channel)));
        each.map(|(kind, channel)| compile(kind, channel)).collect()
    });
    let index = MessageKind::ALL.iter().position(|other| *other == kind).unwrap_or_default()
        * Channel::ALL.len()
        + Channel::ALL.iter().position(|other| *other == channel).unwrap_or_default();
    &ENGLISH[index]
}

/// The source of a built-in message, for an editor to start from.
pub const fn builtin_source(kind: MessageKind, channel: Channel) -> &'static str {
    match (kind, channel) {
        (MessageKind::Invitation, Channel::Email) => include_str!("builtin/en/invitation.md"),
        (MessageKind::Invitation, Channel::Sms) => include_str!("builtin/en/invitation.txt"),
        (MessageKind::Reset, Channel::Email) => include_str!("builtin/en/reset.md"),
        (MessageKind::Reset, Channel::Sms) => include_str!("builtin/en/reset.txt"),
        (MessageKind::Reminder, Channel::Email) => include_str!("builtin/en/reminder.md"),
        (MessageKind::Reminder, Channel::Sms) => include_str!("builtin/en/reminder.txt"),
        (MessageKind::Sso, Channel::Email) => include_str!("builtin/en/sso.md"),
        (MessageKind::Sso, Channel::Sms) => include_str!("builtin/en/sso.txt"),
        (MessageKind::Announcement, Channel::Email) => include_str!("builtin/en/announcement.md"),
        (MessageKind::Announcement, Channel::Sms) => include_str!("builtin/en/announcement.txt"),
    }
}

fn compile(kind: MessageKind, channel: Channel) -> Template {
    let purpose = Purpose { kind, channel, locale: Locale::english() };
    match Template::check(builtin_source(kind, channel), purpose, &CredentialForm::ALL) {
        Ok(template) => template,
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            unreachable!(
                "the built-in {kind} for {channel} checks, as a test proves: {}",
                problems.join("; ")
            )
        }
    }
}
