//! Keeps messages: each is on the disk before anybody is told. Those that come together are written together.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use crate::journal::Accepted;

/// At most so many messages in one write.
const TOGETHER: usize = 256;

type Job = (Box<Accepted>, oneshot::Sender<u64>);

/// The end of the journal that is written to.
#[derive(Debug)]
pub(crate) struct Keeper {
    jobs: Sender<Job>,
    kept: Arc<AtomicU64>,
}

impl Keeper {
    pub(crate) fn open(journal: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(journal)?;
        let (jobs, waiting) = channel();
        let kept = Arc::new(AtomicU64::new(0));
        let count = kept.clone();
        std::thread::spawn(move || write(&file, &waiting, &count));
        Ok(Self { jobs, kept })
    }

    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Keeps a message. Gives its number.
    pub(crate) async fn keep(&self, message: Accepted) -> io::Result<u64> {
        let gone = |_| io::Error::other("the journal cannot be written");
        let (told, number) = oneshot::channel();
        self.jobs.send((Box::new(message), told)).map_err(|_| io::Error::other("the journal is closed"))?;
        number.await.map_err(gone)
    }
}

/// Until nobody can send any more, or the disk refuses: whoever waits then is told nothing, and nothing is accepted.
fn write(mut file: &File, waiting: &Receiver<Job>, kept: &AtomicU64) {
    while let Ok(first) = waiting.recv() {
        let jobs: Vec<Job> = std::iter::once(first).chain(waiting.try_iter().take(TOGETHER - 1)).collect();
        let mut lines = String::new();
        let mut numbers = Vec::with_capacity(jobs.len());
        let mut number = kept.load(Ordering::Relaxed);
        for (mut message, told) in jobs {
            number += 1;
            message.number = number;
            lines.push('\n');
            lines.push_str(&serde_json::to_string(&message).expect("it is text"));
            numbers.push((told, number));
        }
        if file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        kept.store(number, Ordering::Relaxed);
        for (told, number) in numbers {
            // One whose connection is gone hears nothing, and the message is kept all the same.
            let _ = told.send(number);
        }
    }
}
