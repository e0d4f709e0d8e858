//! What the built-in messages promise in every language, and their words for review.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono_tz::Tz;

use super::*;
use crate::template::date::{DateStyle, format_date};
use crate::template::sms::{SmsEncoding, SmsSize};

/// What a person is told who has nothing but a user name, in an organisation that has set up nothing.
fn bare(form: CredentialForm) -> Values<'static> {
    Values {
        sign_in_name: "kari",
        organisation: "Acme",
        app_name: "Shiftbook",
        credential: Values::sample_credential(form),
        ..Values::default()
    }
}

fn language(template: &Template) -> &str {
    template.purpose().locale.as_str()
}

/// A message as it is reviewed: all that is read, without HTML.
fn words(template: &Template, values: &Values<'_>) -> String {
    match template.render(values, &Theme::default()).unwrap() {
        Rendered::Email(email) => {
            format!("Subject: {}\nPreheader: {}\n\n{}\n", email.subject, email.preheader, email.text)
        }
        Rendered::Sms(sms) => {
            let size = SmsSize::of(&sms.text);
            format!("{}\n({:?}, {} units, {} segments)\n", sms.text, size.encoding, size.units, size.segments)
        }
    }
}

#[test]
fn every_builtin_message_reads_as_reviewed() {
    for (kind, channel, form, template) in builtins() {
        if channel == Channel::Email {
            let locale = &template.purpose().locale;
            let values = with(form);
            let text = words(template, &values);
            let sms = words(builtin(kind, Channel::Sms, locale), &values);
            let html = email(template, &values).html;
            let whole = format!("{text}\n===== SMS =====\n{sms}\n===== HTML =====\n{html}");
            insta::assert_snapshot!(format!("{locale}_{kind}_{form}"), whole);
        }
    }
}

#[test]
fn every_builtin_message_reads_as_reviewed_in_other_circumstances() {
    for tongue in BUILTIN_LANGUAGES {
        let mut whole = String::new();
        for (kind, channel, form, template) in
            builtins().filter(|(.., template)| language(template) == tongue)
        {
            let full = with(form);
            let web_only = Values { ios_link: "", android_link: "", ..full };
            let circumstances = [
                ("nothing but a user name", true, bare(form)),
                ("no store", channel == Channel::Email && kind != MessageKind::Reset, web_only),
                ("last reminder", kind == MessageKind::Reminder, Values { last_reminder: true, ..full }),
                (
                    "the old password works",
                    kind == MessageKind::Reset,
                    Values { reset: true, old_password_works: true, ..full },
                ),
                (
                    "the old password works, nothing but a user name",
                    kind == MessageKind::Reset,
                    Values { reset: true, old_password_works: true, ..bare(form) },
                ),
            ];
            for (name, _, values) in circumstances.into_iter().filter(|(_, applies, _)| *applies) {
                let words = words(template, &values);
                writeln!(whole, "===== {kind}, {channel}, {form}: {name} =====\n{words}").unwrap();
            }
        }
        insta::assert_snapshot!(format!("{tongue}_circumstances"), whole);
    }
}

#[test]
fn a_typical_text_message_takes_two_segments_at_most() {
    let mut table = String::new();
    for (kind, channel, form, template) in builtins() {
        if channel == Channel::Sms {
            let size = SmsSize::of(&sms(template, &with(form)));
            let longest = Values { old_password_works: true, last_reminder: true, ..with(form) };
            for size in [size, SmsSize::of(&sms(template, &longest))] {
                assert!(size.segments <= 2, "{} {kind} {form}: {size:?}", language(template));
            }
            let line =
                format!("{} {kind} {form}: {} of {} units", language(template), size.segments, size.units);
            writeln!(table, "{line}").unwrap();
        }
    }
    insta::assert_snapshot!("segments", table);
}

#[test]
fn the_wording_of_text_messages_is_gsm7_in_every_language_and_circumstance() {
    for (kind, channel, form, template) in builtins().filter(|(_, channel, ..)| *channel == Channel::Sms) {
        let source = builtin_source(kind, channel, &template.purpose().locale);
        let foreign = source.chars().find(|one| SmsSize::of(&one.to_string()).encoding != SmsEncoding::Gsm7);
        assert_eq!(foreign, None, "{} {kind}", language(template));
        for time_zone in [Tz::Europe__Paris, Tz::America__Sao_Paulo, Tz::Africa__Cairo, Tz::UTC] {
            for values in [with(form), bare(form)] {
                let values = Values { time_zone, ..values };
                for values in [
                    values,
                    Values { last_reminder: true, ..values },
                    Values { old_password_works: true, ..values },
                ] {
                    let size = SmsSize::of(&sms(template, &values));
                    assert_eq!(size.encoding, SmsEncoding::Gsm7, "{} {kind} {form}", language(template));
                }
            }
        }
    }
}

/// The variables of a source, where it shows or asks for them.
fn variables(source: &str) -> BTreeSet<Variable> {
    let inside = source.split('{').filter_map(|part| Some(part.split_once('}')?.0));
    let names = inside.flat_map(|tag| tag.split(|one: char| !one.is_ascii_alphanumeric() && one != '_'));
    names
        .filter_map(|name| name.parse().ok())
        .map(|variable| match variable {
            // German addresses people whom it calls `Sie` by first and last name.
            Variable::FullName => Variable::FirstName,
            other => other,
        })
        .collect()
}

#[test]
fn a_message_shows_and_asks_for_the_same_in_every_language() {
    for kind in MessageKind::ALL {
        for channel in Channel::ALL {
            let english = variables(builtin_source(kind, channel, &Locale::english()));
            assert!(english.contains(&Variable::SignInName) && english.contains(&Variable::Support));
            for language in BUILTIN_LANGUAGES {
                let source = builtin_source(kind, channel, &language.parse().unwrap());
                assert_eq!(variables(source), english, "{language} {kind} {channel}");
            }
        }
    }
}

#[test]
fn no_message_says_anything_of_the_readers_gender() {
    let gendered = |language: &str| -> &[&str] {
        match language {
            "en" => &["he", "she", "his", "her", "him", "mr", "mrs", "ms", "sir", "madam"],
            "nb" => &["han", "hun", "hans", "hennes", "herr", "fru"],
            "es" => &[
                "bienvenido",
                "bienvenida",
                "invitado",
                "invitada",
                "registrado",
                "registrada",
                "conectado",
                "conectada",
                "estimado",
                "estimada",
                "señor",
                "señora",
                "administrador",
                "administradora",
                "empleado",
                "empleada",
                "seguro",
                "segura",
                "listo",
                "lista",
                "todos",
                "todas",
                "él",
                "ella",
            ],
            "de" => &[
                "lieber",
                "liebe",
                "herr",
                "frau",
                "administrator",
                "administratorin",
                "mitarbeiter",
                "mitarbeiterin",
                "nutzer",
                "benutzer",
                "kollege",
                "kollegin",
                "kunde",
                "kundin",
            ],
            _ => &[
                "invité",
                "invitée",
                "connecté",
                "connectée",
                "inscrit",
                "inscrite",
                "bienvenu",
                "cher",
                "chère",
                "monsieur",
                "madame",
                "administrateur",
                "administratrice",
                "utilisateur",
                "utilisatrice",
                "employé",
                "employée",
                "employés",
                "employées",
                "ajouté",
                "ajoutée",
                "sûr",
                "sûre",
                "prêt",
                "prête",
            ],
        }
    };
    for (kind, channel, form, template) in builtins() {
        let full = Values { old_password_works: true, last_reminder: true, ..with(form) };
        for values in [with(form), full, bare(form)] {
            let text = words(template, &values).to_lowercase();
            let found = text
                .split(|one: char| !one.is_alphabetic())
                .find(|word| gendered(language(template)).contains(word));
            assert_eq!(found, None, "{} {kind} {channel} {form}", language(template));
            for both in ["(e)", "(a)", "o/a", "·", "*", ":in", "/in"] {
                assert!(!text.contains(both), "{} {kind} {channel} has {both}", language(template));
            }
        }
    }
}

#[test]
fn french_keeps_its_punctuation_with_the_word_before() {
    let french: Locale = "fr".parse().unwrap();
    for kind in MessageKind::ALL {
        let source = builtin_source(kind, Channel::Email, &french);
        assert!(!source.contains(['\'', '"']), "{kind}: a straight apostrophe");
        let words = source.replace("Subject:", "").replace("Preheader:", "");
        for mark in [':', ';', '?', '!'] {
            for (at, _) in words.match_indices(mark) {
                assert!(words[..at].ends_with('\u{a0}'), "{kind}: {}", &words[..=at]);
            }
        }
        let text = email(builtin(kind, Channel::Email, &french), &Values::sample()).text;
        for (at, _) in text.match_indices(':').filter(|(at, _)| !text[*at..].starts_with("://")) {
            assert!(text[..at].ends_with('\u{a0}'), "{kind}: {}", &text[..=at]);
        }
    }
}

#[test]
fn a_reset_never_welcomes_and_says_who_reset_what_and_what_no_longer_works() {
    for (kind, channel, form, template) in builtins().filter(|(kind, ..)| *kind == MessageKind::Reset) {
        // How each language says that it stopped working, and that it works until then.
        let (stopped, works) = match (language(template), channel) {
            ("en", _) => ("no longer works", "works until then"),
            ("nb", _) => ("virker ikke lenger", "til da"),
            ("es", _) => ("ya no funciona", "asta entonces"),
            ("de", Channel::Email) => ("funktioniert nicht mehr", "Bis dahin"),
            ("de", Channel::Sms) => ("gilt nicht mehr", "Bis dahin"),
            (_, Channel::Email) => ("ne fonctionne plus", "D’ici là"),
            (_, Channel::Sms) => ("ne fonctionne plus", "Jusque-là"),
        };
        for old_password_works in [false, true] {
            for values in [with(form), bare(form)] {
                let text = words(template, &Values { reset: true, old_password_works, ..values });
                let place = format!("{} {kind} {channel} {form}: {text}", language(template));
                assert_eq!(text.contains(stopped), !old_password_works, "{place}");
                assert_eq!(text.contains(works), old_password_works, "{place}");
                assert!(values.inviter.is_empty() || text.contains(values.inviter), "{place}");
                let text = text.to_lowercase();
                for welcome in ["welcome", "velkommen", "bienvenid", "willkommen", "bienvenue"] {
                    assert!(!text.contains(welcome), "{place}");
                }
            }
        }
    }
}

#[test]
fn a_reminder_says_when_the_invitation_came_and_that_it_is_the_last() {
    for (_, channel, form, template) in builtins().filter(|(kind, ..)| *kind == MessageKind::Reminder) {
        let locale = &template.purpose().locale;
        let values = with(form);
        let style = if channel == Channel::Sms { DateStyle::ShortDay } else { DateStyle::Day };
        let day = format_date(values.invited_at.unwrap(), values.time_zone, locale, style);
        let last = match (locale.as_str(), channel) {
            ("en", _) => "last reminder",
            ("nb", _) => "siste påminnelse",
            ("es", Channel::Email) => "último recordatorio",
            ("es", Channel::Sms) => "Recordatorio final",
            ("de", _) => "letzte Erinnerung",
            _ => "dernier rappel",
        };
        let usual = words(template, &values);
        assert!(usual.contains(&day) && !usual.contains(last), "{locale} {channel}: {usual}");
        let text = words(template, &Values { last_reminder: true, ..values });
        assert!(text.contains(&day) && text.contains(last), "{locale} {channel}: {text}");
    }
}

#[test]
fn a_locale_gets_its_language_and_english_where_there_is_none() {
    let of = |tag: &str| {
        let locale: Locale = tag.parse().unwrap();
        let template = builtin(MessageKind::Sso, Channel::Email, &locale);
        assert_eq!(has_builtin(&locale), locale.language() == language(template), "{tag}");
        let page = email(template, &Values::sample()).html;
        assert!(page.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", language(template))), "{tag}");
        language(template).to_owned()
    };
    for (tag, language) in [
        ("nn-NO", "nb"),
        ("no", "nb"),
        ("es-MX", "es"),
        ("de-AT", "de"),
        ("fr-CA", "fr"),
        ("pl", "en"),
        ("en-GB", "en"),
    ] {
        assert_eq!(of(tag), language);
    }
}

#[test]
fn a_long_sign_in_name_is_cut_in_the_preheader_alone() {
    let name = "x".repeat(400);
    for tag in BUILTIN_LANGUAGES {
        let template = builtin(MessageKind::Reset, Channel::Email, &tag.parse().unwrap());
        let words = email(template, &Values { sign_in_name: &name, ..Values::sample() });
        assert_eq!((words.preheader.chars().count(), words.preheader.ends_with('…')), (255, true), "{tag}");
        assert!(words.text.contains(&name), "{tag}");
    }
}

#[test]
fn every_message_shows_its_credential_with_white_space_around_it() {
    for (kind, channel, form, template) in builtins() {
        let secret = match Values::sample_credential(form) {
            CredentialValue::None => continue,
            CredentialValue::Password(secret) | CredentialValue::Link(secret) => secret,
        };
        let text = match channel {
            Channel::Email => {
                let email = email(template, &with(form));
                assert!(email.html.contains(secret), "{kind} {form}");
                email.text
            }
            Channel::Sms => sms(template, &with(form)),
        };
        let (before, after) = text.split_once(secret).expect("shown");
        assert!(before.ends_with(char::is_whitespace), "{kind} {channel} {form}: {text}");
        assert!(
            after.is_empty() || after.starts_with(char::is_whitespace),
            "{kind} {channel} {form}: {text}"
        );
    }
}

#[test]
fn both_parts_of_an_email_say_the_same() {
    for (kind, channel, form, template) in builtins() {
        if channel == Channel::Email {
            let values = Values { reset: true, last_reminder: true, ..with(form) };
            let email = email(template, &values);
            // Addresses stand behind labels in HTML; numbers of items are drawn by the mail program.
            let plain = |word: &String| {
                let word = word.trim_end_matches(':').to_owned();
                (!word.starts_with("https://") && !matches!(word.as_str(), "" | "1." | "2." | "3." | "-"))
                    .then_some(word)
            };
            let text: Vec<String> = email.text.split_whitespace().map(str::to_owned).collect();
            let html = words_of_html(&body_of(&email));
            assert_eq!(
                text.iter().filter_map(plain).collect::<Vec<_>>(),
                html.iter().filter_map(plain).collect::<Vec<_>>(),
                "{kind} {form}"
            );
            let links = |text: &str| -> BTreeSet<String> {
                text.split([' ', '\n', '"', '<', '>'])
                    .filter(|word| word.starts_with("https://"))
                    .map(str::to_owned)
                    .collect()
            };
            assert_eq!(links(&email.text), links(&body_of(&email)), "{kind} {form}");
        }
    }
}

#[test]
fn empty_values_leave_nothing_stray_in_any_builtin_message() {
    for (kind, _, form, template) in builtins() {
        let texts = match template.render(&bare(form), &Theme::default()).unwrap() {
            Rendered::Email(email) => {
                let greeting = match language(template) {
                    "en" => "Hello,\n",
                    "nb" => "Hei!\n",
                    "es" => "Hola:\n",
                    "de" => "Guten Tag,\n",
                    _ => "Bonjour,\n",
                };
                assert!(email.text.starts_with(greeting), "{kind}: {}", email.text);
                assert!(
                    !email.html.contains("href=\"\"") && !email.html.contains("16px\"></p>"),
                    "{kind} {form}"
                );
                vec![words_of_html(&body_of(&email)).join(" "), email.text, email.subject, email.preheader]
            }
            Rendered::Sms(sms) => vec![sms.text],
        };
        for text in texts {
            assert!(text.lines().all(|line| !line.trim().contains("  ")), "{kind} {form}: {text}");
            for stray in [" ,", " .", "..", ",,", ": .", ":.", "\n\n\n"] {
                assert!(!text.contains(stray), "{kind} {form} has {stray:?}: {text}");
            }
            assert_eq!(text.trim(), text);
        }
    }
}
