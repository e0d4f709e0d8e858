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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_time_whatever_was_waited_for_before() {
        let mut alarm = Alarm::new();
        for milliseconds in [500, 20, 1_000, 1_000, 1, 300] {
            let began = Instant::now();
            let patience = Duration::from_millis(milliseconds);
            assert_eq!(alarm.within(began + patience * 10, ready(1)).await, Some(1), "done at once");
            let slow = sleep(patience / 2);
            assert_eq!(alarm.within(began + patience, slow).await, Some(()), "done in time");
            assert_eq!(alarm.within(began + patience, pending::<()>()).await, None);
            let waited = began.elapsed();
            assert!(
                waited >= patience && waited <= patience + Duration::from_millis(2),
                "{patience:?}: {waited:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_when_the_time_is_up_is_done() {
        assert_eq!(Alarm::new().within(Instant::now(), ready(1)).await, Some(1));
        assert_eq!(Alarm::new().within(Instant::now(), pending::<()>()).await, None);
    }
}
