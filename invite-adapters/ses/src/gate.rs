//! Whether anything of a message was handed to a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use aws_sdk_sesv2::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sesv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sesv2::error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

const WAITING: u8 = 0;
const PASSED: u8 = 1;
const CLOSED: u8 = 2;

/// What the body of a request goes through when a connection asks for it, which it does once it stands and not before.
///
/// So a fault before that certainly did not send the message, and the SDK need not say at which of its many stages it
/// happened. A gate that is closed while the body still waits lets nothing pass later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<AtomicU8>);

impl Gate {
    /// Closes it. Whether the message had passed, so that it may have been sent.
    pub(crate) fn close(&self) -> bool {
        self.0.compare_exchange(WAITING, CLOSED, Ordering::AcqRel, Ordering::Acquire) == Err(PASSED)
    }

    /// Whether the message may pass.
    fn pass(&self) -> bool {
        self.0.compare_exchange(WAITING, PASSED, Ordering::AcqRel, Ordering::Acquire) != Err(CLOSED)
    }
}

/// Puts the body behind the gate, once the request is signed.
impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request_mut().body_mut();
        let Some(octets) = body.bytes() else {
            return Err("the body of the request is not in memory".into());
        };
        let octets = Some(Bytes::copy_from_slice(octets));
        *body = SdkBody::from_body_1_x(Gated { gate: self.clone(), octets });
        Ok(())
    }
}

struct Gated {
    gate: Gate,
    octets: Option<Bytes>,
}

/// The caller has gone.
#[derive(Debug, thiserror::Error)]
#[error("the deadline had passed before the message was handed over")]
struct Closed;

impl Body for Gated {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.gate.pass() {
            return Poll::Ready(Some(Err(Closed.into())));
        }
        Poll::Ready(self.octets.take().map(|octets| Ok(Frame::data(octets))))
    }

    fn is_end_stream(&self) -> bool {
        self.octets.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.octets.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_asked_for_did_not_pass() {
        let gate = Gate::default();
        assert!(!gate.close());
        assert!(!gate.pass(), "nothing passes a closed gate");
        assert!(!gate.close());
    }

    #[test]
    fn what_was_asked_for_has_passed() {
        let gate = Gate::default();
        assert!(gate.pass());
        assert!(gate.close());
        assert!(gate.pass(), "the rest of it passes too");
    }
}
