//! Runs the SDK where nobody listens.
//!
//! The SDK traces each request and answer: its orchestrator prints them whole, with the message and its recipient, at
//! TRACE, and names its inputs at DEBUG; the credentials chain and the HTTP client have events of their own. A filter by
//! target would have to know each crate below the SDK, in every release to come. So no subscriber gets anything from it.

use std::future::Future;

use tracing::Dispatch;
use tracing::instrument::{WithDispatch, WithSubscriber};

/// The future, of which no subscriber sees an event or a span.
pub(crate) fn quiet<F: Future>(future: F) -> WithDispatch<F> {
    // Unlike a new dispatcher, this one need not be registered, and so costs nothing.
    future.with_subscriber(Dispatch::none())
}
