//! What wakes those who wait for work.

use std::future::pending;

use tokio::sync::watch;

/// Rings for everybody who listens. Clones are the same bell.
#[derive(Debug, Clone, Default)]
pub struct Bell(watch::Sender<()>);

impl Bell {
    /// A bell that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rings, for those who listen now. However often it rings before one of them looks, they hear it once.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    /// Listens from now on.
    pub fn listen(&self) -> Rings {
        Rings(self.0.subscribe())
    }

    /// Completes as soon as nobody listens: whoever rings it from a task of its own ends then.
    pub async fn unheard(&self) {
        self.0.closed().await;
    }
}

/// Hears a [`Bell`]. It remembers that there was a ring until somebody asks, so that none is lost while its owner is at
/// work. A clone has heard what the original has.
#[derive(Debug, Clone)]
pub struct Rings(watch::Receiver<()>);

impl Rings {
    /// Hears nothing, ever.
    pub fn never() -> Self {
        Self(watch::channel(()).1)
    }

    /// Whether there is a bell at all.
    pub fn can_ring(&self) -> bool {
        self.0.has_changed().is_ok()
    }

    /// Completes with the next ring; at once where there was one since the last that was heard. A future that is dropped
    /// before it completes has heard nothing.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            pending::<()>().await;
        }
    }

    /// Takes all rings until now for heard.
    pub fn forget(&mut self) {
        self.0.mark_unchanged();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{Bell, Rings};

    #[test]
    fn rings_while_nobody_waits_are_heard_once() {
        let bell = Bell::new();
        let mut rings = bell.listen();
        assert!(rings.next().now_or_never().is_none());
        bell.ring();
        bell.ring();
        assert!(rings.next().now_or_never().is_some());
        assert!(rings.next().now_or_never().is_none());
        bell.ring();
        rings.forget();
        assert!(rings.next().now_or_never().is_none());
    }

    #[test]
    fn what_rang_before_somebody_listened_is_not_heard() {
        let bell = Bell::new();
        bell.ring();
        assert!(bell.listen().next().now_or_never().is_none());
    }

    #[test]
    fn a_bell_that_is_not_there_never_rings() {
        assert!(!Rings::never().can_ring());
        assert!(Rings::never().next().now_or_never().is_none());
        let bell = Bell::new();
        let mut rings = bell.listen();
        assert!(rings.can_ring());
        bell.ring();
        drop(bell);
        assert!(rings.next().now_or_never().is_some(), "the last ring is heard");
        assert!(!rings.can_ring() && rings.next().now_or_never().is_none());
    }

    #[test]
    fn a_bell_knows_when_nobody_listens_any_more() {
        let bell = Bell::new();
        let rings = bell.listen();
        assert!(bell.unheard().now_or_never().is_none());
        drop(rings);
        assert!(bell.unheard().now_or_never().is_some());
    }
}
