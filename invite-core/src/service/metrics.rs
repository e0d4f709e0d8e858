//! Figures for whoever operates the library.

use super::error::Error;
use super::invites::Invites;
use crate::model::metrics::Metrics;

impl Invites {
    /// Figures of all organisations together: for the host itself, not for its users. It is cheap, and may be asked every
    /// 15 seconds by each process; the figures are of the store, so every process gives the same.
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        Ok(self.inner.store.metrics().await?)
    }
}
