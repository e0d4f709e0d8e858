//! The transport: one message, one file, one outcome.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use invite_core::model::message::{Content, Message, Sms};
use invite_core::model::outcome::{Answer, Outcome, Receipt, Refusal, Scope};
use invite_core::port::transport::Transport;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_blocking};

use crate::file_name;
use crate::folder::{Folder, FolderError, WriteError};
use crate::index;

/// How long `index.html` waits for more messages before it is written again.
const INDEX_WAITS: Duration = Duration::from_secs(1);
/// After it was written it rests for this many times as long as that took: a tenth of the time is spent on it at most.
const INDEX_RESTS: u32 = 9;

/// Delivers each message into a folder. The crate's page says what is in it.
///
/// | what happens | outcome |
/// |---|---|
/// | the file is on the disk | accepted; the receipt is the file's name |
/// | the disk or quota is full, the folder is missing, read-only or not permitted | blocked (sender) |
/// | any other fault before the file appeared | deferred |
/// | the e-mail cannot be written as octets | refused (content) |
/// | the deadline passed, or the disk failed after the file had appeared | unknown |
pub struct FileTransport {
    shared: Arc<Shared>,
    /// The task that writes the index after each message; it begins with the first.
    indexer: OnceLock<AbortHandle>,
}

struct Shared {
    folder: Folder,
    /// Whether there are messages that the index does not show yet.
    behind: AtomicBool,
    arrived: Notify,
}

impl FileTransport {
    /// A transport into `folder`, which is made (mode 0700) if it does not exist, and otherwise must be private.
    ///
    /// It looks at the disk, which takes a moment, once.
    pub fn new(folder: impl AsRef<Path>) -> Result<Self, FolderError> {
        let folder = Folder::open(folder.as_ref())?;
        let shared = Shared { folder, behind: AtomicBool::new(false), arrived: Notify::new() };
        Ok(Self { shared: Arc::new(shared), indexer: OnceLock::new() })
    }

    /// The folder, as an absolute path.
    pub fn folder(&self) -> &Path {
        self.shared.folder.path()
    }

    /// Writes `index.html` now, rather than about a second after the last message. It blocks the thread meanwhile.
    pub fn write_index(&self) -> io::Result<()> {
        self.shared.write_index()
    }
}

#[async_trait]
impl Transport for FileTransport {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        let octets = match octets(message) {
            Ok(octets) => octets,
            Err(error) => {
                let answer = Answer::new("", error.to_string());
                return Outcome::Refused { refusal: Refusal::Content, answer };
            }
        };
        let name = file_name::of(message);
        let written = {
            let (shared, name) = (Arc::clone(&self.shared), name.clone());
            spawn_blocking(move || shared.folder.write(&name, |file| file.write_all(&octets)))
        };
        let outcome = match tokio::time::timeout(deadline, written).await {
            Ok(Ok(Ok(()))) => Outcome::Accepted(Receipt(name)),
            Ok(Ok(Err(error))) => failed(&error, self.folder()),
            Ok(Err(_)) => unknown("the thread that wrote the message ended early"),
            Err(_) => unknown("the disk did not answer before the deadline"),
        };
        if matches!(outcome, Outcome::Accepted(_) | Outcome::Unknown { .. }) {
            self.announce();
        }
        outcome
    }
}

impl FileTransport {
    fn announce(&self) {
        self.shared.behind.store(true, Ordering::Release);
        self.shared.arrived.notify_one();
        self.indexer.get_or_init(|| tokio::spawn(keep_index(Arc::clone(&self.shared))).abort_handle());
    }
}

impl Drop for FileTransport {
    fn drop(&mut self) {
        if let Some(indexer) = self.indexer.get() {
            indexer.abort();
        }
        if self.shared.behind.load(Ordering::Acquire) {
            // The messages are safe; there is no one left to tell that the page for looking at them is not.
            let _ = self.shared.write_index();
        }
    }
}

impl fmt::Debug for FileTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileTransport({})", self.folder().display())
    }
}

impl Shared {
    fn write_index(&self) -> io::Result<()> {
        // Before the folder is read: a message that arrives from now on needs another index.
        self.behind.store(false, Ordering::Release);
        index::write(&self.folder).inspect_err(|_| self.behind.store(true, Ordering::Release))
    }
}

async fn keep_index(shared: Arc<Shared>) {
    loop {
        shared.arrived.notified().await;
        tokio::time::sleep(INDEX_WAITS).await;
        let began = Instant::now();
        let writing = Arc::clone(&shared);
        // What prevents it prevents messages as well, and their outcomes say so.
        let _ = spawn_blocking(move || writing.write_index()).await;
        tokio::time::sleep(began.elapsed() * INDEX_RESTS).await;
    }
}

fn failed(error: &WriteError, folder: &Path) -> Outcome {
    let folder = folder.display();
    let error = match error {
        WriteError::Certain(error) => error,
        WriteError::Uncertain(error) => {
            return unknown(&format!("the disk failed to keep the message in {folder}: {error}"));
        }
    };
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room",
        ErrorKind::ReadOnlyFilesystem => "make the disk writable",
        ErrorKind::PermissionDenied => "let this process write there",
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make the folder again, with mode 700",
        _ => {
            let answer = Answer::new("", format!("the message was not written to {folder}: {error}"));
            return Outcome::Deferred { retry_after: None, answer };
        }
    };
    let answer = Answer::new("", format!("no message can be written to {folder}: {error}; {remedy}"));
    Outcome::Blocked { scope: Scope::Sender, answer }
}

fn unknown(words: &str) -> Outcome {
    Outcome::Unknown { answer: Answer::new("", words) }
}

fn octets(message: &Message) -> Result<Vec<u8>, invite_mime::MimeError> {
    match &message.content {
        Content::Email(email) => invite_mime::encode(email, message.delivery),
        Content::Sms(sms) => Ok(text_file(sms).into_bytes()),
    }
}

fn text_file(sms: &Sms) -> String {
    let from = sms.from.as_deref().map(|from| format!("From: {}\n", from.replace(char::is_control, " ")));
    format!("{}To: {}\n\n{}\n", from.unwrap_or_default(), sms.to, sms.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_takes_no_message_blocks_the_sender_and_says_what_to_do() {
        for (kind, remedy) in [
            (ErrorKind::StorageFull, "make room"),
            (ErrorKind::QuotaExceeded, "make room"),
            (ErrorKind::ReadOnlyFilesystem, "make the disk writable"),
            (ErrorKind::PermissionDenied, "let this process write there"),
        ] {
            let outcome = failed(&WriteError::Certain(kind.into()), Path::new("/outbox"));
            let Outcome::Blocked { scope: Scope::Sender, answer } = outcome else { panic!("{outcome:?}") };
            assert!(answer.text().contains("/outbox") && answer.text().ends_with(remedy), "{answer}");
        }
    }

    #[test]
    fn a_passing_fault_before_the_file_appeared_defers_the_message() {
        let outcome = failed(&WriteError::Certain(ErrorKind::Interrupted.into()), Path::new("/outbox"));
        assert!(matches!(outcome, Outcome::Deferred { retry_after: None, .. }), "{outcome:?}");
    }

    #[test]
    fn a_fault_after_the_file_appeared_leaves_the_outcome_unknown() {
        let outcome = failed(&WriteError::Uncertain(ErrorKind::StorageFull.into()), Path::new("/outbox"));
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
}
