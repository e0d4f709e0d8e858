//! A stand-in for SNS: a key, certificates by an authority of the tests' own, and messages.
//!
//! `sns_test_key.pem` was made by `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048` for these tests alone.
//! `sns_version_1.signature` is `openssl dgst -sha1 -sign` with it over what SNS signs of [`bounce`], since ring, for good
//! reason, makes no signatures with SHA-1.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use invite_ses::sns::{Certificates, FetchError, Settings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

pub(crate) const TOPIC: &str = "arn:aws:sns:eu-north-1:123456789012:invitations";
pub(crate) const CERTIFICATE_URL: &str =
    "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";
pub(crate) const DELIVERY: &str = "0193a5c8-7e00-7000-8000-000000000001";
pub(crate) const MADE: &str = "2026-11-30T12:00:00.000Z";
const KEY: &str = include_str!("../fixtures/sns_test_key.pem");
pub(crate) const VERSION_1: &str = include_str!("../fixtures/sns_version_1.signature");

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(MADE).unwrap().to_utc()
}

/// Gives one file and counts how often it was asked.
#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) pem: String,
    pub(crate) fetched: AtomicUsize,
    pub(crate) fails: bool,
}

impl Counting {
    pub(crate) fn count(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Certificates for Counting {
    async fn fetch(&self, _: &str) -> Result<Vec<u8>, FetchError> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        if self.fails { Err(FetchError) } else { Ok(self.pem.clone().into_bytes()) }
    }
}

/// The authority that the settings trust, an authority below it, and SNS's certificate below that.
pub(crate) struct Authority {
    root: String,
    pub(crate) intermediate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let root_key = KeyPair::generate().unwrap();
        let params = authority_named("root of the tests");
        let root = params.self_signed(&root_key).unwrap().pem();
        let root_issuer = Issuer::new(params, root_key);
        let key = KeyPair::generate().unwrap();
        let params = authority_named("intermediate of the tests");
        let intermediate = params.signed_by(&key, &root_issuer).unwrap().pem();
        Self { root, intermediate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::new([TOPIC]).unwrap().root_certificate(&self.root).unwrap()
    }

    /// In PEM, SNS's own alone.
    pub(crate) fn leaf(&self, params: &CertificateParams) -> String {
        let key = KeyPair::from_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256).unwrap();
        params.signed_by(&key, &self.issuer).unwrap().pem()
    }

    /// The file as it should be.
    pub(crate) fn file(&self, name: &str) -> Counting {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let pem = format!("{}{}", self.leaf(&params), self.intermediate);
        Counting { pem, ..Counting::default() }
    }
}

fn authority_named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params
}

/// A message's fields. Without a signature yet.
pub(crate) type Fields = BTreeMap<&'static str, String>;

pub(crate) fn event(kind: &str, more: &str) -> String {
    format!(r#"{{"eventType":"{kind}",{more}"mail":{{"tags":{{"invite-delivery":["{DELIVERY}"]}}}}}}"#)
}

pub(crate) fn bounce() -> String {
    event(
        "Bounce",
        r#""bounce":{"bounceType":"Permanent","bounceSubType":"NoEmail","bouncedRecipients":[{"emailAddress":"kari@nordby.example","status":"5.1.1","diagnosticCode":"smtp; 550 kari@nordby.example"}]},"#,
    )
}

pub(crate) fn notification(message: String) -> Fields {
    Fields::from([
        ("Type", "Notification".to_owned()),
        ("MessageId", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".to_owned()),
        ("TopicArn", TOPIC.to_owned()),
        ("Message", message),
        ("Timestamp", MADE.to_owned()),
        ("SignatureVersion", "2".to_owned()),
        ("SigningCertURL", CERTIFICATE_URL.to_owned()),
    ])
}

pub(crate) fn confirmation(subscribe_url: &str) -> Fields {
    let mut fields = notification("You have chosen to subscribe to the topic.".to_owned());
    fields.insert("Type", "SubscriptionConfirmation".to_owned());
    fields.insert("Token", "2336412f37fb687f5d51e6e2425".to_owned());
    fields.insert("SubscribeURL", subscribe_url.to_owned());
    fields
}

/// As SNS signs it, version 2.
pub(crate) fn signed(mut fields: Fields) -> Vec<u8> {
    let names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    let mut text = String::new();
    for name in names {
        if let Some(value) = fields.get(name) {
            text.extend([name, "\n", value, "\n"]);
        }
    }
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap() else { panic!() };
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    fields.insert("Signature", STANDARD.encode(signature));
    body(&fields)
}

pub(crate) fn body(fields: &Fields) -> Vec<u8> {
    serde_json::to_vec(fields).unwrap()
}
