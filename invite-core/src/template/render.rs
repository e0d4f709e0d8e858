//! A checked template, and the message that it becomes for one person.

use std::fmt;

use tera::{Context, Tera};

use super::canonical::{INERT, Output, inert, print};
use super::check::Purpose;
use super::credential_form::CredentialForm;
use super::layout;
use super::markdown::Body;
use super::piece::Piece;
use super::spacing::{Indent, tidy_html, tidy_line, tidy_text};
use super::values::{Values, cut};
use super::variable::Variable;
use crate::model::message::Channel;
use crate::model::theme::Theme;

/// How long a subject may be, in characters.
pub const MAX_SUBJECT: usize = 255;

/// How long the HTML of an e-mail may be, in octets. The text part, which says the same, has the same limit.
pub const MAX_HTML: usize = 256 * 1_024;

/// How long a text message may be, in characters.
pub const MAX_SMS: usize = 1_600;

const SUBJECT: &str = "subject";
const PREHEADER: &str = "preheader";
const TEXT: &str = "text";
/// Tera escapes values in templates whose names end so, and in no others.
const HTML: &str = "email.html";

/// A template that passed [`check`](Self::check): made once, kept, and rendered for any number of people from any number of
/// threads.
pub struct Template {
    purpose: Purpose,
    forms: Vec<CredentialForm>,
    variables: Vec<Variable>,
    tera: Tera,
}

impl Template {
    /// What it was checked for.
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The forms of credential that it was checked for; it is rendered for no other.
    pub fn forms(&self) -> &[CredentialForm] {
        &self.forms
    }

    /// The message for one person. Linear in the template and the values.
    ///
    /// A text message takes nothing from `theme`.
    pub fn render(&self, values: &Values<'_>, theme: &Theme) -> Result<Rendered, RenderError> {
        let form = values.credential.form();
        if !self.forms.contains(&form) {
            return Err(RenderError::UnexpectedCredential { form });
        }
        let Purpose { channel, locale, .. } = &self.purpose;
        let mut context = values.context(&self.variables, *channel, locale)?;
        if *channel == Channel::Sms {
            let text = tidy_text(&self.part(TEXT, &context)?, Indent::Drop);
            limit(Part::Sms, text.chars().count(), MAX_SMS)?;
            return Ok(Rendered::Sms(RenderedSms { text }));
        }
        let subject = tidy_line(&self.part(SUBJECT, &context)?);
        limit(Part::Subject, subject.chars().count(), MAX_SUBJECT)?;
        // Mail programs show as much of it as there is room for; a long name in it must not keep the message back.
        let preheader = cut(tidy_line(&self.part(PREHEADER, &context)?), MAX_SUBJECT, *channel);
        let text = tidy_text(&self.part(TEXT, &context)?, Indent::Keep);
        limit(Part::Text, text.len(), MAX_HTML)?;

        let mut insert = |name: &'static str, value: &str| {
            context.insert_value(name, tera::Value::normal_string(value));
        };
        insert("subject", &subject);
        insert("preheader", &preheader);
        insert("lang", locale.as_str());
        insert("dir", locale.direction().as_str());
        insert("theme_colour", &theme.colour.to_string());
        insert("theme_text", &theme.colour.readable_text().to_string());
        insert("logo", theme.logo.as_ref().map_or("", |logo| logo.as_str()));
        let html = tidy_html(&self.part(HTML, &context)?);
        limit(Part::Html, html.len(), MAX_HTML)?;
        Ok(Rendered::Email(RenderedEmail { subject, preheader, text, html }))
    }

    /// From an e-mail's parts, checked.
    pub(super) fn email(
        purpose: Purpose,
        forms: Vec<CredentialForm>,
        subject: &[Piece],
        preheader: &[Piece],
        body: &Body,
    ) -> Result<Self, tera::Error> {
        let parts = [
            (SUBJECT, print(subject, Output::Text)),
            (PREHEADER, print(preheader, Output::Text)),
            (TEXT, print(&body.text, Output::Text)),
            (HTML, layout::page(&print(&body.html, Output::Html))),
        ];
        // The layout shows the organisation's name.
        let mut variables = variables_of([subject, preheader, &body.text, &body.html]);
        if !variables.contains(&Variable::Organisation) {
            variables.push(Variable::Organisation);
        }
        Ok(Self { purpose, forms, variables, tera: compile(parts)? })
    }

    /// From a text message's pieces, checked.
    pub(super) fn sms(
        purpose: Purpose,
        forms: Vec<CredentialForm>,
        text: &[Piece],
    ) -> Result<Self, tera::Error> {
        let tera = compile([(TEXT, print(text, Output::Text))])?;
        Ok(Self { purpose, forms, variables: variables_of([text]), tera })
    }

    fn part(&self, name: &str, context: &Context) -> Result<String, RenderError> {
        // Tera's own error would quote the template.
        self.tera.render(name, context).map_err(|_| RenderError::Engine)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("purpose", &self.purpose)
            .field("forms", &self.forms)
            .finish_non_exhaustive()
    }
}

/// A message's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// For an e-mail.
    Email(RenderedEmail),
    /// For a text message.
    Sms(RenderedSms),
}

/// An e-mail's words. They hold the credential: `Debug` shows lengths alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedEmail {
    /// One line, without a credential.
    pub subject: String,
    /// What mail programs show beside the subject, cut at 255 characters; it is part of the HTML already. Without a
    /// credential.
    pub preheader: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// A text message's words. They hold the credential: `Debug` shows the length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedSms {
    /// The text.
    pub text: String,
}

impl fmt::Debug for RenderedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RenderedEmail({} octets of text, {} of HTML, content hidden)",
            self.text.len(),
            self.html.len()
        )
    }
}

impl fmt::Debug for RenderedSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RenderedSms({} octets, content hidden)", self.text.len())
    }
}

/// Why a checked template makes no message of some values. It never holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Longer than may be sent.
    #[error("the {part} would have {length} {}, and at most {limit} can be sent: shorten the template", part.unit())]
    TooLong {
        /// What is too long.
        part: Part,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A value that must be shown whole and is too long for a message.
    #[error("the value of `{variable}` has more than {limit} characters")]
    ValueTooLong {
        /// Whose value.
        variable: Variable,
        /// How many characters it may have.
        limit: usize,
    },
    /// A link variable without a usable address.
    #[error("the value of `{variable}` is not an https address that can stand in a message")]
    NotAnAddress {
        /// Whose value.
        variable: Variable,
    },
    /// A password with white space or control characters.
    #[error("the temporary password has characters that cannot be typed")]
    NotTypeable,
    /// The template was not checked for this form of credential, so it might not show it, or show it where none may be.
    #[error("the template was not checked for a message with credential `{form}`: check it for that form")]
    UnexpectedCredential {
        /// The credential's form.
        form: CredentialForm,
    },
    /// Tera refused what we made for it: a mistake of this library.
    #[error(
        "the template engine refused a checked template: this is a mistake in the library, please report it"
    )]
    Engine,
}

/// A part of a message that has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The subject: 255 characters.
    Subject,
    /// The text part: 256 KiB.
    Text,
    /// The HTML part: 256 KiB.
    Html,
    /// The text message: 1,600 characters.
    Sms,
}

impl Part {
    const fn unit(self) -> &'static str {
        match self {
            Self::Subject | Self::Sms => "characters",
            Self::Text | Self::Html => "octets",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Text => "text part",
            Self::Html => "HTML part",
            Self::Sms => "text message",
        })
    }
}

const fn limit(part: Part, length: usize, limit: usize) -> Result<(), RenderError> {
    if length <= limit { Ok(()) } else { Err(RenderError::TooLong { part, length, limit }) }
}

fn compile<const N: usize>(parts: [(&str, String); N]) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    tera.register_filter(INERT, Inert);
    tera.add_raw_templates(parts)?;
    Ok(tera)
}

/// [`inert`] as a filter of Tera.
struct Inert;

impl tera::Filter<&str, String> for Inert {
    fn call(&self, value: &str, _: tera::Kwargs, _: &tera::State<'_>) -> String {
        inert(value)
    }

    fn is_safe(&self) -> bool {
        true
    }
}

fn variables_of<'a>(parts: impl IntoIterator<Item = &'a [Piece]>) -> Vec<Variable> {
    let mut variables: Vec<Variable> = parts
        .into_iter()
        .flatten()
        .flat_map(|piece| match piece {
            Piece::Show(show) => vec![show.variable],
            Piece::Href(variable) => vec![*variable],
            Piece::If(condition, _) | Piece::Elif(condition, _) => condition.variables().collect(),
            Piece::Text(..) | Piece::Own(_) | Piece::Else(_) | Piece::End(_) => Vec::new(),
        })
        .collect();
    variables.sort_unstable();
    variables.dedup();
    variables
}
