//! A connection that is ready for messages: greeted, encrypted, signed in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use invite_core::model::outcome::Outcome;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use crate::capabilities::Capabilities;
use crate::credentials::Credentials;
use crate::outcomes::{answered, blocked, deferred, lost, place};
use crate::reply::Reply;
use crate::settings::{Security, Settings};
use crate::tls::{Tls, explained};
use crate::verdict::Phase;
use crate::wire::{Stream, Wire};

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// See above.
pub(crate) struct Connection {
    pub(crate) wire: Wire<Box<dyn Stream>>,
    pub(crate) offered: Capabilities,
    /// How many messages went over it, or were tried.
    pub(crate) messages: u32,
}

impl Connection {
    /// Connects, and says all that comes before a message; otherwise the outcome of a message that was to go.
    pub(crate) async fn open(settings: &Settings, until: Instant) -> Result<Self, Outcome> {
        let connect_until = soonest(settings.figures.connect_timeout, until);
        let stream = connected(settings, connect_until).await?;
        let hello = hello(settings, &stream);
        let (wire, offered) = match &settings.security {
            Security::Implicit(tls) => {
                let stream = encrypted(tls, stream, settings, connect_until).await?;
                let mut wire = Wire::new(stream);
                greeted(&mut wire, settings, until).await?;
                let offered = offered(&mut wire, &hello, settings, until).await?;
                (boxed(wire), offered)
            }
            Security::StartTls(tls) => {
                let mut wire = Wire::new(stream);
                greeted(&mut wire, settings, until).await?;
                let offer = offered(&mut wire, &hello, settings, until).await?;
                let stream = starttls(wire, offer, settings, until).await?;
                let connect_until = soonest(settings.figures.connect_timeout, until);
                let mut wire = Wire::new(encrypted(tls, stream, settings, connect_until).await?);
                // What was offered without TLS may have been of anyone (RFC 3207, 4.2).
                let offered = offered(&mut wire, &hello, settings, until).await?;
                (boxed(wire), offered)
            }
            Security::DangerousPlain => {
                let mut wire = Wire::new(stream);
                greeted(&mut wire, settings, until).await?;
                let offered = offered(&mut wire, &hello, settings, until).await?;
                (boxed(wire), offered)
            }
        };
        let mut connection = Self { wire, offered, messages: 0 };
        if let Some(credentials) = &settings.credentials
            && let Err(outcome) = connection.sign_in(credentials, settings, until).await
        {
            connection.quit().await;
            return Err(outcome);
        }
        tracing::debug!(
            host = settings.host,
            port = settings.port,
            security = settings.security.words(),
            "connected"
        );
        Ok(connection)
    }

    async fn sign_in(
        &mut self,
        credentials: &Credentials,
        settings: &Settings,
        until: Instant,
    ) -> Result<(), Outcome> {
        let reply = if self.offered.auth_plain() {
            let line = format!("AUTH PLAIN {}\r\n", credentials.plain().expose());
            self.ask(&line, settings, until).await?
        } else if self.offered.auth_login() {
            let [user, password] = credentials.login();
            let mut reply = self.ask("AUTH LOGIN\r\n", settings, until).await?;
            for answer in [user, password] {
                if reply.code == 334 {
                    reply = self.ask(&format!("{}\r\n", answer.expose()), settings, until).await?;
                }
            }
            reply
        } else {
            return Err(blocked(&format!(
                "{} offers neither AUTH PLAIN nor LOGIN, and a user name is set; leave it out, or use the port for \
                 submission (587 or 465)",
                place(settings)
            )));
        };
        if reply.is_positive() { Ok(()) } else { Err(answered(Phase::Auth, &reply, settings, &[])) }
    }

    async fn ask(&mut self, line: &str, settings: &Settings, until: Instant) -> Result<Reply, Outcome> {
        ask(&mut self.wire, Phase::Auth, line, settings, until).await
    }

    /// Takes back whatever was said of a message; whether the connection can go on.
    pub(crate) async fn reset(&mut self, until: Instant) -> bool {
        let reply = self.wire.ask("RSET\r\n", soonest(GOODBYE, until)).await;
        reply.is_ok_and(|reply| reply.is_positive())
    }

    /// Says goodbye and closes. A server that does not answer is not waited for.
    pub(crate) async fn quit(mut self) {
        let until = Instant::now() + GOODBYE;
        let _ = self.wire.ask("QUIT\r\n", until).await;
        self.wire.close(until).await;
    }
}

/// The sooner of the two: `time` from now, and `until`.
pub(crate) fn soonest(time: Duration, until: Instant) -> Instant {
    Instant::now().checked_add(time).map_or(until, |instant| instant.min(until))
}

async fn connected(settings: &Settings, until: Instant) -> Result<TcpStream, Outcome> {
    let stream = match timeout_at(until, reached(settings, until)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let words =
                format!("no connection to {}: {error}; check host, port and firewall", place(settings));
            return Err(deferred(&words));
        }
        Err(_) => {
            let words = format!(
                "no connection to {}: no answer in time; check host, port and firewall",
                place(settings)
            );
            return Err(deferred(&words));
        }
    };
    // Otherwise each message waits for an acknowledgement that the server holds back: 40 ms.
    stream.set_nodelay(true).map_err(|error| lost(Phase::Greeting, &error.into(), settings))?;
    Ok(stream)
}

/// Tries one address of the host after the other. Each gets its part of the time, so that one that does not answer, as
/// IPv6 often does not, leaves some for the next.
async fn reached(settings: &Settings, until: Instant) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((settings.host.as_str(), settings.port)).await?.collect();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for (number, address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let others = u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        match timeout(left / others, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn encrypted(
    tls: &Tls,
    stream: TcpStream,
    settings: &Settings,
    until: Instant,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Outcome> {
    match timeout_at(until, tls.connect(stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(deferred(&explained(&error, &settings.host))),
        Err(_) => {
            let words =
                format!("{} did not finish TLS in time; see whether the port speaks TLS", place(settings));
            Err(deferred(&words))
        }
    }
}

async fn greeted<S: Stream>(wire: &mut Wire<S>, settings: &Settings, until: Instant) -> Result<(), Outcome> {
    let until = soonest(settings.figures.reply_timeout, until);
    match wire.reply(until).await {
        Ok(reply) if reply.is_positive() => Ok(()),
        Ok(reply) => Err(answered(Phase::Greeting, &reply, settings, &[])),
        Err(fault) => Err(lost(Phase::Greeting, &fault, settings)),
    }
}

async fn offered<S: Stream>(
    wire: &mut Wire<S>,
    hello: &str,
    settings: &Settings,
    until: Instant,
) -> Result<Capabilities, Outcome> {
    let reply = ask(wire, Phase::Hello, hello, settings, until).await?;
    if reply.is_positive() {
        Ok(Capabilities::of(&reply))
    } else {
        Err(answered(Phase::Hello, &reply, settings, &[]))
    }
}

async fn starttls(
    mut wire: Wire<TcpStream>,
    offered: Capabilities,
    settings: &Settings,
    until: Instant,
) -> Result<TcpStream, Outcome> {
    if !offered.starttls() {
        return Err(blocked(&format!(
            "{} does not offer STARTTLS, so nothing was sent; somebody on the way may have removed the offer, or the \
             server has no certificate: have it looked at, or use its port for TLS with smtps:// (465)",
            place(settings)
        )));
    }
    let reply = ask(&mut wire, Phase::StartTls, "STARTTLS\r\n", settings, until).await?;
    if !reply.is_positive() {
        return Err(answered(Phase::StartTls, &reply, settings, &[]));
    }
    let (stream, said_more) = wire.into_stream();
    if said_more {
        tracing::warn!(host = settings.host, "what came between STARTTLS and TLS was thrown away");
    }
    Ok(stream)
}

async fn ask<S: Stream>(
    wire: &mut Wire<S>,
    phase: Phase,
    line: &str,
    settings: &Settings,
    until: Instant,
) -> Result<Reply, Outcome> {
    let until = soonest(settings.figures.reply_timeout, until);
    wire.ask(line, until).await.map_err(|fault| lost(phase, &fault, settings))
}

fn hello(settings: &Settings, stream: &TcpStream) -> String {
    let name = match (&settings.hello_name, stream.local_addr()) {
        (Some(name), _) => name.clone(),
        (None, Ok(SocketAddr::V4(address))) => format!("[{}]", address.ip()),
        (None, Ok(SocketAddr::V6(address))) => format!("[IPv6:{}]", address.ip()),
        (None, Err(_)) => "[127.0.0.1]".to_owned(),
    };
    format!("EHLO {name}\r\n")
}

fn boxed<S: Stream + 'static>(wire: Wire<S>) -> Wire<Box<dyn Stream>> {
    wire.map(|stream| Box::new(stream) as Box<dyn Stream>)
}
