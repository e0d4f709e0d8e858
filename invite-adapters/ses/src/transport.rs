//! The transport: one message, one request, one outcome.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::client::customize::CustomizableOperation;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    ConfigurationOverrides, Destination, EmailContent, FeatureStatus, MessageTag, RawMessage,
    TrackingConfigurationOverrides,
};
use invite_core::model::message::Message;
use invite_core::model::outcome::{Answer, Outcome, Receipt, Refusal};
use invite_core::port::transport::Transport;
use tokio::time::{Instant, timeout_at};

use crate::builder::{SesBuilder, Settings, Source};
use crate::error::SetupError;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::letter::Letter;
use crate::quiet::quiet;
use crate::url;
use crate::verdict::verdict;

/// The tag that each message bears; its value is the delivery's id.
pub(crate) const DELIVERY_TAG: &str = "invite-delivery";
/// Longer than any deadline that means something.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// Carries e-mail to Amazon SES. The crate's page has everything about it.
///
/// Clones share connections and credentials.
#[derive(Clone)]
pub struct SesTransport {
    pub(crate) client: Client,
    pub(crate) settings: Arc<Settings>,
}

impl SesTransport {
    /// With the region and the credentials of this process: environment, profile, role.
    pub fn builder() -> SesBuilder {
        SesBuilder::new(Source::Chain)
    }

    /// With the host's own configuration of the SDK, its credentials provider and HTTP client too.
    ///
    /// The transport has an HTTP client of its own where there is none. It switches the SDK's retries off: a message that
    /// may have been sent must not be sent again by a client that cannot know.
    pub fn from_sdk_config(config: &SdkConfig) -> SesBuilder {
        SesBuilder::new(Source::Sdk(Box::new(config.clone())))
    }

    /// The same with the host's own configuration of the SES client.
    pub fn from_conf(config: aws_sdk_sesv2::Config) -> SesBuilder {
        SesBuilder::new(Source::Client(Box::new(config)))
    }

    /// From a URL, `ses:?region=eu-north-1`: the crate's page has the options. Nothing is sent yet; credentials are
    /// looked for in the files and variables of this process, and loaded with the first request.
    pub async fn from_url(url: &str) -> Result<Self, SetupError> {
        url::builder(url)?.build().await
    }

    pub(crate) const fn new(client: Client, settings: Arc<Settings>) -> Self {
        Self { client, settings }
    }

    fn request(&self, message: &Message, letter: &Letter<'_>) -> Result<SendEmailFluentBuilder, BuildError> {
        let settings = &*self.settings;
        let raw = RawMessage::builder().data(Blob::new(letter.octets.as_slice())).build()?;
        let delivery =
            MessageTag::builder().name(DELIVERY_TAG).value(message.delivery.to_string()).build()?;
        let tags = std::iter::once(delivery).chain(settings.tags.iter().cloned()).collect();
        Ok(self
            .client
            .send_email()
            .content(EmailContent::builder().raw(raw).build())
            .destination(Destination::builder().to_addresses(&letter.to).build())
            .set_email_tags(Some(tags))
            .set_configuration_set_name(settings.configuration_set.clone())
            .set_configuration_overrides((!settings.rewritten_links).then(links_as_they_are)))
    }

    async fn carry(&self, request: CustomizableSend, gate: Gate, until: Instant) -> Result<Outcome, Failure> {
        let answer = quiet(timeout_at(until, request.interceptor(gate).send())).await;
        let output = answer.map_err(|_| Failure::late())?.map_err(Failure::from)?;
        Ok(match output.message_id {
            Some(id) if !id.is_empty() => Outcome::Accepted(Receipt(id)),
            _ => Outcome::Unknown { answer: Answer::new("200", "SES took the message without an id for it") },
        })
    }
}

type CustomizableSend = CustomizableOperation<
    aws_sdk_sesv2::operation::send_email::SendEmailOutput,
    SendEmailError,
    SendEmailFluentBuilder,
>;

/// A link with a credential must reach the person as it is, whatever the account or the configuration set would do.
fn links_as_they_are() -> ConfigurationOverrides {
    let tracking =
        TrackingConfigurationOverrides::builder().click_tracking_enabled(FeatureStatus::Disabled).build();
    ConfigurationOverrides::builder().tracking(tracking).build()
}

#[async_trait]
impl Transport for SesTransport {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        // A little sooner, so that the answer is there when the deadline is.
        let deadline = deadline.min(FOREVER);
        let until = Instant::now() + deadline.saturating_sub((deadline / 20).min(Duration::from_millis(200)));
        let letter = match Letter::of(message) {
            Ok(letter) => letter,
            Err(outcome) => return outcome,
        };
        if until <= Instant::now() {
            let answer = Answer::new("", "there was no time left to send it");
            return Outcome::Deferred { retry_after: None, answer };
        }
        let Ok(request) = self.request(message, &letter) else {
            let answer = Answer::new("", "the message cannot be written as a request to SES");
            return Outcome::Refused { refusal: Refusal::Content, answer };
        };
        let gate = Gate::default();
        match self.carry(request.customize(), gate.clone(), until).await {
            Ok(outcome) => outcome,
            Err(failure) => verdict(&failure, &letter, gate.close()),
        }
    }
}

impl fmt::Debug for SesTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SesTransport({}", self.settings.region)?;
        if let Some(set) = &self.settings.configuration_set {
            write!(f, ", configuration set {set}")?;
        }
        f.write_str(")")
    }
}
