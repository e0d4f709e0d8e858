//! Reads back what arrived in the folder of messages, as a mail program would.

use std::error::Error;
use std::fs;
use std::path::Path;

use mail_parser::MessageParser;

/// A message that arrived.
pub struct Mail {
    pub from: String,
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// The newest e-mail to `address`.
pub fn newest_to(outbox: &Path, address: &str) -> Result<Mail, Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir(outbox)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    for path in files.into_iter().rev() {
        let octets = fs::read(path)?;
        let message = MessageParser::default().parse(&octets).ok_or("not an e-mail")?;
        let address_of = |header: Option<&mail_parser::Address<'_>>| {
            let first = header.and_then(|address| address.first());
            let name = first.and_then(|one| one.name()).unwrap_or_default().to_owned();
            (name, first.and_then(|one| one.address()).unwrap_or_default().to_owned())
        };
        let (to_name, to) = address_of(message.to());
        if to != address {
            continue;
        }
        let (from_name, from) = address_of(message.from());
        return Ok(Mail {
            from: format!("{from_name} <{from}>"),
            to: format!("{to_name} <{to}>"),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().into_owned(),
        });
    }
    Err(format!("no e-mail to {address}").into())
}

/// The temporary password in a message: three groups of four, alone on its line.
pub fn temporary_password(text: &str) -> Option<String> {
    let is_password = |line: &str| {
        let groups: Vec<&str> = line.split('-').collect();
        groups.len() == 3
            && groups.iter().all(|group| group.len() == 4 && group.chars().all(char::is_alphanumeric))
    };
    text.lines().map(str::trim).find(|line| is_password(line)).map(str::to_owned)
}
