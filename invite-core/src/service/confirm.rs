//! Confirm: a plan becomes a batch, which workers carry out.

use std::time::Duration;

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::Actor;
use crate::model::batch::Batch;
use crate::model::id::BatchId;
use crate::port::plans::{Confirm, Confirmed};

/// How a plan is confirmed: without consent to resets, and held as the policy says, unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConfirmOptions {
    resets: bool,
    hold: Option<Duration>,
}

impl ConfirmOptions {
    /// No consent, the policy's hold.
    pub const fn new() -> Self {
        Self { resets: false, hold: None }
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
        let ConfirmOptions { resets, hold } = options;
        let confirm = Confirm { plan, actor: actor.clone(), resets, hold, policy: self.inner.policy.clone() };
        match self.inner.store.confirm(confirm).await? {
            Confirmed::Now(batch) | Confirmed::Already(batch) => Ok(*batch),
            Confirmed::NotFound => Err(Error::NotFound("plan")),
            Confirmed::Expired => Err(Error::PlanExpired),
            Confirmed::Incomplete => Err(Error::PlanIncomplete),
            Confirmed::Stopped => Err(Error::PlanStopped),
        }
    }
}
