//! A mail server that writes each message durably before it answers the final dot, and holds one conversation at a
//! moment when it is told to.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use invite_core::model::message::Channel;
use mail_parser::MessageParser;

use crate::journal::Accepted;

/// Where a worker is when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At any moment, mostly away from the mail server: it claims, hashes, begins or records.
    Any,
    /// Sender and recipient were given, and the server has not said yet that it takes the message.
    Envelope,
    /// The final dot has arrived, and the message is not on the disk.
    Dot,
    /// The message is on the disk, and the worker does not know yet.
    Kept,
    /// The worker was told that the message is accepted.
    Answered,
}

impl Moment {
    pub(crate) const ALL: [Self; 5] = [Self::Any, Self::Envelope, Self::Dot, Self::Kept, Self::Answered];
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Any => "at any moment",
            Self::Envelope => "before the server takes the message",
            Self::Dot => "after the final dot",
            Self::Kept => "the message is kept, not answered",
            Self::Answered => "answered, hardly recorded",
        })
    }
}

/// What the conversations and whoever kills share.
#[derive(Debug, Default)]
struct Holding {
    /// The next conversation that comes to this moment is held there.
    wanted: Option<Moment>,
    /// One is held.
    held: bool,
    /// Messages that were kept.
    kept: u64,
}

#[derive(Debug)]
struct Shared {
    journal: File,
    holding: Mutex<Holding>,
    changed: Condvar,
}

/// The server. It ends with the process.
#[derive(Debug)]
pub(crate) struct Sink {
    port: u16,
    shared: Arc<Shared>,
}

impl Sink {
    pub(crate) fn open(journal: &Path) -> io::Result<Self> {
        let journal = File::options().append(true).create(true).open(journal)?;
        let shared = Arc::new(Shared { journal, holding: Mutex::default(), changed: Condvar::new() });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = accepting.clone();
                // A worker that is killed in the middle ends its conversation: nothing to tell anybody.
                std::thread::spawn(move || shared.converse(&stream));
            }
        });
        Ok(Self { port, shared })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How many messages were kept so far.
    pub(crate) fn kept(&self) -> u64 {
        self.shared.holding().kept
    }

    /// Waits until a conversation is held at `moment`; `false` where none comes there in time.
    pub(crate) fn hold(&self, moment: Moment, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut holding = self.shared.holding();
        holding.wanted = Some(moment);
        while !holding.held {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                holding.wanted = None;
                return false;
            }
            holding =
                self.shared.changed.wait_timeout(holding, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets the conversation that is held go on.
    pub(crate) fn release(&self) {
        let mut holding = self.shared.holding();
        (holding.wanted, holding.held) = (None, false);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops here, if this is the moment that is wanted.
    fn moment(&self, moment: Moment) {
        let mut holding = self.holding();
        if holding.wanted != Some(moment) || holding.held {
            return;
        }
        holding.held = true;
        self.changed.notify_all();
        while holding.held {
            holding = self.changed.wait(holding).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn converse(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let say = |line: &str| (&*stream).write_all(line.as_bytes());
        say("220 sink ESMTP\r\n")?;
        let mut to = String::new();
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => say("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")?,
                "RCPT" => {
                    to = between(&line, '<', '>');
                    say("250 2.1.5 ok\r\n")?;
                }
                "DATA" => {
                    self.moment(Moment::Envelope);
                    say("354 go on\r\n")?;
                    let message = read_message(&mut reader)?;
                    self.moment(Moment::Dot);
                    let number = self.keep(&message, &to)?;
                    self.moment(Moment::Kept);
                    say(&format!("250 2.0.0 kept as {number}\r\n"))?;
                    self.moment(Moment::Answered);
                }
                "QUIT" => return say("221 2.0.0 bye\r\n"),
                "MAIL" | "RSET" | "NOOP" | "HELO" => say("250 2.0.0 ok\r\n")?,
                _ => say("500 5.5.1 what?\r\n")?,
            }
        }
    }

    /// Appends the message to the journal, durably. Gives its number.
    fn keep(&self, message: &[u8], to: &str) -> io::Result<u64> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let parsed = MessageParser::default().parse(message).ok_or_else(|| wrong("no message"))?;
        let id = parsed.message_id().and_then(|id| id.split('@').next()).unwrap_or_default();
        let accepted = Accepted {
            delivery: id.parse().map_err(|_| wrong("the Message-ID is not of a delivery"))?,
            channel: Channel::Email,
            to: to.to_owned(),
            text: parsed.body_text(0).unwrap_or_default().into_owned(),
        };
        let line = format!("\n{}", serde_json::to_string(&accepted).expect("it is text"));
        (&self.journal).write_all(line.as_bytes())?;
        self.journal.sync_data()?;
        let mut holding = self.holding();
        holding.kept += 1;
        Ok(holding.kept)
    }
}

/// The message up to its final dot, the dots that were doubled taken back.
fn read_message(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

fn between(line: &str, from: char, to: char) -> String {
    line.split_once(from)
        .and_then(|(_, rest)| rest.split_once(to))
        .map_or("", |(inside, _)| inside)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_its_dot_alone() {
        let mut wire = &b"Subject: a\r\n\r\n..b\r\n.c\r\n.\r\nQUIT\r\n"[..];
        assert_eq!(read_message(&mut wire).unwrap(), b"Subject: a\r\n\r\n.b\r\nc\r\n");
        assert_eq!(wire, b"QUIT\r\n");
        assert!(read_message(&mut &b"cut off"[..]).is_err());
    }
}
