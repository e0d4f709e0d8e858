//! What is wrong with a source, with its line and a mark under the place.

use invite_core::model::template_key::TemplateKey;
use invite_core::service::Error;
use invite_core::template::Problem;
use serde::Serialize;

use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, counted};

/// What is wrong, for scripts.
#[derive(Serialize)]
struct Line<'a> {
    key: String,
    ok: bool,
    problems: Vec<ProblemLine<'a>>,
}

#[derive(Serialize)]
struct ProblemLine<'a> {
    line: usize,
    column: usize,
    message: &'a str,
}

/// Tells what is wrong with `source`, where that is why it was refused; another error is another failure.
pub(super) fn tell(output: Output, error: Error, name: &str, source: &str) -> Done {
    let Error::Template { key, problems } = error else { return Err(error.into()) };
    if output.json() {
        line(output, &key, &problems)?;
        return Ok(Exit::Wrong);
    }
    for problem in &problems {
        output.say(marked(problem, name, source))?;
    }
    let count = u64::try_from(problems.len()).unwrap_or(u64::MAX);
    let count = counted(count, "problem", "problems");
    Err(Failure::wrong(format!("{key} cannot be used: {count}; mend the source and check it again")))
}

/// Says, for scripts, that nothing is wrong, or what is.
pub(super) fn line(output: Output, key: &TemplateKey, problems: &[Problem]) -> Result<(), Failure> {
    let each =
        problems.iter().map(|one| ProblemLine { line: one.line, column: one.column, message: &one.message });
    output.object(&Line { key: key.to_string(), ok: problems.is_empty(), problems: each.collect() })
}

/// The problem, its line, and a mark under the place.
fn marked(problem: &Problem, name: &str, source: &str) -> String {
    let number = problem.line.to_string();
    let text = source.lines().nth(problem.line.saturating_sub(1)).unwrap_or_default().replace('\t', " ");
    let before = " ".repeat(problem.column.saturating_sub(1));
    format!("{name}:{problem}\n  {number} | {text}\n  {:width$} | {before}^", "", width = number.len())
}

#[cfg(test)]
mod tests {
    use invite_core::model::locale::Locale;
    use invite_core::model::message::Channel;
    use invite_core::model::message_kind::MessageKind;
    use invite_core::template::{CredentialForm, Purpose, Template};

    use super::*;

    #[test]
    fn the_mark_stands_under_the_place() {
        let source = "one\nHello\t{{ frist_name }}: {{ password }}\n";
        let (kind, channel) = (MessageKind::Invitation, Channel::Sms);
        let purpose = Purpose { kind, channel, locale: Locale::english() };
        let problems = Template::check(source, purpose, &[CredentialForm::Password]).unwrap_err();
        let text = marked(&problems[0], "sms.txt", source);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("sms.txt:2:") && lines[0].contains("first_name"), "{text}");
        assert_eq!(
            lines[1].find("frist_name").or(lines[1].find("{{")),
            lines[2].find('^').or(None),
            "{text}"
        );
    }
}
