//! A request's body that knows whether it was handed to the connection.
//!
//! An HTTP client does not say how far a request came before it failed. A message certainly did not go if the connection
//! never asked for its text: a request is complete with its body alone. So the body notes the asking, and when a request
//! has failed or its time is up it is withdrawn: from then on the connection gets an error in its place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// What is left with the caller.
#[derive(Clone)]
pub(crate) struct Claim(Arc<AtomicU8>);

impl Claim {
    /// Whether the connection has not had the body, nor will have it.
    pub(crate) fn withdraw(&self) -> bool {
        !matches!(self.set(WITHDRAWN), Err(TAKEN))
    }

    fn take(&self) -> bool {
        self.set(TAKEN).is_ok()
    }

    /// From waiting, once.
    fn set(&self, state: u8) -> Result<u8, u8> {
        self.0.compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire)
    }
}

/// The whole body in one piece.
pub(crate) struct Body {
    octets: Option<Bytes>,
    claim: Claim,
}

impl Body {
    pub(crate) fn new(octets: String) -> (Self, Claim) {
        let claim = Claim(Arc::new(AtomicU8::new(WAITING)));
        (Self { octets: Some(octets.into()), claim: claim.clone() }, claim)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(octets) = self.octets.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(if self.claim.take() {
            Ok(Frame::data(octets))
        } else {
            Err(io::Error::other("the request was withdrawn"))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.octets.is_none()
    }

    /// Known, so that the request has a `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.octets.as_ref().map_or(0, |octets| octets.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    fn polled(body: &mut Body) -> Option<Result<usize, io::Error>> {
        match Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(frame) => frame.map(|frame| frame.map(|frame| frame.into_data().unwrap().len())),
            Poll::Pending => panic!("it is never pending"),
        }
    }

    #[test]
    fn what_was_taken_cannot_be_withdrawn() {
        let (mut body, claim) = Body::new("text".to_owned());
        assert!(matches!(polled(&mut body), Some(Ok(4))));
        assert!(!claim.withdraw());
        assert!(polled(&mut body).is_none());
    }

    #[test]
    fn what_was_withdrawn_cannot_be_taken() {
        let (mut body, claim) = Body::new("text".to_owned());
        assert!(claim.withdraw());
        assert!(claim.withdraw(), "asked again, the answer is the same");
        assert!(matches!(polled(&mut body), Some(Err(_))));
    }
}
