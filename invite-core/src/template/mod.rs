//! The words of the messages: templates are checked once and rendered many times.
//!
//! An organisation's text goes through four steps, and each keeps something out of the next:
//!
//! 1. *Source → our own tree.* The language has `{{ variable | filter }}` and `if`/`elif`/`else`/`endif`, from fixed
//!    lists, and nothing that loops, includes or defines; so rendering is linear in template plus values.
//! 2. *Tree → Markdown.* Every tag becomes one opaque character before Markdown sees the text; so no value ever
//!    reaches Markdown, and `[Set up]({{ setup_link }})` is a link whatever the value holds.
//! 3. *Markdown → canonical Tera.* We print the result for Tera from our own vocabulary, with every brace of the text
//!    escaped; so nothing that a customer wrote is ever read by Tera as a tag.
//! 4. *Tera renders* the HTML with autoescape, and the text from the same source without; so a value is text and
//!    nothing else.
//!
//! [`Template::check`] does the first three and proves the result on every combination of circumstances;
//! [`Template::render`] does the last. [`builtin`](builtin::builtin) holds the messages that every organisation starts
//! with, written in the same language.

pub mod builtin;
pub mod credential_form;
pub mod date;
pub mod sms;
pub mod values;
pub mod variable;

mod canonical;
mod check;
mod city;
mod layout;
mod markdown;
mod piece;
mod problem;
mod render;
mod resolve;
mod source;
mod spacing;

pub use builtin::{BUILTIN_LANGUAGES, BUILTIN_VERSION, builtin, builtin_source, has_builtin};
pub use check::{MAX_SOURCE, Purpose};
pub use credential_form::CredentialForm;
pub use problem::Problem;
pub use render::{
    MAX_HTML, MAX_SMS, MAX_SUBJECT, Part, RenderError, Rendered, RenderedEmail, RenderedSms, Template,
};
pub use resolve::{Resolved, resolve, wording};
pub use values::{CredentialValue, Values};
pub use variable::Variable;

#[cfg(test)]
mod tests;
