//! The port to a provider that carries messages.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::message::Message;
use crate::model::outcome::Outcome;

/// Carries one message to a provider and says what it saw.
///
/// # Contract
///
/// * [`send`](Self::send) returns [`Outcome::Accepted`] only when the provider has taken responsibility for the
///   message, and [`Outcome::Unknown`] whenever it may have. Everything else means that it certainly was not sent.
/// * It may be called for many messages at once, and again for the same message after a fault: the message's
///   [`delivery`](Message::delivery) is the idempotency key where a provider knows such keys.
/// * It answers before `deadline` has passed. The caller drops the future soon after it, and counts a dropped future
///   and a panic as [`Outcome::Unknown`].
/// * It does not retry a message. Connecting again, when nothing of the message was sent, is no retry.
/// * It never logs the message, and never puts a part of it into an [`Answer`](crate::model::outcome::Answer).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Hands over one message, within `deadline` from now.
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome;
}
