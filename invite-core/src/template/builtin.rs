//! The messages that every organisation starts with, in five languages.
//!
//! Those of a text message are written so that GSM-7 has all their characters: Spanish has no `á í ó ú` there, French no
//! `ç ê`, and none has a curly quote. In no language do they say anything of the reader's gender.

use std::sync::OnceLock;

use super::check::Purpose;
use super::credential_form::CredentialForm;
use super::render::Template;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;

/// The version of the built-in messages that a batch pins. It changes with their wording.
pub const BUILTIN_VERSION: &str = "builtin-2";

/// The languages that the built-in messages are written in, as [`Locale::language`] has them.
pub const BUILTIN_LANGUAGES: [&str; 5] = ["en", "nb", "es", "de", "fr"];

const MESSAGES: usize = MessageKind::ALL.len() * Channel::ALL.len();

/// The built-in messages of one language: of each kind in the order of [`MessageKind::ALL`], the e-mail and the text
/// message.
macro_rules! sources {
    ($language:literal) => {
        sources!($language: "invitation", "reset", "reminder", "sso", "announcement")
    };
    ($language:literal: $($kind:literal),+) => {
        [$(
            include_str!(concat!("builtin/", $language, "/", $kind, ".md")),
            include_str!(concat!("builtin/", $language, "/", $kind, ".txt")),
        )+]
    };
}

/// In the order of [`BUILTIN_LANGUAGES`].
const SOURCES: [[&str; MESSAGES]; BUILTIN_LANGUAGES.len()] =
    [sources!("en"), sources!("nb"), sources!("es"), sources!("de"), sources!("fr")];

/// The built-in message for a purpose, in the language of `locale` if it is one of [`BUILTIN_LANGUAGES`], else in
/// English.
///
/// Its [`purpose`](Template::purpose) says which language it is. Each is made when it is first asked for, and kept.
pub fn builtin(kind: MessageKind, channel: Channel, locale: &Locale) -> &'static Template {
    static MADE: [[OnceLock<Template>; MESSAGES]; BUILTIN_LANGUAGES.len()] =
        [const { [const { OnceLock::new() }; MESSAGES] }; BUILTIN_LANGUAGES.len()];
    MADE[language(locale)][message(kind, channel)].get_or_init(|| compile(kind, channel, locale))
}

/// The source of the built-in message that [`builtin`] gives, for an editor to start from.
pub fn builtin_source(kind: MessageKind, channel: Channel, locale: &Locale) -> &'static str {
    SOURCES[language(locale)][message(kind, channel)]
}

/// Whether the built-in messages are written in the language of `locale`.
pub fn has_builtin(locale: &Locale) -> bool {
    BUILTIN_LANGUAGES.contains(&locale.language())
}

/// Which of [`BUILTIN_LANGUAGES`]: the first, English, for every language that is not there.
fn language(locale: &Locale) -> usize {
    BUILTIN_LANGUAGES.iter().position(|language| *language == locale.language()).unwrap_or_default()
}

fn message(kind: MessageKind, channel: Channel) -> usize {
    let kind = MessageKind::ALL.iter().position(|other| *other == kind).unwrap_or_default();
    let channel = Channel::ALL.iter().position(|other| *other == channel).unwrap_or_default();
    kind * Channel::ALL.len() + channel
}

fn compile(kind: MessageKind, channel: Channel, locale: &Locale) -> Template {
    let written_in = BUILTIN_LANGUAGES[language(locale)].parse().unwrap_or_else(|_| Locale::english());
    let purpose = Purpose { kind, channel, locale: written_in };
    match Template::check(builtin_source(kind, channel, locale), purpose, &CredentialForm::ALL) {
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
