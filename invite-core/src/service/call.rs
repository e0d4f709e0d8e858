//! Calls a transport, and says what it saw whatever it does.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::model::message::Message;
use crate::model::outcome::{Answer, Outcome};
use crate::port::transport::Transport;

/// Hands over one message within `deadline`.
pub(super) async fn call(transport: &dyn Transport, message: &Message, deadline: Duration) -> Outcome {
    let sending = AssertUnwindSafe(transport.send(message, deadline)).catch_unwind();
    // The transport keeps its deadline itself; one that does not is cut off a little later.
    match tokio::time::timeout(deadline + Duration::from_secs(1), sending).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Outcome::Unknown { answer: Answer::new("panic", "the transport panicked") },
        Err(_elapsed) => {
            Outcome::Unknown { answer: Answer::new("deadline", "the transport did not answer in time") }
        }
    }
}
