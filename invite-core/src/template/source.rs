//! Reads a template's source into [`Piece`]s.
//!
//! The language, whole:
//!
//! ```text
//! text      anything else
//! value     {{ variable }}, {{ variable | filter }}, {{ variable | default("text") }}
//! choice    {% if a and not b or c %} … {% elif d %} … {% else %} … {% endif %}
//! ```
//!
//! Every character is looked at a fixed number of times: a tag is at most [`MAX_TAG`] octets and stays on its line.

use super::piece::{Condition, Filter, Piece, Show, Term};
use super::problem::{Position, Problem};
use super::variable::{Variable, nearest};

/// How long a tag may be, in octets.
const MAX_TAG: usize = 400;

/// How many tags a template may have.
const MAX_TAGS: usize = 1_000;

/// How deep one `if` may stand in another.
const MAX_DEPTH: usize = 8;

/// A part of a template: a header's text or the body, and where it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) at: Position,
}

/// An e-mail's source in its parts.
#[derive(Debug)]
pub(super) struct EmailSource<'a> {
    pub(super) subject: Option<Part<'a>>,
    pub(super) preheader: Option<Part<'a>>,
    pub(super) body: Part<'a>,
}

/// Divides `Subject: …`, `Preheader: …`, an empty line, and the body.
pub(super) fn divide_email<'a>(source: &'a str, problems: &mut Vec<Problem>) -> EmailSource<'a> {
    let mut subject = None;
    let mut preheader = None;
    let mut at = Position::START;
    let mut rest = source;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.trim().is_empty() {
            at = Position { line: at.line + 1, column: 1 };
            rest = after;
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let slot = match name.trim() {
            name if name.eq_ignore_ascii_case("subject") => &mut subject,
            name if name.eq_ignore_ascii_case("preheader") => &mut preheader,
            _ => {
                problems.push(at.problem(
                    "an e-mail begins with a line `Subject: …`, then `Preheader: …`, then an empty line",
                ));
                break;
            }
        };
        let text = value.trim();
        let column = 1 + line.chars().count() - value.trim_start().chars().count();
        if slot.is_some() {
            problems.push(at.problem(format!("`{}` is there twice: remove one", name.trim())));
        }
        *slot = Some(Part { text, at: Position { column, ..at } });
        at = Position { line: at.line + 1, column: 1 };
        rest = after;
    }
    EmailSource { subject, preheader, body: Part { text: rest, at } }
}

/// Characters that no template needs and that our own placeholders or a reader's eye would be confused by.
pub(super) fn refuse_characters(source: &str, problems: &mut Vec<Problem>) {
    let mut at = Position::START;
    for character in source.chars() {
        let refused = match character {
            '\n' | '\t' => false,
            '\u{e000}'..='\u{f8ff}'
            | '\u{f0000}'..='\u{10ffff}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => true,
            other => other.is_control(),
        };
        if refused {
            problems
                .push(at.problem(format!("remove the invisible character U+{:04X}", u32::from(character))));
            return;
        }
        at = at.after(character);
    }
}

/// Reads one part. What is wrong goes to `problems`; the pieces are well nested even so.
pub(super) fn read(part: Part<'_>, problems: &mut Vec<Problem>) -> Vec<Piece> {
    let mut reader = Reader { pieces: Vec::new(), open: Vec::new(), problems };
    let mut rest = part.text;
    let mut at = part.at;
    let mut tags = 0;
    while let Some(start) = next_tag(rest) {
        reader.text(&rest[..start], at);
        at = at.past(&rest[..start]);
        rest = &rest[start..];
        tags += 1;
        if tags > MAX_TAGS {
            reader
                .problems
                .push(at.problem(format!("a template may have {MAX_TAGS} tags: this is one more")));
            rest = "";
            break;
        }
        let closing = if rest.starts_with("{{") { "}}" } else { "%}" };
        let window = &rest[2..rest.floor_char_boundary(MAX_TAG)];
        let line = window.split('\n').next().unwrap_or_default();
        let Some(end) = line.find(closing) else {
            reader.problems.push(at.problem(format!(
                "`{}` is not closed: write `{closing}` on the same line, within {MAX_TAG} characters",
                &rest[..2]
            )));
            at = at.past(&rest[..2]);
            rest = &rest[2..];
            continue;
        };
        reader.tag(&line[..end], closing == "}}", at);
        let length = end + 4;
        at = at.past(&rest[..length]);
        rest = &rest[length..];
    }
    reader.text(rest, at);
    reader.finish(at.past(rest))
}

fn next_tag(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| pair == b"{{" || pair == b"{%")
}

struct Reader<'p> {
    pieces: Vec<Piece>,
    open: Vec<Open>,
    problems: &'p mut Vec<Problem>,
}

/// An `if` without its `endif` so far.
struct Open {
    at: Position,
    has_else: bool,
}

impl Reader<'_> {
    fn text(&mut self, text: &str, at: Position) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned(), at));
        }
    }

    fn tag(&mut self, inner: &str, shows: bool, at: Position) {
        let mut words = Words::of(inner, Position { column: at.column + 2, ..at });
        let read = if shows {
            read_show(&mut words, at).map(Piece::Show)
        } else {
            self.read_control(&mut words, at)
        };
        match read.and_then(|piece| words.end().map(|()| piece)) {
            Ok(piece) => self.pieces.push(piece),
            Err(problem) => {
                self.problems.push(problem);
                // What an `if` with a mistake opened is still closed by its `endif`: one mistake, one problem.
                if !shows && self.open.last().is_some_and(|open| open.at == at) {
                    self.pieces.push(Piece::If(Condition::default(), at));
                }
            }
        }
    }

    fn read_control(&mut self, words: &mut Words<'_>, at: Position) -> Result<Piece, Problem> {
        let (word, place) = words.next();
        match word {
            Word::Name("if") => {
                self.open.push(Open { at, has_else: false });
                if self.open.len() > MAX_DEPTH {
                    return Err(at.problem(format!("at most {MAX_DEPTH} `if` may stand in one another")));
                }
                Ok(Piece::If(read_condition(words)?, at))
            }
            Word::Name("elif") => {
                self.branch("elif", at)?;
                Ok(Piece::Elif(read_condition(words)?, at))
            }
            Word::Name("else") => {
                self.branch("else", at)?;
                if let Some(open) = self.open.last_mut() {
                    open.has_else = true;
                }
                Ok(Piece::Else(at))
            }
            Word::Name("endif") => match self.open.pop() {
                Some(_) => Ok(Piece::End(at)),
                None => Err(at.problem("this `endif` closes nothing: remove it")),
            },
            Word::Name(other) => Err(place.problem(format!(
                "`{other}` is not part of the template language: it has `if`, `elif`, `else` and `endif`"
            ))),
            other => {
                Err(place
                    .problem(format!("{other} cannot begin a tag: write `if`, `elif`, `else` or `endif`")))
            }
        }
    }

    fn branch(&self, name: &str, at: Position) -> Result<(), Problem> {
        match self.open.last() {
            None => Err(at.problem(format!("this `{name}` belongs to no `if`"))),
            Some(open) if open.has_else => Err(at.problem(format!("this `{name}` comes after `else`"))),
            Some(_) => Ok(()),
        }
    }

    fn finish(mut self, at: Position) -> Vec<Piece> {
        while let Some(open) = self.open.pop() {
            self.problems.push(open.at.problem("this `if` is not closed: write `{% endif %}`"));
            self.pieces.push(Piece::End(at));
        }
        self.pieces
    }
}

fn read_show(words: &mut Words<'_>, at: Position) -> Result<Show, Problem> {
    let (variable, place) = read_variable(words)?;
    if variable.is_condition() {
        return Err(
            place.problem(format!("`{variable}` is a yes or no: ask for it with `{{% if {variable} %}}`"))
        );
    }
    let mut show =
        Show { variable, filters: Vec::new(), default: None, space_before: false, followed: false, at };
    while words.take("|") {
        let (word, place) = words.next();
        let Word::Name(name) = word else {
            return Err(
                place.problem(format!("{word} is no filter: write one of {}", Filter::NAMES.join(", ")))
            );
        };
        let filter = match name {
            "upper" => Filter::Upper,
            "lower" => Filter::Lower,
            "date" if variable.is_date() => Filter::Date,
            "date" => return Err(place.problem(format!("`{variable}` is not a date"))),
            "default" if variable.is_credential() => {
                return Err(place.problem(format!("nothing can stand for `{variable}`: remove the filter")));
            }
            "default" => {
                show.default = Some(words.argument()?);
                continue;
            }
            other => {
                let meant = nearest(other, Filter::NAMES).map(|name| format!("; did you mean `{name}`?"));
                return Err(
                    place.problem(format!("there is no filter `{other}`{}", meant.unwrap_or_default()))
                );
            }
        };
        if variable.is_exact() {
            return Err(place.problem(format!("`{variable}` must be shown as it is: remove the filter")));
        }
        show.filters.push(filter);
    }
    Ok(show)
}

fn read_condition(words: &mut Words<'_>) -> Result<Condition, Problem> {
    let mut any = vec![Vec::new()];
    loop {
        let mut negated = false;
        while words.take("not") {
            negated = !negated;
        }
        let (variable, _) = read_variable(words)?;
        if let Some(all) = any.last_mut() {
            all.push(Term { variable, negated });
        }
        if words.take("or") {
            any.push(Vec::new());
        } else if !words.take("and") {
            return Ok(Condition(any));
        }
    }
}

fn read_variable(words: &mut Words<'_>) -> Result<(Variable, Position), Problem> {
    let (word, place) = words.next();
    match word {
        Word::Name(name) => match name.parse() {
            Ok(variable) => Ok((variable, place)),
            Err(unknown) => Err(place.problem(unknown.to_string())),
        },
        other => Err(place.problem(format!("a variable's name is missing here, there is {other}"))),
    }
}

/// The words of one tag.
struct Words<'a> {
    rest: &'a str,
    at: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'a> {
    Name(&'a str),
    Quoted(&'a str),
    Other(char),
    End,
}

impl std::fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Quoted(text) => write!(f, "the text {text:?}"),
            Self::Other(character) => write!(f, "`{character}`"),
            Self::End => f.write_str("the end of the tag"),
        }
    }
}

impl<'a> Words<'a> {
    const fn of(inner: &'a str, at: Position) -> Self {
        Self { rest: inner, at }
    }

    fn next(&mut self) -> (Word<'a>, Position) {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.skip(blank);
        let place = self.at;
        let Some(first) = self.rest.chars().next() else {
            return (Word::End, place);
        };
        let name = self
            .rest
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .unwrap_or(self.rest.len());
        if name > 0 {
            return (Word::Name(self.skip(name)), place);
        }
        if (first == '"' || first == '\'')
            && let Some(end) = self.rest[1..].find(first)
        {
            let quoted = self.skip(end + 2);
            return (Word::Quoted(&quoted[1..=end]), place);
        }
        self.skip(first.len_utf8());
        (Word::Other(first), place)
    }

    /// Passes over `expected` if it comes next.
    fn take(&mut self, expected: &str) -> bool {
        let (rest, at) = (self.rest, self.at);
        let (word, _) = self.next();
        let taken = match word {
            Word::Name(name) => name == expected,
            Word::Other(character) => expected.chars().eq([character]),
            Word::Quoted(_) | Word::End => false,
        };
        if !taken {
            (self.rest, self.at) = (rest, at);
        }
        taken
    }

    /// `("text")`.
    fn argument(&mut self) -> Result<String, Problem> {
        let place = self.at;
        if self.take("(")
            && let (Word::Quoted(text), _) = self.next()
            && self.take(")")
        {
            return Ok(text.to_owned());
        }
        Err(place.problem("this filter takes a text: write `default(\"text\")`"))
    }

    fn end(&mut self) -> Result<(), Problem> {
        match self.next() {
            (Word::End, _) => Ok(()),
            (word, place) => Err(place.problem(format!("{word} is not expected here"))),
        }
    }

    fn skip(&mut self, octets: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(octets);
        self.at = self.at.past(skipped);
        self.rest = rest;
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(source: &str) -> Vec<String> {
        let mut problems = Vec::new();
        read(Part { text: source, at: Position::START }, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mistake_is_reported_once_at_its_line_and_column() {
        for (source, problem) in [
            (
                "Hello\n {{ frist_name }}",
                "2:5: there is no variable `frist_name`; did you mean `first_name`?",
            ),
            ("é {{ first_name | uper }}", "1:19: there is no filter `uper`; did you mean `upper`?"),
            ("{{ first_name", "1:1: `{{` is not closed: write `}}` on the same line, within 400 characters"),
            (
                "a {{ first_name\n}}",
                "1:3: `{{` is not closed: write `}}` on the same line, within 400 characters",
            ),
            ("{{ 7*7 }}", "1:4: there is no variable `7`"),
            ("{{ first_name * 2 }}", "1:15: `*` is not expected here"),
            ("{{ }}", "1:4: a variable's name is missing here, there is the end of the tag"),
            (
                "{{ first_name | }}",
                "1:17: the end of the tag is no filter: write one of upper, lower, date, default",
            ),
            ("{{ first_name | default }}", "1:24: this filter takes a text: write `default(\"text\")`"),
            ("{{ first_name | date }}", "1:17: `first_name` is not a date"),
            ("{{ password | upper }}", "1:15: `password` must be shown as it is: remove the filter"),
            (
                "{{ setup_link | default(\"x\") }}",
                "1:17: nothing can stand for `setup_link`: remove the filter",
            ),
            (
                "{{ last_reminder }}",
                "1:4: `last_reminder` is a yes or no: ask for it with `{% if last_reminder %}`",
            ),
            (
                "{% for x in y %}",
                "1:4: `for` is not part of the template language: it has `if`, `elif`, `else` and `endif`",
            ),
            (
                "{% raw %}",
                "1:4: `raw` is not part of the template language: it has `if`, `elif`, `else` and `endif`",
            ),
            ("x\n{% if inviter %}y", "2:1: this `if` is not closed: write `{% endif %}`"),
            ("{% endif %}", "1:1: this `endif` closes nothing: remove it"),
            ("{% else %}", "1:1: this `else` belongs to no `if`"),
            ("{% if inviter %}{% else %}{% else %}{% endif %}", "1:27: this `else` comes after `else`"),
            (
                "{% if invitor %}a{% else %}b{% endif %}",
                "1:7: there is no variable `invitor`; did you mean `inviter`?",
            ),
            (
                "{% if inviter and %}{% endif %}",
                "1:19: a variable's name is missing here, there is the end of the tag",
            ),
            ("{% if inviter == 1 %}{% endif %}", "1:15: `=` is not expected here"),
            ("{%- if inviter %}", "1:3: `-` cannot begin a tag: write `if`, `elif`, `else` or `endif`"),
        ] {
            assert_eq!(problems_of(source), [problem], "{source}");
        }
    }

    #[test]
    fn what_is_no_tag_is_text() {
        let mut problems = Vec::new();
        for source in ["{ a }", "}} %} #}", "{# note #}", "{", "100 % {sure}", ""] {
            let pieces = read(Part { text: source, at: Position::START }, &mut problems);
            let text = pieces.iter().map(|piece| match piece {
                Piece::Text(text, _) => text.as_str(),
                _ => "(tag)",
            });
            assert_eq!(text.collect::<String>(), source);
        }
        assert_eq!(problems, []);
    }

    #[test]
    fn the_1001st_tag_and_the_ninth_if_are_refused() {
        let many = "{{ inviter }}".repeat(1_001);
        assert_eq!(problems_of(&many), ["1:13001: a template may have 1000 tags: this is one more"]);
        let deep = "{% if inviter %}".repeat(9) + &"{% endif %}".repeat(9);
        assert_eq!(problems_of(&deep), ["1:129: at most 8 `if` may stand in one another"]);
    }

    #[test]
    fn an_email_divides_into_subject_preheader_and_body() {
        let mut problems = Vec::new();
        let parts = divide_email("Subject:  Hi\npreheader: Come\n\nBody\n\nmore", &mut problems);
        let subject = parts.subject.unwrap();
        assert_eq!((subject.text, subject.at), ("Hi", Position { line: 1, column: 11 }));
        assert_eq!(parts.preheader.unwrap().text, "Come");
        assert_eq!((parts.body.text, parts.body.at), ("Body\n\nmore", Position { line: 4, column: 1 }));
        assert_eq!(problems, []);
    }

    #[test]
    fn invisible_characters_are_refused_where_they_stand() {
        for (source, problem) in [
            ("a\n\u{0}", "2:1: remove the invisible character U+0000"),
            ("ab\u{f0001}", "1:3: remove the invisible character U+F0001"),
            ("\u{202e}", "1:1: remove the invisible character U+202E"),
            ("a\rb", "1:2: remove the invisible character U+000D"),
        ] {
            let mut problems = Vec::new();
            refuse_characters(source, &mut problems);
            assert_eq!(problems[0].to_string(), problem);
        }
    }
}
