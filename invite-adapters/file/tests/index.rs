//! `index.html` shows what is in the folder, and nothing in it can act.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use invite_core::model::message::{Content, Email, Sms};
use invite_file::FileTransport;
use sha2::{Digest, Sha256};
use support::{accepted, email, message, named, private_folder, sms};

#[tokio::test]
async fn a_reader_finds_recipient_subject_text_and_file_of_each_message() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let first = accepted(&transport, &message(Content::Email(email().into()))).await;
    let second = accepted(&transport, &message(Content::Sms(sms()))).await;
    let page = indexed(&transport);
    assert!(page.contains("<p>2 messages, newest first.</p>"), "{page}");
    assert!(
        page.contains("<bdi>Kari &lt;kari@example.org&gt;</bdi><bdi>Nordby: your Skiftplan account</bdi>")
    );
    assert!(page.contains("<pre>Hello Kari\r\n\r\nkfm4-p7qx-wz2c"));
    assert!(
        page.contains("<bdi>+4791234567</bdi><bdi>Nordby: Kari, sign in to Skiftplan by 10…</bdi>"),
        "{page}"
    );
    let at = |name: &str| page.find(&format!("<a href=\"./{name}\">{name}</a>")).unwrap();
    assert!(at(&second) < at(&first), "newest first");
}

#[tokio::test]
async fn a_link_in_a_message_can_be_followed() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    accepted(&transport, &message(Content::Email(email().into()))).await;
    let link =
        "<a href=\"https://nordby.example/s/t0ken\" rel=\"noreferrer\">https://nordby.example/s/t0ken</a>";
    assert!(indexed(&transport).contains(link));
}

#[tokio::test]
async fn hostile_names_subjects_and_texts_arrive_as_text() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let hostile =
        "</pre></details><script>alert('1')</script> https://x.example/\"onmouseover=\"alert(1) <img src=x>";
    let email = Email {
        to: named(hostile, "kari@example.org"),
        subject: hostile.to_owned(),
        text: hostile.to_owned(),
        ..email()
    };
    accepted(&transport, &message(Content::Email(email.into()))).await;
    let sms = Sms { text: hostile.to_owned(), from: Some(hostile.to_owned()), ..sms() };
    accepted(&transport, &message(Content::Sms(sms))).await;
    let page = indexed(&transport);
    for harmful in ["<script", "<img", "\"onmouseover", "('1')"] {
        assert!(!page.contains(harmful), "{harmful} in {page}");
    }
    assert_eq!(page.matches("<details").count(), 2);
    assert_eq!(page.matches("</pre>").count(), 2);
}

#[tokio::test]
async fn the_policy_of_the_page_allows_its_own_style_and_nothing_else() {
    let home = private_folder();
    let page = indexed(&FileTransport::new(home.path()).unwrap());
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let digest = BASE64_STANDARD.encode(Sha256::digest(style));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'");
    assert!(page.contains(&policy), "put {digest} into index.rs");
    assert!(page.contains("<p>No messages yet.</p>"));
}

#[tokio::test]
async fn files_that_are_no_messages_are_left_out() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let name = accepted(&transport, &message(Content::Email(email().into()))).await;
    for other in ["notes.txt", "README", &format!("{name}.bak"), &format!("x{name}"), &name.replace('@', "<")]
    {
        fs::write(home.path().join(other), "To: x\n\nother").unwrap();
    }
    assert!(indexed(&transport).contains("<p>1 messages, newest first.</p>"));
}

#[tokio::test]
async fn of_many_messages_the_newest_thousand_are_shown_and_all_are_counted() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let newest = message(Content::Email(email().into()));
    let name = accepted(&transport, &newest).await;
    for older in 0..2_500 {
        let name = format!("01980d5c-7b1a-7c3e-9f00-{older:012x}-+4791234567.txt");
        fs::write(home.path().join(name), "To: +4791234567\n\nHello\n").unwrap();
    }
    let page = indexed(&transport);
    assert!(page.contains("<p>The newest 1000 of 2501 messages, newest first.</p>"));
    assert_eq!(page.matches("<details").count(), 1_000);
    assert!(page.contains(&name));
    assert!(page.contains(&format!("{:012x}", 2_499)) && !page.contains(&format!("{:012x}", 1_500)));
}

#[tokio::test]
async fn two_transports_on_one_folder_show_the_messages_of_both() {
    let home = private_folder();
    let (one, other) = (FileTransport::new(home.path()).unwrap(), FileTransport::new(home.path()).unwrap());
    accepted(&one, &message(Content::Email(email().into()))).await;
    accepted(&other, &message(Content::Sms(sms()))).await;
    assert_eq!(indexed(&one), indexed(&other));
    assert!(indexed(&one).contains("2 messages"));
}

#[tokio::test(start_paused = true)]
async fn the_index_follows_the_messages_by_itself() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    for _ in 0..2 {
        let name = accepted(&transport, &message(Content::Email(email().into()))).await;
        while !index(home.path()).contains(&name) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn dropping_the_transport_brings_the_index_up_to_date() {
    let home = private_folder();
    let transport = FileTransport::new(home.path()).unwrap();
    let name = accepted(&transport, &message(Content::Email(email().into()))).await;
    drop(transport);
    assert!(index(home.path()).contains(&name));
}

fn indexed(transport: &FileTransport) -> String {
    transport.write_index().unwrap();
    index(transport.folder())
}

fn index(folder: &Path) -> String {
    fs::read_to_string(folder.join("index.html")).unwrap_or_default()
}
