//! Turns a body in Markdown into the pieces of its HTML and of its text part, both from one walk.
//!
//! Each tag of the template stands in the Markdown as one character of a private-use plane, which Markdown takes for a
//! letter. A tag alone on its line is set off by empty lines, so that it stands between blocks; any other is part of its
//! line. What comes out is well nested: an `if` and its `endif` must stand in the same block.

use std::mem;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use super::canonical::escape;
use super::layout;
use super::piece::Piece;
use super::problem::{Position, Problem};
use super::variable::Variable;

/// The character that stands for the first tag; the next tag has the next one. [`refuse_characters`] keeps it, and all
/// of its plane, out of sources.
///
/// [`refuse_characters`]: super::source::refuse_characters
const FIRST_PLACEHOLDER: u32 = 0xf_0000;

/// Every so many characters a place is marked, so that finding one takes no longer in a long line than in a short.
const MARKED: usize = 64;

/// How deep a list, quotation or emphasis may stand in others.
const MAX_DEPTH: usize = 12;

/// A body in both forms.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) html: Vec<Piece>,
    pub(super) text: Vec<Piece>,
}

/// Renders `pieces`, whose texts are Markdown, as far as it goes without values.
///
/// `colon` stands, in the text part, between the label of a link and its address.
pub(super) fn render(pieces: Vec<Piece>, colon: &'static str, problems: &mut Vec<Problem>) -> Body {
    let markdown = Markdown::of(pieces);
    // No extension, and raw HTML arrives as text: see `Walk::event`.
    let events: Vec<_> = Parser::new_ext(&markdown.source, Options::empty()).into_offset_iter().collect();
    let mut walk = Walk::new(&markdown, colon, problems);
    let mut rest = events.as_slice();
    while let Some(((event, range), after)) = rest.split_first() {
        if walk.is_too_deep() {
            break;
        }
        walk.move_to(range.start);
        rest = if matches!(event, Event::Start(Tag::Paragraph)) {
            let length = after.iter().position(|(event, _)| *event == Event::End(TagEnd::Paragraph));
            let (inside, behind) = after.split_at(length.unwrap_or(after.len()));
            walk.paragraph(inside);
            behind.get(1..).unwrap_or_default()
        } else {
            walk.event(event);
            after
        };
    }
    walk.finish()
}

/// A source with placeholders, and the way back.
struct Markdown {
    source: String,
    tags: Vec<Piece>,
    /// Octets of `source` and the places in the template where they come from, in order.
    marks: Vec<(usize, Position)>,
}

impl Markdown {
    fn of(pieces: Vec<Piece>) -> Self {
        let mut flat = Self { source: String::new(), tags: Vec::new(), marks: Vec::new() };
        for piece in pieces {
            flat.marks.push((flat.source.len(), piece.position()));
            if let Piece::Text(text, mut at) = piece {
                for (count, character) in text.chars().enumerate() {
                    if count % MARKED == 0 || flat.source.ends_with('\n') {
                        flat.marks.push((flat.source.len(), at));
                    }
                    flat.source.push(character);
                    at = at.after(character);
                }
            } else {
                // At most 1,000 tags: the plane has 65,534.
                let number = u32::try_from(flat.tags.len()).unwrap_or(u32::MAX);
                flat.source.extend(char::from_u32(FIRST_PLACEHOLDER.saturating_add(number)));
                flat.tags.push(piece);
            }
        }
        flat.set_off_tags()
    }

    /// Puts empty lines around each line that has nothing but tags of an `if`.
    fn set_off_tags(self) -> Self {
        let mut source = String::with_capacity(self.source.len());
        let mut marks = Vec::with_capacity(self.marks.len());
        let mut old = self.marks.iter().peekable();
        let mut start = 0;
        for line in self.source.split_inclusive('\n') {
            let alone = !line.trim().is_empty()
                && line.trim().chars().all(|character| {
                    character == ' '
                        || number(character)
                            .is_some_and(|number| self.tags.get(number).is_some_and(Piece::is_control))
                });
            if alone {
                source.push('\n');
            }
            while let Some((octet, at)) = old.next_if(|(octet, _)| *octet < start + line.len()) {
                marks.push((source.len() + octet - start, *at));
            }
            source.push_str(line);
            if alone {
                source.push('\n');
            }
            start += line.len();
        }
        Self { source, marks, tags: self.tags }
    }

    fn position(&self, octet: usize) -> Position {
        let mark = self.marks.partition_point(|(start, _)| *start <= octet);
        let Some((start, at)) = mark.checked_sub(1).and_then(|mark| self.marks.get(mark)) else {
            return Position::START;
        };
        at.past(self.source.get(*start..octet).unwrap_or_default())
    }

    fn tag(&self, character: char) -> Option<(usize, &Piece)> {
        let number = number(character)?;
        self.tags.get(number).map(|piece| (number, piece))
    }
}

fn number(character: char) -> Option<usize> {
    u32::from(character).checked_sub(FIRST_PLACEHOLDER).and_then(|number| usize::try_from(number).ok())
}

/// An element that is open.
struct Container {
    id: usize,
    /// What each further line of it begins with, in the text part.
    prefix: String,
    close: Close,
}

enum Close {
    Element(&'static str),
    Heading(HeadingLevel),
    List { next: Option<u64>, close: &'static str },
    Link(Link),
}

struct Link {
    target: Target,
    button: bool,
    /// How long the text part was before the label.
    label_from: usize,
}

enum Target {
    Variable(Variable),
    Address(String),
    /// Reported already.
    Refused,
}

/// An `if` that is open, and how the text part stood before it.
struct Open {
    container: usize,
    fresh: bool,
    after_link: bool,
}

struct Walk<'m, 'p> {
    markdown: &'m Markdown,
    colon: &'static str,
    problems: &'p mut Vec<Problem>,
    html: Vec<Piece>,
    text: Vec<Piece>,
    containers: Vec<Container>,
    next_container: usize,
    open: Vec<Open>,
    /// Where the walk is: in the Markdown, and in the template.
    octet: usize,
    at: Position,
    /// The text part stands behind an item's marker: the next block goes on in that line.
    fresh: bool,
    /// The text part has an unfinished line.
    in_line: bool,
    /// The text part ends in a link's address: a space must follow.
    after_link: bool,
    /// The tags that came out, in order.
    shown: Vec<usize>,
}

impl<'m, 'p> Walk<'m, 'p> {
    fn new(markdown: &'m Markdown, colon: &'static str, problems: &'p mut Vec<Problem>) -> Self {
        Self {
            markdown,
            colon,
            problems,
            html: Vec::new(),
            text: Vec::new(),
            containers: Vec::new(),
            next_container: 1,
            open: Vec::new(),
            octet: 0,
            at: Position::START,
            fresh: false,
            in_line: false,
            after_link: false,
            shown: Vec::new(),
        }
    }

    fn move_to(&mut self, octet: usize) {
        self.octet = octet;
        self.at = self.markdown.position(octet);
    }

    /// A paragraph: of tags alone, it is none; of links to link variables alone, they are buttons.
    fn paragraph(&mut self, inside: &[(Event<'_>, std::ops::Range<usize>)]) {
        let markdown = self.markdown;
        let is_control = |character: char| {
            character.is_whitespace() || markdown.tag(character).is_some_and(|(_, tag)| tag.is_control())
        };
        let mut in_link = false;
        let mut links = 0;
        let bare = inside.iter().all(|(event, _)| match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                in_link = true;
                links += 1;
                matches!(self.variable_target(dest_url), Some(Target::Variable(_)))
            }
            Event::End(TagEnd::Link) => {
                in_link = false;
                true
            }
            Event::Text(text) => in_link || text.chars().all(is_control),
            Event::SoftBreak | Event::HardBreak => true,
            _ => in_link,
        });
        if !bare {
            self.start(&Tag::Paragraph);
        }
        for (event, range) in inside {
            if self.is_too_deep() {
                return;
            }
            self.move_to(range.start);
            match event {
                Event::Start(Tag::Link { dest_url, link_type, .. }) => {
                    if bare {
                        self.start_line();
                    }
                    self.start_link(dest_url, *link_type, bare);
                }
                Event::End(TagEnd::Link) => {
                    self.event(event);
                    if bare {
                        self.end_line(2);
                    }
                }
                Event::SoftBreak | Event::HardBreak if bare => {}
                Event::Text(text) if bare && !self.in_link() => self.inline(text.trim()),
                _ => self.event(event),
            }
        }
        if !bare {
            self.end();
        } else if links == 0 {
            self.push_html("\n");
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(_) => self.end(),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.inline(text),
            Event::Code(text) => {
                self.open_element(&layout::CODE);
                self.inline(text);
                self.end();
            }
            Event::SoftBreak => {
                self.push_html("\n");
                self.push_text(" ");
            }
            Event::HardBreak => {
                self.push_html("<br>\n");
                self.new_line();
            }
            Event::Rule => {
                self.start_line();
                self.push_html(layout::RULE);
                self.push_html("\n");
                self.push_text("---");
                self.end_line(2);
            }
            // Extensions, none of which is on.
            Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => {
                self.start_line();
                self.open_element(&layout::PARAGRAPH);
            }
            Tag::Heading { level, .. } => {
                self.start_line();
                self.push_html(&layout::heading(*level));
                self.push_container("", Close::Heading(*level));
            }
            Tag::BlockQuote(_) => {
                self.push_html(layout::QUOTE.open);
                self.push_container("> ", Close::Element(layout::QUOTE.close));
            }
            Tag::CodeBlock(kind) => {
                self.start_line();
                self.open_element(&layout::CODE_BLOCK);
                if let CodeBlockKind::Fenced(info) = kind
                    && info.chars().any(|character| self.markdown.tag(character).is_some())
                {
                    self.problem("a tag cannot stand behind the fence of a code block: write it inside");
                }
            }
            Tag::List(first) => {
                if self.in_line && !self.fresh {
                    self.end_line(1);
                }
                let (open, close) = match first {
                    Some(first) => (layout::numbers(*first), "</ol>"),
                    None => (layout::BULLETS.open.to_owned(), layout::BULLETS.close),
                };
                self.push_html(&open);
                self.push_container("", Close::List { next: *first, close });
            }
            Tag::Item => {
                let marker = match self.containers.last_mut() {
                    Some(Container { close: Close::List { next: Some(next), .. }, .. }) => {
                        let marker = format!("{next}. ");
                        *next = next.saturating_add(1);
                        marker
                    }
                    _ => "- ".to_owned(),
                };
                self.start_line();
                self.push_text(&marker);
                self.push_html(layout::ITEM.open);
                self.push_container(&" ".repeat(marker.len()), Close::Element(layout::ITEM.close));
                self.fresh = true;
            }
            Tag::Emphasis => self.open_element(&layout::EMPHASIS),
            Tag::Strong => self.open_element(&layout::STRONG),
            Tag::Link { dest_url, link_type, .. } => self.start_link(dest_url, *link_type, false),
            Tag::Image { .. } => {
                self.problem(
                    "a message has no images but the organisation's logo: write it as text or as a link",
                );
                self.push_container("", Close::Element(""));
            }
            // Extensions, none of which is on.
            _ => self.push_container("", Close::Element("")),
        }
    }

    fn end(&mut self) {
        let Some(container) = self.containers.pop() else { return };
        match container.close {
            Close::Element(close) => {
                self.push_html(close);
                match close {
                    "</p>" | "</pre>" | "</blockquote>" => {
                        self.push_html("\n");
                        self.end_line(2);
                    }
                    "</li>" => {
                        self.push_html("\n");
                        self.fresh = false;
                        self.end_line(1);
                    }
                    _ => {}
                }
            }
            Close::Heading(level) => {
                self.push_html(&layout::heading_close(level));
                self.push_html("\n");
                self.end_line(2);
            }
            Close::List { close, .. } => {
                self.push_html(close);
                self.push_html("\n");
                if !self.containers.iter().any(|outer| matches!(outer.close, Close::List { .. })) {
                    self.push_raw_text("\n");
                }
            }
            Close::Link(link) => self.end_link(link),
        }
    }

    fn start_link(&mut self, destination: &str, kind: LinkType, button: bool) {
        let target = self.variable_target(destination).unwrap_or_else(|| {
            let address = if kind == LinkType::Email {
                format!("mailto:{destination}")
            } else {
                destination.to_owned()
            };
            if is_followable(&address) { Target::Address(address) } else { Target::Refused }
        });
        match &target {
            Target::Variable(variable) => {
                self.html.push(Piece::if_set(*variable, self.at));
                if button {
                    self.html.push(Piece::Own(layout::BUTTON[0]));
                    self.html.push(Piece::Href(*variable));
                    self.html.push(Piece::Own(layout::BUTTON[1]));
                } else {
                    self.push_html("<a class=\"link\" href=\"");
                    self.html.push(Piece::Href(*variable));
                    self.push_html(&format!("\" style=\"{}\">", layout::LINK_STYLE));
                    self.html.push(Piece::End(self.at));
                }
            }
            Target::Address(address) => {
                let address = escape(address);
                self.push_html(&format!(
                    "<a class=\"link\" href=\"{address}\" style=\"{}\">",
                    layout::LINK_STYLE
                ));
            }
            Target::Refused => {
                self.shown.extend(
                    destination.chars().filter_map(|character| Some(self.markdown.tag(character)?.0)),
                );
                self.problem(
                    "a link goes to an https, mailto or tel address or to a link variable alone, as in \
                     `[Set up]({{ setup_link }})`",
                );
            }
        }
        self.space_after_link();
        let label_from = self.text.len();
        // A new piece, so that the label can be told from what was before.
        self.text.push(Piece::Text(String::new(), self.at));
        self.push_container("", Close::Link(Link { target, button, label_from }));
    }

    fn end_link(&mut self, link: Link) {
        let label = self.text.get(link.label_from..).unwrap_or_default();
        match link.target {
            Target::Variable(variable) => {
                let shows_itself =
                    label.iter().any(|piece| matches!(piece, Piece::Show(show) if show.variable == variable));
                if link.button {
                    self.html.push(Piece::Own(layout::BUTTON[2]));
                } else {
                    self.html.push(Piece::if_set(variable, self.at));
                    self.push_html("</a>");
                }
                self.html.push(Piece::End(self.at));
                if !shows_itself {
                    self.text.push(Piece::if_set(variable, self.at));
                    // A button's address has a line of its own, where it is easily followed and copied.
                    self.push_raw_text(self.colon);
                    if link.button {
                        self.new_line();
                    } else {
                        self.push_raw_text(" ");
                    }
                    self.text.push(Piece::Show(super::piece::Show {
                        variable,
                        filters: Vec::new(),
                        default: None,
                        space_before: false,
                        followed: false,
                        at: self.at,
                    }));
                    self.text.push(Piece::End(self.at));
                }
            }
            Target::Address(address) => {
                let shown =
                    address.split_once(':').filter(|(scheme, _)| *scheme != "https").map(|(_, rest)| rest);
                let shows_itself = label.iter().any(|piece| {
                    matches!(piece, Piece::Text(text, _) if *text == address || Some(text.as_str()) == shown)
                });
                if !shows_itself {
                    self.push_raw_text(self.colon);
                    self.push_raw_text(" ");
                    self.push_raw_text(shown.unwrap_or(&address));
                }
                self.push_html("</a>");
            }
            Target::Refused => {}
        }
        self.after_link = true;
    }

    /// The link variable that is the whole of a target, or that it is refused since it holds tags otherwise.
    fn variable_target(&self, destination: &str) -> Option<Target> {
        let mut characters = destination.chars();
        let first = characters.next().and_then(|first| self.markdown.tag(first));
        if let (Some((_, Piece::Show(show))), None) = (first, characters.next())
            && show.variable.is_link()
            && show.default.is_none()
        {
            return Some(Target::Variable(show.variable));
        }
        destination.chars().any(|character| self.markdown.tag(character).is_some()).then_some(Target::Refused)
    }

    /// Text with tags in it.
    fn inline(&mut self, text: &str) {
        let markdown = self.markdown;
        let mut rest = text;
        while let Some(start) = rest.find(|character: char| markdown.tag(character).is_some()) {
            self.words(&rest[..start]);
            self.move_to(self.octet + start);
            let mut characters = rest[start..].chars();
            if let Some((number, tag)) = characters.next().and_then(|character| markdown.tag(character)) {
                self.shown.push(number);
                self.tag(tag);
            }
            self.move_to(self.octet + rest.len() - start - characters.as_str().len());
            rest = characters.as_str();
        }
        self.words(rest);
    }

    fn words(&mut self, text: &str) {
        self.push_html(&escape(text));
        let mut lines = text.split('\n');
        if let Some(first) = lines.next() {
            self.push_text(first);
        }
        for line in lines {
            self.new_line();
            self.push_text(line);
        }
    }

    fn tag(&mut self, tag: &Piece) {
        let container = self.containers.last().map_or(0, |container| container.id);
        match tag {
            Piece::Show(show) => {
                self.space_after_link();
                self.fresh = false;
                self.in_line = true;
                self.text.push(tag.clone());
                let followed = show.variable.is_link() && !self.in_link();
                self.html.push(Piece::Show(super::piece::Show { followed, ..show.clone() }));
                return;
            }
            Piece::If(..) => {
                self.open.push(Open { container, fresh: self.fresh, after_link: self.after_link });
            }
            Piece::Elif(..) | Piece::Else(_) => {
                if let Some(open) = self.open.last() {
                    self.fresh = open.fresh;
                    self.after_link = open.after_link;
                    self.same_block(open.container, container, tag);
                }
            }
            Piece::End(_) => {
                if let Some(open) = self.open.pop() {
                    self.after_link |= open.after_link;
                    self.same_block(open.container, container, tag);
                }
            }
            Piece::Text(..) | Piece::Href(_) | Piece::Own(_) => return,
        }
        self.html.push(tag.clone());
        self.text.push(tag.clone());
    }

    fn same_block(&mut self, opened: usize, here: usize, tag: &Piece) {
        if opened != here {
            self.problems.push(tag.position().problem(
                "this tag stands in another paragraph, list item or emphasis than its `if`: put both in the same one, \
                 or each alone on its line with the same indentation",
            ));
        }
    }

    fn finish(self) -> Body {
        if self.is_too_deep() {
            self.problems
                .push(self.at.problem("too many lists, quotations or emphases stand in one another here"));
            return Body { html: self.html, text: self.text };
        }
        let targets: Vec<Variable> = self
            .html
            .iter()
            .filter_map(|piece| if let Piece::Href(variable) = piece { Some(*variable) } else { None })
            .collect();
        let mut times = vec![0_usize; self.markdown.tags.len()];
        for number in &self.shown {
            if let Some(times) = times.get_mut(*number) {
                *times += 1;
            }
        }
        for (tag, times) in self.markdown.tags.iter().zip(times) {
            let is_target = matches!(tag, Piece::Show(show) if targets.contains(&show.variable));
            if times == 0 && !is_target || times > 1 && tag.is_control() {
                self.problems.push(tag.position().problem(
                    "this tag would not be shown where it stands: move it out of the link's target or title",
                ));
            }
        }
        Body { html: self.html, text: self.text }
    }

    /// Whether to stop: what each line costs grows with the depth.
    fn is_too_deep(&self) -> bool {
        self.containers.len() > MAX_DEPTH
    }

    fn in_link(&self) -> bool {
        self.containers.iter().any(|container| matches!(container.close, Close::Link(_)))
    }

    fn problem(&mut self, message: &str) {
        self.problems.push(self.at.problem(message));
    }

    fn open_element(&mut self, block: &layout::Block) {
        self.push_html(block.open);
        self.push_container("", Close::Element(block.close));
    }

    fn push_container(&mut self, prefix: &str, close: Close) {
        self.containers.push(Container { id: self.next_container, prefix: prefix.to_owned(), close });
        self.next_container += 1;
    }

    fn push_html(&mut self, html: &str) {
        push(&mut self.html, html, self.at);
    }

    /// Words in the text part.
    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !text.starts_with(char::is_whitespace) {
            self.space_after_link();
        }
        self.after_link = false;
        self.fresh = false;
        self.in_line = true;
        self.push_raw_text(text);
    }

    fn push_raw_text(&mut self, text: &str) {
        push(&mut self.text, text, self.at);
    }

    fn space_after_link(&mut self) {
        if mem::take(&mut self.after_link) {
            self.push_raw_text(" ");
        }
    }

    /// Begins a block in the text part, with what its containers put before it.
    fn start_line(&mut self) {
        if !self.fresh {
            self.push_prefix();
        }
        self.fresh = false;
        self.in_line = true;
    }

    fn end_line(&mut self, breaks: usize) {
        self.push_raw_text(&"\n".repeat(breaks));
        self.in_line = false;
        self.after_link = false;
    }

    fn new_line(&mut self) {
        self.push_raw_text("\n");
        self.push_prefix();
        self.after_link = false;
    }

    fn push_prefix(&mut self) {
        let prefix: String = self.containers.iter().map(|container| container.prefix.as_str()).collect();
        self.push_raw_text(&prefix);
    }
}

/// Adds to the text piece at the end, if there is one.
fn push(pieces: &mut Vec<Piece>, text: &str, at: Position) {
    match pieces.last_mut() {
        Some(Piece::Text(last, _)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned(), at)),
    }
}

/// Whether a message may lead there: not to a script, and not unencrypted.
fn is_followable(address: &str) -> bool {
    let known = ["https://", "mailto:", "tel:"]
        .iter()
        .any(|scheme| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    known && !address.contains(|character: char| character.is_whitespace() || character.is_control())
}
