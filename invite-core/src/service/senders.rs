//! Senders: why nothing goes out, and stopping and starting them by hand.

use std::sync::Arc;

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::{Actor, Who};
use crate::model::message::Channel;
use crate::model::sender::{Covers, SenderPause};
use crate::port::records::SenderStop;

impl Invites {
    /// Why nothing goes out for now, on the senders of the actor's organisation.
    pub async fn sender_pauses(&self, actor: &Actor) -> Result<Vec<SenderPause>, Error> {
        self.authorise(actor).await?;
        let organisation = Arc::new(self.organisation(actor.organisation()).await?);
        let mut ours = Vec::new();
        for channel in Channel::ALL {
            ours.extend(self.inner.senders.sender(organisation.clone(), channel).await?);
        }
        let mut pauses = self.inner.store.sender_pauses().await?;
        pauses.retain(|pause| {
            ours.iter().any(|sender| match &pause.covers {
                Covers::Account(account) => *account == sender.account,
                Covers::Sender(key) | Covers::Destination(key, _) => *key == sender.key,
            })
        });
        Ok(pauses)
    }

    /// Stops a sender by hand, for this reason in words, until [`resume_sender`](Self::resume_sender): nothing is tried
    /// meanwhile. What a worker has taken already still goes.
    ///
    /// For the system and for operators only, since a sender may be shared by all organisations.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), covers = %covers.key()))]
    pub async fn pause_sender(
        &self,
        actor: &Actor,
        covers: Covers,
        because: impl Into<String> + Send,
    ) -> Result<(), Error> {
        self.authorise_operator(actor).await?;
        let pause = SenderStop { actor: actor.clone(), covers, because: because.into() };
        Ok(self.inner.store.pause_sender(pause).await?)
    }

    /// Lets a sender go on, whatever stopped it: a hand, its provider's throttle, or a fault of its configuration that
    /// somebody has mended. Says whether anything did. For the system and for operators only.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), covers = %covers.key()))]
    pub async fn resume_sender(&self, actor: &Actor, covers: Covers) -> Result<bool, Error> {
        self.authorise_operator(actor).await?;
        let resumed = self.inner.store.resume_sender(actor.clone(), covers).await?;
        self.inner.bell.ring();
        Ok(resumed)
    }

    async fn authorise_operator(&self, actor: &Actor) -> Result<(), Error> {
        match actor.who() {
            Who::System => Ok(()),
            Who::Operator { .. } => self.authorise(actor).await.map(drop),
            Who::Administrator(_) => Err(Error::OperatorsOnly),
        }
    }
}
