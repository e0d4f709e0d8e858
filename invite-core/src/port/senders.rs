//! The port that says what a channel sends with.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::error::PortResult;
use super::transport::Transport;
use crate::model::message::{Channel, Mailbox};
use crate::model::organisation::{Organisation, Settings};
use crate::model::rate::Rate;
use crate::model::sender::SenderKey;

/// Resolves (organisation, channel) to a sender: one for all, or each tenant's own account.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Senders: fmt::Debug + Send + Sync {
    /// What `organisation` sends with on `channel`; none where the channel is not set up.
    async fn sender(&self, organisation: Arc<Organisation>, channel: Channel) -> PortResult<Option<Sender>>;
}

/// What a channel sends with.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Its name: pauses are kept under it.
    pub key: SenderKey,
    /// The provider's account that it uses: a pause of the account stops all its senders.
    pub account: String,
    /// The transport.
    pub transport: Arc<dyn Transport>,
    /// Who e-mail is from, where the organisation does not say.
    pub from: Option<Mailbox>,
    /// The number or name that SMS are from, where the provider needs one.
    pub sms_from: Option<String>,
    /// How fast it may send, where the provider has a limit. All workers on one store keep to it together, by
    /// [`key`](Self::key); it may change while they run.
    pub rate: Option<Rate>,
}

impl Sender {
    /// Who e-mail of an organisation is from: as it says itself, else as the sender says, else `no-reply` at the host of
    /// its app link. None where nothing of this is there.
    pub fn from_for(&self, settings: &Settings) -> Option<Mailbox> {
        settings.from.clone().or_else(|| self.from.clone()).or_else(|| {
            let link = settings.app_link.as_ref()?.as_str();
            let host = link.strip_prefix("https://")?.split(['/', '?', '#', ':']).next()?;
            Some(Mailbox { name: settings.name.clone(), address: format!("no-reply@{host}").parse().ok()? })
        })
    }
}

/// One sender a channel, for all organisations.
#[derive(Debug, Clone, Default)]
pub struct OneForAll {
    /// For e-mail.
    pub email: Option<Sender>,
    /// For SMS.
    pub sms: Option<Sender>,
}

#[async_trait]
impl Senders for OneForAll {
    async fn sender(&self, _: Arc<Organisation>, channel: Channel) -> PortResult<Option<Sender>> {
        Ok(match channel {
            Channel::Email => self.email.clone(),
            Channel::Sms => self.sms.clone(),
        })
    }
}
