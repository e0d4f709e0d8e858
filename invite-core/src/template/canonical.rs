//! Prints pieces as Tera, from a vocabulary of our own.
//!
//! Of a customer's text nothing is left that Tera could read as a tag: each `{` is written as a character reference in
//! HTML, and as a value in text.

use super::piece::{Condition, Filter, Piece, Show};
use super::variable::Variable;

/// The filter that makes a value safe in HTML, see [`inert`].
pub(super) const INERT: &str = "inert";

/// What the canonical template becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// HTML; Tera escapes the values.
    Html,
    /// Plain text.
    Text,
}

/// The Tera source that renders `pieces`.
pub(super) fn print(pieces: &[Piece], output: Output) -> String {
    let mut tera = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text, _) => push_literal(&mut tera, text, output),
            Piece::Show(show) => push_show(&mut tera, show, output),
            Piece::Href(variable) => tera.extend(["{{ ", variable.as_str(), " }}"]),
            Piece::Own(own) => tera.push_str(own),
            Piece::If(condition, _) => push_branch(&mut tera, "if", condition),
            Piece::Elif(condition, _) => push_branch(&mut tera, "elif", condition),
            Piece::Else(_) => tera.push_str("{% else %}"),
            Piece::End(_) => tera.push_str("{% endif %}"),
        }
    }
    tera
}

/// The name under which a value, as a filter of ours wants it, is handed to Tera.
pub(super) const fn day_name(variable: Variable) -> &'static str {
    match variable {
        Variable::InvitedAt => "invited_at_day",
        _ => "expires_at_day",
    }
}

/// Text as HTML; safe in an attribute too, and without a `{`.
pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        push_escaped(&mut html, character);
    }
    html
}

/// A value as HTML in which mail programs find no address to make a link of.
///
/// They look for addresses in a run of text: so the `.` and `:` and `@` of what looks like one stand in a `span`, which
/// changes neither what is read nor what is copied. A full stop before a space stays as it is.
pub(super) fn inert(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let joins = matches!(character, '.' | ':' | '@')
            && characters.peek().is_some_and(|next| next.is_alphanumeric() || *next == '/');
        if joins {
            html.push_str("<span>");
            html.push(character);
            html.push_str("</span>");
        } else {
            push_escaped(&mut html, character);
        }
    }
    html
}

fn push_escaped(html: &mut String, character: char) {
    match character {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        '{' => html.push_str("&#123;"),
        other => html.push(other),
    }
}

fn push_literal(tera: &mut String, text: &str, output: Output) {
    // HTML that reaches this point is ours or escaped, and has no brace.
    match output {
        Output::Html => tera.push_str(text),
        Output::Text => tera.push_str(&text.replace('{', "{{ \"{\" }}")),
    }
}

fn push_show(tera: &mut String, show: &Show, output: Output) {
    let name =
        if show.filters.contains(&Filter::Date) { day_name(show.variable) } else { show.variable.as_str() };
    let mut value = name.to_owned();
    for filter in &show.filters {
        match filter {
            Filter::Upper => value.push_str(" | upper"),
            Filter::Lower => value.push_str(" | lower"),
            Filter::Date => {}
        }
    }
    let value = match output {
        Output::Html if show.followed => format!(
            "<a class=\"link\" dir=\"ltr\" href=\"{{{{ {name} }}}}\" style=\"{}\">{{{{ {value} }}}}</a>",
            super::layout::LINK_STYLE
        ),
        Output::Html if show.variable.is_exact() && is_words(show.variable) => {
            let [open, close] = super::layout::EXACT;
            format!("{open}{{{{ {value} | {INERT} }}}}{close}")
        }
        Output::Html if is_words(show.variable) => format!("{{{{ {value} | {INERT} }}}}"),
        Output::Html | Output::Text => format!("{{{{ {value} }}}}"),
    };
    tera.extend(["{% if ", name, " %}"]);
    if show.space_before {
        tera.push(' ');
    }
    tera.push_str(&value);
    if let Some(default) = &show.default {
        tera.push_str("{% else %}");
        match output {
            Output::Html => tera.push_str(&escape(default)),
            Output::Text => push_literal(tera, default, output),
        }
    }
    tera.push_str("{% endif %}");
}

/// Whether the value is words that name someone or something: no address to follow, no secret, no date of ours, and not
/// the organisation's own contact, which people do follow.
const fn is_words(variable: Variable) -> bool {
    !(variable.is_link()
        || variable.is_credential()
        || variable.is_date()
        || matches!(variable, Variable::Support))
}

fn push_branch(tera: &mut String, word: &str, condition: &Condition) {
    let any: Vec<String> = condition
        .0
        .iter()
        .map(|all| {
            let all: Vec<String> = all
                .iter()
                .map(|term| format!("{}{}", if term.negated { "not " } else { "" }, term.variable))
                .collect();
            all.join(" and ")
        })
        .collect();
    tera.extend(["{% ", word, " ", &any.join(" or "), " %}"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::problem::Position;

    #[test]
    fn a_name_that_looks_like_an_address_is_no_run_of_text() {
        assert_eq!(inert("http://evil.test"), "http<span>:</span>//evil<span>.</span>test");
        assert_eq!(inert("J. R. <Smith>"), "J. R. &lt;Smith&gt;");
    }

    #[test]
    fn no_brace_of_a_text_reaches_tera_as_one() {
        let hostile = "{{ 7*7 }}{% raw %}{# x #}{{{";
        let text = Piece::Text(hostile.to_owned(), Position::START);
        let printed = print(&[text], Output::Text);
        assert!(!printed.replace("{{ \"{\" }}", "").contains('{'));
        assert!(!escape(hostile).contains('{'));
        assert_eq!(tera::Tera::one_off(&printed, &tera::Context::new(), false).unwrap(), hostile);
    }
}
