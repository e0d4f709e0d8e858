//! Correcting an address: what a bounce asks for, in one act.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::plan::{Invite, Plan};
use crate::model::actor::Actor;
use crate::model::contact::{EmailAddress, PhoneNumber};
use crate::model::id::UserId;
use crate::model::organisation::ChannelRule;

/// The right address of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction {
    /// Where e-mail goes.
    Email(EmailAddress),
    /// Where SMS go.
    Phone(PhoneNumber),
}

impl Invites {
    /// Corrects an address of a person, and plans a new invitation to it, to be [confirmed](Self::confirm).
    ///
    /// With the change, in the same transaction, everything is revoked that went to the old address, and what waits for
    /// it is cancelled. The old address stays on the suppression list, if it is there. Called again, it plans again.
    ///
    /// # Errors
    ///
    /// There is no such person, people are not kept here, or the channel is not in use; then nothing is changed.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %user))]
    pub async fn correct_address(
        &self,
        actor: &Actor,
        user: UserId,
        correction: Correction,
    ) -> Result<Plan, Error> {
        self.authorise(actor).await?;
        let rule = match correction {
            Correction::Email(_) => ChannelRule::Email,
            Correction::Phone(_) => ChannelRule::Sms,
        };
        let organisation = self.organisation(actor.organisation()).await?.into();
        self.senders_for(&organisation, rule).await?;
        self.change_user(actor, user, |person| match correction {
            Correction::Email(email) => person.email = Some(email),
            Correction::Phone(phone) => person.phone = Some(phone),
        })
        .await?;
        self.plan(actor, Invite::users([user]).channels(rule)).await
    }
}
