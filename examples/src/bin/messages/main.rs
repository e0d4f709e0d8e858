//! Every built-in message as files: what people will receive, to look at before anybody does.
//!
//! ```text
//! cargo run -p invite-examples --bin messages -- messages
//! ```
//!
//! Then open `messages/index.html`. For each kind, language and form of credential there is `….eml` (as it is sent),
//! `….html` and `….txt` (its two parts) and `….sms.txt`. `layout/` has one message with what breaks layouts: names that
//! are too long, a colour that is too light, a language that is written from right to left.

mod index;
mod layout;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use invite_core::model::id::DeliveryId;
use invite_core::model::locale::Locale;
use invite_core::model::message::{Channel, Email, Mailbox};
use invite_core::model::message_kind::MessageKind;
use invite_core::model::theme::Theme;
use invite_core::template::{BUILTIN_LANGUAGES, CredentialForm, Rendered, RenderedEmail, Values, builtin};
use uuid::Uuid;

/// A message on both channels.
struct Sample {
    language: &'static str,
    kind: MessageKind,
    form: CredentialForm,
    email: RenderedEmail,
    sms: String,
}

impl Sample {
    /// What its files are called: `en-invitation-password`.
    fn name(&self) -> String {
        format!("{}-{}-{}", self.language, self.kind, self.form)
    }
}

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("Usage: messages FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder)) {
        Ok(count) => {
            println!("{count} messages; look at {}", Path::new(&folder).join("index.html").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> Result<usize, Box<dyn Error>> {
    fs::create_dir_all(folder.join("layout"))?;
    let samples = samples()?;
    for (number, sample) in samples.iter().enumerate() {
        let file = |extension| folder.join(format!("{}.{extension}", sample.name()));
        fs::write(file("eml"), eml(sample, number)?)?;
        fs::write(file("html"), &sample.email.html)?;
        fs::write(file("txt"), &sample.email.text)?;
        fs::write(file("sms.txt"), &sample.sms)?;
    }
    for (name, html) in layout::trials()? {
        fs::write(folder.join("layout").join(format!("{name}.html")), html)?;
    }
    fs::write(folder.join("index.html"), index::page(&samples))?;
    Ok(samples.len())
}

/// Each kind in each language with each form of credential that it may have.
fn samples() -> Result<Vec<Sample>, Box<dyn Error>> {
    let mut samples = Vec::new();
    for language in BUILTIN_LANGUAGES {
        let locale: Locale = language.parse()?;
        for kind in MessageKind::ALL {
            let [email, sms] = [Channel::Email, Channel::Sms].map(|channel| builtin(kind, channel, &locale));
            for form in email.forms() {
                let values = Values {
                    credential: Values::sample_credential(*form),
                    reset: kind == MessageKind::Reset,
                    // As the settings have it where nobody changed them.
                    old_password_works: kind == MessageKind::Reset && *form == CredentialForm::Link,
                    ..Values::sample()
                };
                let theme = Theme::default();
                let (Rendered::Email(email), Rendered::Sms(sms)) =
                    (email.render(&values, &theme)?, sms.render(&values, &theme)?)
                else {
                    return Err("a template rendered for another channel than its own".into());
                };
                samples.push(Sample { language, kind, form: *form, email, sms: sms.text });
            }
        }
    }
    Ok(samples)
}

/// The e-mail as a transport gets it. Nothing in it changes from run to run.
fn eml(sample: &Sample, number: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let values = Values::sample();
    let mailbox = |name: &str, address: &str| -> Result<Mailbox, Box<dyn Error>> {
        Ok(Mailbox { name: name.to_owned(), address: address.parse()? })
    };
    let email = Email {
        from: mailbox(values.organisation, "invitations@acme.example")?,
        reply_to: Some(mailbox("", values.support)?),
        to: mailbox("Kari Nordmann", values.email)?,
        subject: sample.email.subject.clone(),
        text: sample.email.text.clone(),
        html: sample.email.html.clone(),
        language: sample.language.to_owned(),
        date: values.invited_at.ok_or("the sample has no date of invitation")?,
        list_unsubscribe: None,
    };
    // A delivery id like any other, but the same each time: version 7, 3 November 2026.
    let id = Uuid::from_u128(0x01a1_a19a_33c0_7c3e_9f00_0000_0000_0000 + number as u128);
    Ok(invite_mime::encode(&email, DeliveryId::from_uuid(id))?)
}
