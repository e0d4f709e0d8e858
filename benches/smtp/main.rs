//! Messages a second through the SMTP transport, beside a bare writer that knows the octets beforehand.
//!
//! `cargo bench -p invite-benches --bench smtp`. The mail server is a process of its own that takes everything and keeps
//! nothing. Both clients say MAIL, RCPT and DATA in one write and the message in another, over plain connections on this
//! machine, and wait for every reply; the transport encodes each message besides. They take turns, so that what else the
//! machine does hits both.

mod sink;
mod writer;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::DateTime;
use invite_benches::{median, rate, say, timed};
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::{Content, Email, Mailbox, Message};
use invite_core::model::outcome::Outcome;
use invite_core::port::transport::Transport;
use invite_smtp::SmtpTransport;
use tokio::task::JoinSet;

/// How often each is measured; the middle of them counts.
const ROUNDS: usize = 7;
/// Messages in a round, for each number of connections.
const MESSAGES: [(usize, usize); 2] = [(1, 4_000), (16, 16_000)];

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("sink") {
        return Ok(sink::run()?);
    }
    let sink = Sink::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(compared(sink.port))
}

async fn compared(port: u16) -> Result<(), Box<dyn Error>> {
    let message = message()?;
    let Content::Email(email) = &message.content else { return Err("it is an e-mail".into()) };
    let octets = invite_mime::encode(email, message.delivery)?;
    say(&format!("a message has {} octets; {ROUNDS} rounds, the middle one\n", octets.len()))?;

    let encoded = timed(async {
        for _ in 0..5_000 {
            std::hint::black_box(invite_mime::encode(email, message.delivery).is_ok());
        }
    })
    .await
    .0;
    say(&format!("encoding alone, on one processor: {:.0} a second\n", rate(5_000, encoded)))?;

    say("| connections | bare writer/s | transport/s | ratio (lowest–highest) |")?;
    say("|---:|---:|---:|---:|")?;
    for (connections, messages) in MESSAGES {
        let transport =
            SmtpTransport::builder_dangerous("127.0.0.1", port).connections(connections).build()?;
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (time, ()) = timed(writer::write(port, connections, messages, email, &octets)).await;
            bare.push(rate(messages, time));
            let (time, ()) = timed(send(&transport, connections, messages, &message)).await;
            ours.push(rate(messages, time));
        }
        transport.close().await;
        let ratios: Vec<f64> = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        say(&format!(
            "| {connections} | {:.0} | {:.0} | {:.2} ({lowest:.2}–{highest:.2}) |",
            median(bare),
            median(ours),
            median(ratios)
        ))?;
    }
    Ok(())
}

async fn send(transport: &SmtpTransport, connections: usize, messages: usize, message: &Message) {
    let mut sending = JoinSet::new();
    for _ in 0..connections {
        let (transport, message) = (transport.clone(), message.clone());
        sending.spawn(async move {
            for _ in 0..messages / connections {
                let outcome = transport.send(&message, Duration::from_mins(1)).await;
                assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
            }
        });
    }
    sending.join_all().await;
}

/// About as large as the built-in invitation.
fn message() -> Result<Message, Box<dyn Error>> {
    let mailbox = |name: &str, address: &str| -> Result<Mailbox, Box<dyn Error>> {
        Ok(Mailbox { name: name.into(), address: address.parse()? })
    };
    let paragraph =
        "You have been invited to Skiftplan by Nordby AS. Your user name is anna@example.org.\n\n";
    let email = Email {
        from: mailbox("Nordby", "invites@nordby.example")?,
        reply_to: None,
        to: mailbox("Łukasz Żółć", "lukasz@example.org")?,
        subject: "Nordby: your Skiftplan account".into(),
        text: paragraph.repeat(8),
        html: format!("<td style=\"padding:0 24px;color:#1f2937\">{paragraph}</td>\n").repeat(32),
        language: "en".into(),
        date: DateTime::UNIX_EPOCH,
        list_unsubscribe: None,
    };
    let content = Content::Email(Box::new(email));
    Ok(Message { delivery: DeliveryId::new(), organisation: OrganisationId::new(), content })
}

/// The sink's process; it ends with this.
struct Sink {
    process: Child,
    port: u16,
}

impl Sink {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut process =
            Command::new(std::env::current_exe()?).arg("sink").stdout(Stdio::piped()).spawn()?;
        let mut port = String::new();
        BufReader::new(process.stdout.take().ok_or("it is piped")?).read_line(&mut port)?;
        Ok(Self { process, port: port.trim().parse()? })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // One that has ended is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
