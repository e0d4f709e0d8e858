//! The provider of the campaign: it has taken responsibility for a message when its line is on the disk.
//!
//! A line begins with its line feed, so that one that a kill cut off spoils no other.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::id::DeliveryId;
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::outcome::{Answer, Outcome, Receipt};
use invite_core::port::transport::Transport;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::phase::{InFlight, Phase};

/// A message that the provider accepted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) delivery: DeliveryId,
    pub(crate) channel: Channel,
    pub(crate) to: String,
    pub(crate) text: String,
    /// Who handed it over, where the provider knows.
    #[serde(default)]
    pub(crate) worker: String,
    /// The provider's number of it, where it has one.
    #[serde(default)]
    pub(crate) number: u64,
    /// Its hand-overs ascend in this; a provider may keep them in another order.
    #[serde(default)]
    pub(crate) conversation: u64,
}

/// Appends each message to the journal, durably, and answers then. Before and after it takes a moment.
pub(crate) struct Journal {
    file: Arc<File>,
    moments: Mutex<StdRng>,
    in_flight: Arc<InFlight>,
}

impl Journal {
    pub(crate) fn open(path: &Path, seed: u64, in_flight: Arc<InFlight>) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        Ok(Self { file: Arc::new(file), moments: Mutex::new(StdRng::seed_from_u64(seed)), in_flight })
    }

    async fn moment(&self) {
        let micros = self.moments.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..2_500);
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

#[async_trait]
impl Transport for Journal {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        let _sending = self.in_flight.enter(Phase::Send);
        let (to, text) = match &message.content {
            Content::Email(email) => (email.to.address.to_string(), email.text.clone()),
            Content::Sms(sms) => (sms.to.to_string(), sms.text.clone()),
        };
        let accepted = Accepted {
            delivery: message.delivery,
            channel: message.channel(),
            to,
            text,
            worker: String::new(),
            number: 0,
            conversation: 0,
        };
        let line = format!("\n{}", serde_json::to_string(&accepted).expect("it is text"));
        self.moment().await;
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || {
            // One write: lines of several workers do not mingle.
            (&*file).write_all(line.as_bytes()).and_then(|()| file.sync_data())
        });
        let outcome = match written.await.map_err(io::Error::other).flatten() {
            Ok(()) => Outcome::Accepted(Receipt(message.delivery.to_string())),
            Err(error) => Outcome::Unknown { answer: Answer::new("journal", error.to_string()) },
        };
        self.moment().await;
        outcome
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

/// Everything that was accepted, in order, and how many lines a kill cut off.
pub(crate) fn read(path: &Path) -> io::Result<(Vec<Accepted>, usize)> {
    let (mut accepted, mut torn) = (Vec::new(), 0);
    for line in BufReader::new(File::open(path)?).split(b'\n').skip(1) {
        match serde_json::from_slice(&line?) {
            Ok(line) => accepted.push(line),
            Err(_) => torn += 1,
        }
    }
    Ok((accepted, torn))
}

/// Counts the lines of a journal that grows.
#[derive(Debug)]
pub(crate) struct Growth {
    file: File,
    lines: u64,
}

impl Growth {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).read(true).create(true).open(path)?;
        Ok(Self { file, lines: 0 })
    }

    /// How many lines there are by now.
    pub(crate) fn lines(&mut self) -> io::Result<u64> {
        let mut new = Vec::new();
        self.file.read_to_end(&mut new)?;
        self.lines += new.split(|octet| *octet == b'\n').skip(1).count() as u64;
        Ok(self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_spoils_no_other() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |to: &str| {
            let (delivery, channel) = (DeliveryId::new(), Channel::Email);
            let (to, text, worker) = (to.into(), "a\nb".into(), String::new());
            serde_json::to_string(&Accepted {
                delivery,
                channel,
                to,
                text,
                worker,
                number: 0,
                conversation: 0,
            })
            .unwrap()
        };
        let (first, cut, last) = (line("a@example.com"), line("b@example.com"), line("c@example.com"));
        std::fs::write(file.path(), format!("\n{first}\n{}\n{last}", &cut[..40])).unwrap();

        let (accepted, torn) = read(file.path()).unwrap();

        assert_eq!(
            accepted.iter().map(|one| one.to.as_str()).collect::<Vec<_>>(),
            ["a@example.com", "c@example.com"]
        );
        assert_eq!(torn, 1);
        assert_eq!(Growth::of(file.path()).unwrap().lines().unwrap(), 3);
    }
}
