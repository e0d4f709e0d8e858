//! Whether a template may be saved: read, judged, and tried on every combination of circumstances.

use super::credential_form::CredentialForm;
use super::layout;
use super::markdown::{self, Body};
use super::piece::{Piece, visible};
use super::problem::{Position, Problem};
use super::render::Template;
use super::source::{Part, divide_email, read, refuse_characters};
use super::spacing::bind_spaces;
use super::values::Values;
use super::variable::Variable;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::theme::Theme;

/// How long a template's source may be, in octets.
pub const MAX_SOURCE: usize = 64 * 1_024;

/// How many problems are told at once.
const MAX_PROBLEMS: usize = 50;

/// Which message a template is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Purpose {
    /// What the message is for.
    pub kind: MessageKind,
    /// What it travels on.
    pub channel: Channel,
    /// The language that it is written in.
    pub locale: Locale,
}

impl Template {
    /// Reads a template and tries it on every combination of `forms` × first, reset (the old password
    /// retired, and working still) and last reminder × names and other
    /// values there or empty. What is returned renders for all of `forms` and never shows a credential where it must
    /// not.
    ///
    /// An e-mail's source is a line `Subject: …`, a line `Preheader: …` (optional), an empty line, and a body in
    /// Markdown. A text message's is its text.
    ///
    /// `forms` are the credentials that the organisation uses; [`CredentialForm::ALL`] serves every setting. Kinds that
    /// carry none are checked for [`CredentialForm::None`] alone.
    pub fn check(source: &str, purpose: Purpose, forms: &[CredentialForm]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let checked = check(source, purpose, forms, &mut problems);
        match checked {
            Some(template) if problems.is_empty() => Ok(template),
            _ => {
                problems.sort();
                problems.dedup();
                problems.truncate(MAX_PROBLEMS);
                Err(problems)
            }
        }
    }
}

fn check(
    source: &str,
    purpose: Purpose,
    forms: &[CredentialForm],
    problems: &mut Vec<Problem>,
) -> Option<Template> {
    if source.len() > MAX_SOURCE {
        problems
            .push(Position::START.problem(format!("a template has at most {MAX_SOURCE} octets: shorten it")));
        return None;
    }
    let source = source.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    refuse_characters(&source, problems);
    // Where no credential may be shown, none is ever handed in.
    let forms = if purpose.kind.may_carry_credential() { forms.to_vec() } else { vec![CredentialForm::None] };
    let tried = Tried { kind: purpose.kind, forms: &forms };
    let template = match purpose.channel {
        Channel::Email => {
            let email = read_email(&source, &purpose.locale, problems)?;
            tried.refuse_credentials(&email, problems);
            tried.try_out(&email.body.text, email.at, problems);
            tried.try_empty(&email.subject, Position::START, "subject", problems);
            Template::email(purpose, forms.clone(), &email.subject, &email.preheader, &email.body)
        }
        Channel::Sms => {
            let mut text = read(Part { text: &source, at: Position::START }, problems);
            bind_spaces(&mut text);
            tried.refuse_credentials_in(&text, problems);
            tried.try_out(&text, Position::START, problems);
            Template::sms(purpose, forms.clone(), &text)
        }
    };
    let Ok(template) = template else {
        if problems.is_empty() {
            problems
                .push(Position::START.problem("the template engine refuses this template: please report it"));
        }
        return None;
    };
    if problems.is_empty() {
        for values in circumstances(&forms) {
            if let Err(error) = template.render(&values, &Theme::default()) {
                problems.push(Position::START.problem(error.to_string()));
            }
        }
    }
    Some(template)
}

struct Email {
    subject: Vec<Piece>,
    preheader: Vec<Piece>,
    body: Body,
    /// Where the body begins.
    at: Position,
}

/// Reads all parts. `None` if there are mistakes that would only bring others.
fn read_email(source: &str, locale: &Locale, problems: &mut Vec<Problem>) -> Option<Email> {
    let parts = divide_email(source, problems);
    if problems.is_empty() && parts.subject.is_none_or(|subject| subject.text.is_empty()) {
        problems.push(Position::START.problem("the subject is missing: begin with a line `Subject: …`"));
    }
    let mut line = |part: Option<Part<'_>>| {
        let mut pieces = part.map_or_else(Vec::new, |part| read(part, problems));
        bind_spaces(&mut pieces);
        pieces
    };
    let (subject, preheader) = (line(parts.subject), line(parts.preheader));
    let mut pieces = read(parts.body, problems);
    if !problems.is_empty() {
        return None;
    }
    bind_spaces(&mut pieces);
    let body = markdown::render(pieces, layout::colon(locale), problems);
    if !problems.is_empty() {
        return None;
    }
    Some(Email { subject, preheader, body, at: parts.body.at })
}

/// A person in each combination of circumstances: 3 forms × 3 × 4.
fn circumstances(forms: &[CredentialForm]) -> impl Iterator<Item = Values<'static>> {
    forms.iter().flat_map(|form| {
        let full = Values { credential: Values::sample_credential(*form), ..Values::sample() };
        let nameless = Values { first_name: "", last_name: "", ..full };
        let bare = Values {
            username: "",
            employee_number: "",
            email: "",
            phone_number: "",
            organisation_alias: "",
            app_link: "",
            ios_link: "",
            android_link: "",
            inviter: "",
            support: "",
            ..nameless
        };
        [full, nameless, bare].into_iter().flat_map(|values| {
            let reset = Values { reset: true, ..values };
            [
                values,
                reset,
                Values { old_password_works: true, ..reset },
                Values { last_reminder: true, ..values },
            ]
        })
    })
}

struct Tried<'a> {
    kind: MessageKind,
    forms: &'a [CredentialForm],
}

impl Tried<'_> {
    fn refuse_credentials(&self, email: &Email, problems: &mut Vec<Problem>) {
        for (part, name) in [(&email.subject, "subject"), (&email.preheader, "preheader")] {
            for (variable, at) in credentials_in(part) {
                problems.push(at.problem(format!(
                    "`{variable}` must not stand in the {name}, which is shown on locked screens: move it to the body"
                )));
            }
        }
        self.refuse_credentials_in(&email.body.text, problems);
    }

    fn refuse_credentials_in(&self, pieces: &[Piece], problems: &mut Vec<Problem>) {
        if self.kind.may_carry_credential() {
            return;
        }
        for (variable, at) in credentials_in(pieces) {
            problems
                .push(at.problem(format!("a message of kind {} has no `{variable}`: remove it", self.kind)));
        }
    }

    /// Looks at the text, as it would be read, in all circumstances.
    fn try_out(&self, pieces: &[Piece], at: Position, problems: &mut Vec<Problem>) {
        self.try_empty(pieces, at, "message", problems);
        for values in circumstances(self.forms) {
            let seen = visible(pieces, |variable| values.is_set(variable));
            refuse_neighbours(&seen, problems);
            refuse_strays(&seen, problems);
            let wanted = match values.credential.form() {
                CredentialForm::Password => Variable::Password,
                CredentialForm::Link => Variable::SetupLink,
                CredentialForm::None => continue,
            };
            let shown =
                seen.iter().any(|piece| matches!(piece, Piece::Show(show) if show.variable == wanted));
            if self.kind.may_carry_credential() && !shown {
                let form = values.credential.form();
                problems.push(at.problem(format!(
                    "a message with a {form} can come out without it: show `{{{{ {wanted} }}}}` whenever it is set"
                )));
            }
        }
    }

    fn try_empty(&self, pieces: &[Piece], at: Position, name: &str, problems: &mut Vec<Problem>) {
        let says_something = |piece: &&Piece| match piece {
            Piece::Text(text, _) => text.contains(char::is_alphanumeric),
            _ => true,
        };
        let empty = circumstances(self.forms)
            .any(|values| !visible(pieces, |variable| values.is_set(variable)).iter().any(says_something));
        if empty {
            problems
                .push(at.problem(format!("the {name} can come out empty: write something outside the `if`")));
        }
    }
}

fn credentials_in(pieces: &[Piece]) -> impl Iterator<Item = (Variable, Position)> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Show(show) if show.variable.is_credential() => Some((show.variable, show.at)),
        _ => None,
    })
}

/// White space, or nothing, stands on both sides of every password and address: else the neighbour is typed or followed
/// along with it.
fn refuse_neighbours(seen: &[&Piece], problems: &mut Vec<Problem>) {
    for (index, piece) in seen.iter().enumerate() {
        let Piece::Show(show) = piece else { continue };
        if !show.variable.is_credential() && !show.variable.is_link() {
            continue;
        }
        let before =
            seen[..index].iter().rev().find_map(|piece| edge(piece, |text| text.chars().next_back()));
        let after = seen[index + 1..].iter().find_map(|piece| edge(piece, |text| text.chars().next()));
        let free = |neighbour: Option<char>| neighbour.is_none_or(char::is_whitespace);
        let spaced_after = matches!(seen.get(index + 1), Some(Piece::Show(next)) if next.space_before);
        if !(show.space_before || free(before)) || !(spaced_after || free(after)) {
            problems.push(show.at.problem(format!(
                "put white space, no punctuation, before and after `{}`: what touches it is copied along with it",
                show.variable
            )));
        }
    }
}

/// The character of a piece that touches its neighbour: of a value, any visible one.
fn edge(piece: &Piece, of_text: impl Fn(&str) -> Option<char>) -> Option<char> {
    match piece {
        Piece::Text(text, _) => of_text(text),
        _ => Some('x'),
    }
}

/// Punctuation that begins a text and has nothing before it but white space has lost what it belonged to.
fn refuse_strays(seen: &[&Piece], problems: &mut Vec<Problem>) {
    let mut last = None;
    for piece in seen {
        match piece {
            Piece::Text(text, at) => {
                let mut characters = text.chars();
                let stray = matches!(characters.next(), Some(',' | '.' | ';' | ':'))
                    && characters.next().is_none_or(char::is_whitespace);
                if stray && last.is_none_or(char::is_whitespace) {
                    problems.push(at.problem(format!(
                        "where a value is empty, a stray `{}` is left: put it, or the space before, inside the `if`",
                        &text[..1]
                    )));
                }
                last = text.chars().next_back().or(last);
            }
            Piece::Show(_) => last = Some('x'),
            _ => {}
        }
    }
}
