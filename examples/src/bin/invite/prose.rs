//! Sentences on a terminal: broken between words.

/// The text with each line broken so that it fits; what follows of a line is indented as it is, and a line that begins
/// with white space a little more. Words that are longer than a line, such as links, stay whole.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| wrapped_line(line, width)).collect();
    lines.join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let margin = if indent == 0 { String::new() } else { " ".repeat(indent + 2) };
    let (mut lines, mut current) = (Vec::new(), " ".repeat(indent));
    let mut is_empty = true;
    for word in line.trim_start().split(' ') {
        if !is_empty && current.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut current, margin.clone()));
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    lines.push(current);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_keep_their_indent() {
        assert_eq!(wrapped("one two three\nfour", 8), "one two\nthree\nfour");
        assert_eq!(wrapped("  one two three", 9), "  one two\n    three");
        assert_eq!(wrapped("see https://app.acme.example now", 10), "see\nhttps://app.acme.example\nnow");
        assert_eq!(wrapped("", 5), "");
    }
}
