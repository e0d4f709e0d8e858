//! TLS: the certificate is checked, and one root certificate more can be trusted.

use std::sync::Arc;

use invite_core::model::outcome::{Outcome, Receipt};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{MESSAGE_SID, answer, builder, sent};

/// A server with a certificate of its own for `localhost`: its port, and the certificate in PEM.
async fn server() -> (u16, String) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut octets = vec![0; 64 * 1024];
            let mut read = 0;
            while !octets[..read].windows(5).any(|run| run == b"Body=") {
                read += stream.read(&mut octets[read..]).await.unwrap();
            }
            let body = format!(r#"{{"sid": "{MESSAGE_SID}"}}"#);
            let head = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (port, certified.cert.pem())
}

#[tokio::test]
async fn a_certificate_of_nobody_known_puts_it_off() {
    let (port, _) = server().await;
    let transport = builder(&format!("https://localhost:{port}")).build().unwrap();
    let outcome = sent(&transport).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(answer(&outcome).text().contains("certificate"), "{outcome:?}");
}

#[tokio::test]
async fn a_root_certificate_of_ones_own_is_trusted_for_its_name_alone() {
    let (port, pem) = server().await;
    let to = |host: &str| {
        builder(&format!("https://{host}:{port}")).root_certificate(pem.as_str()).build().unwrap()
    };
    assert_eq!(sent(&to("localhost")).await, Outcome::Accepted(Receipt(MESSAGE_SID.into())));
    let outcome = sent(&to("127.0.0.1")).await;
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
}
