//! A mail server that says what it is told to say.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the server does when it is asked something.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Says these lines.
    Say(String),
    /// Says them and closes the connection.
    SayAndClose(String),
    /// Closes it without a word.
    Close,
    /// Resets it: what it has not read is lost, and so the client is told.
    Reset,
    /// Never answers.
    Silence,
}

pub(crate) fn say(line: &str) -> Act {
    Act::Say(format!("{line}\r\n"))
}

pub(crate) fn say_and_close(line: &str) -> Act {
    Act::SayAndClose(format!("{line}\r\n"))
}

/// How a server behaves. What is not said here is answered as a server does that likes everything.
///
/// A command is named by its verb; `GREETING` is the connection, `MESSAGE` the final dot, `USER` and `PASSWORD` the
/// answers to AUTH LOGIN, `BODY` the first line of a message.
#[derive(Clone, Default)]
pub(crate) struct Script {
    offers: Vec<String>,
    offers_under_tls: Option<Vec<String>>,
    once: HashMap<&'static str, Vec<Act>>,
    always: HashMap<&'static str, Act>,
    tls: Option<TlsAcceptor>,
    implicit: bool,
    holds_back: bool,
}

impl Script {
    /// A server with these extensions.
    pub(crate) fn offering(offers: &[&str]) -> Self {
        Self { offers: offers.iter().map(|&offer| offer.to_owned()).collect(), ..Self::default() }
    }

    /// Offers these under TLS, and the others before.
    pub(crate) fn offering_under_tls(mut self, offers: &[&str]) -> Self {
        self.offers_under_tls = Some(offers.iter().map(|&offer| offer.to_owned()).collect());
        self
    }

    /// TLS after STARTTLS.
    pub(crate) fn starttls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// TLS from the beginning.
    pub(crate) fn implicit_tls(mut self, acceptor: TlsAcceptor) -> Self {
        (self.tls, self.implicit) = (Some(acceptor), true);
        self
    }

    /// Does this the next time, after what was said to be done before.
    pub(crate) fn once(mut self, verb: &'static str, act: Act) -> Self {
        self.once.entry(verb).or_default().push(act);
        self
    }

    /// Does this each time.
    pub(crate) fn always(mut self, verb: &'static str, act: Act) -> Self {
        self.always.insert(verb, act);
        self
    }

    /// Answers MAIL and RCPT only when it has read DATA: whoever waits for the answers waits for ever.
    pub(crate) fn holding_back(mut self) -> Self {
        self.holds_back = true;
        self
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let state = Arc::new(State { script: Mutex::new(self), seen: Arc::clone(&seen) });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Server { port, seen }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

/// What it saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// How many connections there were.
    pub(crate) connections: usize,
    /// Every line outside messages, in the order in which they came, without CRLF.
    pub(crate) commands: Vec<String>,
    /// What it took responsibility for.
    pub(crate) messages: Vec<Arrived>,
    /// Whole messages, taken or not.
    pub(crate) offered: usize,
}

/// A message that arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived {
    /// The line of MAIL.
    pub(crate) mail: String,
    /// The lines of RCPT that were accepted.
    pub(crate) rcpt: Vec<String>,
    /// Its octets, without the dots that were added.
    pub(crate) octets: Vec<u8>,
}

impl Server {
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// The verbs that it was told.
    pub(crate) fn verbs(&self) -> Vec<String> {
        let commands = self.seen().commands;
        commands.iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
    }
}

struct State {
    script: Mutex<Script>,
    seen: Arc<Mutex<Seen>>,
}

impl State {
    fn act(&self, verb: &str, otherwise: &str) -> Act {
        let mut script = self.script.lock().unwrap();
        if let Some(acts) = script.once.get_mut(verb)
            && !acts.is_empty()
        {
            return acts.remove(0);
        }
        script.always.get(verb).cloned().unwrap_or_else(|| say(otherwise))
    }

    fn see(&self, what: impl FnOnce(&mut Seen)) {
        what(&mut self.seen.lock().unwrap());
    }

    fn script(&self) -> Script {
        self.script.lock().unwrap().clone()
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why a conversation is over.
enum Over {
    Closed,
    Reset,
    /// The client has to be waited for, since whoever closes says something.
    Silent,
    StartTls,
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

async fn serve(stream: TcpStream, state: &State) {
    state.see(|seen| seen.connections += 1);
    let script = state.script();
    let acceptor = script.tls.clone();
    let mut stream = stream;
    if script.implicit {
        if let Ok(mut encrypted) = acceptor.unwrap().accept(stream).await {
            let over = converse(&mut encrypted, state, true, true).await;
            linger(&over, &mut encrypted).await;
        }
        return;
    }
    let mut over = converse(&mut stream, state, true, false).await;
    if matches!(over, Over::StartTls) {
        if let Ok(mut encrypted) = acceptor.unwrap().accept(stream).await {
            over = converse(&mut encrypted, state, false, true).await;
            linger(&over, &mut encrypted).await;
        }
        return;
    }
    if matches!(over, Over::Reset) {
        stream.set_zero_linger().unwrap();
        return;
    }
    linger(&over, &mut stream).await;
}

/// A server that says nothing keeps the connection.
async fn linger(over: &Over, stream: &mut impl Stream) {
    if matches!(over, Over::Silent) {
        let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
    }
    let _ = stream.shutdown().await;
}

async fn converse(stream: &mut impl Stream, state: &State, greets: bool, encrypted: bool) -> Over {
    let mut stream = BufReader::new(stream);
    match conversation(&mut stream, state, greets, encrypted).await {
        Ok(()) => Over::Closed,
        Err(over) => over,
    }
}

async fn conversation<S: Stream>(
    stream: &mut BufReader<S>,
    state: &State,
    greets: bool,
    encrypted: bool,
) -> Result<(), Over> {
    let script = state.script();
    if greets {
        perform(stream, state.act("GREETING", "220 mail.example.com ESMTP")).await?;
    }
    let mut arriving = Arrived::default();
    let mut held_back: Vec<Act> = Vec::new();
    loop {
        let Some(line) = line(stream).await? else { return Ok(()) };
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        state.see(|seen| seen.commands.push(command.clone()));
        let verb = command.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let offers = match (&script.offers_under_tls, encrypted) {
                    (Some(offers), true) => offers,
                    _ => &script.offers,
                };
                let mut lines: Vec<String> = vec!["mail.example.com".into()];
                lines.extend(offers.iter().cloned());
                // All but the last say that there is more.
                let reply = format!("250-{}", lines.join("\r\n250-"));
                let last = reply.rfind("250-").unwrap() + 3;
                let reply = format!("{} {}", &reply[..last], &reply[last + 1..]);
                perform(stream, state.act("EHLO", &reply)).await?;
            }
            "STARTTLS" => {
                let act = state.act("STARTTLS", "220 go ahead");
                let begins = matches!(&act, Act::Say(line) if line.starts_with("220"));
                perform(stream, act).await?;
                if begins {
                    return Err(Over::StartTls);
                }
            }
            "AUTH" if command.eq_ignore_ascii_case("AUTH LOGIN") => {
                perform(stream, state.act("AUTH", "334 VXNlcm5hbWU6")).await?;
                for (verb, reply) in [("USER", "334 UGFzc3dvcmQ6"), ("PASSWORD", "235 2.7.0 welcome")] {
                    let Some(line) = self::line(stream).await? else { return Ok(()) };
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    state.see(|seen| seen.commands.push(line));
                    perform(stream, state.act(verb, reply)).await?;
                }
            }
            "AUTH" => perform(stream, state.act("AUTH", "235 2.7.0 welcome")).await?,
            "MAIL" => {
                arriving = Arrived { mail: command, ..Arrived::default() };
                let act = state.act("MAIL", "250 2.1.0 ok");
                if script.holds_back { held_back.push(act) } else { perform(stream, act).await? }
            }
            "RCPT" => {
                let act = state.act("RCPT", "250 2.1.5 ok");
                if matches!(&act, Act::Say(line) if line.starts_with('2')) {
                    arriving.rcpt.push(command);
                }
                if script.holds_back { held_back.push(act) } else { perform(stream, act).await? }
            }
            "DATA" => {
                for act in held_back.drain(..) {
                    perform(stream, act).await?;
                }
                let otherwise =
                    if arriving.rcpt.is_empty() { "503 5.5.1 RCPT first" } else { "354 go ahead" };
                let act = state.act("DATA", otherwise);
                let goes = matches!(&act, Act::Say(line) if line.starts_with("354"));
                perform(stream, act).await?;
                if goes {
                    body(stream, state, &mut arriving).await?;
                }
            }
            "RSET" => perform(stream, state.act("RSET", "250 2.0.0 ok")).await?,
            "QUIT" => {
                perform(stream, state.act("QUIT", "221 2.0.0 bye")).await?;
                return Ok(());
            }
            _ => perform(stream, say("500 5.5.2 what?")).await?,
        }
    }
}

async fn body<S: Stream>(
    stream: &mut BufReader<S>,
    state: &State,
    arriving: &mut Arrived,
) -> Result<(), Over> {
    let early = state.act("BODY", "");
    if !matches!(&early, Act::Say(line) if line == "\r\n") {
        perform(stream, early).await?;
    }
    loop {
        let Some(line) = line(stream).await? else { return Ok(()) };
        if line == b".\r\n" {
            break;
        }
        arriving.octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    state.see(|seen| seen.offered += 1);
    let otherwise = if arriving.rcpt.is_empty() {
        "554 5.5.1 no valid recipients"
    } else {
        "250 2.0.0 Ok: queued as 4bXq"
    };
    let act = state.act("MESSAGE", otherwise);
    if matches!(&act, Act::Say(line) | Act::SayAndClose(line) if line.starts_with('2'))
        && !arriving.rcpt.is_empty()
    {
        let arrived = std::mem::take(arriving);
        state.see(|seen| seen.messages.push(arrived));
    }
    perform(stream, act).await
}

async fn line<S: Stream>(stream: &mut BufReader<S>) -> Result<Option<Vec<u8>>, Over> {
    let mut line = Vec::new();
    let read = stream.read_until(b'\n', &mut line).await?;
    Ok((read > 0).then_some(line))
}

async fn perform<S: Stream>(stream: &mut BufReader<S>, act: Act) -> Result<(), Over> {
    match act {
        Act::Say(lines) => {
            stream.write_all(lines.as_bytes()).await?;
            stream.flush().await?;
            Ok(())
        }
        Act::SayAndClose(lines) => {
            stream.write_all(lines.as_bytes()).await?;
            stream.flush().await?;
            Err(Over::Closed)
        }
        Act::Close => Err(Over::Closed),
        Act::Reset => Err(Over::Reset),
        Act::Silence => Err(Over::Silent),
    }
}
