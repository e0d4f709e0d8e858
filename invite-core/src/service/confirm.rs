//! Confirm: a plan becomes a batch, which workers carry out.

use std::num::NonZeroU64;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::Actor;
use crate::model::batch::Batch;
use crate::model::id::BatchId;
use crate::port::plans::{Confirm, Confirmed};

/// How a plan is confirmed: without consent to resets, held as the policy says, and to all at once, unless told
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConfirmOptions {
    resets: bool,
    hold: Option<Duration>,
    pilot: Option<u64>,
    not_before: Option<DateTime<Utc>>,
}

impl ConfirmOptions {
    /// No consent, the policy's hold.
    pub const fn new() -> Self {
        Self { resets: false, hold: None, pilot: None, not_before: None }
    }

    /// Whether people who are set up have their passwords reset. Without it they are skipped.
    #[must_use]
    pub const fn resets(self, consent: bool) -> Self {
        Self { resets: consent, ..self }
    }

    /// How long nothing leaves, so that it can be undone. By default 60 s above 100 recipients, else not at all.
    #[must_use]
    pub const fn hold(self, hold: Duration) -> Self {
        Self { hold: Some(hold), ..self }
    }

    /// Sends to the first so many people only, on all their channels, and then pauses by itself: look at what arrived,
    /// then [`resume`](Invites::resume) for the rest, or [`recall`](Invites::recall). A message of the pilot that failed
    /// counts as done; one that waits does not. As many people as the plan has, or more, is no pilot.
    #[must_use]
    pub const fn pilot(self, people: u64) -> Self {
        Self { pilot: Some(people), ..self }
    }

    /// Nothing leaves before this instant, nor before the end of the hold; one in the past is as good as none. At most the
    /// policy's `farthest_start` away, 90 days.
    ///
    /// What may go is decided again when it does: whoever set up their account in the meantime gets nothing. Credentials
    /// are minted then as well, so that they live from the sending on.
    #[must_use]
    pub const fn not_before(self, start: DateTime<Utc>) -> Self {
        Self { not_before: Some(start), ..self }
    }
}

impl Invites {
    /// Confirms a plan without consent to resets: workers carry out exactly what it shows. Confirming twice is
    /// confirming once.
    pub async fn confirm(&self, actor: &Actor, plan: BatchId) -> Result<Batch, Error> {
        self.confirm_with(actor, plan, ConfirmOptions::new()).await
    }

    /// Confirms a plan. Of one that is confirmed already, the batch as it was confirmed then.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), batch = %plan, resets = options.resets))]
    pub async fn confirm_with(
        &self,
        actor: &Actor,
        plan: BatchId,
        options: ConfirmOptions,
    ) -> Result<Batch, Error> {
        self.authorise(actor).await?;
        let ConfirmOptions { resets, hold, pilot, not_before } = options;
        let confirm = Confirm {
            plan,
            actor: actor.clone(),
            resets,
            hold,
            starts_in: self.starts_in(not_before).await?,
            pilot: pilot.map(|people| NonZeroU64::new(people).ok_or(Error::EmptyPilot)).transpose()?,
            policy: self.inner.policy.clone(),
        };
        match self.inner.store.confirm(confirm).await? {
            Confirmed::Now(batch) => {
                self.inner.bell.ring();
                Ok(*batch)
            }
            Confirmed::Already(batch) => Ok(*batch),
            Confirmed::NotFound => Err(Error::NotFound("plan")),
            Confirmed::Expired => Err(Error::PlanExpired),
            Confirmed::Incomplete => Err(Error::PlanIncomplete),
            Confirmed::Stopped => Err(Error::PlanStopped),
        }
    }

    /// How long it is until a start time, on the store's clock.
    async fn starts_in(&self, not_before: Option<DateTime<Utc>>) -> Result<Duration, Error> {
        let Some(start) = not_before else { return Ok(Duration::ZERO) };
        let now = self.inner.store.now().await?;
        let wait = (start - now).to_std().unwrap_or_default();
        let at_most = self.inner.policy.farthest_start;
        if wait > at_most {
            return Err(Error::StartTooFar { days: at_most.as_secs() / 86_400 });
        }
        Ok(wait)
    }
}
