//! A time-out that costs next to nothing when it does not come.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for a connection, which is set anew only when it would come too late.
///
/// A message waits four times, mostly for microseconds. With a timer for each wait the runtime's list of timers is locked
/// each time, and its thread woken where the new one is the first: that took longer than the message.
pub(crate) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    pub(crate) fn new() -> Self {
        Self(Box::pin(sleep_until(Instant::now())))
    }

    /// What the work gives; none when it is not done by then.
    pub(crate) async fn within<T>(&mut self, until: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let alarm = &mut self.0;
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            if alarm.deadline() > until {
                alarm.as_mut().reset(until);
            }
            // It may still be set for an earlier wait.
            while alarm.as_mut().poll(context).is_ready() {
                if Instant::now() >= until {
                    return Poll::Ready(None);
                }
                alarm.as_mut().reset(until);
            }
            Poll::Pending
        })
        .await
    }
}
