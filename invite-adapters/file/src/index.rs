//! `index.html`: the newest messages, to be read in a browser.
//!
//! It is made from the folder alone, so it is right whichever processes wrote there. Each message is read, shown and
//! forgotten, so it needs little memory. It runs no script, loads nothing and sends no referrer; the file's
//! Content-Security-Policy holds a browser to that should the escaping ever fail.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use invite_core::model::message::Channel;
use mail_parser::MessageParser;

use crate::file_name;
use crate::folder::Folder;

/// How many messages the page shows; a browser still opens it at once.
const SHOWN: usize = 1_000;
/// How much of a text message stands in its line: the beginning, which says who writes, and no password.
const PREVIEW: usize = 40;
const STYLE: &str = include_str!("index.css");
/// SHA-256 of [`STYLE`], in base64: the one thing that the page's policy lets a browser use.
const STYLE_DIGEST: &str = "nOLrhjTTUiKxbyNmvUss2t12U5JSDRcwe0/OyGwTPSc=";

/// Writes the page anew from what is in the folder.
pub(crate) fn write(folder: &Folder) -> io::Result<()> {
    // One at a time: a page from an older look at the folder must not replace one from a newer.
    let _lock = folder.lock(".index.lock")?;
    let (newest, total) = newest(folder)?;
    folder.write("index.html", |page| {
        write_head(page, newest.len(), total)?;
        for name in &newest {
            // Deleted meanwhile, or not ours after all: the others are still worth showing.
            if let Some(entry) = Entry::read(folder, name) {
                entry.write(page)?;
            }
        }
        page.write_all(b"</main>\n")
    })?;
    Ok(())
}

/// The names of the newest messages, newest first, and how many messages there are.
fn newest(folder: &Folder) -> io::Result<(Vec<String>, usize)> {
    let mut names = Vec::new();
    let mut total = 0;
    for entry in fs::read_dir(folder.path())? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if file_name::channel(&name).is_none() {
            continue;
        }
        total += 1;
        names.push(name);
        if names.len() == 2 * SHOWN {
            keep_newest(&mut names);
        }
    }
    keep_newest(&mut names);
    Ok((names, total))
}

fn keep_newest(names: &mut Vec<String>) {
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.truncate(SHOWN);
}

fn write_head(page: &mut dyn Write, shown: usize, total: usize) -> io::Result<()> {
    let count = match (shown, total) {
        (_, 0) => "No messages yet.".to_owned(),
        (shown, total) if shown < total => format!("The newest {shown} of {total} messages, newest first."),
        _ => format!("{total} messages, newest first."),
    };
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Messages</title>\n<style>{STYLE}</style>\n<main>\n<h1>Messages</h1>\n<p>{count}</p>\n"
    )
}

/// One message, as the page shows it.
struct Entry<'a> {
    file: &'a str,
    written: DateTime<Utc>,
    channel: Channel,
    recipient: String,
    subject: String,
    text: String,
}

impl<'a> Entry<'a> {
    fn read(folder: &Folder, file: &'a str) -> Option<Self> {
        let path = folder.path().join(file);
        let channel = file_name::channel(file)?;
        let written = fs::metadata(&path).and_then(|data| data.modified()).ok()?.into();
        let octets = fs::read(path).ok()?;
        let (recipient, subject, text) = match channel {
            Channel::Email => read_email(&octets)?,
            Channel::Sms => read_sms(&octets)?,
        };
        Some(Self { file, written, channel, recipient, subject, text })
    }

    fn write(&self, page: &mut dyn Write) -> io::Result<()> {
        let channel = match self.channel {
            Channel::Email => "e-mail",
            Channel::Sms => "SMS",
        };
        writeln!(
            page,
            "<details name=\"message\"><summary><time>{} UTC</time><span class=\"channel\">{channel}</span>\
             <bdi>{}</bdi><bdi>{}</bdi></summary>\n<pre>{}</pre>\n<p class=\"file\"><a href=\"./{file}\">{file}</a></p></details>",
            self.written.format("%Y-%m-%d %H:%M:%S"),
            escaped(&self.recipient),
            escaped(&self.subject),
            with_links(&self.text),
            file = escaped(self.file),
        )
    }
}

fn read_email(octets: &[u8]) -> Option<(String, String, String)> {
    let message = MessageParser::new().parse(octets)?;
    let to = message.to()?.first()?;
    let address = to.address()?;
    let recipient = match to.name() {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    };
    Some((recipient, message.subject().unwrap_or_default().to_owned(), message.body_text(0)?.into_owned()))
}

/// What `text_file` of the transport wrote.
fn read_sms(octets: &[u8]) -> Option<(String, String, String)> {
    let (head, text) = str::from_utf8(octets).ok()?.split_once("\n\n")?;
    let recipient = head.lines().find_map(|line| line.strip_prefix("To: "))?;
    let preview: String = text.chars().take(PREVIEW).chain(['…']).collect();
    Some((recipient.to_owned(), preview, text.to_owned()))
}

/// Escaped text, in which a word that is a web address can be followed. Messages have white space after every link.
fn with_links(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).fold(String::new(), |mut html, piece| {
        let word = piece.trim_end();
        let (shown, space) = (escaped(word), &piece[word.len()..]);
        let link = word.starts_with("https://") || word.starts_with("http://");
        let _ = if link {
            write!(html, "<a href=\"{shown}\" rel=\"noreferrer\">{shown}</a>{space}")
        } else {
            write!(html, "{shown}{space}")
        };
        html
    })
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
        html
    })
}
