//! Transports in this process.

use std::time::Duration;

use async_trait::async_trait;
use invite_core::model::message::Message;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::port::transport::Transport;

/// Takes every message at once.
#[derive(Debug, Clone, Copy)]
pub struct Instantly;

#[async_trait]
impl Transport for Instantly {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

/// Takes every message, and answers after so long.
#[derive(Debug, Clone, Copy)]
pub struct After(pub Duration);

#[async_trait]
impl Transport for After {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        tokio::time::sleep(self.0).await;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}
