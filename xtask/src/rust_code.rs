//! Rust source without what no compiler would ship: comments, the insides of literals, and test modules.

/// The code of a file, with line breaks where they were.
pub(crate) fn shipped_code(source: &str) -> String {
    without_tests(&without_comments_and_literals(source))
}

/// Whether a character may stand in an identifier.
pub(crate) fn is_identifier(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn without_comments_and_literals(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            string(rest)
        } else if first == 'r' && !code.ends_with(|c| is_identifier(c) && !matches!(c, 'b' | 'c')) {
            raw_string(rest)
        } else if first == '\'' {
            character(rest)
        } else {
            0
        };
        let (gone, kept) = rest.split_at(skipped);
        code.extend(gone.chars().filter(|c| *c == '\n'));
        rest = kept;
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string literal.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// The length of a raw string literal; nothing if an `r` begins something else.
fn raw_string(text: &str) -> usize {
    let opening = text[1..].trim_start_matches('#');
    if !opening.starts_with('"') {
        return 0;
    }
    let hashes = text.len() - 1 - opening.len();
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = opening[1..].find(&closing);
    end.map_or(text.len(), |end| 1 + hashes + 1 + end + closing.len())
}

/// The length of a character literal; nothing if it is a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        // The second character of an escape may be a quotation mark; the literal ends at the next one after it.
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            text[after..].find('\'').map_or(text.len(), |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Leaves out each item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut shipped = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        shipped.push_str(before);
        let (gone, kept) = item.split_at(item_length(item));
        shipped.extend(gone.chars().filter(|c| *c == '\n'));
        rest = kept;
    }
    shipped + rest
}

/// The length of an item: to its semicolon or its closing brace.
fn item_length(code: &str) -> usize {
    let mut depth = 0;
    let end = code.find(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0 && matches!(c, ';' | '}')
    });
    end.map_or(code.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_the_insides_of_literals_go_and_lines_stay() {
        for (source, code) in [
            ("a // b\nc", "a \nc"),
            ("a /* b\n/* c */ d */ e", "a \n e"),
            ("f(\"a \\\" // b\", x)", "f(, x)"),
            ("r#\"a \" b\"# c", " c"),
            ("br\"\\\" c", "b c"),
            ("['\\'', '\"', '/', 'é', '\\u{1f600}']", "[, , , , ]"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("for x in y {}", "for x in y {}"),
            ("r#type", "r#type"),
        ] {
            assert_eq!(shipped_code(source), code, "{source}");
        }
    }

    #[test]
    fn items_for_tests_go_and_what_follows_stays() {
        let source = "a\n#[cfg(test)]\nmod t {\n  fn f() { \"}\" }\n}\nb\n#[cfg(test)]\nuse c;\nd";
        assert_eq!(shipped_code(source).split_whitespace().collect::<Vec<_>>(), ["a", "b", "d"]);
        assert_eq!(shipped_code(source).lines().count(), source.lines().count());
    }
}
