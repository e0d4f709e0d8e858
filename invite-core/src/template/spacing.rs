//! White space where a value is empty: nothing stray before, and nothing left behind.

use super::layout;
use super::piece::Piece;

/// Lets a value take the space before it along, so that `Hello {{ first_name }},` becomes `Hello,` without a name.
///
/// Only where a word stands before the space: the spaces of `- {{ a }}` and `1. {{ a }}` belong to Markdown.
pub(super) fn bind_spaces(pieces: &mut [Piece]) {
    for middle in 1..pieces.len() {
        let follows = match pieces.get(middle + 1) {
            None => true,
            Some(Piece::Text(text, _)) => {
                text.starts_with(|next: char| next.is_whitespace() || ",.;:!?".contains(next))
            }
            Some(_) => false,
        };
        let (before, rest) = pieces.split_at_mut(middle);
        if follows
            && let (Some(Piece::Text(text, _)), Some(Piece::Show(show))) =
                (before.last_mut(), rest.first_mut())
            && show.default.is_none()
            && let Some(word) = text.strip_suffix(' ')
            && word.ends_with(char::is_alphanumeric)
        {
            text.truncate(word.len());
            show.space_before = true;
        }
    }
}

/// What stands before the first word of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indent {
    /// It shows what belongs to an item of a list.
    Keep,
    Drop,
}

/// A rendered text: one space between words, one empty line between paragraphs, none at the ends.
pub(super) fn tidy_text(text: &str, indent: Indent) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty_lines = 0;
    for line in text.lines() {
        let line = line.trim_end();
        // An item of a list whose value is empty leaves its dash.
        if line.is_empty() || line.trim_start() == "-" {
            empty_lines += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.push_str(if empty_lines > 0 { "\n\n" } else { "\n" });
        }
        empty_lines = 0;
        let words = line.trim_start();
        if indent == Indent::Keep {
            tidy.push_str(&line[..line.len() - words.len()]);
        }
        push_words(&mut tidy, words);
    }
    tidy
}

/// A rendered subject: one line.
pub(super) fn tidy_line(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    push_words(&mut tidy, text);
    tidy
}

/// A rendered HTML without the paragraphs, items and lists that came out empty.
pub(super) fn tidy_html(html: &str) -> String {
    let mut tidy = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        let (before, closing) = rest.split_at(at);
        tidy.push_str(before);
        let end = closing.find('>').map_or(closing.len(), |end| end + 1);
        match layout::BLOCKS.iter().find(|block| closing.starts_with(block.close)) {
            Some(block) if tidy.trim_end().ends_with(block.open) => {
                tidy.truncate(tidy.trim_end().len() - block.open.len());
            }
            _ => tidy.push_str(&closing[..end]),
        }
        rest = &closing[end..];
    }
    tidy.push_str(rest);
    tidy
}

/// A space at which no line is broken stays: French has one before a colon.
fn push_words(tidy: &mut String, line: &str) {
    for (count, word) in line.split_ascii_whitespace().enumerate() {
        if count > 0 {
            tidy.push(' ');
        }
        tidy.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_indentation_and_one_empty_line() {
        let text = "\n\n a  b \n\n\n\n   c\n  -\nd  \n\n";
        assert_eq!(tidy_text(text, Indent::Keep), " a b\n\n   c\n\nd");
        assert_eq!(tidy_text(text, Indent::Drop), "a b\n\nc\n\nd");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(tidy_line("  a \n b\t\tc "), "a b c");
    }

    #[test]
    fn a_space_that_does_not_break_stays() {
        assert_eq!(tidy_line("a\u{a0}: b"), "a\u{a0}: b");
        assert_eq!(tidy_text("a\u{a0}:  b\u{a0}\nc", Indent::Keep), "a\u{a0}: b\nc");
    }

    #[test]
    fn empty_paragraphs_and_lists_go() {
        let [paragraph, item, list, ..] = layout::BLOCKS;
        let html = format!(
            "<td>{}\n{}{}{}a{}{} {}{}{}{}</td>",
            paragraph.open,
            paragraph.close,
            paragraph.open,
            "",
            paragraph.close,
            list.open,
            item.open,
            "",
            item.close,
            list.close
        );
        assert_eq!(tidy_html(&html), format!("<td>{}a{}</td>", paragraph.open, paragraph.close));
    }
}
