//! One message with what breaks layouts.

use std::error::Error;

use invite_core::model::locale::Locale;
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::theme::{Colour, Theme};
use invite_core::template::{CredentialForm, Purpose, Rendered, Template, Values, builtin};

const LONG_ORGANISATION: &str = "Arbeitsgemeinschaft der Donaudampfschifffahrtsgesellschaftskapitäne und Matrosen von Ober- und Niederösterreich e. V.";
const LONG_SIGN_IN_NAME: &str = "maximiliane.charlotte.von-und-zu-hohenstaufen-wittelsbach@personalverwaltung.donaudampfschifffahrt.example";
const LONG_LINK: &str = "https://app.shiftbook.example/organisations/acme/departments/warehouse/join/\
    AAAAAAAAAAAAAAAAAAAAAA?continue=%2Fschedule%2Fweek%2F46%2Fview%2Fcompact&utm=none&signature=\
    abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789";

/// Arabic, which no built-in message has: an organisation's own would look so.
const ARABIC: &str = "\
Subject: {{ organisation }}: حسابك في {{ app_name }}
Preheader: اسم المستخدم: {{ sign_in_name }}

مرحبا {{ first_name }}

أنشأت {{ organisation }} حسابا لك في {{ app_name }}. أرسل {{ inviter }} هذه الدعوة.

{% if password %}

1. افتح التطبيق:\\
   {{ app_link }}

2. سجل الدخول باسم المستخدم **{{ sign_in_name }}** وكلمة المرور المؤقتة:

   `{{ password }}`

3. اختر كلمة مرور خاصة بك. تعمل المؤقتة مرة واحدة حتى {{ expires_at }}

{% elif setup_link %}

[إعداد حسابي]({{ setup_link }})

{% endif %}

> لم تتوقع هذه الرسالة؟ تجاهلها. لن نطلب منك كلمة المرور أبدا.
";

/// Each trial's name and page.
pub(crate) fn trials() -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let invitation = builtin(MessageKind::Invitation, Channel::Email, &Locale::english());
    let password =
        Values { credential: Values::sample_credential(CredentialForm::Password), ..Values::sample() };
    let link = Values { credential: Values::sample_credential(CredentialForm::Link), ..password };
    let colour = |colour: Colour| Theme { colour, ..Theme::default() };
    let logo = Theme { logo: Some("https://acme.example/logo.png".parse()?), ..Theme::default() };
    let long_link = invite_core::template::CredentialValue::Link(LONG_LINK);
    let arabic = arabic()?;

    let trials = [
        ("light-colour", invitation, link, colour(Colour::new(0xff, 0xe6, 0x00))),
        ("dark-colour", invitation, link, colour(Colour::new(0x14, 0x14, 0x2b))),
        ("white", invitation, link, colour(Colour::WHITE)),
        ("black", invitation, link, colour(Colour::BLACK)),
        ("mid-grey", invitation, link, colour(Colour::new(0x76, 0x76, 0x76))),
        ("logo", invitation, password, logo.clone()),
        ("logo-and-long-organisation", invitation, password.with_long_names(), logo),
        ("long-names", invitation, password.with_long_names(), Theme::default()),
        (
            "long-link",
            invitation,
            Values { credential: long_link, ..link }.with_long_names(),
            Theme::default(),
        ),
        ("right-to-left", &arabic, password, Theme::default()),
        ("right-to-left-link", &arabic, link, Theme::default()),
        ("bare", invitation, password.bare(), Theme::default()),
        ("bare-link", invitation, link.bare(), Theme::default()),
    ];
    let mut pages = Vec::new();
    for (name, template, values, theme) in trials {
        let Rendered::Email(email) = template.render(&values, &theme)? else {
            return Err("the invitation is no e-mail".into());
        };
        pages.push((name, email.html));
    }
    Ok(pages)
}

trait Difficult {
    fn with_long_names(self) -> Self;
    fn bare(self) -> Self;
}

impl Difficult for Values<'static> {
    fn with_long_names(self) -> Self {
        Self {
            first_name: "Maximiliane Charlotte Friederike",
            organisation: LONG_ORGANISATION,
            sign_in_name: LONG_SIGN_IN_NAME,
            app_name: "Schichtplanverwaltungssoftware",
            inviter: "Prof. Dr. Friedrich-Wilhelm Freiherr von Hohenstaufen-Wittelsbach",
            support: "https://support.donaudampfschifffahrtsgesellschaft.example/help/getting-started/sign-in",
            ..self
        }
    }

    fn bare(self) -> Self {
        Self {
            first_name: "",
            last_name: "",
            app_link: "",
            ios_link: "",
            android_link: "",
            inviter: "",
            support: "",
            ..self
        }
    }
}

fn arabic() -> Result<Template, Box<dyn Error>> {
    let purpose = Purpose { kind: MessageKind::Invitation, channel: Channel::Email, locale: "ar".parse()? };
    let checked = Template::check(ARABIC, purpose, &[CredentialForm::Password, CredentialForm::Link]);
    checked.map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        problems.join("\n").into()
    })
}
