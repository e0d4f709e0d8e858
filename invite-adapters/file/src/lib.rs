//! A transport that delivers into a folder: for development, for tests, and to look at a rollout before it leaves.
//!
//! ```no_run
//! use invite_file::FileTransport;
//!
//! # fn main() -> Result<(), invite_file::FolderError> {
//! let transport = FileTransport::new("outbox")?; // then open outbox/index.html in a browser
//! # Ok(())
//! # }
//! ```
//!
//! # What is in the folder
//!
//! | file | what it holds |
//! |---|---|
//! | `<delivery id>-<recipient>.eml` | an e-mail, as [`invite_mime`] writes it; every mail program opens it |
//! | `<delivery id>-<recipient>.txt` | a text message: a `From:` line where there is a sender, a `To:` line, an empty line, the text |
//! | `index.html` | the newest 1,000 messages, to be read in a browser; it runs no script and loads nothing |
//!
//! Delivery ids are UUIDs of version 7, so the names sort by the time at which the deliveries were planned. A delivery
//! that is handed over again replaces its own file: whatever happened before, the folder holds each message once.
//!
//! The messages hold credentials in plain text. So the folder is made with mode 0700 and every file with 0600, and
//! [`FileTransport::new`] refuses a folder that others may look into. Delete it when you are done with it.
//!
//! # What `Accepted` means
//!
//! The file is complete and on the disk (`fsync` of the file, a rename, `fsync` of the folder) before the transport
//! answers, and nobody ever sees a part of it. A process that is killed in the middle may leave a `.….tmp` file
//! behind, also 0600, which no one reads and which may be deleted. `.index.lock` is empty and keeps processes from
//! writing the index at once.
//!
//! `index.html` follows about a second later, takes at most a tenth of one processor's time however many messages
//! there are, and is written a last time when the transport is dropped. Several processes may share the folder.

mod file_name;
mod folder;
mod index;
mod transport;

pub use folder::FolderError;
pub use transport::FileTransport;
