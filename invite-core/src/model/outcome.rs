//! What a transport saw when it was handed a message. It reports; the core decides what to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::contact::without;

/// The provider's own message id for a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Receipt(pub String);

/// What happened to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took responsibility for the message.
    Accepted(Receipt),
    /// This message will never go.
    Refused {
        /// Why, as far as it changes what is done next.
        refusal: Refusal,
        /// The provider's words.
        answer: Answer,
    },
    /// Certainly not sent; worth trying later.
    Deferred {
        /// When the provider asks to be tried again; it wins over our own schedule.
        retry_after: Option<Duration>,
        /// The provider's words.
        answer: Answer,
    },
    /// Certainly not sent, because we are too fast.
    Throttled {
        /// When the provider asks to be tried again.
        retry_after: Option<Duration>,
        /// What is slowed.
        scope: Scope,
        /// The provider's words.
        answer: Answer,
    },
    /// Certainly not sent, and no message in this scope would be, until somebody mends the configuration.
    Blocked {
        /// What is paused.
        scope: Scope,
        /// The provider's words.
        answer: Answer,
    },
    /// It may have been sent, or not.
    Unknown {
        /// What is known about it.
        answer: Answer,
    },
}

/// Why a message was refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The address does not exist or takes no mail: it is suppressed at once.
    Recipient,
    /// The address was refused without a code that says so for certain: suppressed only after a second batch.
    RecipientUncertain,
    /// The recipient opted out: suppressed at once.
    OptedOut,
    /// The content or its size.
    Content,
    /// The receiving side's policy; twenty identical ones in a row pause the sender.
    Policy,
    /// The recipient's country is not allowed by the provider: that country is held.
    Country,
}

/// How far an outcome reaches beyond its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All messages of this sender to the recipient's e-mail domain.
    RecipientDomain,
    /// All messages of this sender to the recipient's country.
    Country,
    /// All messages of this sender.
    Sender,
    /// All messages of all senders on this provider account.
    Account,
}

/// What a provider's later report says beyond its own message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concerns {
    /// Nothing.
    #[default]
    Message,
    /// The address: it must not be written to any more.
    Address,
    /// The person: they want no messages at this address.
    OptOut,
    /// The configuration: no message in this scope arrives until somebody mends it, as with [`Outcome::Blocked`].
    Sender(Scope),
}

/// What a provider said: its code and its words, at most 500 characters, without control characters.
///
/// A transport never puts a message or a credential in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    code: String,
    text: String,
}

impl Answer {
    /// An answer from the provider's code (such as `550 5.1.1` or `21610`) and words.
    pub fn new(code: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self { code: one_line(code.as_ref(), 64), text: one_line(text.as_ref(), 500) }
    }

    /// The provider's code; may be empty.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Without these addresses, which are in the form in which addresses are compared.
    #[must_use]
    pub fn without(&self, addresses: &[&str]) -> Self {
        Self { code: self.code.clone(), text: without(&self.text, addresses) }
    }

    /// The provider's words; may be empty.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code.is_empty(), self.text.is_empty()) {
            (false, false) => write!(f, "{} {}", self.code, self.text),
            _ => write!(f, "{}{}", self.code, self.text),
        }
    }
}

fn one_line(text: &str, limit: usize) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    flat.trim().chars().take(limit).collect()
}
