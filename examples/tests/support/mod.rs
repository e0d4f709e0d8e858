//! The folder of messages, read back as a mail program would.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod search;

use std::path::Path;

use mail_parser::MessageParser;

/// A message that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// Its file.
    pub(crate) file: String,
    /// The octets of the file.
    pub(crate) octets: Vec<u8>,
    /// The address or number.
    pub(crate) to: String,
    /// The name beside the address.
    pub(crate) to_name: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// Empty for a text message.
    pub(crate) html: String,
}

/// Every message in the folder, in the order of their files.
pub(crate) fn arrived(folder: &Path) -> Vec<Arrived> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "eml" || ext == "txt")).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Arrived {
    let file = path.file_name().unwrap().to_str().unwrap().to_owned();
    let octets = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "txt") {
        let whole = String::from_utf8(octets.clone()).unwrap();
        let (head, text) = whole.split_once("\n\n").unwrap();
        let to = head.lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned();
        let (to_name, subject, html) = (String::new(), String::new(), String::new());
        return Arrived { file, octets, to, to_name, subject, text: text.to_owned(), html };
    }
    let message = MessageParser::default().parse(&octets).unwrap();
    let to = message.to().unwrap().first().unwrap();
    let (to, to_name) = (to.address().unwrap().to_owned(), to.name().unwrap_or_default().to_owned());
    let subject = message.subject().unwrap().to_owned();
    let text = message.body_text(0).unwrap().into_owned();
    let html = message.body_html(0).unwrap().into_owned();
    Arrived { file, octets, to, to_name, subject, text, html }
}
