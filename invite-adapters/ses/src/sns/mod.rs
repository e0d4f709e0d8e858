//! What SES reports through SNS: bounces, complaints, deliveries, for any web framework.
//!
//! ```no_run
//! use chrono::Utc;
//! use invite_ses::sns::{HttpsCertificates, Received, Settings, receive};
//!
//! # async fn example(invites: invite_core::Invites, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! // Once:
//! let settings = Settings::new(["arn:aws:sns:eu-north-1:123456789012:invitations"])?;
//! let certificates = HttpsCertificates::new()?;
//! // In a handler, with the bytes of the body:
//! match receive(body, &settings, &certificates, Utc::now()).await? {
//!     Received::Reports(reports) => drop(invites.report(reports).await?),
//!     Received::Confirm(url) => println!("open {} to begin", url.as_str()), // or a GET
//!     _ => {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Answer with a status 2xx; to an [`Error`] with 503 where it [is transient](Error::is_transient), so that SNS tries again,
//! and with 403 otherwise.
//!
//! # What is checked, in this order
//!
//! 1. The body is an SNS message of at most 256 KiB and a little, which is all that SNS carries. Raw message delivery has no
//!    signature: leave it off.
//! 2. The topic is one of those in the settings. Its ARN names the region.
//! 3. It was made within the [window](Settings::window).
//! 4. The certificate's URL is `https://`, then exactly `sns.<region>.amazonaws.com` (`.cn` in China) of that topic, then a
//!    path that ends in `.pem`; no user, port, query or fragment. Nothing is fetched from anywhere else.
//! 5. The certificate leads to a root certificate of this machine, is in force, and names SNS.
//! 6. The signature: version 1 (RSA with SHA-1) or 2 (with SHA-256), over what AWS says is signed
//!    (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>).
//!
//! Headers of the request are not signed, and nothing is taken from them. Only what is signed is used. It may come again
//! within the window, from SNS itself too; taking a report twice changes nothing.
//!
//! # Events
//!
//! The id of the delivery is in the tag `invite-delivery`, which event publishing reports (`eventType`, by a configuration
//! set). Notifications of an identity (`notificationType`) are read alike where they have the tag; without it nothing is
//! reported, as for mail that is not ours.
//!
//! | event | report |
//! |---|---|
//! | Delivery | delivered |
//! | Bounce, Permanent | bounced; the address is suppressed |
//! | Bounce, Permanent, UnsubscribedRecipient | bounced; the address is suppressed: its person opted out |
//! | Bounce, Transient or Undetermined: SES has given this message up | bounced; the address is not suppressed |
//! | Complaint | complained, by which the address is suppressed |
//! | Complaint, OnAccountSuppressionList: SES did not send it | failed; the address is suppressed |
//! | Reject (malware), Rendering Failure | failed |
//! | Send, DeliveryDelay, Open, Click, Subscription and all others | nothing |
//!
//! The types of bounce are those of
//! <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types>.

mod address;
mod certificate;
mod envelope;
mod error;
mod event;
mod fetch;
mod receive;
#[cfg(feature = "axum")]
mod router;
mod settings;

pub use certificate::{Certificates, FetchError};
pub use error::{Error, SettingsError};
pub use fetch::HttpsCertificates;
pub use receive::{Received, SubscribeUrl, receive};
#[cfg(feature = "axum")]
pub use router::router;
pub use settings::Settings;
