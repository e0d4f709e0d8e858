//! Messages to hand over, and a look into the folder.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use invite_core::model::contact::PhoneNumber;
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_core::model::message::{Content, Email, Mailbox, Message, Sms};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::port::transport::Transport;
use invite_file::FileTransport;
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn email() -> Email {
    Email {
        from: named("Nordby", "invites@nordby.example"),
        reply_to: None,
        to: named("Kari", "kari@example.org"),
        subject: "Nordby: your Skiftplan account".to_owned(),
        text: "Hello Kari\n\nkfm4-p7qx-wz2c\n\nhttps://nordby.example/s/t0ken \n".to_owned(),
        html: "<p>Hello Kari</p><p>kfm4-p7qx-wz2c</p>".to_owned(),
        language: "en".to_owned(),
        date: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        list_unsubscribe: None,
    }
}

pub(crate) fn sms() -> Sms {
    Sms {
        from: Some("Nordby".to_owned()),
        to: PhoneNumber::parse("+4791234567", None).unwrap(),
        text: "Nordby: Kari, sign in to Skiftplan by 10 Nov: https://a.example User: kari Password: kfm4-p7qx-wz2c"
            .to_owned(),
    }
}

pub(crate) fn message(content: Content) -> Message {
    Message { delivery: DeliveryId::new(), organisation: OrganisationId::new(), content }
}

pub(crate) fn named(name: &str, address: &str) -> Mailbox {
    Mailbox { name: name.to_owned(), address: address.parse().unwrap() }
}

pub(crate) async fn accepted(transport: &FileTransport, message: &Message) -> String {
    match transport.send(message, DEADLINE).await {
        Outcome::Accepted(Receipt(name)) => name,
        other => panic!("{other:?}"),
    }
}

/// A folder that passes for one that `FileTransport` made.
pub(crate) fn private_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    folder
}

/// The names in the folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The names of the messages in the folder, in order.
pub(crate) fn messages(folder: &Path) -> Vec<String> {
    names(folder).into_iter().filter(|name| !name.starts_with('.') && name != "index.html").collect()
}
