//! What mail servers report later: delivery status notifications (RFC 3464), for any program that receives mail.
//!
//! A server that took a message and cannot deliver it writes to the address in MAIL FROM. A [`BounceAddress`] makes one for
//! each message, with the delivery's id in it and a short MAC, so that nobody can mark messages of others as bounced:
//!
//! ```
//! use invite_core::Secret;
//! use invite_smtp::SmtpTransport;
//! use invite_smtp::dsn::{BounceAddress, read};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let key = String::from("at least sixteen octets");
//! let bounces = BounceAddress::new("bounces@bounces.nordby.example", Secret::new(key))?;
//! let email = SmtpTransport::relay("mail.nordby.example").bounces(bounces.clone()).build()?;
//! # drop(email);
//! // Where mail to bounces+…@bounces.nordby.example arrives: its recipient and its octets.
//! # let (recipient, octets) = ("bounces+x@bounces.nordby.example", b"Subject: hello\r\n\r\n");
//! if let Some(delivery) = bounces.delivery(recipient) {
//!     if let Some(reported) = read(octets, delivery)? {
//!         // invites.report(vec![reported]).await?;
//! #       drop(reported);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Reports
//!
//! | action (RFC 3464, 2.3.3) | status (RFC 3463) | report |
//! |---|---|---|
//! | `failed` | 5.1.1, 5.1.3, 5.1.6, 5.1.10, 5.2.1 | bounced; the address is suppressed |
//! | | any other | bounced |
//! | `delivered`, `expanded` | | delivered |
//! | `delayed`, `relayed`, any other | | nothing: it is not final |
//!
//! Where the status says no more than its class (`5.0.0`, as Exim writes it), the enhanced code in the diagnostic code counts.
//! If a notification has several recipients, since an address led on to several, a failure counts before all else.
//!
//! # Security
//!
//! * Action and status alone are kept. The message that comes back holds its credential; it is not read, and no text of the
//!   notification is in a report, an error or a log.
//! * A notification may be anybody's: it is read up to [`LARGEST`] octets, in one pass, its own parts alone and none within
//!   them. A person who got a message knows its bounce address, and can say of that one message that it bounced.

mod bounce_address;
mod mime;
#[cfg(feature = "axum")]
mod router;
mod status;

pub use bounce_address::{BounceAddress, BounceAddressError};
#[cfg(feature = "axum")]
pub use router::router;
pub use status::{LARGEST, TooLarge, read};
