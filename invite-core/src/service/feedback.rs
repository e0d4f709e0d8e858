//! Feedback: what providers report about messages that they accepted.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::port::queue::Reported;

impl Invites {
    /// Takes reports of providers, in any order, any number of times, before or after the outcome is recorded. Says of
    /// each whether there is such a message.
    ///
    /// Verify a webhook's signature before: whoever can call this can mark addresses as bounced.
    #[instrument(skip_all, fields(reports = reports.len()))]
    pub async fn report(&self, reports: Vec<Reported>) -> Result<Vec<bool>, Error> {
        Ok(self.inner.store.report(reports, self.inner.policy.clone()).await?)
    }
}
