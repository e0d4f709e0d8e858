//! A message of SNS as it comes, and what of it is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::error::Error;

/// SNS carries 256 KiB, which JSON may write as longer escapes.
const LARGEST: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) topic: String,
    pub(super) message: String,
    pub(super) made: DateTime<Utc>,
    pub(super) subscribe_url: String,
    pub(super) certificate_url: String,
    pub(super) hash: Hash,
    pub(super) signature: Vec<u8>,
    /// What the signature is over.
    pub(super) signed: String,
}

impl Envelope {
    pub(super) fn parsed(body: &[u8]) -> Result<Self, Error> {
        if body.len() > LARGEST {
            return Err(Error::NoMessage);
        }
        let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Error::NoMessage)?;
        Self::of(&fields).ok_or(Error::NoMessage)
    }

    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| fields.get(name)?.as_str();
        let (kind, names): (_, &[&str]) = match text("Type")? {
            "Notification" => {
                (Kind::Notification, &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])
            }
            "SubscriptionConfirmation" => (Kind::SubscriptionConfirmation, &CONFIRMATION),
            "UnsubscribeConfirmation" => (Kind::UnsubscribeConfirmation, &CONFIRMATION),
            _ => return None,
        };
        let mut signed = String::new();
        for name in names {
            let value = match fields.get(*name) {
                // SNS leaves it out of the signature where there is none.
                None | Some(Value::Null) if *name == "Subject" => continue,
                value => value?.as_str()?,
            };
            // Names and values are signed as lines. If another value than the message, which comes first, could have
            // several, the same lines would fit other values too.
            if *name != "Message" && value.contains(['\n', '\r']) {
                return None;
            }
            signed.extend([name, "\n", value, "\n"]);
        }
        Some(Self {
            kind,
            topic: text("TopicArn")?.to_owned(),
            message: text("Message")?.to_owned(),
            made: DateTime::parse_from_rfc3339(text("Timestamp")?).ok()?.to_utc(),
            subscribe_url: text("SubscribeURL").unwrap_or_default().to_owned(),
            certificate_url: text("SigningCertURL")?.to_owned(),
            hash: match text("SignatureVersion")? {
                "1" => Hash::Sha1,
                "2" => Hash::Sha256,
                _ => return None,
            },
            signature: STANDARD.decode(text("Signature")?).ok()?,
            signed,
        })
    }
}

const CONFIRMATION: [&str; 7] =
    ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
