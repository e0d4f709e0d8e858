//! Octets to the server and replies from it, each within its time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::reply::{Received, Reply};

/// A connection, plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// Why nothing more can be said on a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the mail server closed the connection")]
    Closed,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the mail server did not answer in time")]
    TimedOut,
    #[error("the mail server said something that is no reply of SMTP")]
    Malformed,
}

/// A stream on which replies are read.
pub(crate) struct Wire<S> {
    stream: S,
    received: Received,
    alarm: Alarm,
}

impl<S: Stream> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, received: Received::default(), alarm: Alarm::new() }
    }

    /// The stream, and whether the server had said more than was read. That is thrown away: what came before TLS began
    /// may be of anyone, and must not be taken for an answer under TLS.
    pub(crate) fn into_stream(self) -> (S, bool) {
        (self.stream, !self.received.is_empty())
    }

    /// The same over another stream, which goes on where this one stands.
    pub(crate) fn map<T>(self, stream: impl FnOnce(S) -> T) -> Wire<T> {
        Wire { stream: stream(self.stream), received: self.received, alarm: self.alarm }
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self, until: Instant) -> Result<Reply, Fault> {
        loop {
            match self.received.next() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(_) => return Err(Fault::Malformed),
            }
            let read = self.stream.read_buf(self.received.buffer());
            match self.alarm.within(until, read).await {
                Some(Ok(0)) => return Err(Fault::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Fault::TimedOut),
            }
        }
    }

    /// Says a command, or several at once, each with its CRLF.
    pub(crate) async fn say(&mut self, commands: &str, until: Instant) -> Result<(), Fault> {
        debug_assert!(commands.ends_with("\r\n"), "a command ends with CRLF");
        self.write(commands.as_bytes(), &mut 0, until).await
    }

    /// Says a command and reads its reply.
    pub(crate) async fn ask(&mut self, command: &str, until: Instant) -> Result<Reply, Fault> {
        self.say(command, until).await?;
        self.reply(until).await
    }

    /// Writes all octets, and counts in `written` those that the connection took: of the others none ever goes.
    pub(crate) async fn write(
        &mut self,
        octets: &[u8],
        written: &mut usize,
        until: Instant,
    ) -> Result<(), Fault> {
        let all = async {
            while *written < octets.len() {
                match self.stream.write(&octets[*written..]).await? {
                    0 => return Err(Fault::Closed),
                    some => *written += some,
                }
            }
            Ok(self.stream.flush().await?)
        };
        self.alarm.within(until, all).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Whether the server has neither spoken nor closed since the last reply.
    pub(crate) async fn is_silent(&mut self) -> bool {
        if !self.received.is_empty() {
            return false;
        }
        let mut octet = [0];
        let mut octet = ReadBuf::new(&mut octet);
        poll_fn(|context| Poll::Ready(Pin::new(&mut self.stream).poll_read(context, &mut octet).is_pending()))
            .await
    }

    /// Ends the stream, so that the server sees an end and not a reset.
    pub(crate) async fn close(&mut self, until: Instant) {
        // There is nobody left to tell.
        let _ = self.alarm.within(until, self.stream.shutdown()).await;
    }
}
