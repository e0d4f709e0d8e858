//! A transport from a URL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::Secret;
use invite_smtp::{SetupError, SmtpTransport};

use crate::support::certificates::Authority;
use crate::support::server::Script;
use crate::support::{accepted, message};

fn shown(url: &str) -> String {
    format!("{:?}", SmtpTransport::from_url(url).unwrap())
}

#[tokio::test]
async fn a_scheme_says_how_the_connection_is_protected_and_has_its_port() {
    for (url, expected) in [
        ("smtps://mail.example.com", "SmtpTransport(mail.example.com:465, TLS)"),
        ("smtp://mail.example.com", "SmtpTransport(mail.example.com:587, STARTTLS)"),
        ("smtp://mail.example.com:2525/", "SmtpTransport(mail.example.com:2525, STARTTLS)"),
        ("smtp://localhost:1025?dangerous=plain", "SmtpTransport(localhost:1025, no encryption)"),
        ("smtp://localhost?dangerous=plain", "SmtpTransport(localhost:25, no encryption)"),
        ("SMTPS://mail.example.com", "SmtpTransport(mail.example.com:465, TLS)"),
        ("smtps://[2001:db8::1]:465", "SmtpTransport([2001:db8::1]:465, TLS)"),
        ("smtps://192.0.2.1", "SmtpTransport(192.0.2.1:465, TLS)"),
        ("smtps://post.blåbær.example", "SmtpTransport(post.xn--blbr-roah.example:465, TLS)"),
    ] {
        assert_eq!(shown(url), expected, "{url}");
    }
}

#[tokio::test]
async fn credentials_are_decoded() {
    let server = Script::offering(&["AUTH PLAIN"]).start().await;
    let url = format!(
        "smtp://anna%40nordby.example:p%2F%3A%23%25%C3%A5+1@127.0.0.1:{}?dangerous=plain&hello=app.nordby.example",
        server.port
    );
    accepted(&SmtpTransport::from_url(&url).unwrap(), &message()).await;
    let commands = server.seen().commands;
    assert_eq!(commands[0], "EHLO app.nordby.example");
    let line = STANDARD.encode("\0anna@nordby.example\0p/:#%å+1");
    assert_eq!(commands[1], format!("AUTH PLAIN {line}"));
}

#[tokio::test]
async fn a_root_certificate_is_read_from_its_file() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let server = Script::offering(&[]).implicit_tls(authority.server("localhost")).start().await;
    let url =
        format!("smtps://localhost:{}?ca={}&connections=2&reply_timeout=10", server.port, file.display());
    accepted(&SmtpTransport::from_url(&url).unwrap(), &message()).await;

    let missing = SmtpTransport::from_url("smtps://localhost?ca=/nowhere/root.pem").unwrap_err();
    assert!(matches!(missing, SetupError::RootCertificateFile { .. }), "{missing:?}");
    std::fs::write(&file, "no certificate").unwrap();
    let empty = SmtpTransport::from_url(&format!("smtps://localhost?ca={}", file.display())).unwrap_err();
    assert!(matches!(empty, SetupError::RootCertificate), "{empty:?}");
}

#[test]
fn a_url_that_is_none_of_ours_is_refused_without_its_password() {
    for url in [
        "mail.example.com:587",
        "https://anna:tr0ub4dor@mail.example.com",
        "smtp://",
        "smtp://anna@mail.example.com",
        "smtp://:tr0ub4dor@mail.example.com",
        "smtp://anna:tr0ub4dor@mail.example.com/inbox",
        "smtp://anna:tr0ub4dor#x@mail.example.com",
        "smtp://anna:tr0ub4dor/x@mail.example.com",
        "smtp://anna:tr0ub4dor%FF@mail.example.com",
        "smtp://anna:tr0ub4dor%0A@mail.example.com",
        "smtp://anna:tr0ub4dor@mail.example.com:99999",
        "smtp://anna:tr0ub4dor@mail.example.com?dangerous=yes",
        "smtps://anna:tr0ub4dor@mail.example.com?dangerous=plain",
        "smtp://anna:tr0ub4dor@mail.example.com?tls=no",
        "smtp://anna:tr0ub4dor@mail.example.com?connections=0",
        "smtp://anna:tr0ub4dor@mail.example.com?connections=many",
        "smtp://anna:tr0ub4dor@mail.example.com?reply_timeout=0",
        "smtp://anna:tr0ub4dor@mail.example.com?connections=1&connections=2",
        "smtp://anna:tr0ub4dor@mail.example.com?hello=a%20b",
        "smtp://anna:tr0ub4dor@mail.example.com?hello=a%0D%0AQUIT",
    ] {
        let error = SmtpTransport::from_url(url).expect_err(url);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("tr0ub4dor") && !shown.contains("anna"), "{url}: {shown}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (url, words) in [
        ("smtp://anna:x/y@mail.example.com", "%2F for /"),
        ("smtp://mail.example.com?tls=no", "the option tls"),
        ("smtp://mail.example.com?tls=no", "connections, dangerous"),
        ("smtp://mail.example.com?connections=0", "1 to 256"),
        ("smtp://mail.example.com?dangerous=yes", "anybody on the way"),
    ] {
        let error = SmtpTransport::from_url(url).unwrap_err().to_string();
        assert!(error.contains(words), "{url}: {error}");
    }
}

#[test]
fn a_builder_refuses_what_cannot_be_said() {
    for host in ["", "a b", "mail.example.com\r\nQUIT", "-\u{0}"] {
        assert!(matches!(SmtpTransport::relay(host).build(), Err(SetupError::Host)), "{host:?}");
    }
    for name in ["", "a b", "a\r\nQUIT", "[", "[1.2.3]", "[IPv6:x]"] {
        let builder = SmtpTransport::relay("localhost").hello_name(name);
        assert!(matches!(builder.build(), Err(SetupError::HelloName)), "{name:?}");
    }
    for name in ["app.example.com", "[192.0.2.1]", "[IPv6:2001:db8::1]", "blåbær.example"] {
        assert!(SmtpTransport::relay("localhost").hello_name(name).build().is_ok(), "{name:?}");
    }
    let builder = SmtpTransport::relay("localhost").credentials("anna", Secret::new("a\0b".into()));
    assert!(matches!(builder.build(), Err(SetupError::Credentials)));
}
