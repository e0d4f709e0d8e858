//! A transport of one's own: hands e-mail to a program, as `sendmail` takes it.
//!
//! The program gets the recipient as its argument and the message on its standard input; its exit code says what became
//! of it (`sysexits.h`). What a transport must get right is in the documentation of [`Transport`]; the test at the end
//! runs the conformance suite on this one.
//!
//! ```text
//! cargo run -p invite-examples --bin custom_transport -- anna@acme.example
//! cargo test -p invite-examples --bin custom_transport
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::{Content, Email, Mailbox, Message};
use invite_core::model::outcome::{Answer, Outcome, Receipt, Refusal, Scope};
use invite_core::port::transport::Transport;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Hands e-mail to a program such as `/usr/sbin/sendmail`.
#[derive(Debug)]
pub struct CommandTransport {
    program: PathBuf,
}

impl CommandTransport {
    /// A transport that runs `program` for each message.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Runs the program. An error means that the message was certainly not handed over.
    async fn run(&self, recipient: &str, octets: &[u8]) -> std::io::Result<ExitStatus> {
        let mut child = Command::new(&self.program)
            .args(["-i", "--", recipient])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A program that refuses early does not read to the end: its exit code tells more than a broken pipe.
            let _ = input.write_all(octets).await;
        }
        child.wait().await
    }
}

#[async_trait]
impl Transport for CommandTransport {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        let Content::Email(email) = &message.content else {
            let answer = Answer::new("channel", "this transport carries e-mail only");
            return Outcome::Blocked { scope: Scope::Sender, answer };
        };
        let octets = match invite_mime::encode(email, message.delivery) {
            Ok(octets) => octets,
            Err(error) => {
                let answer = Answer::new("mime", error.to_string());
                return Outcome::Refused { refusal: Refusal::Content, answer };
            }
        };
        match tokio::time::timeout(deadline, self.run(email.to.address.as_str(), &octets)).await {
            Ok(Ok(status)) => outcome(status, message.delivery),
            // The program did not start: nobody has the message, and nobody will get one until that is mended.
            Ok(Err(error)) => {
                Outcome::Blocked { scope: Scope::Sender, answer: Answer::new("start", error.to_string()) }
            }
            // It was killed in the middle: it may have passed the message on already.
            Err(_) => Outcome::Unknown { answer: Answer::new("deadline", "the program did not end in time") },
        }
    }
}

/// The exit codes of `sysexits.h`, which mail programs use.
fn outcome(status: ExitStatus, delivery: DeliveryId) -> Outcome {
    let answer = |text| Answer::new(status.to_string(), text);
    match status.code() {
        Some(0) => Outcome::Accepted(Receipt(delivery.to_string())),
        Some(67) => Outcome::Refused { refusal: Refusal::Recipient, answer: answer("no such user") },
        Some(65) => Outcome::Refused { refusal: Refusal::Content, answer: answer("the message was refused") },
        Some(75) => Outcome::Deferred { retry_after: None, answer: answer("try again later") },
        Some(77 | 78) => {
            Outcome::Blocked { scope: Scope::Sender, answer: answer("permission or configuration") }
        }
        // Killed by a signal, or a code that says nothing: it may have passed the message on.
        _ => Outcome::Unknown { answer: answer("the program did not say what became of the message") },
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let recipient = std::env::args().nth(1).unwrap_or_else(|| "anna@acme.example".into());
    let transport = CommandTransport::new("/usr/sbin/sendmail");
    println!("{:?}", transport.send(&message(recipient.parse()?)?, Duration::from_secs(30)).await);
    Ok(())
}

fn message(address: invite_core::model::contact::EmailAddress) -> Result<Message, Box<dyn Error>> {
    let email = Email {
        from: Mailbox { name: "Acme".into(), address: "no-reply@acme.example".parse()? },
        reply_to: None,
        to: Mailbox { name: String::new(), address },
        subject: "A message of the example".into(),
        text: "It was handed to sendmail.\n".into(),
        html: "<p>It was handed to sendmail.</p>".into(),
        language: "en".into(),
        date: chrono::DateTime::UNIX_EPOCH,
        list_unsubscribe: None,
    };
    Ok(Message {
        delivery: DeliveryId::new(),
        organisation: OrganisationId::new(),
        content: Content::Email(Box::new(email)),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::sync::Arc;

    use invite_core::conformance::transport::TransportUnderTest;
    use invite_core::model::message::Channel;

    use super::*;

    /// A program that reads its message and ends as it is told.
    fn program(folder: &Path, end: &str) -> PathBuf {
        let path = folder.join("sendmail");
        fs::write(&path, format!("#!/bin/sh\ncat >/dev/null\nexit {end}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn accepting() -> TransportUnderTest {
        let folder = tempfile::tempdir().unwrap().keep();
        TransportUnderTest::new(Arc::new(CommandTransport::new(program(&folder, "0")))).only(Channel::Email)
    }

    invite_core::transport_conformance!(conformance, accepting());

    #[test]
    fn each_exit_code_is_an_outcome() {
        let ended = |code: i32| outcome(ExitStatus::from_raw(code << 8), DeliveryId::new());
        assert!(matches!(ended(0), Outcome::Accepted(_)));
        assert!(matches!(ended(67), Outcome::Refused { refusal: Refusal::Recipient, .. }));
        assert!(matches!(ended(75), Outcome::Deferred { .. }));
        assert!(matches!(ended(78), Outcome::Blocked { .. }));
        assert!(matches!(ended(1), Outcome::Unknown { .. }));
        assert!(matches!(outcome(ExitStatus::from_raw(9), DeliveryId::new()), Outcome::Unknown { .. }));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_blocks_the_sender() {
        let transport = CommandTransport::new("/nonexistent/sendmail");
        let message = message("anna@acme.example".parse().unwrap()).unwrap();
        let outcome = transport.send(&message, Duration::from_secs(5)).await;
        assert!(matches!(outcome, Outcome::Blocked { scope: Scope::Sender, .. }), "{outcome:?}");
    }
}
