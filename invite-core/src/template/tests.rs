//! What templates promise, through the public API.

use super::builtin::builtin_source;
use super::sms::{SmsEncoding, SmsSize};
use super::*;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::theme::Theme;

fn purpose(kind: MessageKind, channel: Channel) -> Purpose {
    Purpose { kind, channel, locale: Locale::english() }
}

fn with(form: CredentialForm) -> Values<'static> {
    Values { credential: Values::sample_credential(form), ..Values::sample() }
}

fn email(template: &Template, values: &Values<'_>) -> RenderedEmail {
    match template.render(values, &Theme::default()) {
        Ok(Rendered::Email(email)) => email,
        other => panic!("no e-mail: {other:?}"),
    }
}

fn sms(template: &Template, values: &Values<'_>) -> String {
    match template.render(values, &Theme::default()) {
        Ok(Rendered::Sms(sms)) => sms.text,
        other => panic!("no text message: {other:?}"),
    }
}

/// Every built-in message with every form of credential that it takes.
fn builtins() -> impl Iterator<Item = (MessageKind, Channel, CredentialForm, &'static Template)> {
    MessageKind::ALL.into_iter().flat_map(|kind| {
        Channel::ALL.into_iter().flat_map(move |channel| {
            let template = builtin(kind, channel, &Locale::english());
            template.forms().iter().map(move |form| (kind, channel, *form, template))
        })
    })
}

#[test]
fn every_builtin_message_reads_as_reviewed() {
    for (kind, channel, form, template) in builtins() {
        let name = format!("{kind}_{form}");
        match template.render(&with(form), &Theme::default()).unwrap() {
            Rendered::Email(email) => {
                let head = format!("Subject: {}\nPreheader: {}\n\n", email.subject, email.preheader);
                insta::assert_snapshot!(format!("{name}_text"), head + &email.text);
                insta::assert_snapshot!(format!("{name}_html"), email.html);
            }
            Rendered::Sms(sms) => {
                let size = SmsSize::of(&sms.text);
                let price =
                    format!("\n({:?}, {} units, {} segments)", size.encoding, size.units, size.segments);
                insta::assert_snapshot!(format!("{name}_{channel}"), sms.text + &price);
            }
        }
    }
}

#[test]
fn every_builtin_source_checks() {
    for (kind, channel, _, template) in builtins() {
        let checked =
            Template::check(builtin_source(kind, channel), purpose(kind, channel), template.forms());
        assert!(checked.is_ok(), "{kind} {channel}: {checked:?}");
    }
}
