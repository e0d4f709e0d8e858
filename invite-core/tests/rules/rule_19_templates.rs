//! Rule 19, templates that do not check are not saved.
//!
//! Organisations cannot save messages of their own yet, and batches pin none: that a batch keeps the versions that it was
//! planned with, and that a setting which would invalidate a saved message is refused, get their tests with that.

use invite_core::model::locale::Locale;
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::template::{
    BUILTIN_LANGUAGES, CredentialForm, MAX_SOURCE, Purpose, Template, builtin, builtin_source,
};

fn problems(kind: MessageKind, channel: Channel, source: &str) -> Vec<String> {
    let purpose = Purpose { kind, channel, locale: Locale::english() };
    match Template::check(source, purpose, &CredentialForm::ALL) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn rule_19_every_built_in_message_checks_for_every_credential() {
    for kind in MessageKind::ALL {
        for channel in Channel::ALL {
            for language in BUILTIN_LANGUAGES {
                let locale: Locale = language.parse().unwrap();
                let source = builtin_source(kind, channel, &locale);
                assert_eq!(problems(kind, channel, source), [""; 0], "{language} {kind} {channel}");
                assert_eq!(*builtin(kind, channel, &locale).purpose(), Purpose { kind, channel, locale });
            }
        }
    }
}

#[test]
fn rule_19_what_does_not_check_is_no_template_and_says_what_to_do() {
    let email = |body: &str| format!("Subject: Hello\n\n{body}\n");
    let long = "a".repeat(MAX_SOURCE + 1);
    let wrong = [
        email("Hello {{ nobody }}: {{ credential }}"),
        email("{% if reset %}never closed"),
        email("{% for name in names %}{{ name }}{% endfor %}"),
        email("{% include \"/etc/passwd\" %}"),
        email("{{ first_name | no_such_filter }}"),
        email("Hello, and nothing to sign in with"),
        "no subject at all".to_owned(),
        email(&long),
        String::new(),
    ];
    for source in wrong {
        let problems = problems(MessageKind::Invitation, Channel::Email, &source);
        assert!(!problems.is_empty(), "{}", &source[..source.len().min(100)]);
        assert!(problems.iter().all(|problem| !problem.is_empty()));
    }
}

#[test]
fn rule_19_a_message_that_carries_no_credential_cannot_ask_for_one() {
    let invitation = builtin_source(MessageKind::Invitation, Channel::Email, &Locale::english());
    for kind in [MessageKind::Sso, MessageKind::Announcement] {
        assert!(!problems(kind, Channel::Email, invitation).is_empty(), "{kind}");
    }
}

#[test]
fn rule_19_a_subject_cannot_hold_a_credential() {
    let source = builtin_source(MessageKind::Invitation, Channel::Email, &Locale::english());
    let (_, body) = source.split_once('\n').unwrap();
    for variable in ["password", "setup_link"] {
        let source = format!("Subject: {{{{ {variable} }}}}\n{body}");
        assert!(!problems(MessageKind::Invitation, Channel::Email, &source).is_empty(), "{variable}");
    }
}
