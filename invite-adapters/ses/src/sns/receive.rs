//! From a body to what it reports.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use invite_core::port::queue::Reported;

use super::certificate::{Certificates, check};
use super::envelope::{Envelope, Kind};
use super::error::Error;
use super::event;
use super::settings::Settings;

/// What a message that is from SNS says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// What became of messages: for [`Invites::report`](invite_core::Invites::report). Empty where nothing is final, and for
    /// mail that is not ours.
    Reports(Vec<Reported>),
    /// A topic of the settings wants to report here. It begins once this URL was fetched by GET.
    Confirm(SubscribeUrl),
    /// The subscription was ended: nothing is reported any more.
    Unsubscribed,
}

/// Confirms a subscription when it is fetched: `https`, and SNS in the topic's region. Whoever has it can subscribe, so
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscribeUrl(String);

impl SubscribeUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SubscribeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscribeUrl(hidden)")
    }
}

/// Reads the body of a request that says it is from SNS. [The module's page](super) has what is checked, and what each event
/// means. `now` is the current time.
pub async fn receive(
    body: &[u8],
    settings: &Settings,
    certificates: &dyn Certificates,
    now: DateTime<Utc>,
) -> Result<Received, Error> {
    let envelope = Envelope::parsed(body)?;
    let topic = settings.topics.iter().find(|topic| topic.arn == envelope.topic).ok_or(Error::Topic)?;
    let window = TimeDelta::from_std(settings.window).unwrap_or(TimeDelta::MAX);
    if (now - envelope.made).abs() > window {
        return Err(Error::Stale);
    }
    if !topic.keeps_certificate(&envelope.certificate_url) {
        return Err(Error::CertificateUrl);
    }
    let pem = certificates.fetch(&envelope.certificate_url).await?;
    check(&pem, &envelope, topic, settings, now)?;
    match envelope.kind {
        Kind::Notification => Ok(Received::Reports(event::reported(&envelope.message).into_iter().collect())),
        Kind::SubscriptionConfirmation if topic.is_at_home(&envelope.subscribe_url) => {
            Ok(Received::Confirm(SubscribeUrl(envelope.subscribe_url)))
        }
        Kind::SubscriptionConfirmation => Err(Error::SubscribeUrl),
        Kind::UnsubscribeConfirmation => Ok(Received::Unsubscribed),
    }
}
