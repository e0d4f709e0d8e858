//! Feedback: what providers report about messages that they accepted.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::Actor;
use crate::model::id::OrganisationId;
use crate::model::message::Channel;
use crate::model::suppression::SuppressionReason;
use crate::port::queue::Reported;
use crate::port::records::SuppressionAct;

/// What a person wants to hear from an organisation, in their own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nothing more: STOP.
    OptedOut,
    /// Messages again: START.
    OptedIn,
}

impl Invites {
    /// Takes reports of providers, in any order, any number of times, before or after the outcome is recorded. Says of
    /// each whether there is such a message.
    ///
    /// Verify a webhook's signature before: whoever can call this can mark addresses as bounced.
    #[instrument(skip_all, fields(reports = reports.len()))]
    pub async fn report(&self, reports: Vec<Reported>) -> Result<Vec<bool>, Error> {
        Ok(self.inner.store.report(reports, self.inner.policy.clone()).await?)
    }

    /// Takes a person's own word about messages to their address: STOP puts it on the organisation's suppression list,
    /// START takes it off if nothing but their opting out had put it there. Said twice, it counts once. The address
    /// need not be one of a person who is known.
    ///
    /// A provider keeps such a list of its own, for the number that was written from. Where several organisations send
    /// from one number, call it for each of them. Verify a webhook's signature before.
    ///
    /// # Errors
    ///
    /// The address is none, or there is no such organisation.
    pub async fn consent(
        &self,
        organisation: OrganisationId,
        channel: Channel,
        address: &str,
        consent: Consent,
    ) -> Result<(), Error> {
        let act = match consent {
            Consent::OptedOut => SuppressionAct::Put(SuppressionReason::OptedOut),
            Consent::OptedIn => SuppressionAct::OptIn,
        };
        self.change_suppression(&Actor::system(organisation), channel, address, act).await
    }
}
