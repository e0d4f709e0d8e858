//! Which template a person's message is made of.

use super::builtin::has_builtin;
use super::sms::{SmsEncoding, SmsSize};
use crate::model::batch::TemplatePins;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::template_key::TemplateKey;
use crate::model::wording::ItemWording;

/// What a message is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resolved {
    /// The organisation's own, in this version.
    Own(TemplateKey, String),
    /// The built-in one.
    BuiltIn(TemplateKey),
}

impl Resolved {
    /// Which message it is, in the language that it is written in.
    pub const fn key(&self) -> &TemplateKey {
        match self {
            Self::Own(key, _) | Self::BuiltIn(key) => key,
        }
    }
}

/// The template of a message for somebody with this locale: the first that there is in their locale, its language, the
/// organisation's locale, its language, English; at each step the organisation's own before the built-in one.
///
/// ```
/// use invite_core::model::batch::TemplatePins;
/// use invite_core::model::locale::Locale;
/// use invite_core::model::message::Channel;
/// use invite_core::model::message_kind::MessageKind;
/// use invite_core::template::{Resolved, resolve};
///
/// let (english, polish): (_, Locale) = (Locale::english(), "pl".parse()?);
/// let own = TemplatePins([("invitation/email/pl".into(), "3".into())].into());
/// let message = |own| resolve(MessageKind::Invitation, Channel::Email, Some(&polish), &english, own);
/// assert!(matches!(message(&own), Resolved::Own(key, version) if key.locale == polish && version == "3"));
/// let built_in = message(&TemplatePins::default());
/// assert!(matches!(built_in, Resolved::BuiltIn(key) if key.locale == english));
/// # Ok::<(), invite_core::model::locale::LocaleError>(())
/// ```
pub fn resolve(
    kind: MessageKind,
    channel: Channel,
    person: Option<&Locale>,
    organisation: &Locale,
    own: &TemplatePins,
) -> Resolved {
    for locale in person.unwrap_or(organisation).fallbacks(organisation) {
        // The built-in ones are each for a language, so none of them comes before a text for its region or after one
        // for another language.
        let is_builtin = locale.as_str() == locale.language() && has_builtin(&locale);
        let key = TemplateKey { kind, channel, locale };
        if let Some(version) = own.version(&key) {
            let version = version.to_owned();
            return Resolved::Own(key, version);
        }
        if is_builtin {
            return Resolved::BuiltIn(key);
        }
    }
    Resolved::BuiltIn(TemplateKey { kind, channel, locale: Locale::english() })
}

/// In which languages the messages of a kind to somebody are, and how long the text message is, which must be measured
/// where one of the channels is SMS.
pub fn wording(
    kind: MessageKind,
    channels: &[Channel],
    person: Option<&Locale>,
    organisation: &Locale,
    own: &TemplatePins,
    sms: Option<SmsSize>,
) -> ItemWording {
    let wanted = person.unwrap_or(organisation).language();
    let mut wording = ItemWording::default();
    for channel in channels {
        let resolved = resolve(kind, *channel, person, organisation, own);
        let language = resolved.key().locale.language();
        if language != wanted {
            wording.fallbacks.insert(format!("{wanted} → {language}"));
        }
        wording.languages.insert(language.to_owned());
    }
    if let Some(size) = sms.filter(|_| channels.contains(&Channel::Sms)) {
        wording.sms_segments = size.segments as u64;
        wording.sms_ucs2 = size.encoding == SmsEncoding::Ucs2;
    }
    wording
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locale(tag: &str) -> Locale {
        tag.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn found(person: Option<&str>, organisation: &str, own: &[&str]) -> String {
        let pins = own.iter().map(|tag| (format!("reminder/sms/{tag}"), "7".to_owned())).collect();
        let person = person.map(locale);
        let (kind, channel) = (MessageKind::Reminder, Channel::Sms);
        match resolve(kind, channel, person.as_ref(), &locale(organisation), &TemplatePins(pins)) {
            Resolved::Own(key, version) => {
                assert_eq!((key.kind, key.channel, version.as_str()), (kind, channel, "7"));
                format!("own {}", key.locale)
            }
            Resolved::BuiltIn(key) => format!("built-in {}", key.locale),
        }
    }

    #[test]
    fn the_nearest_language_wins_and_at_each_step_the_own_before_the_built_in() {
        for (person, organisation, own, expected) in [
            (Some("pt-BR"), "ru-RU", &["pt-BR", "pt", "ru-RU", "ru", "en"][..], "own pt-BR"),
            (Some("pt-BR"), "ru-RU", &["pt", "ru-RU", "ru", "en"], "own pt"),
            (Some("pt-BR"), "ru-RU", &["ru-RU", "ru", "en"], "own ru-RU"),
            (Some("pt-BR"), "ru-RU", &["ru", "en"], "own ru"),
            (Some("pt-BR"), "ru-RU", &["en"], "own en"),
            (Some("pt-BR"), "ru-RU", &[], "built-in en"),
            (Some("en-GB"), "ru", &["en"], "own en"),
            (Some("en-GB"), "ru", &["en-GB", "en"], "own en-GB"),
            (Some("en-GB"), "ru", &["ru"], "built-in en"),
            (Some("pl"), "ru", &["pt-BR", "en"], "own en"),
            (Some("pl"), "en", &["pl-PL"], "built-in en"),
            (None, "ru-RU", &["ru"], "own ru"),
            (None, "ru-RU", &["pt"], "built-in en"),
        ] {
            assert_eq!(
                found(person, organisation, own),
                expected,
                "{person:?} in {organisation} with {own:?}"
            );
        }
    }

    #[test]
    fn a_message_of_another_kind_or_channel_is_not_taken() {
        let own = [("reminder/email/pl", "1"), ("invitation/sms/pl", "1")];
        let own = TemplatePins(own.map(|(key, version)| (key.to_owned(), version.to_owned())).into());
        let (kind, channel, locale) = (MessageKind::Reminder, Channel::Sms, Locale::english());
        let resolved = resolve(kind, channel, Some(&"pl".parse().expect("a tag")), &locale, &own);
        assert_eq!(resolved, Resolved::BuiltIn(TemplateKey { kind, channel, locale }));
    }

    #[test]
    fn a_language_that_is_not_there_is_a_fallback_and_a_region_is_not() {
        let own = TemplatePins([("invitation/email/ru".to_owned(), "1".to_owned())].into());
        let sizes = SmsSize::of(&"ж".repeat(71));
        let of = |person: &str, channels: &[Channel]| {
            let kind = MessageKind::Invitation;
            wording(kind, channels, Some(&locale(person)), &locale("ru-RU"), &own, Some(sizes))
        };
        let polish = of("pl", &[Channel::Email]);
        assert_eq!((polish.languages, polish.fallbacks), (["ru".into()].into(), ["pl → ru".into()].into()));
        assert_eq!((polish.sms_segments, polish.sms_ucs2), (0, false));
        let british = of("en-GB", &[Channel::Email]);
        assert_eq!((british.languages, british.fallbacks), (["en".into()].into(), [].into()));
        let both = of("ru", &Channel::ALL);
        assert_eq!(both.languages, ["en".to_owned(), "ru".into()].into());
        assert_eq!(both.fallbacks, ["ru → en".to_owned()].into());
        assert_eq!((both.sms_segments, both.sms_ucs2), (2, true));
    }
}
