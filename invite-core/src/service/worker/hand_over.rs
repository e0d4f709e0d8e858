//! The last step: open the secret, render, call the transport, say what it saw.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::compose::compose;
use super::lease::Lease;
use crate::credential::{OpenError, SealContext, SealingKey, Secret};
use crate::model::batch::Batch;
use crate::model::organisation::Organisation;
use crate::model::outcome::{Answer, Outcome};
use crate::policy::Policy;
use crate::port::queue::{HandOver, HandOverResult};
use crate::port::senders::Sender;

/// A message that was begun, with all that it needs.
pub(super) struct Departure {
    pub(super) hand_over: HandOver,
    pub(super) organisation: Arc<Organisation>,
    pub(super) batch: Arc<Batch>,
    pub(super) sender: Sender,
    pub(super) lease: Arc<Lease>,
}

/// Hands it over.
pub(super) async fn hand_over(departure: &Departure, key: &SealingKey, policy: &Policy) -> HandOverResult {
    let secret = match secret(&departure.hand_over, key) {
        Ok(secret) => secret,
        Err(result) => return result,
    };
    let message = match compose(departure, secret.as_ref()) {
        Ok(message) => message,
        Err(answer) => return HandOverResult::NotRendered(answer),
    };
    drop(secret);
    if !departure.lease.stands(policy.margin()) {
        return HandOverResult::NotCalled;
    }
    let deadline = policy.send_deadline;
    let sending = AssertUnwindSafe(departure.sender.transport.send(&message, deadline)).catch_unwind();
    // The transport keeps its deadline itself; one that does not is cut off a little later.
    let outcome = match tokio::time::timeout(deadline + Duration::from_secs(1), sending).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Outcome::Unknown { answer: Answer::new("panic", "the transport panicked") },
        Err(_elapsed) => {
            Outcome::Unknown { answer: Answer::new("deadline", "the transport did not answer in time") }
        }
    };
    HandOverResult::Outcome(outcome)
}

/// The secret, or what becomes of a message whose secret cannot be opened. Where the key is not at hand, that is mended
/// by giving it back, so the message waits, and so it does for a newer version where that has sealed it; a secret that is
/// damaged is of no use to anybody, so another one is minted.
fn secret(hand_over: &HandOver, key: &SealingKey) -> Result<Option<Secret>, HandOverResult> {
    let Some(credential) = &hand_over.credential else { return Ok(None) };
    let context = SealContext {
        organisation: hand_over.organisation,
        invitation: credential.invitation,
        generation: credential.generation,
    };
    key.open(&credential.sealed, &context).map(Some).map_err(|error| {
        tracing::error!(delivery = %hand_over.id, %error, "the sealed secret cannot be opened");
        match error {
            OpenError::UnknownKey { .. } => {
                HandOverResult::Locked(Answer::new("unknown_key", error.to_string()))
            }
            OpenError::Format => HandOverResult::Locked(Answer::new("unknown_format", error.to_string())),
            OpenError::Damaged => HandOverResult::Damaged(Answer::new("damaged_secret", error.to_string())),
        }
    })
}
