//! Each message becomes one whole, private, durable file.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::DateTime;
use invite_core::model::message::{Content, Email, Message, Sms};
use invite_core::model::outcome::{Outcome, Refusal, Scope};
use invite_core::port::transport::Transport;
use invite_file::{FileTransport, FolderError};
use mail_parser::MessageParser;
use support::{DEADLINE, accepted, email, message, messages, names, private_folder, sms};

#[tokio::test]
async fn an_email_becomes_an_eml_that_a_parser_reads() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let message = message(Content::Email(email().into()));
    let name = accepted(&transport, &message).await;
    assert_eq!(name, format!("{}-kari@example.org.eml", message.delivery));
    let octets = fs::read(home.path().join(&name)).unwrap();
    let read = MessageParser::new().parse(&octets).unwrap();
    assert_eq!(read.subject(), Some("Nordby: your Skiftplan account"));
    assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), email().text);
    assert_eq!(read.message_id().unwrap(), format!("{}@nordby.example", message.delivery));
}

#[tokio::test]
async fn a_text_message_becomes_a_txt() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let message = message(Content::Sms(sms()));
    let name = accepted(&transport, &message).await;
    assert_eq!(name, format!("{}-+4791234567.txt", message.delivery));
    let text = fs::read_to_string(home.path().join(&name)).unwrap();
    assert_eq!(text, format!("From: Nordby\nTo: +4791234567\n\n{}\n", sms().text));
}

#[tokio::test]
async fn names_sort_in_the_order_in_which_deliveries_were_planned() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let planned: Vec<_> = (0..20).map(|_| message(Content::Email(email().into()))).collect();
    let mut expected = Vec::new();
    for message in planned.iter().rev() {
        expected.insert(0, accepted(&transport, message).await);
    }
    assert_eq!(messages(home.path()), expected);
}

#[tokio::test]
async fn a_delivery_handed_over_twice_is_one_file_with_the_last_attempt() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let first = message(Content::Email(email().into()));
    let again = Email { date: DateTime::from_timestamp(1_790_003_600, 0).unwrap(), ..email() };
    let second = Message { content: Content::Email(again.into()), ..first.clone() };
    assert_eq!(accepted(&transport, &first).await, accepted(&transport, &second).await);
    let [name] = &messages(home.path())[..] else { panic!("more than one file") };
    let octets = fs::read(home.path().join(name)).unwrap();
    let read = MessageParser::new().parse(&octets).unwrap();
    assert_eq!(read.date().unwrap().to_timestamp(), 1_790_003_600);
}

#[tokio::test]
async fn a_hostile_sender_of_a_text_message_stays_on_its_line() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let hostile = Sms { from: Some("Nordby\n\nYou won".to_owned()), ..sms() };
    let name = accepted(&transport, &message(Content::Sms(hostile))).await;
    let text = fs::read_to_string(home.path().join(name)).unwrap();
    assert!(text.starts_with("From: Nordby  You won\nTo: +4791234567\n\n"), "{text}");
}

#[tokio::test]
async fn a_hostile_recipient_stays_in_the_folder_and_in_a_plain_name() {
    let home = private_folder();
    let folder = home.path().join("outbox");
    let transport = FileTransport::new(&folder).unwrap();
    let long = format!("{}@example.org", "a".repeat(64));
    for hostile in ["../../etc/x@example.org", "a/b$(id)`;&|@example.org", "'*?~#%!{}=^@example.org", &long] {
        let Ok(address) = hostile.parse() else { continue };
        let mut email = email();
        email.to.address = address;
        accepted(&transport, &message(Content::Email(email.into()))).await;
    }
    drop(transport);
    assert_eq!(names(home.path()), ["outbox"]);
    for name in messages(&folder) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
        assert!(
            name.chars().all(plain) && name.len() <= 121 && name.strip_suffix(".eml").is_some(),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lists_the_folder_meanwhile_sees_whole_messages_only() {
    let home = private_folder();
    let transport = Arc::new(FileTransport::new(home.path()).unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (folder, done) = (home.path().to_owned(), Arc::clone(&done));
        move || {
            let mut seen = 0;
            while !done.load(Ordering::Acquire) || seen == 0 {
                for name in messages(&folder) {
                    let octets = fs::read(folder.join(&name)).unwrap();
                    assert!(octets.ends_with(b"--\r\n"), "{name} is cut off");
                    seen += 1;
                }
            }
        }
    });
    let planned: Vec<_> = (0..20).map(|_| message(Content::Email(email().into()))).collect();
    for _ in 0..3 {
        let sending: Vec<_> = planned
            .iter()
            .map(|message| {
                let (transport, message) = (Arc::clone(&transport), message.clone());
                tokio::spawn(async move { accepted(&transport, &message).await })
            })
            .collect();
        for sent in sending {
            sent.await.unwrap();
        }
    }
    done.store(true, Ordering::Release);
    reader.join().unwrap();
    assert_eq!(messages(home.path()).len(), 20);
    assert!(!names(home.path()).iter().any(|name| name.strip_suffix(".tmp").is_some()));
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_and_every_file_are_for_the_owner_alone() {
    let home = private_folder();
    let folder = home.path().join("new/outbox");
    let transport = FileTransport::new(&folder).unwrap();
    accepted(&transport, &message(Content::Email(email().into()))).await;
    accepted(&transport, &message(Content::Sms(sms()))).await;
    transport.write_index().unwrap();
    assert_eq!(mode(&folder), 0o700);
    let modes: Vec<_> = names(&folder).iter().map(|name| mode(&folder.join(name))).collect();
    assert_eq!(modes, [0o600; 4], "{:?}", names(&folder));
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_use_is_refused_and_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = FileTransport::new(home.path()).unwrap_err();
    assert!(matches!(error, FolderError::NotPrivate { mode: 0o755, .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("`chmod 700 {}`", home.path().display())), "{error}");
    assert_eq!(mode(home.path()), 0o755);
}

#[test]
fn a_path_that_cannot_be_a_folder_is_refused() {
    let home = private_folder();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("outbox")] {
        let error = FileTransport::new(&path).unwrap_err();
        assert!(matches!(error, FolderError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_went_away_blocks_the_sender_until_it_is_back() {
    let home = private_folder();
    let folder = home.path().join("outbox");
    let transport = FileTransport::new(&folder).unwrap();
    let message = message(Content::Email(email().into()));
    fs::remove_dir(&folder).unwrap();
    let missing = transport.send(&message, DEADLINE).await;
    fs::write(&folder, "").unwrap();
    let no_folder = transport.send(&message, DEADLINE).await;
    for outcome in [missing, no_folder] {
        let Outcome::Blocked { scope: Scope::Sender, answer } = outcome else { panic!("{outcome:?}") };
        assert!(answer.text().contains("make the folder again"), "{answer}");
    }
    fs::remove_file(&folder).unwrap();
    FileTransport::new(&folder).unwrap();
    accepted(&transport, &message).await;
}

#[tokio::test]
async fn a_failed_hand_over_leaves_nothing_behind() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let message = message(Content::Email(email().into()));
    // A folder in the place of the file: the rename fails, whoever asks for it.
    fs::create_dir(home.path().join(format!("{}-kari@example.org.eml", message.delivery))).unwrap();
    let outcome = transport.send(&message, DEADLINE).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert_eq!(names(home.path()).len(), 1);
}

#[tokio::test]
async fn an_email_that_cannot_be_written_is_refused_for_its_content() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let email = Email { list_unsubscribe: Some("javascript:alert(1)".to_owned()), ..email() };
    let outcome = transport.send(&message(Content::Email(email.into())), DEADLINE).await;
    let Outcome::Refused { refusal: Refusal::Content, answer } = outcome else { panic!("{outcome:?}") };
    assert!(answer.text().contains("List-Unsubscribe"), "{answer}");
}

#[tokio::test]
async fn debug_shows_the_folder_and_no_message() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    accepted(&transport, &message(Content::Email(email().into()))).await;
    assert_eq!(format!("{transport:?}"), format!("FileTransport({})", home.path().display()));
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
