//! One conversation of a worker with the mail server.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use invite_core::model::message::Channel;
use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::schedule::{Break, Place};
use super::sink::Shared;
use crate::journal::Accepted;

/// How long a half-open connection is kept: longer than any worker waits.
const HALF_OPEN: Duration = Duration::from_secs(10);
/// A worker waits 3 s for everything about a message, its own delays included. To whom the answer comes later than this, it
/// may come too late, and nothing on the wire tells.
const LATE: Duration = Duration::from_secs(2);

/// See above.
pub(crate) struct Conversation {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    /// As it said EHLO; empty before.
    pub(crate) worker: String,
    /// Of the message that is talked about; empty between messages.
    to: String,
    /// A new one for each message, from its RCPT on.
    number: u64,
    /// A fault was injected into it.
    broken: bool,
    /// When it began to be about the message, with what leads to it; none between messages.
    since: Option<Instant>,
}

impl Conversation {
    pub(crate) fn new(stream: TcpStream, shared: Arc<Shared>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (stream, number) = (BufReader::new(stream), shared.next_conversation());
        let (worker, to, since) = (String::new(), String::new(), Some(Instant::now()));
        Ok(Self { stream, shared, worker, to, number, broken: false, since })
    }

    pub(crate) fn is_about_a_message(&self) -> bool {
        !self.to.is_empty()
    }

    /// Until the worker says goodbye; the error is how it ends before.
    pub(crate) async fn run(&mut self) -> io::Result<()> {
        self.come_to(Place::Greeting).await?;
        self.say("220 sink ESMTP\r\n").await?;
        loop {
            let line = self.line().await?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    rest.clone_into(&mut self.worker);
                    self.come_to(Place::Hello).await?;
                    self.say("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n").await?;
                }
                "MAIL" => {
                    self.since.get_or_insert_with(Instant::now);
                    self.come_to(Place::Mail).await?;
                    self.say("250 2.1.0 ok\r\n").await?;
                }
                "RCPT" => {
                    self.about(between(rest, '<', '>'));
                    self.come_to(Place::Rcpt).await?;
                    self.say("250 2.1.5 ok\r\n").await?;
                }
                "DATA" => {
                    self.message().await?;
                    if self.shared.wants_connections() {
                        return Ok(());
                    }
                }
                "QUIT" => return self.say("221 2.0.0 bye\r\n").await,
                "RSET" | "NOOP" => self.say("250 2.0.0 ok\r\n").await?,
                _ => self.say("500 5.5.1 what?\r\n").await?,
            }
        }
    }

    async fn message(&mut self) -> io::Result<()> {
        self.come_to(Place::Data).await?;
        self.shared.try_message(&self.to);
        self.say("354 go on\r\n").await?;
        let mut message = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                break;
            }
            let first = message.is_empty();
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if first {
                self.come_to(Place::Body).await?;
            }
        }
        self.come_to(Place::Dot).await?;
        self.shared.slow_down().await;
        let number = self.shared.keeper.keep(self.accepted(&message)?).await?;
        self.come_to(Place::Kept).await?;
        let late = self.since.is_some_and(|since| since.elapsed() > LATE);
        if late || self.is_given_up().await {
            self.shared.ledger.gave_up(&self.to, &self.worker, self.number);
        }
        self.say(&format!("250 2.0.0 kept as {number}\r\n")).await?;
        self.come_to(Place::Answered).await?;
        self.shared.talks_no_more(&self.worker);
        self.to.clear();
        (self.broken, self.since) = (false, None);
        Ok(())
    }

    fn about(&mut self, to: String) {
        if self.to.is_empty() {
            self.shared.talks_about(&self.worker);
        }
        self.number = self.shared.next_conversation();
        self.shared.names(&self.worker, &to);
        self.to = to;
        if self.broken {
            // A fault that fell before it was said whom the message is for.
            self.shared.ledger.fell_on_conversation(&self.to, &self.worker, self.number);
        }
    }

    /// Breaks here, if it is to, and is held here, if somebody wants that.
    async fn come_to(&mut self, place: Place) -> io::Result<()> {
        if let Some(broken) = self.shared.broken_at(place) {
            self.broken = true;
            self.shared.ledger.fault(broken.to_string(), place.to_string());
            if self.is_about_a_message() {
                self.shared.ledger.fell_on_conversation(&self.to, &self.worker, self.number);
            }
            match broken {
                Break::Reset => {
                    self.stream.get_ref().set_zero_linger()?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Break::Stalled(time) => tokio::time::sleep(time).await,
                Break::HalfOpen => {
                    tokio::time::sleep(HALF_OPEN).await;
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        self.shared.hold_at(place, &self.worker, &self.to, self.number).await;
        Ok(())
    }

    fn accepted(&self, message: &[u8]) -> io::Result<Accepted> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let parsed = MessageParser::default().parse(message).ok_or_else(|| wrong("no message"))?;
        let id = parsed.message_id().and_then(|id| id.split('@').next()).unwrap_or_default();
        Ok(Accepted {
            delivery: id.parse().map_err(|_| wrong("the Message-ID is not of a delivery"))?,
            channel: Channel::Email,
            to: self.to.clone(),
            text: parsed.body_text(0).unwrap_or_default().into_owned(),
            worker: self.worker.clone(),
            number: 0,
            conversation: self.number,
        })
    }

    /// Whether the worker has closed the connection.
    async fn is_given_up(&mut self) -> bool {
        let read = tokio::time::timeout(Duration::ZERO, self.stream.fill_buf()).await;
        read.is_ok_and(|read| read.is_ok_and(<[u8]>::is_empty))
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 || !line.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(line.as_bytes()).await
    }
}

fn between(line: &str, from: char, to: char) -> String {
    line.split_once(from)
        .and_then(|(_, rest)| rest.split_once(to))
        .map_or("", |(inside, _)| inside)
        .to_owned()
}
