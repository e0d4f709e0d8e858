//! How an e-mail looks: one column of tables with inline styles, which every mail program shows.
//!
//! The styles stand at the elements, since some programs drop `<style>`; only dark mode, which cannot be written so,
//! stands there. Language and direction stand at the outer table too, since web mail drops those of the page. Nothing is
//! fetched but the organisation's own logo, and the message works without it.

use pulldown_cmark::HeadingLevel;

use crate::model::locale::Locale;

/// The page, in Tera, and where the body goes in it.
const PAGE: &str = include_str!("layout.html");
const BODY: &str = "<!-- body -->";

/// The style of a link in running text. A long address is broken by the card's `overflow-wrap`, which leaves the words of
/// a label whole.
pub(super) const LINK_STYLE: &str = "color:#0b57d0;text-decoration:underline";

/// Around what a person types as it stands: it reads from left to right in every language, so that `2345-abcd` and `+47…`
/// do not come out the other way round in Arabic.
pub(super) const EXACT: [&str; 2] = [r#"<span dir="ltr">"#, "</span>"];

/// An element that holds text or items.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
}

pub(super) const PARAGRAPH: Block = Block { open: r#"<p style="margin:0 0 16px">"#, close: "</p>" };
pub(super) const ITEM: Block = Block { open: r#"<li style="margin:0 0 8px">"#, close: "</li>" };
pub(super) const BULLETS: Block = Block {
    open: r#"<ul style="margin:0 0 16px;padding:0 0 0 24px;padding-inline:24px 0">"#,
    close: "</ul>",
};
const NUMBERS_FROM_ONE: &str = r#"<ol style="margin:0 0 16px;padding:0 0 0 24px;padding-inline:24px 0">"#;
pub(super) const QUOTE: Block = Block {
    // For the mail programs that know no writing direction first, then for the others.
    open: concat!(
        r#"<blockquote class="rule" style="margin:0 0 16px;padding:0 0 0 12px;border-left:4px solid #767676;"#,
        r#"padding-inline:12px 0;border-inline:0 solid #767676;border-inline-width:4px 0">"#
    ),
    close: "</blockquote>",
};
pub(super) const EMPHASIS: Block = Block { open: "<em>", close: "</em>" };
pub(super) const STRONG: Block = Block { open: "<strong>", close: "</strong>" };
pub(super) const CODE: Block = Block {
    open: concat!(
        r#"<code class="code" dir="ltr" style="padding:2px 6px;border-radius:4px;background-color:#eeeeee;color:#000000;"#,
        r#"font-family:Menlo,Consolas,'Courier New',monospace;font-size:17px">"#
    ),
    close: "</code>",
};
pub(super) const CODE_BLOCK: Block = Block {
    open: concat!(
        r#"<pre class="code" dir="ltr" style="margin:0 0 16px;padding:8px 12px;border-radius:4px;background-color:#eeeeee;"#,
        r#"color:#000000;font-family:Menlo,Consolas,'Courier New',monospace;white-space:pre-wrap">"#
    ),
    close: "</pre>",
};
pub(super) const RULE: &str =
    r#"<hr class="rule" style="margin:0 0 16px;border:0;border-top:1px solid #767676">"#;

/// What goes when it comes out empty, the inner before the outer.
pub(super) const BLOCKS: [Block; 4] =
    [PARAGRAPH, ITEM, BULLETS, Block { open: NUMBERS_FROM_ONE, close: "</ol>" }];

/// Opens a numbered list.
pub(super) fn numbers(first: u64) -> String {
    match first {
        1 => NUMBERS_FROM_ONE.to_owned(),
        other => NUMBERS_FROM_ONE.replacen("<ol", &format!("<ol start=\"{other}\""), 1),
    }
}

/// Opens a heading; it is closed by [`heading_close`].
pub(super) fn heading(level: HeadingLevel) -> String {
    let size = match level {
        HeadingLevel::H1 => 24,
        HeadingLevel::H2 => 20,
        _ => 17,
    };
    format!(r#"<{level} style="margin:0 0 16px;font-size:{size}px;line-height:1.3">"#)
}

/// Closes a heading.
pub(super) fn heading_close(level: HeadingLevel) -> String {
    format!("</{level}>")
}

/// Before the address of a button, between it and the label, and behind the label. The colours are the theme's.
pub(super) const BUTTON: [&str; 3] = [
    concat!(
        r#"<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 16px"><tr>"#,
        r#"<td align="center" bgcolor="{{ theme_colour }}" style="border-radius:6px;background-color:{{ theme_colour }}">"#,
        r#"<a href=""#
    ),
    concat!(
        // The edge is seen on both backgrounds, also where the theme's colour is the background's.
        r#"" style="display:inline-block;padding:12px 24px;border:1px solid #767676;border-radius:6px;"#,
        r#"background-color:{{ theme_colour }};"#,
        r#"color:{{ theme_text }};font-weight:bold;text-decoration:none">"#
    ),
    "</a></td></tr></table>\n",
];

/// The whole page with `body`, canonical Tera, in it.
pub(super) fn page(body: &str) -> String {
    PAGE.replacen(BODY, body, 1)
}

/// The colon of a language: French has a space before it, at which no line is broken.
pub(super) fn colon(locale: &Locale) -> &'static str {
    if locale.language() == "fr" { "\u{a0}:" } else { ":" }
}
