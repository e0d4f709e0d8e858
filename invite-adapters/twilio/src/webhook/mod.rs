//! What Twilio sends to the host: status callbacks and messages from people, for any web framework.
//!
//! ```
//! use invite_core::Secret;
//! use invite_twilio::webhook::{Webhook, verify};
//!
//! # let token = String::from("12345");
//! // In a handler: the public URL as Twilio called it, its query included, and the bytes of the body.
//! let request = Webhook {
//!     url: "https://mycompany.com/myapp.php?foo=1&bar=2",
//!     signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=", // the header X-Twilio-Signature
//!     body: b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE",
//! };
//! let verified = verify(&request, &[Secret::new(token)])?; // while the token is changed: the new one and the old one
//! if let Some(reported) = verified.report() {
//!     // invites.report(vec![reported]).await?;
//! #   drop(reported);
//! }
//! # Ok::<(), invite_twilio::webhook::NotSigned>(())
//! ```
//!
//! Answer with a status 2xx and no text; to [`NotSigned`] with 403.

mod consent;
mod parameters;
mod public_url;
mod report;
#[cfg(feature = "axum")]
mod router;
mod signature;

use std::fmt;

pub use consent::ConsentChange;
#[cfg(feature = "axum")]
pub use router::router;
pub use signature::{NotSigned, verify};

use invite_core::port::queue::Reported;

use parameters::Parameters;

/// The header with a request's signature.
pub const SIGNATURE_HEADER: &str = "X-Twilio-Signature";

/// A request that says it is from Twilio.
#[derive(Clone, Copy)]
pub struct Webhook<'a> {
    /// The public URL, as Twilio was told to call it: scheme, host, path and query. A host behind a proxy must put its own
    /// together: what the proxy asks for differs. Whether it has its port makes no difference.
    pub url: &'a str,
    /// The value of [`SIGNATURE_HEADER`].
    pub signature: &'a str,
    /// The body, as it came; empty for GET.
    pub body: &'a [u8],
}

impl fmt::Debug for Webhook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({} octets, content hidden)", self.body.len())
    }
}

/// A request that is from Twilio: [`verify`] makes it.
pub struct Verified {
    parameters: Parameters,
}

impl Verified {
    /// What became of a message, from a status callback with our delivery's id in its query.
    ///
    /// None for a message that is still on its way (`queued`, `sending`, `sent` and the like), and for what is no status
    /// callback of a message of ours. The same report may come twice, and reports in any order.
    ///
    /// | status | code | report |
    /// |---|---|---|
    /// | `delivered`, `read` | | delivered |
    /// | `undelivered`, `failed`, `canceled` | 30003 | bounced |
    /// | | 30008 | unknown |
    /// | | 30005, 30006, 21211, 21614, 21635 | failed; the number is suppressed |
    /// | | 21610, 63014 | failed; the number is suppressed: its person opted out |
    /// | | 30002, the account is suspended | failed; the account is blocked |
    /// | | 30034, the sending number is not registered | failed; the sender is blocked |
    /// | | every other | failed |
    pub fn report(&self) -> Option<Reported> {
        report::report(&self.parameters)
    }

    /// What somebody wants who wrote STOP or START, from the webhook for incoming messages: for
    /// [`Invites::consent`](invite_core::Invites::consent), for each organisation that sends from the number they wrote to.
    pub fn consent(&self) -> Option<ConsentChange> {
        consent::consent(&self.parameters)
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified(content hidden)")
    }
}
